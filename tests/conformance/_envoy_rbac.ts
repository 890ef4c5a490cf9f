import { record, records, text } from "../../core/l7/json.ts";
import { headerValue, splitPath } from "../../core/l7/request.ts";
import { matchText, regexText } from "../../core/l7/text_match.ts";
import { Cidr, type Ip } from "../../core/packet/ip.ts";
import type { AccessFacts } from "../../plugins/mesh/rbac.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Whether a policy of Envoy's RBAC filter matches: any permission and any
 * principal (envoy/config/rbac/v3/rbac.proto). A second reading of the same
 * policies, to be compared with ours; there is no metadata, for nothing here
 * validates tokens.
 */
export function rbacMatches(policy: Json, facts: AccessFacts): boolean {
  return records(policy.permissions).some((rule) => holds(rule, facts)) &&
    records(policy.principals).some((rule) => holds(rule, facts));
}

function holds(rule: Json, facts: AccessFacts): boolean {
  const [kind = "", value] = Object.entries(rule)[0] ?? [];
  const inner = record(value);
  switch (kind) {
    case "any":
      return true;
    case "andRules":
    case "andIds":
      return members(inner).every((item) => holds(item, facts));
    case "orRules":
    case "orIds":
      return members(inner).some((item) => holds(item, facts));
    case "notRule":
    case "notId":
      return !holds(inner, facts);
    case "metadata":
      return false;
    case "destinationPort":
      return facts.destinationPort === value;
    case "destinationIp":
      return contains(inner, facts.destination);
    case "directRemoteIp":
    case "remoteIp":
      return contains(inner, facts.source);
    case "requestedServerName":
      return matches(inner, facts.serverName ?? "");
    case "authenticated":
      return facts.spiffeId !== null &&
        (inner.principalName === undefined ||
          matches(record(inner.principalName), facts.spiffeId));
  }
  return ofRequest(kind, inner, facts);
}

function ofRequest(
  kind: string,
  value: Json,
  { request }: AccessFacts,
): boolean {
  if (request === null) throw new Error(`${kind} on a connection`);
  const { path } = splitPath(request.path);
  switch (kind) {
    case "urlPath":
      return matches(record(value.path), path);
    case "uriTemplate":
      return template(text(record(value.typedConfig).pathTemplate) ?? "", path);
    case "header": {
      const found = headerValue(request, text(value.name) ?? "");
      return found !== undefined &&
        (value.presentMatch === true ||
          matches(record(value.stringMatch), found));
    }
    default:
      throw new Error(`not in this evaluator: ${kind}`);
  }
}

function members(value: Json): readonly Json[] {
  return [...records(value.rules), ...records(value.ids)];
}

function contains(range: Json, ip: Ip): boolean {
  return Cidr.of(`${range.addressPrefix}/${range.prefixLen}`).contains(ip);
}

function matches(match: Json, value: string): boolean {
  const fold = (one: string) =>
    match.ignoreCase === true ? one.toLowerCase() : one;
  const [given, exact] = [fold(value), text(match.exact)];
  if (exact !== undefined) return given === fold(exact);
  const prefix = text(match.prefix);
  if (prefix !== undefined) return given.startsWith(fold(prefix));
  const suffix = text(match.suffix);
  if (suffix !== undefined) return given.endsWith(fold(suffix));
  const regex = text(record(match.safeRegex).regex) ?? "";
  return matchText(regexText(regex), value) === true;
}

/** `/a/*` and `/a/**` as Envoy writes templates: a segment, or any number of them. */
function template(pattern: string, path: string): boolean {
  const regex = pattern.split(/(\*\*?)/).map((part) =>
    part === "*"
      ? "[^/]+"
      : part === "**"
      ? ".*"
      : part.replace(/[.+?^$()|[\]\\{}]/g, "\\$&")
  ).join("");
  return matchText(regexText(regex), path) === true;
}

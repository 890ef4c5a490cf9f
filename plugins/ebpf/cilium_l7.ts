import { exactText, regexText } from "../../core/l7/text_match.ts";
import { type NamedMatch, routeMatch } from "../../core/l7/route.ts";
import type { L7Condition, PolicyDirection } from "../../core/policy/policy.ts";
import type {
  Mapping,
  Path,
  SpecReader,
} from "../../core/policy/spec_reader.ts";
import type { Rule } from "../../core/source.ts";
import { exactName, namePattern } from "./dns_name.ts";

/** Reads what an entry of `toPorts` asks of the conversation; null: nothing. */
export function readL7(
  reader: SpecReader,
  entry: Mapping,
  { path, rule, direction, isHost, refuse }: {
    readonly path: Path;
    readonly rule: Rule;
    readonly direction: PolicyDirection;
    /** Its subjects are nodes, whose DNS alone may be looked into. */
    readonly isHost: boolean;
    /** Says why the agent does not take the policy. */
    readonly refuse: (why: string) => void;
  },
): L7Condition[] | null {
  const conditions: L7Condition[] = [];
  const names = reader.list(entry["serverNames"], [...path, "serverNames"])
    .filter((name) => typeof name === "string");
  if (names.length > 0) {
    conditions.push({ kind: "tls-server-name", names, rule });
  }
  for (const key of ["terminatingTLS", "originatingTLS", "listener"]) {
    if (entry[key] === undefined) continue;
    const reason = `${key} is not modelled`;
    conditions.push({ kind: "unmodelled", reason, rule });
  }
  const below = [...path, "rules"];
  const rules = reader.mapping(entry["rules"], below) ?? {};
  const parsers = Object.keys(rules);
  if (parsers.length > 1) refuse(`rules of ${parsers.join(" and ")}`);
  if (parsers.includes("dns") && direction === "ingress") {
    refuse("dns rules on ingress");
  }
  if (
    isHost && parsers.some((key) => direction === "ingress" || key !== "dns")
  ) {
    refuse(`${parsers.join(" and ")} rules of a node`);
  }
  for (const key of parsers) {
    const list = reader.list(rules[key], [...below, key]);
    if (key === "http") {
      conditions.push(
        ...list.map((one, at) => readHttp(reader, one, [...below, key, at])),
      );
      continue;
    }
    if (key === "dns") {
      conditions.push(
        ...list.map((one, at) => readDns(reader, one, [...below, key, at])),
      );
      continue;
    }
    const reason = `${key} rules are not modelled`;
    conditions.push({ kind: "unmodelled", reason, rule });
  }
  return conditions.length === 0 ? null : conditions;
}

/** Names that may be asked for (pkg/policy/api/fqdn.go, PortRuleDNS). */
function readDns(
  reader: SpecReader,
  item: unknown,
  path: Path,
): L7Condition {
  const rule = reader.rule(path, `dns[${path.at(-1)}]`);
  const fields = reader.mapping(item, path, ["matchName", "matchPattern"]) ??
    {};
  const { matchName, matchPattern } = fields;
  const allows = typeof matchName === "string"
    ? exactName(matchName)
    : namePattern(typeof matchPattern === "string" ? matchPattern : "");
  return { kind: "dns-name", allows, anyName: matchPattern === "*", rule };
}

/**
 * An HTTP rule: method, path and host are POSIX extended expressions that
 * match in full, headers exact; what is left out is any
 * (pkg/policy/api/http.go).
 */
function readHttp(
  reader: SpecReader,
  item: unknown,
  path: Path,
): L7Condition {
  const rule = reader.rule(path, `http[${path.at(-1)}]`);
  const fields = reader.mapping(item, path, [
    "path",
    "method",
    "host",
    "headers",
    "headerMatches",
  ]) ?? {};
  const headers = reader.list(fields["headers"], [...path, "headers"])
    .map((text) => headerMatch(`${text}`));
  const list = reader.list(fields["headerMatches"], [...path, "headerMatches"]);
  for (const [at, one] of list.entries()) {
    const found = readHeaderMatch(reader, one, [...path, "headerMatches", at]);
    if (typeof found === "string") {
      return { kind: "unmodelled", reason: found, rule };
    }
    headers.push(...found);
  }
  for (const [name, value] of pseudoHeaders(fields)) {
    headers.push({ name, value: regexText(value), invert: false });
  }
  return { kind: "http", match: routeMatch(rule, { headers }), rule };
}

/** The proxy matches the whole `:path`, its query included. */
function pseudoHeaders(fields: Mapping): [name: string, pattern: string][] {
  const pairs = [
    [":method", fields["method"]],
    [":path", fields["path"]],
    [":authority", fields["host"]],
  ] as const;
  return pairs.flatMap(([name, pattern]) =>
    typeof pattern === "string" && pattern !== "" ? [[name, pattern]] : []
  );
}

/**
 * A header that must have a value, or be there; with a mismatch of `LOG` the
 * rule applies all the same (pkg/policy/api/http.go, HeaderMatch). Text: why
 * it cannot be decided.
 */
function readHeaderMatch(
  reader: SpecReader,
  item: unknown,
  path: Path,
): NamedMatch[] | string {
  const { name, value, secret, mismatch } = reader.mapping(item, path, [
    "name",
    "value",
    "secret",
    "mismatch",
  ]) ?? {};
  const action = reader.word(mismatch, [...path, "mismatch"], [
    "LOG",
    "ADD",
    "DELETE",
    "REPLACE",
  ]);
  if (action === "LOG") return [];
  if (action !== undefined) return "headerMatches that change a request";
  if (secret !== undefined) return "headerMatches with a secret";
  return [{
    name: `${name}`,
    value: typeof value === "string" && value !== ""
      ? exactText(value)
      : { kind: "present" },
    invert: false,
  }];
}

/** `Name: value`, or a name alone that must be there (pkg/envoy/xds_server.go, getHTTPRule). */
function headerMatch(text: string): NamedMatch {
  const space = text.indexOf(" ");
  if (space < 0) {
    return { name: text, value: { kind: "present" }, invert: false };
  }
  const name = text.slice(0, space).replace(/:$/, "");
  return { name, value: exactText(text.slice(space + 1)), invert: false };
}

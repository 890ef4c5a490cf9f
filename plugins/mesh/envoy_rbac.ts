import { regexText } from "../../core/l7/text_match.ts";
import { compareText } from "./_age.ts";
import { citeObject } from "./_rule.ts";
import {
  addressTest,
  anyOf,
  headerOf,
  noneOf,
  portTest,
  TEXT_OF,
  textTest,
  wildcardText,
} from "./access_test_of.ts";
import type {
  AuthorizationPolicy,
  AuthorizationRule,
  Field,
} from "./authorization_policy.ts";
import type { CompiledPolicy, Group, Match, Test } from "./rbac.ts";
import { withAliases } from "./trust_domains.ts";

/** Whether a sidecar's filter chain reads HTTP. */
export type Chain = "http" | "tcp";

/** For which filter chain, and in which trust domain, policies are compiled. */
export interface EnvoyTarget {
  readonly chain: Chain;
  /** The trust domain with its aliases. */
  readonly trustDomains: readonly string[];
}

/**
 * Compiles policies as istiod does for the RBAC filters of a sidecar
 * (istio/istio pilot/pkg/security/authz/model). A field that a TCP chain
 * cannot evaluate, or a value that cannot be read, takes an ALLOW rule away
 * as a whole, and is left out of other rules, which makes them wider.
 */
export function compileForEnvoy(
  policies: readonly AuthorizationPolicy[],
  target: EnvoyTarget,
): readonly CompiledPolicy[] {
  return policies
    .filter((policy) => !policy.dryRun)
    .map((policy) => compilePolicy(policy, target))
    .sort((a, b) => compareText(a.key, b.key));
}

function compilePolicy(
  policy: AuthorizationPolicy,
  target: EnvoyTarget,
): CompiledPolicy {
  const key = `ns[${policy.namespace}]-policy[${policy.name}]`;
  const groups = policy.rules.flatMap((rule, index) => {
    const clauses = compileRule(rule, { policy, ...target });
    return clauses === null ? [] : [{
      clauses,
      rule: citeObject(policy.object, ["rules", index]),
      key: `${key}-rule[${index}]`,
    }];
  });
  return {
    action: policy.action,
    // Envoy keeps the rules of a filter in a map sorted by name, so that
    // rule[10] comes before rule[2].
    groups: groups.sort((a: Group, b: Group) => compareText(a.key, b.key)),
    rule: citeObject(policy.object),
    key,
  };
}

interface Compilation extends EnvoyTarget {
  readonly policy: AuthorizationPolicy;
}

/** Null: the rule is left out. */
function compileRule(
  rule: AuthorizationRule,
  compilation: Compilation,
): (readonly Match[])[] | null {
  const lists = [rule.from, rule.to, ...rule.when.map((field) => [[field]])];
  const clauses: Match[][] = [];
  for (const list of lists) {
    if (list.length === 0) continue;
    const clause: Match[] = [];
    for (const fields of list) {
      const tests = fields.map((field) => compileField(field, compilation));
      if (tests.includes(null)) return null;
      clause.push({
        tests: tests.flatMap((test) => test ?? []),
        whenEmpty: true,
      });
    }
    clauses.push(clause);
  }
  return clauses;
}

/** The tests of a field; null when it takes the whole rule with it. */
function compileField(
  field: Field,
  compilation: Compilation,
): readonly Test[] | null {
  const { policy, trustDomains } = compilation;
  const tests: Test[] = [];
  for (
    const [values, combine] of [
      [field.values, anyOf],
      [field.notValues, noneOf],
    ] as const
  ) {
    const written = field.key === "source.principal"
      ? withAliases(values, trustDomains)
      : values;
    const compiled = written.map((value) =>
      compileValue({ ...compilation, key: field.key, value })
    );
    if (compiled.includes(undefined) && policy.action === "ALLOW") return null;
    const able = compiled.filter((test) => test !== undefined);
    if (able.length > 0) tests.push(combine(able));
  }
  return tests;
}

interface Value extends Compilation {
  readonly key: string;
  readonly value: string;
}

/** Undefined: the proxy cannot evaluate it. */
function compileValue(input: Value): Test | undefined {
  const { key, value, policy } = input;
  switch (key) {
    case "source.principal": {
      const match = wildcardText(value, { prefix: "spiffe://" });
      return textTest(match, TEXT_OF.spiffeId);
    }
    case "source.namespace": {
      const pattern = `.*/ns/${value.replaceAll("*", ".*")}/.*`;
      return textTest(regexText(pattern), TEXT_OF.spiffeId);
    }
    case "source.serviceAccount": {
      const pattern = serviceAccountPattern(value, policy.namespace);
      return textTest(regexText(pattern), TEXT_OF.spiffeId);
    }
    case "source.trustDomain": {
      const pattern = `spiffe://${value.replaceAll("*", ".*")}/.*`;
      return textTest(regexText(pattern), TEXT_OF.spiffeId);
    }
    case "source.ip":
      return addressTest(value, "source");
    case "remote.ip":
      return remoteAddressTest(value);
    case "destination.ip":
      return addressTest(value, "destination");
    case "destination.port":
      return portTest(value);
    case "connection.sni":
      return textTest(wildcardText(value), TEXT_OF.serverName);
  }
  if (key.startsWith("experimental.envoy.filters.")) return () => "unknown";
  return input.chain === "http" ? compileHttpValue(key, value) : undefined;
}

/** Attributes that only an HTTP chain can evaluate. */
function compileHttpValue(key: string, value: string): Test | undefined {
  switch (key) {
    case "request.host":
      return textTest(presence(value, true), TEXT_OF.host);
    case "request.method":
      return textTest(presence(value), TEXT_OF.method);
    case "request.path":
      return textTest(pathMatch(value), TEXT_OF.path);
  }
  const header = /^request\.headers\[([^\]]+)\]$/.exec(key)?.[1];
  if (header !== undefined) return textTest(presence(value), headerOf(header));
  if (key.startsWith("request.auth.")) {
    // Without a token there is no metadata to match, so no value ever does.
    return (facts) => facts.token === "none" ? false : "unknown";
  }
  return undefined;
}

/** A star asks header matchers for presence alone (HeaderMatcher in istio/istio pilot/pkg/security/authz/matcher/header.go). */
function presence(value: string, ignoreCase = false) {
  return value === "*"
    ? { kind: "present" as const }
    : wildcardText(value, { ignoreCase });
}

const SEGMENT = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=]";

/**
 * A path, or a template of one: `{*}` stands for one segment, `{**}` for any
 * number, none included (Envoy's source/extensions/path/uri_template_lib).
 */
function pathMatch(value: string) {
  if (!value.includes("{*}") && !value.includes("{**}")) {
    return wildcardText(value);
  }
  const pattern = value.split(/(\{\*\*?\})/).map((part) =>
    part === "{*}"
      ? `${SEGMENT}+`
      : part === "{**}"
      ? `(?:${SEGMENT}|/)*`
      : part.replace(/[.+?^$()|[\]\\{}*]/g, "\\$&")
  ).join("");
  return regexText(pattern);
}

function serviceAccountPattern(value: string, policyNamespace: string): string {
  const [first, second] = value.split("/");
  const namespace = second === undefined ? policyNamespace : first;
  return `spiffe://.+/ns/${namespace}/(.+/|)sa/${second ?? first}(/.+)?`;
}

/** The client behind trusted proxies: the direct peer unless somebody forwarded the request. */
function remoteAddressTest(block: string): Test | undefined {
  const test = addressTest(block, "source");
  const forwardedFor = headerOf("x-forwarded-for");
  return test &&
    ((facts) => forwardedFor(facts) === undefined ? test(facts) : "unknown");
}

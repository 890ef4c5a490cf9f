import type { Truth } from "../../core/l7/text_match.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import type { Rule } from "../../core/source.ts";
import type { AuthorizationAction } from "./authorization_policy.ts";

/** What a proxy knows of a connection, or of one request on it, when it authorises. */
export interface AccessFacts {
  /** The direct peer. */
  readonly source: Ip;
  readonly destination: Ip;
  readonly destinationPort: number;
  /** SPIFFE ID of the peer's certificate, null without mutual TLS. */
  readonly spiffeId: string | null;
  readonly serverName: string | null;
  /** Null where the proxy reads no HTTP. Its path is normalised already. */
  readonly request: HttpRequest | null;
  /** Whether a token might have given the request an identity. */
  readonly token: "none" | "unknown";
}

/** Something that holds for a connection or not; a text says why that is not modelled. */
export type Test = (facts: AccessFacts) => Truth;

/** Tests that all must hold. */
export interface Match {
  readonly tests: readonly Test[];
  /** What a match without tests says: everything in Envoy, nothing in ztunnel. */
  readonly whenEmpty: boolean;
}

/** A rule as a proxy runs it: of every clause one match must hold. */
export interface Group {
  readonly clauses: readonly (readonly Match[])[];
  /** Where the rule is written. */
  readonly rule: Rule;
  /** Order in which the proxy evaluates it. */
  readonly key: string;
}

/** A policy as a proxy runs it. */
export interface CompiledPolicy {
  readonly action: AuthorizationAction;
  readonly groups: readonly Group[];
  /** The policy as a whole. */
  readonly rule: Rule;
  readonly key: string;
}

/** Whether access is granted, and the rule that says so; null when no policy applies. */
export type AccessDecision =
  | { readonly kind: "allowed"; readonly rule: Rule | null }
  | { readonly kind: "denied"; readonly rule: Rule | null }
  | {
    readonly kind: "unknown";
    readonly reason: string;
    readonly rule: Rule;
  };

/**
 * Decides as the policies of one workload do together: CUSTOM, then DENY,
 * then ALLOW; with any ALLOW policy there, what none of them matches is
 * denied. AUDIT decides nothing. Within an action the policies are looked at
 * in the order of their names, which only matters for who is cited.
 */
export function authorize(
  policies: readonly CompiledPolicy[],
  facts: AccessFacts,
): AccessDecision {
  const custom = firstMatch(policies, "CUSTOM", facts);
  if (custom !== undefined) {
    const reason = "an external authorizer decides";
    return { kind: "unknown", reason, rule: custom.group.rule };
  }
  const denied = firstMatch(policies, "DENY", facts);
  if (denied?.truth === true) {
    return { kind: "denied", rule: denied.group.rule };
  }
  const allowed = firstMatch(policies, "ALLOW", facts);
  const open = policies.every((policy) => policy.action !== "ALLOW");
  if (!open && allowed === undefined) {
    return { kind: "denied", rule: defaultDeny(policies) };
  }
  const doubt = denied ?? (allowed?.truth === true ? undefined : allowed);
  if (doubt !== undefined) {
    const reason = "the rule asks for an attribute that is not modelled";
    return { kind: "unknown", reason, rule: doubt.group.rule };
  }
  return { kind: "allowed", rule: allowed?.group.rule ?? null };
}

/** Whether a rule holds: false as soon as one clause has no match, unknown when that is not certain. */
export function groupHolds(group: Group, facts: AccessFacts): Truth {
  return all(
    group.clauses,
    // A clause without matches asks for nothing.
    (clause) => clause.length === 0 || any(clause, matchHolds(facts)),
  );
}

function matchHolds(facts: AccessFacts) {
  return ({ tests, whenEmpty }: Match) =>
    tests.length === 0 ? whenEmpty : all(tests, (test) => test(facts));
}

/** The first certain match of an action, else the first possible one. */
function firstMatch(
  policies: readonly CompiledPolicy[],
  action: AuthorizationAction,
  facts: AccessFacts,
): { readonly group: Group; readonly truth: Truth } | undefined {
  let possible: { group: Group; truth: Truth } | undefined;
  for (const policy of policies) {
    if (policy.action !== action) continue;
    for (const group of policy.groups) {
      const truth = groupHolds(group, facts);
      if (truth === true) return { group, truth };
      if (truth === "unknown") possible ??= { group, truth };
    }
  }
  return possible;
}

function defaultDeny(policies: readonly CompiledPolicy[]): Rule | null {
  const policy = policies.find(({ action }) => action === "ALLOW");
  return policy === undefined
    ? null
    : { ...policy.rule, text: "no rule of any ALLOW policy matches" };
}

function all<Item>(
  items: readonly Item[],
  test: (item: Item) => Truth,
): Truth {
  let result: Truth = true;
  for (const item of items) {
    const truth = test(item);
    if (truth === false) return false;
    if (truth === "unknown") result = "unknown";
  }
  return result;
}

function any<Item>(
  items: readonly Item[],
  test: (item: Item) => Truth,
): Truth {
  let result: Truth = false;
  for (const item of items) {
    const truth = test(item);
    if (truth === true) return true;
    if (truth === "unknown") result = "unknown";
  }
  return result;
}

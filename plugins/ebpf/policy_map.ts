import { compareText } from "../../core/policy/compare_text.ts";
import type { PlacedRule, RuleSet } from "../../core/policy/judgement.ts";
import type { Party } from "../../core/policy/party.ts";
import type { PolicyRule, PortMatch } from "../../core/policy/policy.ts";

/** An entry of `cilium_policy_v2`, its numbers in words. */
export interface PolicyEntry {
  /** Null: any identity. */
  readonly identity: Party | null;
  /** `80-90/6`, `*` for everything. */
  readonly port: string;
  readonly action: "allow" | "deny";
  /** Goes to the proxy first. */
  readonly redirect: boolean;
}

/** What an entry weighs where several would match (pkg/policy/types/entry.go). */
const WEIGHT = { allow: 1, redirect: 2, deny: 3 } as const;

/** Weights by port, for one identity or for any. */
type Weights = Map<string, number>;

const ANY_PORT = "*";

/**
 * The entries that the agent writes into an endpoint's policy map for the
 * rules that count for it, towards the identities given: merged by key, and
 * without those that a broader entry makes superfluous (pkg/policy/l4.go,
 * toMapState; mapstate.go). The tiers of the policy API are left out.
 */
export function policyMapOf(
  { rules }: RuleSet,
  identities: readonly Party[],
): PolicyEntry[] {
  const anyone = weigh(rules, ({ peers }) => peers === null);
  const entries = entriesOf(null, anyone);
  for (const party of identities) {
    const own = weigh(rules, (rule) =>
      rule.peers !== null &&
      rule.peers.some((peer) => peer.matches(party) === true));
    entries.push(...entriesOf(party, reduced(own, anyone)));
  }
  return entries;
}

function weigh(
  rules: readonly PlacedRule[],
  counts: (rule: PolicyRule) => boolean,
): Weights {
  const weights: Weights = new Map();
  for (const { rule } of rules) {
    if (!counts(rule)) continue;
    for (const port of portsOf(rule.ports)) {
      const weight = rule.verdict === "deny"
        ? WEIGHT.deny
        : rule.l7 === null
        ? WEIGHT.allow
        : WEIGHT.redirect;
      weights.set(port, Math.max(weight, weights.get(port) ?? 0));
    }
  }
  return weights;
}

/** An identity's own entries, against those for any identity. */
function reduced(own: Weights, anyone: Weights): Weights {
  const kept: Weights = new Map();
  const denied = own.get(ANY_PORT) === WEIGHT.deny;
  for (const [port, weight] of own) {
    const broader = anyone.get(port) ?? 0;
    if (port !== ANY_PORT && denied) continue;
    if (broader === WEIGHT.deny) continue;
    if (broader === WEIGHT.allow && weight === WEIGHT.allow) continue;
    // A rule without L7 beside one with it joins it, and lets all requests pass.
    const joins = broader === WEIGHT.redirect && weight === WEIGHT.allow;
    kept.set(port, joins ? WEIGHT.redirect : weight);
  }
  if (!denied) return kept;
  // A narrower allow for anyone would win over the denial of the identity.
  for (const [port, weight] of anyone) {
    if (port !== ANY_PORT && weight !== WEIGHT.deny) {
      kept.set(port, WEIGHT.deny);
    }
  }
  return kept;
}

function entriesOf(identity: Party | null, weights: Weights): PolicyEntry[] {
  return [...weights].sort(([a], [b]) => compareText(a, b)).map((
    [port, weight],
  ) => ({
    identity,
    port,
    action: weight === WEIGHT.deny ? "deny" : "allow",
    redirect: weight === WEIGHT.redirect,
  }));
}

function portsOf(ports: readonly PortMatch[] | null): string[] {
  if (ports === null) return [ANY_PORT];
  return ports.map((port) => {
    const protocol = port.protocol ?? ANY_PORT;
    if (port.kind === "named") return `${port.name}/${protocol}`;
    const range = port.from === port.to
      ? `${port.from}`
      : `${port.from}-${port.to}`;
    return `${range}/${protocol}`;
  });
}

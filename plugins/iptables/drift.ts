import { printRule } from "../../core/import/iptables_print.ts";
import type {
  ChainRule,
  RuleChain,
  RuleTable,
  RuleTableName,
} from "../../core/import/iptables_rules.ts";
import type { SourcePosition } from "../../core/source.ts";
import { chainOwner, ruleOwner } from "./rule_owner.ts";

/** One thing in which a live rule set is not what would be generated. */
export interface Drift {
  readonly kind: "missing" | "stale" | "reordered";
  readonly table: RuleTableName;
  readonly chain: string;
  /** The rule; null where all of the chain is meant. */
  readonly rule: string | null;
  /** Of the dump, for what is in it. */
  readonly at: SourcePosition | null;
}

/** Rules of a component that the generator knows nothing of. */
export interface ForeignRules {
  /** Null: nobody that is known. */
  readonly owner: string | null;
  readonly table: RuleTableName;
  readonly chains: number;
  readonly rules: number;
  /** Rules in base chains that stand before kube-proxy's own there, and see packets first. */
  readonly before: readonly string[];
}

/** What a live rule set has of others than kube-proxy, and where it is not kube-proxy's. */
export interface DriftReport {
  readonly drifts: readonly Drift[];
  readonly foreign: readonly ForeignRules[];
  /** Rules of kube-proxy that are as they would be generated. */
  readonly same: number;
}

/** Chains that kube-proxy and the kubelet make to see whether somebody flushed the tables. */
const CANARIES = new Set(["KUBE-PROXY-CANARY"]);

const OWNER = "kube-proxy";

/** Compares the tables of one family as they are on a node with those that would be generated for it. */
export function driftOf(
  live: readonly RuleTable[],
  generated: readonly RuleTable[],
): DriftReport {
  const drifts: Drift[] = [];
  const foreign: ForeignRules[] = [];
  let same = 0;
  const names = new Set([...generated, ...live].map(({ name }) => name));
  for (const table of [...names].sort()) {
    const ours = chainsOf(generated, table);
    const theirs = chainsOf(live, table);
    for (const [name, chain] of ours) {
      const found = theirs.get(name);
      const compared = compareChain(table, chain, found);
      drifts.push(...compared.drifts);
      same += compared.same;
    }
    for (const [name, chain] of theirs) {
      if (ours.has(name) || CANARIES.has(name)) continue;
      if (chainOwner(name) === OWNER) {
        const at = chain.rules[0]?.at ?? null;
        drifts.push({ kind: "stale", table, chain: name, rule: null, at });
      }
    }
    foreign.push(...foreignIn(table, theirs));
  }
  return { drifts, foreign, same };
}

function chainsOf(
  tables: readonly RuleTable[],
  table: RuleTableName,
): ReadonlyMap<string, RuleChain> {
  const chains = tables.find(({ name }) => name === table)?.chains ?? [];
  return new Map(chains.map((chain) => [chain.name, chain]));
}

function compareChain(
  table: RuleTableName,
  ours: RuleChain,
  theirs: RuleChain | undefined,
): { readonly drifts: readonly Drift[]; readonly same: number } {
  const { name: chain } = ours;
  const drift = (kind: Drift["kind"], rule: Printed | null): Drift => ({
    kind,
    table,
    chain,
    rule: rule?.text ?? null,
    at: rule?.at ?? null,
  });
  if (theirs === undefined) {
    return { drifts: [drift("missing", null)], same: 0 };
  }
  const wanted = printed(chain, ours.rules);
  const found = printed(
    chain,
    theirs.rules.filter((rule) => ruleOwner(chain, rule) === OWNER),
  );
  const missing = without(wanted, found);
  const stale = without(found, wanted);
  const drifts = [
    ...missing.map((rule) => drift("missing", rule)),
    ...stale.map((rule) => drift("stale", rule)),
  ];
  const kept = without(found, stale);
  const expected = without(wanted, missing);
  const moved = kept.find(({ text }, index) => text !== expected[index]?.text);
  if (moved !== undefined) drifts.push(drift("reordered", moved));
  return { drifts, same: kept.length };
}

interface Printed {
  readonly text: string;
  readonly at: SourcePosition | null;
}

function printed(chain: string, rules: readonly ChainRule[]): Printed[] {
  return rules.map((rule) => ({ text: printRule(chain, rule), at: rule.at }));
}

/** Those of the first list that the second has not, each as often as it stands there more. */
function without(
  rules: readonly Printed[],
  others: readonly Printed[],
): Printed[] {
  const left = new Map<string, number>();
  for (const { text } of others) left.set(text, (left.get(text) ?? 0) + 1);
  return rules.filter(({ text }) => {
    const count = left.get(text) ?? 0;
    left.set(text, count - 1);
    return count <= 0;
  });
}

/** What is not kube-proxy's in a table, by owner. */
function foreignIn(
  table: RuleTableName,
  chains: ReadonlyMap<string, RuleChain>,
): ForeignRules[] {
  const byOwner = new Map<
    string | null,
    { chains: number; rules: number; before: string[] }
  >();
  const of = (owner: string | null) => {
    let found = byOwner.get(owner);
    if (found === undefined) {
      byOwner.set(owner, found = { chains: 0, rules: 0, before: [] });
    }
    return found;
  };
  for (const [name, chain] of chains) {
    const owner = chainOwner(name);
    if (chain.policy === null && owner !== OWNER) of(owner).chains++;
    const first = chain.rules.findIndex((rule) =>
      ruleOwner(name, rule) === OWNER
    );
    for (const [index, rule] of chain.rules.entries()) {
      const writer = ruleOwner(name, rule);
      if (writer === OWNER) continue;
      const rules = of(writer);
      rules.rules++;
      if (chain.policy !== null && index < first) {
        rules.before.push(printRule(name, rule));
      }
    }
  }
  return [...byOwner]
    .sort(([a], [b]) => (a ?? "~") < (b ?? "~") ? -1 : 1)
    .map(([owner, found]) => ({ owner, table, ...found }));
}

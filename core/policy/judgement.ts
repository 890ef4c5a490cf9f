import type { Rule } from "../source.ts";
import { matchRule, type Question } from "./match_rule.ts";
import type { Party, PeerMatch } from "./party.ts";
import {
  type L7Condition,
  type Policy,
  type PolicyDirection,
  type PolicyRule,
  TIER,
} from "./policy.ts";
import type { PolicyProfile } from "./profile.ts";

/** What policies say of a connection in one direction. */
export interface Judgement {
  readonly verdict: "allow" | "deny" | "unknown";
  /** The rule that decided; for a default deny what isolates; null where no policy has a say. */
  readonly rule: Rule | null;
  /** Some policy isolates the subject in this direction. */
  readonly isolated: boolean;
  /** Denied by a rule that denies, not for want of one that allows. */
  readonly explicit: boolean;
  /** What rules that allow it ask of the conversation; null when none looks into it. */
  readonly l7: readonly L7Condition[] | null;
  /** No condition need hold, as a rule allows it without any; else one must. */
  readonly free: boolean;
  readonly authentication: string | null;
  /** Why it is unknown. */
  readonly reason: string | null;
  /** Rules asked. */
  readonly rulesAsked: number;
  /** The denial that policies which are only staged would make of it; null when they would not. */
  readonly staged: Judgement | null;
}

/** The rules that count for one party in one direction, ready to be walked. */
export interface RuleSet {
  /** By tier, priority, index, verdict (deny first), then name of the policy. */
  readonly rules: readonly PlacedRule[];
  readonly isolatedBy: Rule | null;
}

/** How engines differ in walking the same rules. */
export type Evaluation = Pick<
  PolicyProfile,
  "equalPriorities" | "freesUnisolated"
>;

/** A rule with the place of its policy. */
export interface PlacedRule {
  readonly tier: number;
  readonly policy: string;
  readonly rule: PolicyRule;
}

const VERDICT_ORDER = { deny: 0, allow: 1, pass: 2 } as const;

/** Gathers what the policies that select a party say in one direction. */
export function ruleSetOf(
  policies: readonly Policy[],
  { party, direction }: {
    readonly party: Party;
    readonly direction: PolicyDirection;
  },
): RuleSet {
  const rules: PlacedRule[] = [];
  const required: PeerMatch[] = [];
  let isolatedBy: Rule | null = null;
  for (const policy of policies) {
    if (!policy.selects(party)) continue;
    isolatedBy ??= policy.isolates[direction];
    if (policy.requires !== undefined) {
      required.push(...policy.requires[direction]);
    }
    for (const rule of policy.rules) {
      if (rule.direction !== direction) continue;
      rules.push({ tier: policy.tier, policy: policy.name, rule });
    }
  }
  // Policies come sorted by name and the sort is stable.
  rules.sort((a, b) =>
    a.tier - b.tier || a.rule.priority - b.rule.priority ||
    a.rule.index - b.rule.index ||
    VERDICT_ORDER[a.rule.verdict] - VERDICT_ORDER[b.rule.verdict]
  );
  return {
    rules: required.length === 0
      ? rules
      : rules.map((placed) => narrowed(placed, required)),
    isolatedBy,
  };
}

/** A constrained rule, its peers less those that a requirement leaves out. */
function narrowed(
  placed: PlacedRule,
  required: readonly PeerMatch[],
): PlacedRule {
  const { peers, constrained } = placed.rule;
  if (constrained !== true || peers === null) return placed;
  const narrow = (peer: PeerMatch): PeerMatch => ({
    matches(party) {
      const answers = [peer, ...required].map((one) => one.matches(party));
      return answers.includes(false)
        ? false
        : answers.includes("unknown")
        ? "unknown"
        : true;
    },
  });
  return { ...placed, rule: { ...placed.rule, peers: peers.map(narrow) } };
}

/** Walks a rule set: the first tier that has an answer decides, in it the first rule. */
export function evaluate(
  set: RuleSet,
  question: Question,
  evaluation: Evaluation,
): Judgement {
  const doubtful: PlacedRule[] = [];
  const { rules, isolatedBy } = set;
  let asked = 0;
  let passed = -1;
  for (const [at, placed] of rules.entries()) {
    // The default deny of isolated pods lies between normal and baseline.
    if (placed.tier > TIER.normal && isolatedBy !== null) break;
    if (placed.tier === passed) continue;
    asked++;
    const match = matchRule(placed.rule, question);
    if (match === false) continue;
    if (match === "unknown") {
      doubtful.push(placed);
      continue;
    }
    if (
      placed.tier !== TIER.normal &&
      evaluation.equalPriorities === "unknown" &&
      disagrees(rules, { at, question })
    ) {
      return undecided(set, placed.rule.rule, {
        reason: "policies of equal priority disagree",
        asked,
      });
    }
    if (placed.rule.verdict === "pass") {
      passed = placed.tier;
      continue;
    }
    const doubt = doubtful.find(({ rule }) =>
      rule.verdict !== placed.rule.verdict
    );
    if (doubt !== undefined) return doubted(set, doubt, asked);
    return placed.rule.verdict === "deny"
      ? {
        ...settled(set, asked),
        verdict: "deny",
        explicit: true,
        rule: placed.rule.rule,
      }
      : allowed(set, { at, question, asked, doubtful, evaluation });
  }
  const verdict = isolatedBy === null ? "allow" : "deny";
  const doubt = doubtful.find(({ rule }) => rule.verdict !== verdict);
  if (doubt !== undefined) return doubted(set, doubt, asked);
  return { ...settled(set, asked), verdict, rule: isolatedBy };
}

/** Joins the allow at `at` with the others of its rank: one that asks nothing frees the conversation. */
function allowed(
  set: RuleSet,
  { at, question, asked, doubtful, evaluation }: {
    readonly at: number;
    readonly question: Question;
    readonly asked: number;
    readonly doubtful: readonly PlacedRule[];
    readonly evaluation: Evaluation;
  },
): Judgement {
  const first = set.rules[at]!;
  const conditions: L7Condition[] = [];
  let free = evaluation.freesUnisolated && set.isolatedBy === null;
  let authentication: string | null = null;
  for (const { rule, tier } of set.rules.slice(at)) {
    if (!sameRank({ rule, tier }, first) || rule.verdict !== "allow") break;
    const match = matchRule(rule, question);
    if (match === false) continue;
    if (match === "unknown") {
      conditions.push(unmodelled(rule));
      continue;
    }
    authentication ??= rule.authentication;
    if (rule.l7 === null) free = true;
    else conditions.push(...rule.l7);
  }
  for (const { rule } of doubtful) conditions.push(unmodelled(rule));
  // What is not known can only make a free conversation freer.
  const known = free ? conditions.filter(isKnown) : conditions;
  return {
    ...settled(set, asked),
    rule: first.rule.rule,
    l7: known.length === 0 ? null : known,
    free,
    authentication,
  };
}

function isKnown({ kind }: L7Condition): boolean {
  return kind !== "unmodelled";
}

function unmodelled(rule: PolicyRule): L7Condition {
  return {
    kind: "unmodelled",
    reason: rule.unmodelled ?? "a rule that is not modelled",
    rule: rule.rule,
  };
}

/** Whether another policy of the same priority would have decided otherwise. */
function disagrees(
  rules: readonly PlacedRule[],
  { at, question }: { readonly at: number; readonly question: Question },
): boolean {
  const decided = rules[at]!;
  const answered = new Set([decided.policy]);
  for (const placed of rules.slice(at + 1)) {
    if (
      placed.tier !== decided.tier ||
      placed.rule.priority !== decided.rule.priority
    ) break;
    if (answered.has(placed.policy)) continue;
    if (matchRule(placed.rule, question) === false) continue;
    answered.add(placed.policy);
    if (placed.rule.verdict !== decided.rule.verdict) return true;
  }
  return false;
}

function sameRank(
  a: { readonly rule: PolicyRule; readonly tier: number },
  b: PlacedRule,
): boolean {
  return a.tier === b.tier && a.rule.priority === b.rule.priority &&
    a.rule.index === b.rule.index;
}

/** An allow, to be overridden. */
function settled(set: RuleSet, asked: number): Judgement {
  return {
    verdict: "allow",
    rule: null,
    isolated: set.isolatedBy !== null,
    explicit: false,
    l7: null,
    free: true,
    authentication: null,
    reason: null,
    rulesAsked: asked,
    staged: null,
  };
}

function doubted(
  set: RuleSet,
  { rule }: PlacedRule,
  asked: number,
): Judgement {
  const reason = rule.unmodelled ?? "a peer that is not modelled";
  return undecided(set, rule.rule, { reason, asked });
}

function undecided(
  set: RuleSet,
  rule: Rule,
  { reason, asked }: { readonly reason: string; readonly asked: number },
): Judgement {
  return { ...settled(set, asked), verdict: "unknown", rule, reason };
}

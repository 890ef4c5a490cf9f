import type { Rule } from "../../core/source.ts";
import type { PreparedRules } from "./random_choices.ts";
import type { RuleHit } from "./rule_path.ts";

/** Targets that change where a packet goes, and where it seems to come from. */
export const CHANGES = {
  destination: / -j (?:DNAT|REDIRECT|NETMAP)\b/,
  source: / -j (?:SNAT|MASQUERADE|NETMAP)\b/,
} as const;

/** The last rule of the nat table on a path with such a target. */
export function translationOn(
  path: readonly RuleHit[],
  { rules, target }: {
    readonly rules: PreparedRules;
    readonly target: RegExp;
  },
): Rule | null {
  const hit = path.findLast((one) => {
    const text = one.table === "nat" ? rules.ruleText(one) : undefined;
    return text !== undefined && target.test(text);
  });
  return hit === undefined ? null : citation(hit, rules);
}

/** A rule on a path, as hops cite it. */
export function citation(hit: RuleHit, rules: PreparedRules): Rule {
  const text = rules.ruleText(hit);
  const name = `${hit.table} ${hit.chain}:${hit.index}`;
  return text === undefined ? { name } : { name, text };
}

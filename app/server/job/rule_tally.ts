import type { Divergence } from "../../../core/diff/divergence.ts";
import type { Journey } from "../../../core/replay/hop.ts";
import type { Rule } from "../../../core/source.ts";
import { SERVER_LIMITS } from "../limits.ts";
import type { RuleHits } from "../schemas.ts";

type Hits = { -readonly [Key in keyof RuleHits]: RuleHits[Key] };

/** How often each rule of each stack had a say. */
export class RuleTally {
  readonly #hits = new Map<string, Map<string, Hits>>();
  #known = 0;
  #more = 0;

  addJourney(stack: string, journey: Journey): void {
    const seen = new Set<Hits>();
    for (const { rule } of journey) {
      if (rule === null) continue;
      const hits = this.#of(stack, rule);
      if (hits === undefined) continue;
      hits.hits++;
      if (!seen.has(hits)) hits.flows++;
      seen.add(hits);
    }
  }

  addDivergence({ left, right }: Divergence): void {
    for (const { stack, outcome, decidedBy } of [left, right]) {
      const rule = outcome.rule ?? decidedBy?.rule ?? null;
      const hits = rule === null ? undefined : this.#of(stack, rule);
      if (hits !== undefined) hits.divergences++;
    }
  }

  /** The most telling first. */
  list(): { readonly rules: readonly RuleHits[]; readonly more: number } {
    const rules = [...this.#hits.values()].flatMap((hits) => [
      ...hits.values(),
    ]);
    rules.sort((a, b) =>
      b.divergences - a.divergences || b.flows - a.flows ||
      (a.rule.name < b.rule.name ? -1 : 1)
    );
    return { rules, more: this.#more };
  }

  #of(stack: string, rule: Rule): Hits | undefined {
    let rules = this.#hits.get(stack);
    if (rules === undefined) this.#hits.set(stack, rules = new Map());
    const { file = "", line = 0 } = rule.source ?? {};
    const key = `${rule.name}\n${file}\n${line}`;
    let hits = rules.get(key);
    if (hits !== undefined) return hits;
    if (this.#known >= SERVER_LIMITS.rules) {
      this.#more++;
      return undefined;
    }
    this.#known++;
    hits = { stack, rule, hits: 0, flows: 0, divergences: 0 };
    rules.set(key, hits);
    return hits;
  }
}

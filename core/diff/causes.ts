import type { Divergence, DivergenceSide } from "./divergence.ts";

/** Divergences that have one cause: the same fields, decided by the same two rules. */
export interface Cause {
  /** The fields and both rules as one text: equal for equal causes, from run to run. */
  readonly key: string;
  /** Names of the fields that differ. */
  readonly fields: readonly string[];
  /** Name of the rule that decided for the baseline, or what happened there without one. */
  readonly leftRule: string;
  /** The same for the other stack. */
  readonly rightRule: string;
  /** That of the witness. */
  readonly class: Divergence["class"];
  /** How many flows differ for it. */
  readonly count: number;
  /** The first of them on the tape. */
  readonly witness: Divergence;
}

/** Groups divergences by cause, the most frequent first. */
export function groupByCause(divergences: Iterable<Divergence>): Cause[] {
  const causes = new Map<string, Cause>();
  for (const divergence of divergences) {
    const fields = divergence.fields.map(({ field }) => field);
    const leftRule = ruleName(divergence.left);
    const rightRule = ruleName(divergence.right);
    const key = `${fields.join(",")} | ${leftRule} | ${rightRule}`;
    const before = causes.get(key);
    causes.set(key, {
      key,
      fields,
      leftRule,
      rightRule,
      class: divergence.class,
      count: (before?.count ?? 0) + 1,
      witness: before?.witness ?? divergence,
    });
  }
  return [...causes.values()].sort((a, b) =>
    b.count - a.count || (a.key < b.key ? -1 : 1)
  );
}

/** The rule that decided on one side, or what happened there without one. */
export function ruleName(side: DivergenceSide): string {
  const rule = side.outcome.rule ?? side.decidedBy?.rule ?? null;
  return rule?.name ?? side.outcome.reason ?? "no rule";
}

import type { Divergence, DivergenceSide } from "./divergence.ts";

/** Divergences that have one cause: the same fields, decided by the same two rules. */
export interface Cause {
  readonly key: string;
  readonly fields: readonly string[];
  readonly leftRule: string;
  readonly rightRule: string;
  readonly class: Divergence["class"];
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

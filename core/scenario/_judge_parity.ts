import { compareOutcomes } from "../diff/compare_outcomes.ts";
import type { ComparedField } from "../diff/divergence.ts";
import type { Allowances } from "./_allowances.ts";
import type { Failure, StepResults } from "./scenario_report.ts";

/** Where stacks disagree that a step says are to agree. */
export function parityFailures(
  { step, flows }: StepResults,
  { baseline, allowances }: { baseline: string | null; allowances: Allowances },
): Failure[] {
  const { parity } = step.expect;
  if (parity === null) return [];
  const excepted = parity.except.length === 0
    ? []
    : allowances.fieldsOf(parity.except);
  if (excepted === "all") return [];
  const isAsked = (field: ComparedField) =>
    (parity.on.length === 0 || parity.on.includes(field)) &&
    !excepted.includes(field);
  return flows.flatMap(({ id, results }) => {
    const model = parity.with ?? baseline;
    const left = results.find(({ stack }) => stack === model)?.result.outcome;
    if (left === undefined || left.verdict === "unknown") return [];
    return results.flatMap(({ stack, result }) => {
      const { outcome } = result;
      if (stack === model || outcome.verdict === "unknown") return [];
      return compareOutcomes(left, outcome)
        .filter(({ field }) => isAsked(field))
        .map(({ field, left, right }): Failure => ({
          kind: "parity",
          at: parity.at,
          step: step.name,
          stack,
          flow: id,
          field,
          expected: left,
          actual: right,
          count: 1,
        }));
    });
  });
}

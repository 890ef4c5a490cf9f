import type { Outcome } from "../replay/outcome.ts";
import type { Failure, StepResults } from "./scenario_report.ts";
import type { Scenario } from "./scenario.ts";
import { costKinds, type CostMetric } from "./words.ts";

/** Flows that cost more than the scenario allows; the dearest of each step. */
export function costFailures(
  { costs }: Scenario,
  steps: readonly StepResults[],
): Failure[] {
  return costs.flatMap(({ at, stack, metric, max, step: only }) =>
    steps
      .filter(({ step }) => (only ?? step.name) === step.name)
      .flatMap(({ step, flows }): Failure[] => {
        const dear = flows
          .map(({ id, results }) => {
            const mine = results.find((one) => one.stack === stack);
            const cost = mine === undefined
              ? 0
              : costOf(mine.result.outcome, metric);
            return { id, cost };
          })
          .filter(({ cost }) => cost > max)
          .sort((a, b) => b.cost - a.cost);
        const [dearest] = dear;
        if (dearest === undefined) return [];
        return [{
          kind: "cost",
          at,
          step: step.name,
          stack,
          flow: dearest.id,
          field: metric,
          expected: `at most ${max}`,
          actual: `${dearest.cost}`,
          count: dear.length,
        }];
      })
  );
}

function costOf({ cost }: Outcome, metric: CostMetric): number {
  return costKinds(metric)
    .reduce((sum, kind) => sum + (cost[kind] ?? 0), 0);
}

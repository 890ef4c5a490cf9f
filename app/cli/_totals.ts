import type { ScenarioReport } from "../../core/scenario/scenario_report.ts";

/** Reports in numbers. JSON-safe. */
export interface Totals {
  readonly scenarios: number;
  readonly passed: number;
  readonly failed: number;
  readonly notRun: number;
  /** Outcomes: flows times stacks. */
  readonly flows: number;
  /** Divergences that scenarios say are to show, and others. */
  readonly expected: number;
  readonly unexpected: number;
  readonly unknown: number;
}

/** Adds reports up. */
export function totalsOf(reports: readonly ScenarioReport[]): Totals {
  const of = (status: ScenarioReport["status"]) =>
    reports.filter((report) => report.status === status).length;
  const sum = (count: (report: ScenarioReport) => number) =>
    reports.reduce((total, report) => total + count(report), 0);
  const diverging = (expected: boolean) =>
    sum(({ divergences }) =>
      divergences.filter((one) => one.expected === expected).length
    );
  return {
    scenarios: reports.length,
    passed: of("passed"),
    failed: of("failed"),
    notRun: of("not run"),
    flows: sum(({ flows, stacks }) => flows * stacks.length),
    expected: diverging(true),
    unexpected: diverging(false),
    unknown: sum(({ unknowns }) => unknowns.length),
  };
}

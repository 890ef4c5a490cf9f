import { compareResults } from "../diff/compare_results.ts";
import type { FlowResult } from "../replay/engine.ts";
import type { Scenario, Share, Step } from "./scenario.ts";
import { checkOutcome } from "./check_outcome.ts";
import { costFailures } from "./_judge_costs.ts";
import { Allowances } from "./_allowances.ts";
import { changeFailures, stepChanges } from "./_judge_changes.ts";
import { parityFailures } from "./_judge_parity.ts";
import type {
  Failure,
  JudgedDivergence,
  Judging,
  ScenarioReport,
  StackRun,
  StepResults,
  UnknownFlow,
} from "./scenario_report.ts";

/** Compares what stacks made of a scenario with what it says, and with each other. */
export function judgeScenario(
  scenario: Scenario,
  runs: readonly StackRun[],
  { stepOf, changes = [], otherStacks = false }: Judging,
): ScenarioReport {
  const baseline = runs.find((run) => run.stack === scenario.baseline) ??
    runs[0];
  const allowances = new Allowances(scenario);
  const steps = resultsByStep(runs, stepOf);
  const divergences = steps.flatMap((step) =>
    divergencesOf(step, { baseline: baseline?.stack ?? null, allowances })
  );
  const written = stepChanges(changes, runs);
  const failures = [
    ...steps.flatMap((step) => expectationFailures(step)),
    ...divergences.filter((one) => !one.expected).map(unexpected(steps)),
    ...steps.flatMap((step) =>
      parityFailures(step, { baseline: baseline?.stack ?? null, allowances })
    ),
    ...steps.flatMap((step) => unknownFailures(step)),
    ...costFailures(scenario, steps),
    ...changeFailures(changes, written),
    ...(otherStacks ? [] : allowances.notShown(divergences)),
  ];
  return {
    ...identityOf(scenario),
    status: failures.length > 0 ? "failed" : "passed",
    reason: null,
    baseline: baseline?.stack ?? null,
    stacks: runs.map(({ stack, hash }) => ({ name: stack, hash })),
    flows: baseline?.results.length ?? 0,
    steps: steps.map(({ step, flows }) => ({
      name: step.name,
      at: step.at,
      flows: flows.length,
    })),
    changes: written,
    failures: grouped(failures),
    divergences,
    unknowns: steps.flatMap(unknownsOf),
    unread: {},
    warnings: [],
  };
}

/** The report of a scenario that cannot be run here. */
export function notRun(scenario: Scenario, reason: string): ScenarioReport {
  return {
    ...identityOf(scenario),
    status: "not run",
    reason,
    baseline: null,
    stacks: [],
    flows: 0,
    steps: [],
    changes: [],
    failures: [],
    divergences: [],
    unknowns: [],
    unread: {},
    warnings: [],
  };
}

function identityOf({ id, name, source, seed }: Scenario) {
  return { id, name, file: source.file, seed };
}

function resultsByStep(
  runs: readonly StackRun[],
  stepOf: ReadonlyMap<string, Step>,
): StepResults[] {
  const steps = new Map<Step, StepResults["flows"][number][]>();
  const [first] = runs;
  for (const [index, { flow }] of (first?.results ?? []).entries()) {
    const step = stepOf.get(flow.id)!;
    const flows = steps.get(step) ?? [];
    steps.set(step, flows);
    const results = runs.map(({ stack, results }) => ({
      stack,
      result: results[index]!,
    }));
    flows.push({ id: flow.id, results });
  }
  return [...steps].map(([step, flows]) => ({ step, flows }));
}

function divergencesOf(
  { step, flows }: StepResults,
  { baseline, allowances }: { baseline: string | null; allowances: Allowances },
): JudgedDivergence[] {
  return flows.flatMap(({ results }) => {
    const left = results.find(({ stack }) => stack === baseline);
    if (left === undefined || isUnknown(left.result)) return [];
    return results.flatMap((right) => {
      if (right === left || isUnknown(right.result)) return [];
      const divergence = compareResults(left, right);
      if (divergence === null) return [];
      const { stack } = right;
      const judged = allowances.judge(divergence, { step, stack });
      return [{ step: step.name, ...judged, divergence }];
    });
  });
}

function isUnknown({ outcome }: FlowResult): boolean {
  return outcome.verdict === "unknown";
}

function expectationFailures({ step, flows }: StepResults): Failure[] {
  return step.expect.outcomes.flatMap((expected) =>
    flows.flatMap(({ id, results }) =>
      results
        .filter(({ stack }) => (expected.stack ?? stack) === stack)
        .flatMap(({ stack, result }) =>
          checkOutcome(expected, result.outcome).map((mismatch): Failure => ({
            kind: "expectation",
            at: expected.at,
            step: step.name,
            stack,
            flow: id,
            ...mismatch,
            count: 1,
          }))
        )
    )
  );
}

function unexpected(steps: readonly StepResults[]) {
  return ({ step, divergence }: JudgedDivergence): Failure => ({
    kind: "divergence",
    at: steps.find((one) => one.step.name === step)!.step.at,
    step,
    stack: divergence.right.stack,
    flow: divergence.flow.id,
    field: divergence.fields.map(({ field }) => field).join(", "),
    expected: divergence.fields.map(({ left }) => left).join(" | "),
    actual: divergence.fields.map(({ right }) => right).join(" | "),
    count: 1,
  });
}

function unknownsOf({ step, flows }: StepResults): UnknownFlow[] {
  return flows.flatMap(({ id, results }) =>
    results.filter(({ result }) => isUnknown(result))
      .map(({ stack, result }) => ({
        step: step.name,
        stack,
        flow: id,
        reason: result.outcome.reason ?? "not said why",
      }))
  );
}

function unknownFailures(results: StepResults): Failure[] {
  const { step, flows } = results;
  const { unknown } = step.expect;
  if (unknown === null) return [];
  const unknowns = unknownsOf(results);
  const stacks = [...new Set(unknowns.map(({ stack }) => stack))];
  return stacks.flatMap((stack): Failure[] => {
    const mine = unknowns.filter((one) => one.stack === stack);
    if (mine.length <= mostOf(unknown, flows.length)) return [];
    return [{
      kind: "unknown",
      at: step.at,
      step: step.name,
      stack,
      flow: mine[0]!.flow,
      field: "unknown",
      expected: `at most ${shareText(unknown)}`,
      actual: `${mine.length} of ${flows.length}`,
      count: mine.length,
    }];
  });
}

function mostOf(share: Share, total: number): number {
  return share.kind === "count" ? share.count : share.percent * total / 100;
}

function shareText(share: Share): string {
  return share.kind === "count" ? `${share.count}` : `${share.percent}%`;
}

/** One failure for all flows of a step that fail alike. */
function grouped(failures: readonly Failure[]): Failure[] {
  const groups = new Map<string, Failure>();
  for (const failure of failures) {
    const { kind, step, stack, field, expected, actual, at } = failure;
    const key = JSON.stringify([
      kind,
      step,
      stack,
      field,
      expected,
      actual,
      at,
    ]);
    const before = groups.get(key);
    groups.set(key, {
      ...(before ?? failure),
      count: (before?.count ?? 0) + failure.count,
    });
  }
  return [...groups.values()];
}

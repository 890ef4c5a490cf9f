import { compareResults } from "../diff/compare_results.ts";
import type { Divergence } from "../diff/divergence.ts";
import type { FlowResult, ReplayResult } from "../replay/engine.ts";
import type { SyncOutcome } from "../replay/sync.ts";
import type { Basis, SourcePosition } from "../source.ts";
import { checkOutcome } from "./check_outcome.ts";
import { costFailures } from "./_judge_costs.ts";
import { Allowances } from "./_allowances.ts";
import { changeFailures, stepChanges } from "./_judge_changes.ts";
import { parityFailures } from "./_judge_parity.ts";
import type { Scenario, Share, Step } from "./scenario.ts";
import type { TapeChange } from "./scenario_tape.ts";

/** What one stack made of the scenario. */
export interface StackRun extends ReplayResult {
  readonly stack: string;
  /** What each change made it write; left out where nobody asked. */
  readonly syncs?: readonly (SyncOutcome | null)[];
}

/** What a step that changes something made the stacks write. JSON-safe. */
export interface StepChange {
  readonly step: string;
  readonly at: SourcePosition;
  readonly stacks: readonly {
    readonly stack: string;
    /** Null when none of its plugins says what it writes. */
    readonly sync: SyncOutcome | null;
  }[];
}

/** Something that is not as the scenario says. JSON-safe. */
export interface Failure {
  readonly kind:
    | "expectation"
    | "divergence"
    | "not shown"
    | "parity"
    | "unknown"
    | "cost"
    | "determinism";
  /** Where the scenario says otherwise. */
  readonly at: SourcePosition;
  readonly step: string | null;
  readonly stack: string | null;
  /** The first flow it shows in. */
  readonly flow: string | null;
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
  /** Flows it shows in. */
  readonly count: number;
}

/** A divergence and what the scenario says of it. JSON-safe. */
export interface JudgedDivergence {
  readonly step: string;
  /** Id of the known divergence that it is; null when it is none. */
  readonly id: string | null;
  readonly expected: boolean;
  /** As documented, else on the grounds of the rules. */
  readonly class: Basis;
  readonly why: string | null;
  readonly divergence: Divergence;
}

/** A flow of which a stack does not know what becomes of it. JSON-safe. */
export interface UnknownFlow {
  readonly step: string;
  readonly stack: string;
  readonly flow: string;
  readonly reason: string;
}

/** How a scenario came out. JSON-safe. */
export interface ScenarioReport {
  readonly id: string | null;
  readonly name: string;
  readonly file: string;
  readonly status: "passed" | "failed" | "not run";
  /** Why it was not run. */
  readonly reason: string | null;
  readonly seed: number;
  readonly baseline: string | null;
  readonly stacks: readonly { readonly name: string; readonly hash: string }[];
  readonly flows: number;
  /** Steps that send traffic. */
  readonly steps: readonly {
    readonly name: string;
    readonly at: SourcePosition;
    readonly flows: number;
  }[];
  /** Steps that apply, delete or load, and what they write on a node. */
  readonly changes: readonly StepChange[];
  readonly failures: readonly Failure[];
  readonly divergences: readonly JudgedDivergence[];
  readonly unknowns: readonly UnknownFlow[];
  /** Objects that nothing in any of the stacks reads, by kind. */
  readonly unread: Readonly<Record<string, number>>;
  /** What is to be said of the manifests and the options of the stacks. */
  readonly warnings: readonly string[];
}

/** How to judge. */
export interface Judging {
  readonly stepOf: ReadonlyMap<string, Step>;
  /** The changes that runs were asked about. */
  readonly changes?: readonly TapeChange[];
  /** The stacks are not those the scenario was written for: what it says is to show may not. */
  readonly otherStacks?: boolean;
}

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

/** A step with what every stack made of each of its flows. */
export interface StepResults {
  readonly step: Step;
  readonly flows: readonly {
    readonly id: string;
    readonly results: readonly {
      readonly stack: string;
      readonly result: FlowResult;
    }[];
  }[];
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

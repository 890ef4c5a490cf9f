import { type SyncOutcome, WRITES, type Writes } from "../replay/sync.ts";
import type { Failure, StackRun, StepChange } from "./scenario_report.ts";
import type { ExpectedOutcome, ExpectedWrites } from "./scenario.ts";
import type { TapeChange } from "./scenario_tape.ts";

/** What the changes of a scenario made each stack write, step by step. */
export function stepChanges(
  changes: readonly TapeChange[],
  runs: readonly StackRun[],
): StepChange[] {
  return changes.map(({ step }, index) => ({
    step: step.name,
    at: step.at,
    stacks: runs.map(({ stack, syncs = [] }) => ({
      stack,
      sync: syncs[index] ?? null,
    })),
  }));
}

/** Where a stack writes something else than the scenario says. */
export function changeFailures(
  changes: readonly TapeChange[],
  judged: readonly StepChange[],
): Failure[] {
  return changes.flatMap(({ step }, index) =>
    step.expect.outcomes.flatMap((expected) =>
      judged[index]!.stacks
        .filter(({ stack }) => (expected.stack ?? stack) === stack)
        .flatMap(({ stack, sync }) =>
          mismatches(expected, sync).map((mismatch): Failure => ({
            kind: "expectation",
            at: expected.at,
            step: step.name,
            stack,
            flow: null,
            ...mismatch,
            count: 1,
          }))
        )
    )
  );
}

function mismatches(
  { written, full }: ExpectedOutcome,
  sync: SyncOutcome | null,
) {
  return [
    ...countMismatches("written", written, sync?.written ?? null),
    ...countMismatches("full", full, sync?.full ?? null),
  ];
}

function countMismatches(
  name: string,
  expected: ExpectedWrites | undefined,
  writes: Writes | null,
) {
  return WRITES.flatMap((kind) => {
    const wanted = expected?.[kind];
    if (wanted === undefined) return [];
    const count = writes === null ? null : writes[kind] ?? 0;
    const met = count !== null &&
      (wanted.exact ? count === wanted.count : count <= wanted.count);
    return met ? [] : [{
      field: `${name}.${kind}`,
      expected: `${wanted.exact ? "" : "at most "}${wanted.count}`,
      actual: count === null ? "not said by the stack" : `${count}`,
    }];
  });
}

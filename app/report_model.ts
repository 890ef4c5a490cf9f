import { groupByCause } from "../core/diff/causes.ts";
import type { Divergence } from "../core/diff/divergence.ts";
import {
  decidingRule,
  type ReportCause,
  type ReportFailure,
  type ReportModel,
  type ReportSection,
  type ReportUnknown,
} from "../core/report/report_model.ts";
import { reportChanges } from "../core/report/sync_text.ts";
import type {
  JudgedDivergence,
  ScenarioReport,
  StackRun,
} from "../core/scenario/scenario_report.ts";
import type { SourcePosition } from "../core/source.ts";
import type { RecordingComparison } from "./compare_recording.ts";
import type { ScenarioRun } from "./run.ts";

/**
 * Scenarios that were run as the model of a report.
 *
 * @example
 * ```ts ignore
 * sarifReport(reportModel([await runScenario(scenario)]));
 * ```
 */
export function reportModel(runs: readonly ScenarioRun[]): ReportModel {
  return {
    title: runs.length === 1 ? "1 scenario" : `${runs.length} scenarios`,
    root: Deno.cwd(),
    sections: runs.map(scenarioSection),
    notes: [],
  };
}

/** What a recording and several stacks came to, as the model of a report. */
export interface RecordingReport {
  /** The file that findings without a place of their own are shown at. */
  readonly file: string;
  readonly warnings: readonly string[];
}

/** A compared recording as the model of a report: a section for each stack but the baseline. */
export function recordingModel(
  comparison: RecordingComparison,
  { file, warnings }: RecordingReport,
): ReportModel {
  const { flows, baseline, comparisons } = comparison;
  const at = { file, line: 1, column: 1 };
  const stackSection = (
    { stack, causes }: RecordingComparison["comparisons"][number],
    index: number,
  ): ReportSection => {
    const own = (name: string) =>
      name === stack || (index === 0 && name === baseline);
    return {
      id: null,
      name: `${baseline} to ${stack}`,
      at,
      status: causes.length === 0 ? "passed" : "failed",
      reason: null,
      stacks: [baseline, stack],
      flows,
      causes: causes.map((cause): ReportCause => ({
        id: null,
        expected: null,
        class: cause.class,
        why: null,
        step: null,
        at: ruleAt(cause.witness) ?? at,
        cause,
        journeys: null,
      })),
      failures: comparison.disagreements.filter((one) => own(one.stack))
        .map(disagreement),
      changes: [],
      unknowns: comparison.unknowns.filter((one) => own(one.stack))
        .map((one) => ({ ...one, at: null })),
    };
  };
  return {
    title: `${flows} recorded flows`,
    root: Deno.cwd(),
    sections: comparisons.map(stackSection),
    notes: warnings,
  };
}

function scenarioSection({ report, runs }: ScenarioRun): ReportSection {
  const { id, name, file, status, reason, stacks, flows } = report;
  return {
    id,
    name,
    at: { file, line: 1, column: 1 },
    status,
    reason,
    stacks: stacks.map((stack) => stack.name),
    flows,
    causes: scenarioCauses(report, runs),
    // Unexpected divergences are among the causes.
    failures: report.failures.filter(({ kind }) => kind !== "divergence")
      .map((failure): ReportFailure => ({ ...failure, level: "error" })),
    changes: reportChanges(report.changes),
    unknowns: scenarioUnknowns(report),
  };
}

/** The divergences of each step and stack by cause; those of one id stay apart from others. */
function scenarioCauses(
  { divergences, steps }: ScenarioReport,
  runs: readonly StackRun[],
): ReportCause[] {
  const groups = new Map<string, JudgedDivergence[]>();
  for (const one of divergences) {
    const { step, id, expected, divergence } = one;
    const key = JSON.stringify([step, id, expected, divergence.right.stack]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((group) => {
    const { step, id, expected, class: basis, why } = group[0]!;
    const at = steps.find((one) => one.name === step)?.at ?? null;
    return groupByCause(group.map(({ divergence }) => divergence))
      .map((cause): ReportCause => ({
        id,
        expected,
        class: basis,
        why,
        step,
        at,
        cause,
        journeys: journeysOf(cause.witness, runs),
      }));
  });
}

function journeysOf(
  { flow, left, right }: Divergence,
  runs: readonly StackRun[],
): ReportCause["journeys"] {
  const of = (stack: string) =>
    runs.find((run) => run.stack === stack)?.results
      .find((result) => result.flow.id === flow.id)?.journey ?? [];
  const journeys = { left: of(left.stack), right: of(right.stack) };
  const traced = journeys.left.length + journeys.right.length > 0;
  return traced ? journeys : null;
}

function scenarioUnknowns({ unknowns, steps }: ScenarioReport) {
  const groups = new Map<string, ReportUnknown>();
  for (const { step, stack, reason } of unknowns) {
    const key = JSON.stringify([step, stack, reason]);
    const at = steps.find((one) => one.name === step)?.at ?? null;
    const count = (groups.get(key)?.count ?? 0) + 1;
    groups.set(key, { stack, reason, at, count });
  }
  return [...groups.values()];
}

/** Where the rule stands that makes the compared stack differ, else the baseline's. */
function ruleAt({ left, right }: Divergence): SourcePosition | null {
  return decidingRule(right)?.source ?? decidingRule(left)?.source ?? null;
}

function disagreement(
  one: RecordingComparison["disagreements"][number],
): ReportFailure {
  return {
    kind: "recording",
    level: "note",
    at: positionOf(one.first.at),
    step: null,
    stack: one.stack,
    field: "verdict",
    expected: one.recorded,
    actual: one.simulated,
    count: one.count,
  };
}

/** Reads `file:line:column` back. */
function positionOf(text: string): SourcePosition | null {
  const [, file, line, column] = /^(.*):(\d+):(\d+)$/.exec(text) ?? [];
  return file === undefined
    ? null
    : { file, line: Number(line), column: Number(column) };
}

import { join } from "node:path";
import type { Cause } from "../../../core/diff/causes.ts";
import { htmlReport } from "../../../core/report/html.ts";
import { type JUnitCase, junitXml } from "../../../core/report/junit.ts";
import { markdownReport } from "../../../core/report/markdown.ts";
import {
  causeTitle,
  type ReportCause,
  type ReportModel,
  type ReportSection,
} from "../../../core/report/report_model.ts";
import { sarifReport } from "../../../core/report/sarif.ts";
import { reportChanges } from "../../../core/report/sync_text.ts";
import type { RunPlace } from "../protocol.ts";
import type { OpenRequest } from "./open_scenario.ts";
import type { RequestReplay } from "./replay_request.ts";

/** A run as the model of a report. */
export function runReport(
  { id, scenario }: OpenRequest,
  { summary, lockstep }: RequestReplay,
): ReportModel {
  const { judgement, changed, flows, comparisons, unknowns } = summary;
  const stepAt = new Map(scenario.steps.map(({ name, at }) => [name, at]));
  const causes = comparisons.flatMap((comparison) =>
    comparison.causes.map((cause): ReportCause => ({
      id: cause.id,
      expected: cause.expected,
      class: cause.class,
      why: cause.why,
      step: cause.step,
      at: stepAt.get(cause.step ?? "") ?? null,
      cause: cause as unknown as Cause,
      journeys: lockstep.journeysOf(comparison, cause.key),
    }))
  );
  const section: ReportSection = {
    id: scenario.id,
    name: scenario.name,
    at: id === null ? null : scenario.source,
    status: judgement?.status ?? (changed === 0 ? "passed" : "failed"),
    reason: judgement?.reason ?? null,
    stacks: summary.stacks.map(({ name }) => name),
    flows,
    causes,
    failures: (judgement?.failures ?? [])
      .filter(({ kind }) => kind !== "divergence")
      .map((failure) => ({ ...failure, level: "error" })),
    changes: reportChanges(judgement?.changes ?? []),
    unknowns: unknowns.map((one) => ({ ...one, at: null })),
  };
  const notes = [
    ...summary.warnings.map(({ message }) => message),
    ...summary.notes,
  ];
  return { title: scenario.name, root: "", sections: [section], notes };
}

/** The report of a run in a format. */
export function reportText(
  { directory }: RunPlace,
  format: "html" | "junit" | "sarif" | "markdown",
): string {
  const text = Deno.readTextFileSync(join(directory, "report.json"));
  const model = JSON.parse(text) as ReportModel;
  switch (format) {
    case "html":
      return htmlReport(model);
    case "sarif":
      return sarifReport(model);
    case "markdown":
      return markdownReport(model);
    case "junit":
      return junitXml(model.sections.flatMap(junitCases));
  }
}

/** A case for all that is as it should be, and one for each thing that is not. */
function junitCases(section: ReportSection): JUnitCase[] {
  const { name: suite, failures, causes } = section;
  const unexpected = causes.filter(({ expected }) => expected !== true);
  const failed = (name: string, message: string): JUnitCase => ({
    suite,
    name,
    status: "failed",
    message,
  });
  return [
    { suite, name: suite, status: "passed" },
    ...failures.map(({ step, field, stack, expected, actual }) =>
      failed(
        [step, stack, field].filter((part) => part !== null).join(", "),
        `expected ${expected}, got ${actual}`,
      )
    ),
    ...unexpected.map((cause) =>
      failed(causeTitle(cause), `${cause.cause.count} flows differ`)
    ),
  ];
}

import type { Cause } from "../../../core/diff/causes.ts";
import { htmlReport } from "../../../core/report/html.ts";
import { junitXml } from "../../../core/report/junit.ts";
import { markdownReport } from "../../../core/report/markdown.ts";
import {
  causeId,
  causeTitle,
  decidingRule,
  type ReportCause,
  type ReportModel,
} from "../../../core/report/report_model.ts";
import { sarifReport } from "../../../core/report/sarif.ts";
import { reportChanges } from "../../../core/report/sync_text.ts";
import type { Hop } from "../../../core/replay/hop.ts";
import type { FlowRow } from "../../server/schemas.ts";
import type { Session } from "./session.ts";

/** A file to be kept. */
export interface ReportFile {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

/** Formats that a comparison can be kept in. */
export const REPORT_FORMATS = {
  html: "HTML, one file",
  junit: "JUnit XML",
  sarif: "SARIF",
  markdown: "Markdown",
} as const;

/** One of {@link REPORT_FORMATS}. */
export type ReportFormat = keyof typeof REPORT_FORMATS;

/** A comparison as a file; made here, from what the page has. */
export function reportFile(session: Session, format: ReportFormat): ReportFile {
  const model = reportModel(session);
  const name = `plumbline-${session.catalogueId ?? session.title}`
    .replaceAll(/[^\w.-]+/g, "-");
  switch (format) {
    case "html":
      return {
        name: `${name}.html`,
        type: "text/html",
        text: htmlReport(model),
      };
    case "junit":
      return {
        name: `${name}.junit.xml`,
        type: "application/xml",
        text: junitReport(model),
      };
    case "sarif":
      return {
        name: `${name}.sarif`,
        type: "application/sarif+json",
        text: sarifReport(model),
      };
    case "markdown":
      return {
        name: `${name}.md`,
        type: "text/markdown",
        text: markdownReport(model),
      };
  }
}

/** A comparison as every report is made from: a section for each stack but the baseline. */
export function reportModel(session: Session): ReportModel {
  const { facts, baseline, rows, title, catalogueId } = session;
  const comparisons = facts?.comparisons ?? [];
  return {
    title: title,
    root: "",
    sections: comparisons.map(({ left, right, causes }) => {
      const found = causes.map((cause) =>
        reportCause(cause as unknown as Cause, rows[cause.flow])
      );
      const failed = found.some(({ expected }) => expected !== true);
      return {
        id: catalogueId,
        name: `${title}: ${left} to ${right}`,
        at: null,
        status: failed ? "failed" as const : "passed" as const,
        reason: null,
        stacks: [left, right],
        flows: session.total,
        causes: found,
        failures: (facts?.judgement?.failures ?? [])
          .filter(({ kind, stack }) =>
            kind !== "divergence" && (stack ?? right) === right
          )
          .map((failure) => ({ ...failure, level: "error" as const })),
        changes: reportChanges(facts?.judgement?.changes ?? []),
        unknowns: (facts?.unknowns ?? [])
          .filter(({ stack }) => stack === right || stack === baseline)
          .map((unknown) => ({ ...unknown, at: null })),
      };
    }),
    notes: facts?.notes ?? [],
  };
}

function reportCause(cause: Cause, row: FlowRow | undefined): ReportCause {
  const { left, right } = cause.witness;
  const differs = row?.differs.find((one) => one.right === right.stack);
  const hopsOf = (stack: string) =>
    (row?.outcomes.find((one) => one.stack === stack)?.hops ?? []) as Hop[];
  const journeys = { left: hopsOf(left.stack), right: hopsOf(right.stack) };
  const traced = journeys.left.length + journeys.right.length > 0;
  return {
    id: differs?.id ?? null,
    expected: differs?.expected ?? null,
    class: cause.class,
    why: differs?.why ?? null,
    step: row?.step ?? null,
    at: decidingRule(right)?.source ?? decidingRule(left)?.source ?? null,
    cause,
    journeys: traced ? journeys : null,
  };
}

/** A case for every cause; what a scenario expects has passed. */
function junitReport(model: ReportModel): string {
  return junitXml(
    model.sections.flatMap(({ name, causes, flows }) =>
      causes.length === 0
        ? [{
          suite: name,
          name: `${flows} flows agree`,
          status: "passed" as const,
        }]
        : causes.map((cause) => ({
          suite: name,
          name: `${causeId(cause)} ${cause.step ?? ""}`.trim(),
          ...(cause.expected === true
            ? { status: "passed" as const }
            : { status: "failed" as const, message: causeTitle(cause) }),
          ...(cause.at === null
            ? {}
            : { file: cause.at.file, line: cause.at.line }),
        }))
    ),
  );
}

import type { SourcePosition } from "../source.ts";
import { divergenceText } from "./divergence_text.ts";
import {
  causeLevel,
  causeTitle,
  failureText,
  type Level,
  relativeFile,
  type ReportModel,
  type ReportSection,
  totalsText,
} from "./report_model.ts";
import { visibleText } from "./visible_text.ts";

/** One annotation of a workflow run. */
interface Annotation {
  readonly level: Level;
  readonly at: SourcePosition | null;
  readonly title: string;
  readonly text: string;
}

const COMMANDS: Readonly<Record<Level, string>> = {
  error: "error",
  warning: "warning",
  note: "notice",
};

const ORDER: readonly Level[] = ["error", "warning", "note"];

/**
 * Workflow commands that annotate a pull request, the gravest first: GitHub
 * shows ten of a level a step. What a scenario expects is not among them.
 */
export function githubReport(report: ReportModel): string {
  const annotations = report.sections.flatMap(sectionAnnotations);
  const sorted = ORDER.flatMap((level) =>
    annotations.filter((one) => one.level === level)
  );
  const summary: Annotation = {
    level: "note",
    at: null,
    title: "Plumbline",
    text: `${report.title}: ${totalsText(report)}`,
  };
  return [...sorted, summary].map((one) => command(one, report.root))
    .join("\n");
}

function sectionAnnotations(section: ReportSection): Annotation[] {
  const { name, status, reason, at } = section;
  const notRun: Annotation = {
    level: "note",
    at,
    title: `${name} was not run`,
    text: reason ?? "no reason given",
  };
  return [
    ...section.failures.map((failure): Annotation => ({
      level: failure.level,
      at: failure.at ?? at,
      title: `${name}: ${failure.step ?? failure.kind}`,
      text: failureText(failure),
    })),
    ...section.causes.filter(({ expected }) => expected !== true)
      .map((cause): Annotation => ({
        level: causeLevel(cause),
        at: cause.at ?? at,
        title: `${name}: ${causeTitle(cause)}`,
        text: `${cause.cause.count} of ${section.flows} flows\n${
          divergenceText(cause.cause.witness)
        }`,
      })),
    ...section.unknowns.map((unknown): Annotation => ({
      level: "note",
      at: unknown.at ?? at,
      title: `${name}: unknown in ${unknown.stack}`,
      text: `${unknown.reason} (${unknown.count} of ${section.flows} flows)`,
    })),
    ...(status === "not run" ? [notRun] : []),
  ];
}

function command({ level, at, title, text }: Annotation, root: string): string {
  const file = at === null ? null : relativeFile(at.file, root);
  const properties = [
    ...(file === null || at === null
      ? []
      : [`file=${property(file)}`, `line=${at.line}`, `col=${at.column}`]),
    `title=${property(title)}`,
  ];
  return `::${COMMANDS[level]} ${properties.join(",")}::${data(text)}`;
}

/** As `escapeData` of actions/toolkit, packages/core/src/command.ts, after what a log would act on. */
function data(text: string): string {
  return text.split("\n").map(visibleText).join("\n")
    .replaceAll("%", "%25").replaceAll("\n", "%0A");
}

/** As `escapeProperty` there. */
function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

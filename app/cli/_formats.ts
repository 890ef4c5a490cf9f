import { githubReport } from "../../core/report/github.ts";
import { htmlReport } from "../../core/report/html.ts";
import { markdownReport } from "../../core/report/markdown.ts";
import type { ReportModel } from "../../core/report/report_model.ts";
import { sarifReport } from "../../core/report/sarif.ts";

/** Formats that are made from the model of a report, whatever was run. */
export const REPORT_FORMATS = ["sarif", "github", "md", "html"] as const;

/** One of them. */
export type ReportFormat = typeof REPORT_FORMATS[number];

const WRITERS: Readonly<Record<ReportFormat, (model: ReportModel) => string>> =
  {
    sarif: sarifReport,
    github: githubReport,
    md: markdownReport,
    html: htmlReport,
  };

/** Whether a format is one of these. */
export function isReportFormat(format: string): format is ReportFormat {
  return (REPORT_FORMATS as readonly string[]).includes(format);
}

/** A report in a format, without the newline at its end. */
export function reportIn(format: ReportFormat, model: ReportModel): string {
  return WRITERS[format](model).trimEnd();
}

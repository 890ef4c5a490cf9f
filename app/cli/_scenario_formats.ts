import { type JUnitCase, junitXml } from "../../core/report/junit.ts";
import type {
  Failure,
  ScenarioReport,
} from "../../core/scenario/scenario_report.ts";
import { totalsOf } from "./_totals.ts";

/** Scenarios for programs. docs/output.md says what is in them. */
export function scenarioData(
  reports: readonly ScenarioReport[],
  format: "json" | "ndjson" | "junit",
): string {
  switch (format) {
    case "json": {
      const summary = totalsOf(reports);
      return JSON.stringify({ summary, scenarios: reports }, null, 2);
    }
    case "ndjson":
      return reports.map((report) => JSON.stringify(report)).join("\n");
    case "junit":
      return junitXml(reports.flatMap(junitCases)).trimEnd();
  }
}

/** A case for each step. */
function junitCases(report: ScenarioReport): JUnitCase[] {
  const { name: suite, file, status, reason, failures } = report;
  if (status === "not run") {
    return [{
      suite,
      name: suite,
      status: "skipped",
      message: `${reason}`,
      file,
    }];
  }
  const changes = report.changes.map(({ step, at }) => ({ name: step, at }));
  return [...report.steps, ...changes].map(({ name, at }): JUnitCase => {
    const mine = failures.filter(({ step }) => step === name);
    const [first] = mine;
    const place = { suite, name, file: at.file, line: at.line };
    if (first === undefined) return { ...place, status: "passed" };
    return {
      ...place,
      status: "failed",
      message: failureMessage(first),
      details: mine.map(failureMessage).join("\n"),
    };
  }).concat(elsewhere(report));
}

/** Failures that belong to no step: a divergence that shows nowhere. */
function elsewhere({ name, failures }: ScenarioReport): JUnitCase[] {
  return failures.filter(({ step }) => step === null).map((failure) => ({
    suite: name,
    name: failure.field,
    status: "failed",
    message: failureMessage(failure),
    file: failure.at.file,
    line: failure.at.line,
  }));
}

function failureMessage({ stack, field, expected, actual }: Failure): string {
  const where = stack === null ? "" : `${stack}: `;
  return `${where}${field}: expected ${expected}, got ${actual}`;
}

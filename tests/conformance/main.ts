/**
 * `deno task conformance [DIR] [--suite NAME] [--json] [--failures N]`: runs
 * the public suites in DIR and prints a line for each.
 */
import {
  misuse,
  readArguments,
  wholeNumber,
} from "../../app/cli/_arguments.ts";
import { print, runMain } from "../../app/cli/_exit.ts";
import type { CaseResult, Suite } from "./suite.ts";
import { SUITES } from "./suites.ts";

const COMMAND = "conformance";
const DEFAULT_DIRECTORY = "../shared/conformance";

const HELP = `Usage: deno task conformance [DIR] [options]

Runs the public conformance suites found in DIR (default ${DEFAULT_DIRECTORY}).

  --suite NAME     only suites whose name contains NAME
  --failures N     print the first N failures of each suite (default 0)
  --json           one JSON document, every failure in it
  --help           this text

A case is passed, failed, unknown (the tool says it does not model something
the case needs) or disputed (the data is at fault). Unknown is no pass.
Exit status: 0 nothing failed, 1 some case failed, 2 bad usage.`;

/** Failures that --failures prints at most. */
const MAX_FAILURES = 1_000_000;

/** Counts of one suite, and what did not pass. */
interface SuiteReport {
  readonly suite: string;
  readonly total: number;
  readonly passed: number;
  readonly failed: number;
  readonly unknown: number;
  readonly disputed: number;
  readonly failures: readonly CaseResult[];
}

/** Runs one suite. */
export function runSuite(suite: Suite, directory: string): SuiteReport {
  const counts = { passed: 0, failed: 0, unknown: 0, disputed: 0 };
  const failures: CaseResult[] = [];
  let total = 0;
  for (const result of suite.run(`${directory}/${suite.name}`)) {
    total++;
    counts[result.status]++;
    if (result.status !== "passed") failures.push(result);
  }
  return { suite: suite.name, total, ...counts, failures };
}

function main(args: readonly string[]): number {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      suite: { type: "string" },
      failures: { type: "string", default: "0" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const failures = wholeNumber(values.failures, {
    name: "--failures",
    max: MAX_FAILURES,
    command: COMMAND,
  }) ?? 0;
  const directory = positionals[0] ?? DEFAULT_DIRECTORY;
  if (!exists(directory)) {
    if (positionals.length > 0) {
      throw misuse(COMMAND, `${directory} is missing`);
    }
    print(`not run: ${directory} is missing`);
    return 0;
  }
  const chosen = SUITES.filter((suite) =>
    suite.name.includes(values.suite ?? "")
  );
  if (chosen.length === 0) {
    const names = SUITES.map((suite) => suite.name).join(", ");
    throw misuse(
      COMMAND,
      `no suite is called ${values.suite}; there are ${names}`,
    );
  }
  const reports: SuiteReport[] = [];
  for (const suite of chosen) {
    if (!exists(`${directory}/${suite.name}`)) {
      if (!values.json) print(`${suite.name}: not run, missing`);
      continue;
    }
    const report = runSuite(suite, directory);
    reports.push(report);
    if (!values.json) print(reportText(report, failures));
  }
  if (values.json) print(JSON.stringify({ suites: reports }));
  return reports.some((report) => report.failed > 0) ? 1 : 0;
}

function reportText(report: SuiteReport, most: number): string {
  const { suite, total, passed, failed, unknown, disputed } = report;
  const line = `${suite.padEnd(36)} ${`${passed}/${total}`.padStart(9)} passed`;
  const rest = [
    failed > 0 ? `${failed} failed` : "",
    unknown > 0 ? `${unknown} unknown` : "",
    disputed > 0 ? `${disputed} disputed` : "",
  ].filter((part) => part !== "").join(", ");
  const shown = report.failures.slice(0, most).map(
    ({ status, id, expected, actual }) =>
      [
        `  ${status} ${id}`,
        ...(expected === undefined ? [] : [`    expected ${expected}`]),
        `    actual   ${actual}`,
      ].join("\n"),
  );
  return [`${line}${rest === "" ? "" : `, ${rest}`}`, ...shown].join("\n");
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) await runMain(main);

import { InputError, nearest, type Problem } from "../../core/errors.ts";
import { type JUnitCase, junitXml } from "../../core/report/junit.ts";
import type {
  Failure,
  ScenarioReport,
} from "../../core/scenario/judge_scenario.ts";
import { type Palette, PLAIN } from "../../core/report/palette.ts";
import { matchesGlob } from "../../core/scenario/glob.ts";
import type { Scenario } from "../../core/scenario/scenario.ts";
import { findScenarios, readScenario } from "../read_scenario.ts";
import { type RunOptions, runScenario, type ScenarioRun } from "../run.ts";
import {
  choice,
  listed,
  misuse,
  readArguments,
  wholeNumber,
} from "./_arguments.ts";
import { EXIT, print, runMain } from "./_exit.ts";
import { type Detail, scenarioText } from "./_scenario_text.ts";
import { Progress, safeText, stdoutPalette } from "./_terminal.ts";
import { totalsOf } from "./_totals.ts";

const COMMAND = "scenario";

const USAGE = `Replays scenarios through several stacks, compares what comes out
with what they expect, and the stacks with each other.

Usage: deno task scenario [PATH...] [options]

  PATH               scenario files, or directories with scenario.yaml and
                     *.scenario.yaml files; scenarios/ when left out
  --stack A,B        stacks in place of the scenarios' own: theirs by name,
                     presets (kube-proxy, cilium, istio, ...) or plugins; the
                     first is the baseline
  --seed N           seed in place of the scenarios' own
  --only ID          only scenarios with this id or name; * stands for anything
  -o FORMAT          text, wide, json, ndjson, junit (--json is -o json)
  --summary          one line a scenario
  --detailed         every journey with its rules
  --fail-on WHAT     unexpected: what scenarios do not expect (the default);
                     any: any difference; unknown: also flows of which a
                     stack does not know what becomes of them

Exits with 0 when nothing is unexpected, 1 when something is, 2 on bad input,
3 on an error of our own, 4 with --fail-on unknown when only unknowns are left.

Examples:
  deno task scenario
  deno task scenario scenarios/D05-lb-source-ranges-in-cluster --detailed
  deno task scenario --only 'D0*' --stack kube-proxy,cilium --summary
  deno task scenario -o junit > report.xml`;

const FORMATS = ["text", "wide", "json", "ndjson", "junit"] as const;
const FAIL_ON = ["unexpected", "any", "unknown"] as const;
const LIBRARY = "scenarios";
const MAX_SEED = 0xffff_ffff;

/** Only unknowns are left, and they count. */
const ONLY_UNKNOWNS = 4;

/** What a command has to say. */
export interface CommandResult {
  readonly output: string;
  readonly exit: number;
}

/** The command `scenario`. */
export async function scenario(
  args: readonly string[],
  { palette = PLAIN }: { palette?: Palette } = {},
): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      stack: { type: "string", multiple: true },
      seed: { type: "string" },
      only: { type: "string", multiple: true },
      output: { type: "string", short: "o", default: "text" },
      json: { type: "boolean", default: false },
      summary: { type: "boolean", default: false },
      detailed: { type: "boolean", default: false },
      "fail-on": { type: "string", default: "unexpected" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  const format = values.json ? "json" : choice(values.output, {
    name: "-o",
    words: FORMATS,
    command: COMMAND,
  });
  const failOn = choice(values["fail-on"], {
    name: "--fail-on",
    words: FAIL_ON,
    command: COMMAND,
  });
  const seed = wholeNumber(values.seed, {
    name: "--seed",
    max: MAX_SEED,
    command: COMMAND,
  });
  const detail: Detail = values.summary
    ? "summary"
    : values.detailed
    ? "detailed"
    : format === "wide"
    ? "wide"
    : "normal";
  const paths = positionals.length === 0 ? [LIBRARY] : positionals;
  const scenarios = chosen(readAll(paths), listed(values.only));
  const runs = await runAll(scenarios, { stacks: listed(values.stack), seed });
  const reports = runs.map(({ report }) => report);
  const output = format === "text" || format === "wide"
    ? safeText(scenarioText(runs, { detail, palette }))
    : formatReports(reports, format);
  return { output, exit: exitOf(reports, failOn) };
}

/** Reads every file; what is wrong with any of them comes in one go. */
function readAll(paths: readonly string[]): Scenario[] {
  const problems: Problem[] = [];
  const scenarios: Scenario[] = [];
  for (const file of findScenarios(paths)) {
    try {
      scenarios.push(readScenario(file));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  if (scenarios.length > 0) return scenarios;
  throw misuse(COMMAND, `there is no scenario in ${paths.join(", ")}`);
}

/** The scenarios that were asked for by id or name. */
export function chosen(
  scenarios: readonly Scenario[],
  only: readonly string[] | undefined,
): readonly Scenario[] {
  if (only === undefined) return scenarios;
  const known = scenarios.flatMap(({ id, name }) =>
    id === null ? [name] : [id, name]
  );
  const matches = ({ id, name }: Scenario, pattern: string) =>
    [id ?? "", name].some((written) =>
      matchesGlob(written.toLowerCase(), pattern.toLowerCase())
    );
  for (const pattern of only) {
    if (scenarios.some((scenario) => matches(scenario, pattern))) continue;
    const near = nearest(pattern, known);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw misuse(COMMAND, `there is no scenario ${pattern}${hint}`);
  }
  return scenarios.filter((scenario) =>
    only.some((pattern) => matches(scenario, pattern))
  );
}

async function runAll(
  scenarios: readonly Scenario[],
  options: RunOptions,
): Promise<ScenarioRun[]> {
  const progress = new Progress();
  const problems: Problem[] = [];
  const runs: ScenarioRun[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    progress.show(`${index + 1}/${scenarios.length} ${scenario.name}`);
    try {
      runs.push(await runScenario(scenario, options));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  progress.done();
  if (problems.length > 0) throw new InputError(problems);
  return runs;
}

function formatReports(
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

/** A case for each step that sends traffic. */
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
  return report.steps.map(({ name, at }): JUnitCase => {
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

function exitOf(
  reports: readonly ScenarioReport[],
  failOn: typeof FAIL_ON[number],
): number {
  const { failed, expected, unexpected, unknown } = totalsOf(reports);
  if (failed > 0) return EXIT.differs;
  if (failOn === "any" && expected + unexpected > 0) return EXIT.differs;
  return failOn === "unknown" && unknown > 0 ? ONLY_UNKNOWNS : EXIT.ok;
}

if (import.meta.main) {
  await runMain(async (args) => {
    const { output, exit } = await scenario(args, { palette: stdoutPalette() });
    print(output);
    return exit;
  });
}

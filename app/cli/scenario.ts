import { InputError, nearest, type Problem } from "../../core/errors.ts";
import type { ScenarioReport } from "../../core/scenario/scenario_report.ts";
import { type Palette, PLAIN } from "../../core/report/palette.ts";
import { matchesGlob } from "../../core/scenario/glob.ts";
import type { Scenario } from "../../core/scenario/scenario.ts";
import { findScenarios, readScenario } from "../read_scenario.ts";
import { RunRecorder } from "../record_runs.ts";
import { reportModel } from "../report_model.ts";
import { type RunOptions, runScenario, type ScenarioRun } from "../run.ts";
import { pluginFolders, scenarioFiles } from "../scenario_files.ts";
import {
  choice,
  listed,
  misuse,
  readArguments,
  stackNames,
  wholeNumber,
} from "./_arguments.ts";
import { type CommandResult, EXIT, FAIL_ON, runMain } from "./_exit.ts";
import { isReportFormat, REPORT_FORMATS, reportIn } from "./_formats.ts";
import { scenarioData } from "./_scenario_formats.ts";
import { type Detail, scenarioText } from "./_scenario_text.ts";
import { Progress, safeText, stdoutPalette } from "./_terminal.ts";
import { totalsOf } from "./_totals.ts";
import { updateRuns } from "./_update.ts";
import { runCommand } from "./_watch.ts";

export type { CommandResult };

const COMMAND = "scenario";

const USAGE = `Replays scenarios through several stacks, compares what comes out
with what they expect, and the stacks with each other.

Usage: deno task scenario [PATH...] [options]

  PATH               scenario files, or directories with scenario.yaml and
                     *.scenario.yaml files; scenarios/ when left out
  --stack A,B        stacks in place of the scenarios' own: theirs by name,
                     presets (kube-proxy, cilium, istio, ...), plugins, the
                     path of a plugin of your own, or several joined by +;
                     the first is the baseline
  --seed N           seed in place of the scenarios' own
  --only ID          only scenarios with this id or name; * stands for anything
  -o FORMAT          text, wide, json, ndjson, junit, sarif, github, md, html
                     (--json is -o json)
  --summary          one line a scenario
  --detailed         every journey with its rules
  --fail-on WHAT     unexpected: what scenarios do not expect (the default);
                     any: any difference; unknown: also flows of which a
                     stack does not know what becomes of them
  --record DIR       keep every run in DIR: a log each, and a catalog; a run
                     that gives something else than it did before fails
  --update           write what came out over expectations that failed
  --watch            run again whenever a file that was read changes

Exits with 0 when nothing is unexpected, 1 when something is, 2 on bad input,
3 on an error of our own, 4 with --fail-on unknown when only unknowns are left.

Examples:
  deno task scenario
  deno task scenario scenarios/D05-lb-source-ranges-in-cluster --detailed
  deno task scenario --only 'D0*' --stack kube-proxy,cilium --summary
  deno task scenario network/ --stack kube-proxy,kube-proxy+./quarantine/mod.ts
  deno task scenario --record .runs
  deno task scenario -o html > report.html`;

const FORMATS = [
  "text",
  "wide",
  "json",
  "ndjson",
  "junit",
  ...REPORT_FORMATS,
] as const;
const LIBRARY = "scenarios";
const MAX_SEED = 0xffff_ffff;

/** What the command line may hold, for completion too. */
export const SCENARIO_OPTIONS = {
  stack: { type: "string", multiple: true },
  seed: { type: "string" },
  only: { type: "string", multiple: true },
  output: { type: "string", short: "o", default: "text" },
  json: { type: "boolean", default: false },
  summary: { type: "boolean", default: false },
  detailed: { type: "boolean", default: false },
  "fail-on": { type: "string", default: "unexpected" },
  record: { type: "string" },
  update: { type: "boolean", default: false },
  watch: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** The command `scenario`. */
export async function scenario(
  args: readonly string[],
  { palette = PLAIN }: { palette?: Palette } = {},
): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: SCENARIO_OPTIONS,
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
  const stacks = stackNames(values.stack, COMMAND);
  if (values.update && values.watch) {
    throw misuse(COMMAND, "--update changes the files that --watch waits for");
  }
  const paths = positionals.length === 0 ? [LIBRARY] : positionals;
  const scenarios = chosen(readAll(paths), listed(values.only));
  using recorder = values.record === undefined
    ? undefined
    : await RunRecorder.open(values.record);
  const options = { stacks, seed, recorder };
  const runs = await runAll(scenarios, options);
  const { changes, runs: last } = values.update
    ? await updateRuns(runs, (one) => runScenario(one, options))
    : { changes: [], runs };
  const reports = last.map(({ report }) => report);
  return {
    ...printed(last, { format, palette, changes, detail: detailOf(values) }),
    exit: exitOf(reports, failOn),
    files: [
      ...paths,
      ...last.flatMap((run) => scenarioFiles(run.scenario)),
      ...pluginFolders(stacks ?? []),
    ],
  };
}

function detailOf(
  { summary, detailed, output }: {
    readonly summary: boolean;
    readonly detailed: boolean;
    readonly output: string;
  },
): Detail {
  if (summary) return "summary";
  if (detailed) return "detailed";
  return output === "wide" ? "wide" : "normal";
}

/** The output, and what goes beside it to stderr. */
function printed(
  runs: readonly ScenarioRun[],
  { format, palette, changes, detail }: {
    readonly format: typeof FORMATS[number];
    readonly palette: Palette;
    /** What --update did. */
    readonly changes: readonly string[];
    readonly detail: Detail;
  },
): { output: string; notes: readonly string[] } {
  if (isReportFormat(format)) {
    return { output: reportIn(format, reportModel(runs)), notes: changes };
  }
  const reports = runs.map(({ report }) => report);
  if (format !== "text" && format !== "wide") {
    return { output: scenarioData(reports, format), notes: changes };
  }
  const text = safeText(scenarioText(runs, { detail, palette }));
  const warnings = new Set(reports.flatMap(({ warnings }) => warnings));
  return {
    output: [...changes, text].join("\n"),
    notes: [...warnings].map((warning) => `note: ${warning}`),
  };
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
  throw misuse(
    COMMAND,
    `there is no scenario in ${paths.join(", ")}\n` +
      "A directory is searched for scenario.yaml and *.scenario.yaml.",
  );
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

function exitOf(
  reports: readonly ScenarioReport[],
  failOn: typeof FAIL_ON[number],
): number {
  const { failed, expected, unexpected, unknown } = totalsOf(reports);
  if (failed > 0) return EXIT.differs;
  if (failOn === "any" && expected + unexpected > 0) return EXIT.differs;
  return failOn === "unknown" && unknown > 0 ? EXIT.onlyUnknowns : EXIT.ok;
}

if (import.meta.main) {
  await runMain((args) =>
    runCommand(args, (args) => scenario(args, { palette: stdoutPalette() }))
  );
}

import { nearest } from "../../core/errors.ts";
import type { Hop, Journey } from "../../core/replay/hop.ts";
import { flowText } from "../../core/report/divergence_text.ts";
import {
  journeyText,
  outcomeLine,
  ruleText,
} from "../../core/report/journey_text.ts";
import { type Palette, PLAIN } from "../../core/report/palette.ts";
import type { DivergenceSide } from "../../core/diff/divergence.ts";
import type { JudgedDivergence } from "../../core/scenario/scenario_report.ts";
import type { Scenario } from "../../core/scenario/scenario.ts";
import { findScenarios, readScenario } from "../read_scenario.ts";
import { runScenario, type ScenarioRun } from "../run.ts";
import { misuse, readArguments, stackNames } from "./_arguments.ts";
import { type CommandResult, EXIT, printResult, runMain } from "./_exit.ts";
import { safeText, stdoutPalette } from "./_terminal.ts";

const COMMAND = "explain";

/** What the command line may hold, for completion too. */
export const EXPLAIN_OPTIONS = {
  stack: { type: "string", multiple: true },
  detailed: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const USAGE =
  `Explains a known divergence: what is set up, the journeys up to the
hop where they part, the two rules that decide, why, and who says so.

Usage: deno task explain ID [PATH...] [options]

  ID                 of the catalogue (D05), or the name of a scenario
  PATH               where to look for scenarios; scenarios/ when left out
  --stack A,B        stacks in place of the scenario's own
  --detailed         journeys to their end, every packet and every rule

Exits with 0, with 1 when the divergence does not show, 2 on bad input.

Examples:
  deno task explain D05
  deno task explain D04 --stack network-policy,cilium
  deno task explain D01 --detailed`;

/** The command `explain`. */
export async function explain(
  args: readonly string[],
  { palette = PLAIN }: { palette?: Palette } = {},
): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: EXPLAIN_OPTIONS,
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  const [id, ...paths] = positionals;
  if (id === undefined) {
    throw misuse(COMMAND, "it takes the ID of a divergence");
  }
  const scenarios = find(id, paths.length === 0 ? ["scenarios"] : paths);
  const texts: string[] = [];
  let shown = true;
  const stacks = stackNames(values.stack, COMMAND);
  for (const scenario of scenarios) {
    const run = await runScenario(scenario, { stacks });
    const { detailed } = values;
    texts.push(explanation(run, { palette, detailed }).join("\n"));
    shown &&= run.report.status !== "failed";
  }
  const output = safeText(texts.join("\n\n\n"));
  return { output, exit: shown ? EXIT.ok : EXIT.differs };
}

/** The scenarios about a divergence: those of its id, else the one of its name. */
function find(wanted: string, paths: readonly string[]): readonly Scenario[] {
  const all = findScenarios(paths).map(readScenario);
  const lower = wanted.toLowerCase();
  const found = all.filter(({ id, name }) =>
    id?.toLowerCase() === lower || name === wanted
  );
  if (found.length > 0) return found;
  const known = all.map(({ id, name }) => id ?? name);
  const near = nearest(wanted, [...known, ...all.map(({ name }) => name)]);
  const hint = near === undefined
    ? `; there is ${[...new Set(known)].join(", ")}`
    : `; did you mean ${near}?`;
  throw misuse(COMMAND, `there is no divergence ${wanted}${hint}`);
}

interface Explaining {
  readonly palette: Palette;
  readonly detailed: boolean;
}

function explanation(run: ScenarioRun, explaining: Explaining): string[] {
  const { scenario, report } = run;
  const { palette } = explaining;
  const heading = [scenario.id, scenario.name].filter((part) => part !== null);
  const lines = [
    palette.strong(heading.join("  ")),
    palette.dim(scenario.source.file),
    ...section("Setup", [
      ...wrap(scenario.description ?? "Not described."),
      ...Object.entries({ ...scenario.labels, ...scenario.versions })
        .map(([key, value]) => `${key}: ${value}`),
    ], palette),
  ];
  if (report.status === "not run") {
    return [...lines, "", `Not run: ${report.reason}`];
  }
  const about = report.divergences
    .filter(({ id }) => id === scenario.id && id !== null);
  lines.push(
    ...firstOfEachStack(about).flatMap((one) =>
      divergence(one, run, explaining)
    ),
  );
  if (about.length === 0) {
    lines.push(...section("Outcome", agreement(run), palette));
  }
  return [
    ...lines,
    ...section("Sources", scenario.refs, palette),
  ];
}

function firstOfEachStack(
  divergences: readonly JudgedDivergence[],
): JudgedDivergence[] {
  const first = new Map<string, JudgedDivergence>();
  for (const one of divergences) {
    const { stack } = one.divergence.right;
    if (!first.has(stack)) first.set(stack, one);
  }
  return [...first.values()];
}

function divergence(
  judged: JudgedDivergence,
  run: ScenarioRun,
  explaining: Explaining,
): string[] {
  const { palette } = explaining;
  const { step, why, divergence } = judged;
  const { flow, left, right, fields, firstHop } = divergence;
  const sides = [
    { side: left, hop: firstHop?.left ?? null },
    { side: right, hop: firstHop?.right ?? null },
  ];
  const others = run.report.divergences.filter((one) =>
    one.id === judged.id && one.step !== step &&
    one.divergence.right.stack === right.stack
  );
  return [
    ...section(`${step}: ${left.stack} | ${right.stack}`, [
      flowText(flow),
      ...fields.map(({ field, left, right }) =>
        `${field}: ${palette.bad(left)} | ${palette.good(right)}`
      ),
    ], palette),
    ...sides.flatMap(({ side, hop }) => [
      "",
      `  ${palette.strong(side.stack)}  ${outcomeLine(side.outcome, palette)}`,
      ...journeyLines(journeyOf(run, { stack: side.stack, flow: flow.id }), {
        ...explaining,
        parts: hop,
        decides: side.decidedBy,
      }),
    ]),
    ...section(
      "Decided by",
      sides.map(({ side, hop }) => `${side.stack}: ${decision(side, hop)}`),
      palette,
    ),
    ...section(`Why (${judged.class})`, wrap(why ?? "Not said."), palette),
    ...(others.length === 0 ? [] : section(
      "The same in",
      [...new Set(others.map(({ step }) => step))],
      palette,
    )),
  ];
}

/** The journey up to the hop where it parts from the other, and to the one that decides; or all of it. */
function journeyLines(
  journey: Journey,
  { parts, decides, palette, detailed }: Explaining & {
    parts: Hop | null;
    decides: Hop | null;
  },
): string[] {
  const end = Math.max(
    ...[parts, decides].map((hop) => hop === null ? -1 : journey.indexOf(hop)),
  );
  const shown = detailed || end < 0 ? journey : journey.slice(0, end + 1);
  const text = journeyText(shown, {
    detail: detailed ? "detailed" : "normal",
    palette,
    marked: parts,
  });
  const rest = journey.length - shown.length;
  return [
    ...text.split("\n").map((line) => `  ${line}`),
    ...(rest === 0 ? [] : [palette.dim(`       ... ${rest} more hops`)]),
  ];
}

function journeyOf(
  { runs }: ScenarioRun,
  { stack, flow }: { stack: string; flow: string },
): Journey {
  const run = runs.find((one) => one.stack === stack);
  return run?.results.find((one) => one.flow.id === flow)?.journey ?? [];
}

/** The rule that made a side what it is, else the one by which it went its own way. */
function decision(
  { outcome, decidedBy }: DivergenceSide,
  parts: Hop | null,
): string {
  const rule = outcome.rule ?? decidedBy?.rule ?? parts?.rule ?? null;
  if (rule !== null) return ruleText(rule);
  return outcome.reason ?? "no rule: nothing on this side objects";
}

/** What to say of a divergence that does not show: that the stacks agree. */
function agreement({ report }: ScenarioRun): string[] {
  const stacks = report.stacks.map(({ name }) => name).join(", ");
  return report.divergences.length === 0
    ? [`${stacks} agree on every flow.`]
    : [`${stacks} differ, but not in what this divergence is about.`];
}

function section(
  title: string,
  lines: readonly string[],
  palette: Palette,
): string[] {
  return ["", palette.strong(title), ...lines.map((line) => `  ${line}`)];
}

const WIDTH = 76;

/** Text in lines that fit a terminal. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

if (import.meta.main) {
  await runMain(async (args) =>
    printResult(await explain(args, { palette: stdoutPalette() }))
  );
}

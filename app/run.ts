import { SourceText } from "../core/_yaml_text.ts";
import { replay } from "../core/replay/engine.ts";
import {
  judgeScenario,
  notRun,
  type ScenarioReport,
  type StackRun,
} from "../core/scenario/judge_scenario.ts";
import type { Scenario, StackChoice } from "../core/scenario/scenario.ts";
import { scenarioTape } from "../core/scenario/scenario_tape.ts";
import { loadStack, stackNamed } from "./load_stack.ts";
import { readRecordings } from "./read_recordings.ts";

/** Stacks of a scenario that names none. */
const DEFAULT_STACKS = ["kube-proxy", "cilium"];

/** How to run a scenario. */
export interface RunOptions {
  /** Stacks in place of the scenario's: its own by name, presets, plugins. */
  readonly stacks?: readonly string[] | undefined;
  /** A seed in place of the scenario's. */
  readonly seed?: number | undefined;
}

/** A scenario that was run. */
export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly report: ScenarioReport;
  readonly runs: readonly StackRun[];
}

/**
 * Replays a scenario through its stacks, and judges what comes of it. Throws
 * an `InputError` with what is wrong with its stacks or its manifests.
 *
 * @example
 * ```ts
 * const { report } = await runScenario(readScenario("scenario.yaml"));
 * report.status; // passed
 * ```
 */
export async function runScenario(
  scenario: Scenario,
  { stacks, seed = scenario.seed }: RunOptions = {},
): Promise<ScenarioRun> {
  const [missing] = scenario.missing;
  if (missing !== undefined) {
    const report = notRun(scenario, `${missing} is missing`);
    return { scenario, report, runs: [] };
  }
  const source = new SourceText(scenario.source.file, scenario.text);
  const excerpt = (line: number) => source.excerpt(line);
  const recordings = await readRecordings(scenario);
  const { tape, stepOf } = scenarioTape(scenario, { recordings });
  const runs: StackRun[] = [];
  for (const choice of stacksOf(scenario, stacks)) {
    const stack = await loadStack(choice, { excerpt });
    const result = replay(tape, stack, { seed, trace: "full" });
    runs.push({ stack: choice.name, ...result });
  }
  const otherStacks = stacks !== undefined;
  const report = judgeScenario(scenario, runs, { stepOf, otherStacks });
  return { scenario, report: { ...report, seed }, runs };
}

/** The stacks to run; names are looked up in the scenario first. */
export function stacksOf(
  scenario: Scenario,
  names: readonly string[] | undefined,
): readonly StackChoice[] {
  const own = scenario.stacks ?? [];
  if (names === undefined && own.length > 0) return own;
  return (names ?? DEFAULT_STACKS).map((name) =>
    own.find((choice) => choice.name === name) ?? stackNamed(name)
  );
}

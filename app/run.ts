import { SourceText } from "../core/_yaml_text.ts";
import { formatProblem, InputError, type Problem } from "../core/errors.ts";
import type { Tape } from "../core/event.ts";
import { judgeScenario, notRun } from "../core/scenario/judge_scenario.ts";
import type {
  Failure,
  ScenarioReport,
  StackRun,
} from "../core/scenario/scenario_report.ts";
import type { Scenario, StackChoice } from "../core/scenario/scenario.ts";
import { scenarioTape } from "../core/scenario/scenario_tape.ts";
import { stackNamed } from "./load_stack.ts";
import {
  type OpenStack,
  openStack,
  replayTape,
  type StackReplay,
} from "./open_stack.ts";
import { readRecordings } from "./read_recordings.ts";
import { type RunRecorder, tapeSha256 } from "./record_runs.ts";
import { unreadKinds } from "./unread_kinds.ts";

/** Stacks of a scenario that names none. */
const DEFAULT_STACKS = ["kube-proxy", "cilium"];

/** How to run a scenario. */
export interface RunOptions {
  /** Stacks in place of the scenario's: its own by name, presets, plugins. */
  readonly stacks?: readonly string[] | undefined;
  /** A seed in place of the scenario's. */
  readonly seed?: number | undefined;
  /** Where to keep the run. */
  readonly recorder?: RunRecorder | undefined;
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
  { stacks, seed = scenario.seed, recorder }: RunOptions = {},
): Promise<ScenarioRun> {
  const [missing] = scenario.missing;
  if (missing !== undefined) {
    const report = notRun(scenario, `${missing} is missing`);
    return { scenario, report, runs: [] };
  }
  const recordings = await readRecordings(scenario);
  const read = scenarioTape(scenario, { recordings });
  const { tape, stepOf, changes } = read;
  const opened = await openStacks(stacksOf(scenario, stacks), scenario);
  const runs: StackRun[] = [];
  const kinds: ReadonlySet<string>[] = [];
  const failures: Failure[] = [];
  const notes: string[] = [];
  const scenarioSha256 = recorder === undefined ? "" : tapeSha256(tape);
  for (const stack of opened) {
    if (stack.missing !== null) {
      notes.push(`${stack.choice.name}: not run: ${stack.missing}`);
      continue;
    }
    await using replay = await stack.start({ seed, trace: "full" });
    const run = {
      stack: stack.choice.name,
      ...await replayTape(replay, tape, changes),
    };
    runs.push(run);
    kinds.push(replay.kinds);
    notes.push(
      ...replay.warnings.map((one) => `${stack.choice.name}: ${one}`),
    );
    if (recorder === undefined) continue;
    const about = { scenario, scenarioSha256, seed, recorder, tape, run };
    const failure = await record(replay, { ...about, choice: stack.choice });
    if (failure !== null) failures.push(failure);
  }
  const otherStacks = stacks !== undefined;
  const report = judgeScenario(scenario, runs, {
    stepOf,
    changes,
    otherStacks,
  });
  const all = [...failures, ...report.failures];
  return {
    scenario,
    runs,
    report: {
      ...report,
      seed,
      status: all.length > 0 ? "failed" : report.status,
      failures: all,
      unread: unreadKinds(tape, { ignored: read.ignored, kinds }),
      warnings: [...warningsOf(opened, read.warnings), ...notes],
    },
  };
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

/** What is to be said of manifests, and of options without effect, once each. */
export function warningsOf(
  stacks: readonly OpenStack[],
  problems: readonly Problem[],
): string[] {
  return [
    ...new Set([
      ...problems.map((problem) => formatProblem(problem).split("\n")[0]!),
      ...stacks.flatMap(({ choice, warnings }) =>
        warnings.map((warning) => `${choice.name}: ${warning}`)
      ),
    ]),
  ];
}

/** Opens stacks; what is wrong with any of them comes in one go. */
async function openStacks(
  choices: readonly StackChoice[],
  { source, text }: Scenario,
): Promise<OpenStack[]> {
  const written = new SourceText(source.file, text);
  const problems: Problem[] = [];
  const stacks: OpenStack[] = [];
  for (const choice of choices) {
    const own = choice.at.file === source.file;
    const excerpt = (line: number) => own ? written.excerpt(line) : undefined;
    try {
      stacks.push(await openStack(choice, { excerpt }));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return stacks;
}

/** Keeps a run; a failure when it is not what the same run was before. */
async function record(
  { plugins }: StackReplay,
  { scenario, scenarioSha256, choice, seed, recorder, tape, run }: {
    readonly scenario: Scenario;
    readonly scenarioSha256: string;
    readonly choice: StackChoice;
    readonly seed: number;
    readonly recorder: RunRecorder;
    readonly tape: Tape;
    readonly run: StackRun;
  },
): Promise<Failure | null> {
  const log = recorder.start({
    path: scenario.source.file,
    header: {
      format: 1,
      scenario: scenario.name,
      scenarioSha256,
      stack: choice,
      plugins,
      seed,
      trace: "full",
    },
  });
  let next = 0;
  for (const event of tape) {
    const mine = run.results[next]?.position === event.position;
    log.add(event, mine ? run.results[next++] : undefined);
  }
  const failure = await log.finish(run.hash);
  return failure === null ? null : {
    kind: "determinism",
    at: scenario.source,
    step: null,
    stack: failure.stack,
    flow: null,
    field: "outcomes",
    expected: `${failure.before.slice(0, 16)} as the same run before`,
    actual: `${failure.now.slice(0, 16)}, kept in ${failure.log}`,
    count: 1,
  };
}

import type { Event } from "../../../core/event.ts";
import type { FlowResult } from "../../../core/replay/engine.ts";
import { judgeScenario } from "../../../core/scenario/judge_scenario.ts";
import type { ScenarioReport } from "../../../core/scenario/scenario_report.ts";
import type { Stack } from "../../../core/replay/plugin.ts";
import type { SyncOutcome } from "../../../core/replay/sync.ts";
import { describeUse } from "../../presets.ts";
import { unreadKinds } from "../../unread_kinds.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { problemJson } from "../problem.ts";
import type { Judgement, Summary } from "../schemas.ts";
import { type Judge, Lockstep, type LockstepFlow } from "./lockstep.ts";
import type { OpenRequest } from "./open_scenario.ts";

/** What a replayed request comes to. */
export interface RequestReplay {
  readonly summary: Summary;
  readonly lockstep: Lockstep;
}

/** What is done with each event, once every stack has had it. */
export type OnEvent = (
  event: Event,
  flow: LockstepFlow | undefined,
) => void | Promise<void>;

/** Replays the tape of a request through all its stacks side by side. */
export async function replayRequest(
  open: OpenRequest,
  { hops, onEvent }: { readonly hops: boolean; readonly onEvent: OnEvent },
): Promise<RequestReplay> {
  const { stacks, baseline, seed, stepOf, tape, ignored, warnings } = open;
  const kept = new KeptResults(stacks.length, tape);
  const lockstep = new Lockstep(stacks, {
    seed,
    baseline,
    hops,
    judge: scenarioJudge(open),
    stepOf: (flow) => stepOf.get(flow)?.name ?? null,
  });
  const changes = new ChangeClock(open, lockstep);
  for (const event of tape) {
    changes.before(event);
    const flow = lockstep.apply(event);
    changes.after(event);
    if (flow !== undefined) kept.add(flow.results);
    const pause = onEvent(event, flow);
    if (pause !== undefined) await pause;
  }
  const summary = lockstep.summary();
  return {
    summary: {
      ...summary,
      judgement: judgementOf(open, {
        results: kept.results,
        syncs: changes.syncs,
        summary,
      }),
      ignored: {
        ...unreadKinds(tape, { ignored, kinds: stacks.map(kindsOf) }),
      },
      notes: await notesOf(stacks),
      warnings: warnings.slice(0, 100).map(problemJson),
    },
    lockstep,
  };
}

/** Asks the stacks what they write, before and after each change of a judged scenario. */
class ChangeClock {
  /** By change, then by stack. */
  readonly syncs: (readonly (SyncOutcome | null)[])[] = [];
  readonly #changes: OpenRequest["changes"];
  readonly #lockstep: Lockstep;

  constructor({ id, changes }: OpenRequest, lockstep: Lockstep) {
    this.#changes = id === null ? [] : changes;
    this.#lockstep = lockstep;
  }

  before({ position }: Event): void {
    const next = this.#changes[this.syncs.length];
    if (next?.start === position) this.#lockstep.sync();
  }

  after({ position }: Event): void {
    for (;;) {
      const next = this.#changes[this.syncs.length];
      if (next?.end !== position + 1) return;
      // A change without events has nothing before it that would have asked.
      if (next.start === next.end) this.#lockstep.sync();
      this.syncs.push(this.#lockstep.sync());
    }
  }
}

/** Kinds of objects that one of the plugins of a stack reads. */
function kindsOf({ plugins, nodes }: Stack): ReadonlySet<string> {
  const used = [plugins, ...Object.values(nodes)].flat();
  return new Set(
    used.flatMap(({ plugin, options }) => [
      ...plugin.manifest.kinds,
      ...plugin.kindsOf?.(options as never) ?? [],
    ]),
  );
}

/** Options of stacks that are taken and have no effect, a sentence each. */
async function notesOf(stacks: readonly Stack[]): Promise<string[]> {
  const notes = stacks.map(async ({ name, plugins, nodes }) => {
    const used = [plugins, ...Object.values(nodes)].flat();
    const said = await Promise.all(used.map(describeUse));
    return said.flat().map((note) => `${name}: ${note}`);
  });
  return [...new Set((await Promise.all(notes)).flat())];
}

/** Results per stack, as many as are worth keeping to judge them together. */
class KeptResults {
  readonly #results: FlowResult[][] | null;
  readonly #journeys: boolean;

  constructor(stacks: number, tape: readonly Event[]) {
    const flows = tape.filter(({ type }) => type === "flow.opened").length;
    const count = flows * stacks;
    this.#results = count > SERVER_LIMITS.judgedResults
      ? null
      : Array.from({ length: stacks }, () => []);
    this.#journeys = count <= SERVER_LIMITS.tracedResults;
  }

  get results(): readonly (readonly FlowResult[])[] | null {
    return this.#results;
  }

  add(results: readonly FlowResult[]): void {
    for (const [stack, kept] of this.#results?.entries() ?? []) {
      const result = results[stack]!;
      kept.push(this.#journeys ? result : { ...result, journey: [] });
    }
  }
}

/** Judges flow by flow; what only shows over all flows is for the judgement. */
function scenarioJudge(open: OpenRequest): Judge {
  const { scenario, stacks, stepOf, id } = open;
  return (results) => {
    const runs = results.map((result, index) => ({
      stack: stacks[index]!.name,
      results: [result],
      hash: "",
    }));
    const { divergences } = judgeScenario(scenario, runs, {
      stepOf,
      otherStacks: true,
    });
    return divergences.map(({ step: _, expected, ...judged }) => ({
      ...judged,
      expected: id === null ? null : expected,
    }));
  };
}

function judgementOf(
  { id, scenario, stacks, stepOf, changes, otherStacks }: OpenRequest,
  { results, syncs, summary }: {
    readonly results: readonly (readonly FlowResult[])[] | null;
    readonly syncs: ChangeClock["syncs"];
    readonly summary: Pick<Summary, "stacks">;
  },
): Judgement | null {
  if (results === null || id === null) return null;
  const runs = stacks.map(({ name }, index) => ({
    stack: name,
    results: results[index]!,
    hash: summary.stacks[index]!.hash,
    syncs: syncs.map((sync) => sync[index] ?? null),
  }));
  const judging = { stepOf, changes, otherStacks };
  return toJudgement(judgeScenario(scenario, runs, judging));
}

function toJudgement(
  { status, reason, failures, divergences, changes }: ScenarioReport,
): Judgement {
  const expected = divergences.filter((one) => one.expected).length;
  return {
    status,
    reason,
    failures: [...failures],
    expected,
    unexpected: divergences.length - expected,
    changes: changes.map(({ step, stacks }) => ({
      step,
      stacks: stacks.map(({ stack, sync }) => ({
        stack,
        sync: sync === null ? null : { ...sync, silent: [...sync.silent] },
      })),
    })),
  };
}

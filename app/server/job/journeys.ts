import { compareResults } from "../../../core/diff/compare_results.ts";
import type { Divergence } from "../../../core/diff/divergence.ts";
import { drawUint32 } from "../../../core/replay/draw.ts";
import { type FlowResult, Replay } from "../../../core/replay/engine.ts";
import { placeKey } from "../../../core/replay/standing.ts";
import type { Stack } from "../../../core/replay/plugin.ts";
import { flowText } from "../../../core/report/divergence_text.ts";
import type { Event, Tape } from "../../../core/event.ts";
import { MissingError, type RunPlace } from "../protocol.ts";
import type { JourneysAnswer } from "../schemas.ts";
import { loadStacks } from "./open_scenario.ts";
import { readRun } from "./run_log.ts";

/** Shards that senders are spread over, so that few flows are run beside those of one sender. */
const SHARDS = 65_536;

/** The way of one flow of a run through every stack, replayed in full. */
export async function journeys(
  { place, stacks: count, index, baseline }: {
    readonly place: RunPlace;
    readonly stacks: number;
    readonly index: number;
    readonly baseline: number;
  },
): Promise<JourneysAnswer> {
  const { tape, headers } = readRun(place, count);
  const flows = tape.filter((event) => event.type === "flow.opened");
  const target = flows[index];
  if (target === undefined) {
    throw new MissingError(
      `there is no flow ${index}: the run has ${flows.length}`,
    );
  }
  const written = { source: NOWHERE, text: "" };
  const stacks = await loadStacks(headers.map(({ stack }) => stack), written);
  const { seed } = headers[0]!;
  const results = stacks.map((stack) =>
    resultOf(tape, { target, stack, seed })
  );
  const { flow, timeNs } = results[0]!;
  const named = results.map((result, index) => ({
    stack: stacks[index]!.name,
    result,
  }));
  return {
    index,
    flow,
    text: flowText(flow),
    timeNs,
    journeys: named.map(({ stack, result }) => ({
      stack,
      outcome: result.outcome,
      hops: result.journey,
    })),
    divergences: named.filter((_, index) => index !== baseline)
      .map((right) => compareResults(named[baseline]!, right))
      .filter((one): one is Divergence => one !== null),
  } as unknown as JourneysAnswer;
}

const NOWHERE = { file: "", line: 1, column: 1 };

interface Wanted {
  readonly target: Event<"flow.opened">;
  readonly stack: Stack;
  readonly seed: number;
}

/**
 * Replays a tape until a flow is through. What earlier flows left behind has
 * a say, but where a stack shares nothing between senders only those of the
 * same sender.
 */
function resultOf(tape: Tape, wanted: Wanted): FlowResult {
  const { target, stack, seed } = wanted;
  const shard = {
    index: drawUint32(0, placeKey(target.data.flow.from)) % SHARDS,
    count: SHARDS,
  };
  const sharded = new Replay(stack, { seed, trace: "full", shard });
  return replayUntil(tape, { run: sharded, target, sharded: true }) ??
    replayUntil(tape, {
      run: new Replay(stack, { seed, trace: "full" }),
      target,
      sharded: false,
    })!;
}

/** Null when the stack turns out to share state between senders. */
function replayUntil(
  tape: Tape,
  { run, target, sharded }: {
    readonly run: Replay;
    readonly target: Event;
    readonly sharded: boolean;
  },
): FlowResult | null {
  let changed = true;
  for (const event of tape) {
    if (event.type !== "flow.opened") changed = true;
    else if (changed) {
      changed = false;
      if (sharded && run.scope !== "flow") return null;
    }
    const result = run.apply(event);
    if (event === target) return result!;
  }
  return null;
}

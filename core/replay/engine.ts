import type { ClusterView } from "../cluster/view.ts";
import type { Event, Tape } from "../event.ts";
import { invariant } from "../errors.ts";
import { drawUint32 } from "./draw.ts";
import type { FlowIntent } from "./flow.ts";
import { runFlow } from "./flow_run.ts";
import type { Journey } from "./hop.ts";
import type { Outcome } from "./outcome.ts";
import { OutcomesHash } from "./outcomes_hash.ts";
import type { Stack } from "./plugin.ts";
import { placeKey } from "./standing.ts";
import type { SyncOutcome } from "./sync.ts";
import { World } from "./world.ts";

/** How a tape is replayed. */
export interface ReplayOptions {
  /** The only source of randomness. */
  readonly seed: number;
  /** `full` keeps every hop; `outcome` only what became of each flow. The same handlers run. */
  readonly trace: "full" | "outcome";
  /** Runs only this share of the senders; the results of all shards merge into those of the whole. */
  readonly shard?: { readonly index: number; readonly count: number };
}

/** What became of one flow of a tape. */
export interface FlowResult {
  /** As it stood on the tape. */
  readonly flow: FlowIntent;
  /** Virtual time of its event, in ns. */
  readonly timeNs: number;
  /** Of its event on the tape. */
  readonly position: number;
  /** What stacks are compared by. */
  readonly outcome: Outcome;
  /** Empty in outcome mode. */
  readonly journey: Journey;
}

/** Everything a replay gives. */
export interface ReplayResult {
  /** One for each flow, in tape order. */
  readonly results: readonly FlowResult[];
  /** sha256 over the outcomes in tape order: equal on any machine, with any number of shards. */
  readonly hash: string;
}

/**
 * A replay in progress: events go in one by one, in tape order.
 *
 * @example
 * ```ts
 * import { standardTape } from "./standard_tape.ts";
 *
 * const bare = { name: "no plugins", plugins: [], nodes: {} };
 * const replay = new Replay(bare, { seed: 1, trace: "full" });
 * const outcomes = standardTape()
 *   .map((event) => replay.apply(event)?.outcome)
 *   .filter((outcome) => outcome !== undefined);
 * console.assert(outcomes.some(({ verdict }) => verdict === "forwarded"));
 * ```
 */
export class Replay {
  readonly #world: World;
  readonly #options: ReplayOptions;
  #nowNs = 0;

  /** Throws when the stack cannot be put together: a plugin twice, an order that goes in a circle. */
  constructor(stack: Stack, options: ReplayOptions) {
    this.#options = options;
    this.#world = new World(stack);
  }

  /** Everything that exists now. */
  get cluster(): ClusterView {
    return this.#world.cluster;
  }

  /** The widest state the stack shares between flows; only `flow` may be sharded. */
  get scope(): "flow" | "node" | "cluster" {
    return this.#world.runtime.scope();
  }

  /** What of the policies so far the stack does not enforce, and why. */
  get warnings(): readonly string[] {
    return this.#world.runtime.warnings();
  }

  /** Folds a control event, or runs a flow and says what became of it. */
  apply(event: Event): FlowResult | undefined {
    invariant(event.timeNs >= this.#nowNs, "time goes back on the tape");
    this.#nowNs = event.timeNs;
    if (event.type !== "flow.opened") {
      this.#world.apply(event);
      return undefined;
    }
    const { flow } = event.data;
    if (!this.#isMine(flow)) return undefined;
    const { outcome, journey } = runFlow(flow, {
      world: this.#world,
      seed: this.#options.seed,
      nowNs: event.timeNs,
      trace: this.#options.trace === "full",
    });
    const { timeNs, position } = event;
    return { flow, timeNs, position, outcome, journey };
  }

  /**
   * What the control events since the last call make the stack write: ask
   * before the events of a change and after them. Null when no plugin of the
   * stack says what it writes.
   */
  sync(): SyncOutcome | null {
    return this.#world.runtime.sync();
  }

  #isMine(flow: FlowIntent): boolean {
    const { shard } = this.#options;
    return shard === undefined ||
      drawUint32(0, placeKey(flow.from)) % shard.count === shard.index;
  }
}

/** Replays a whole tape through one stack. */
export function replay(
  tape: Tape,
  stack: Stack,
  options: ReplayOptions,
): ReplayResult {
  const run = new Replay(stack, options);
  const results: FlowResult[] = [];
  for (const event of tape) {
    const result = run.apply(event);
    if (result !== undefined) results.push(result);
  }
  return { results, hash: outcomesHash(results) };
}

/** The results of all shards as those of one run. */
export function mergeShards(
  shards: readonly ReplayResult[],
): ReplayResult {
  const results = shards.flatMap((shard) => shard.results)
    .sort((a, b) => a.position - b.position);
  return { results, hash: outcomesHash(results) };
}

function outcomesHash(results: readonly FlowResult[]): string {
  const hash = new OutcomesHash();
  for (const { outcome } of results) hash.add(outcome);
  return hash.digest();
}

import { compareResults } from "../core/diff/compare_results.ts";
import { type Cause, groupByCause } from "../core/diff/causes.ts";
import type { Divergence } from "../core/diff/divergence.ts";
import { type Event, type NewEvent, newEvent } from "../core/event.ts";
import type { FlowResult } from "../core/replay/engine.ts";
import type { FlowIntent } from "../core/replay/flow.ts";
import type { Verdict } from "../core/replay/outcome.ts";
import { formatPosition, type SourcePosition } from "../core/source.ts";
import type { OpenStack, StackReplay } from "./open_stack.ts";

/** A flow of a recording, and the verdict that the recording holds, if any. */
export interface ComparedFlow {
  readonly flow: FlowIntent;
  readonly timeNs: number;
  readonly source: SourcePosition;
  readonly verdict: Verdict | null;
  /** Why, in the recording's words. */
  readonly reason: string | null;
}

/** Flows of which a stack makes something else than what was recorded. JSON-safe. */
export interface Disagreement {
  readonly stack: string;
  readonly recorded: string;
  readonly simulated: string;
  readonly count: number;
  readonly first: { readonly flow: FlowIntent; readonly at: string };
}

/** How the flows of one stack differ from those of the baseline. JSON-safe. */
export interface StackComparison {
  readonly stack: string;
  readonly changed: number;
  readonly causes: readonly Cause[];
}

/** What became of a recording. JSON-safe. */
export interface RecordingComparison {
  readonly flows: number;
  readonly baseline: string;
  readonly comparisons: readonly StackComparison[];
  readonly disagreements: readonly Disagreement[];
  /** Flows of which a stack does not know what becomes of them, by stack and reason. */
  readonly unknowns: readonly {
    readonly stack: string;
    readonly reason: string;
    readonly count: number;
  }[];
}

/** Causes that are looked into hop by hop. */
const EXPLAINED_CAUSES = 50;

/** Causes, disagreements and reasons that are told apart; what comes after them is counted only. */
const MOST_GROUPS = 10_000;

/** What goes into every stack, in order, and what came of it. */
export type ReplayListener = (
  stack: number,
  event: Event,
  result: FlowResult | undefined,
) => void;

/** How recordings are compared. */
export interface RecordingComparing {
  /** They make the cluster. */
  readonly events: readonly NewEvent[];
  readonly seed: number;
  /** Hears of every event in every stack. */
  readonly onEvent?: ReplayListener | undefined;
}

/**
 * Replays recorded flows through several stacks at once, as they come, and
 * keeps count of what differs: memory does not grow with the recording.
 *
 * @example
 * ```ts ignore
 * const options = { events, seed: 0 };
 * await using comparer = await RecordingComparer.open(stacks, options);
 * for await (const flows of recording) await comparer.add(flows);
 * const { comparisons } = await comparer.finish();
 * ```
 */
export class RecordingComparer {
  /** The first is the baseline. */
  readonly replays: readonly StackReplay[];
  readonly #stacks: readonly OpenStack[];
  readonly #names: readonly string[];
  readonly #options: RecordingComparing;
  readonly #causes: readonly Map<string, Cause>[];
  readonly #changed: number[];
  readonly #disagreements = new Map<string, Disagreement>();
  readonly #unknowns = new Map<
    string,
    { stack: string; reason: string; count: number }
  >();
  #flows = 0;
  #position = 0;
  #nowNs = 0;

  private constructor(
    stacks: readonly OpenStack[],
    { replays, options }: {
      readonly replays: readonly StackReplay[];
      readonly options: RecordingComparing;
    },
  ) {
    this.#stacks = stacks;
    this.#names = stacks.map(({ choice }) => choice.name);
    this.#options = options;
    this.replays = replays;
    this.#causes = stacks.map(() => new Map());
    this.#changed = stacks.map(() => 0);
  }

  /** Starts every stack and makes the cluster there. */
  static async open(
    stacks: readonly OpenStack[],
    options: RecordingComparing,
  ): Promise<RecordingComparer> {
    const replays: StackReplay[] = [];
    const { seed } = options;
    for (const stack of stacks) {
      replays.push(await stack.start({ seed, trace: "outcome" }));
    }
    return new RecordingComparer(stacks, { replays, options });
  }

  /** Flows so far. */
  get flows(): number {
    return this.#flows;
  }

  /** Takes the next flows in. */
  async add(flows: readonly ComparedFlow[]): Promise<void> {
    if (this.#position === 0) await this.#apply(this.#options.events);
    const divergences: Divergence[][] = this.#stacks.map(() => []);
    const events = flows.map(({ flow, timeNs }) => {
      this.#nowNs = Math.max(this.#nowNs, timeNs);
      return this.#placed(newEvent("flow.opened", { flow }));
    });
    this.#flows += flows.length;
    const results = await this.#replayed(events);
    for (const [place, one] of flows.entries()) {
      const left = results[0]![place]!;
      for (const [index, stack] of this.#names.entries()) {
        const right = results[index]![place]!;
        this.#compareWithRecord(one, { stack, result: right });
        if (this.#isUnknown(right, stack) || index === 0) continue;
        if (left.outcome.verdict === "unknown") continue;
        const divergence = compareResults(
          { stack: this.#names[0]!, result: left },
          { stack, result: right },
        );
        if (divergence !== null) divergences[index]!.push(divergence);
      }
    }
    for (const [index, found] of divergences.entries()) {
      this.#changed[index]! += found.length;
      for (const cause of groupByCause(found)) {
        count(this.#causes[index]!, cause.key, cause);
      }
    }
  }

  /** What it all comes to; the first flow of each cause is replayed once more, hop by hop. */
  async finish(): Promise<RecordingComparison> {
    await using traced = new TracedStacks(this.#stacks, this.#options);
    const comparisons: StackComparison[] = [];
    for (const [index, stack] of this.#names.entries()) {
      if (index === 0) continue;
      const causes = [...this.#causes[index]!.values()].sort(byCount);
      for (const [place, cause] of causes.entries()) {
        if (place === EXPLAINED_CAUSES) break;
        causes[place] = await traced.explained(cause, index);
      }
      comparisons.push({ stack, changed: this.#changed[index]!, causes });
    }
    return {
      flows: this.#flows,
      baseline: this.#names[0]!,
      comparisons,
      disagreements: [...this.#disagreements.values()].sort(byCount),
      unknowns: [...this.#unknowns.values()].sort(byCount),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replay of this.replays) await replay[Symbol.asyncDispose]();
  }

  async #apply(events: readonly NewEvent[]): Promise<void> {
    await this.#replayed(events.map((event) => this.#placed(event)));
  }

  #placed(event: NewEvent): Event {
    const position = this.#position++;
    return { ...event, position, timeNs: this.#nowNs } as Event;
  }

  /** What every stack makes of the flows among the events. */
  async #replayed(
    events: readonly Event[],
  ): Promise<readonly (readonly FlowResult[])[]> {
    const results = await Promise.all(
      this.replays.map((replay) => replay.apply(events)),
    );
    const { onEvent } = this.#options;
    if (onEvent === undefined) return results;
    for (const [stack, mine] of results.entries()) {
      let next = 0;
      for (const event of events) {
        const result = mine[next]?.position === event.position
          ? mine[next++]
          : undefined;
        onEvent(stack, event, result);
      }
    }
    return results;
  }

  #isUnknown({ outcome }: FlowResult, stack: string): boolean {
    if (outcome.verdict !== "unknown") return false;
    const reason = outcome.reason ?? "not said why";
    const key = JSON.stringify([stack, reason]);
    count(this.#unknowns, key, { stack, reason, count: 1 });
    return true;
  }

  #compareWithRecord(
    { flow, source, verdict, reason }: ComparedFlow,
    { stack, result }: { stack: string; result: FlowResult },
  ): void {
    const { outcome } = result;
    const agree = verdict === null || verdict === outcome.verdict ||
      verdict === "unknown" || outcome.verdict === "unknown";
    if (agree) return;
    const recorded = withReason(verdict, reason);
    const simulated = withReason(
      outcome.verdict,
      outcome.rule?.name ?? outcome.reason,
    );
    const key = JSON.stringify([stack, recorded, simulated]);
    const first = { flow, at: formatPosition(source) };
    count(this.#disagreements, key, {
      stack,
      recorded,
      simulated,
      count: 1,
      first,
    });
  }
}

/** The stacks once more, with every hop; started when the first flow is to be explained. */
class TracedStacks {
  readonly #stacks: readonly OpenStack[];
  readonly #options: RecordingComparing;
  readonly #replays = new Map<number, StackReplay>();
  #position: number;

  constructor(stacks: readonly OpenStack[], options: RecordingComparing) {
    this.#stacks = stacks;
    this.#options = options;
    this.#position = options.events.length;
  }

  /** The cause with a witness that was traced. State that earlier flows left behind is not there. */
  async explained(cause: Cause, index: number): Promise<Cause> {
    const { flow } = cause.witness;
    const position = this.#position++;
    const sides = [];
    for (const one of [0, index]) {
      const replay = await this.#replay(one);
      const opened = newEvent("flow.opened", { flow });
      const event = { ...opened, position, timeNs: 0 } as Event;
      const [result] = await replay.apply([event]);
      sides.push({ stack: this.#stacks[one]!.choice.name, result: result! });
    }
    const witness = compareResults(sides[0]!, sides[1]!);
    return witness === null ? cause : { ...cause, witness };
  }

  async #replay(index: number): Promise<StackReplay> {
    const before = this.#replays.get(index);
    if (before !== undefined) return before;
    const { seed, events } = this.#options;
    const replay = await this.#stacks[index]!.start({ seed, trace: "full" });
    this.#replays.set(index, replay);
    await replay.apply(
      events.map((event, position) =>
        ({ ...event, position, timeNs: 0 }) as Event
      ),
    );
    return replay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replay of this.#replays.values()) {
      await replay[Symbol.asyncDispose]();
    }
  }
}

/** Adds to a group, which keeps what it was begun with. */
function count<Group extends { readonly count: number }>(
  groups: Map<string, Group>,
  key: string,
  group: Group,
): void {
  const before = groups.get(key);
  if (before === undefined && groups.size >= MOST_GROUPS) return;
  const total = (before?.count ?? 0) + group.count;
  groups.set(key, { ...(before ?? group), count: total });
}

function withReason(verdict: Verdict, reason: string | null): string {
  return reason === null ? verdict : `${verdict} (${reason})`;
}

function byCount(
  a: { readonly count: number },
  b: { readonly count: number },
): number {
  return b.count - a.count;
}

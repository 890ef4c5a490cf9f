import { compareResults } from "../core/diff/compare_results.ts";
import { type Cause, groupByCause } from "../core/diff/causes.ts";
import type { Divergence } from "../core/diff/divergence.ts";
import { type Event, type NewEvent, newEvent } from "../core/event.ts";
import { type FlowResult, Replay } from "../core/replay/engine.ts";
import type { FlowIntent } from "../core/replay/flow.ts";
import type { Verdict } from "../core/replay/outcome.ts";
import type { Stack } from "../core/replay/plugin.ts";
import { formatPosition, type SourcePosition } from "../core/source.ts";

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

/**
 * Replays recorded flows through several stacks at once, as they come, and
 * keeps count of what differs: memory does not grow with the recording.
 */
export class RecordingComparer {
  readonly #stacks: readonly Stack[];
  readonly #events: readonly NewEvent[];
  readonly #seed: number;
  readonly #replays: readonly Replay[];
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

  /** The first stack is the baseline; `events` make the cluster. */
  constructor(
    stacks: readonly Stack[],
    { events, seed }: { events: readonly NewEvent[]; seed: number },
  ) {
    this.#stacks = stacks;
    this.#events = events;
    this.#seed = seed;
    this.#replays = stacks.map((stack) =>
      new Replay(stack, { seed, trace: "outcome" })
    );
    this.#causes = stacks.map(() => new Map());
    this.#changed = stacks.map(() => 0);
    for (const event of events) this.#apply(event);
  }

  get flows(): number {
    return this.#flows;
  }

  /** Takes the next flows in. */
  add(flows: readonly ComparedFlow[]): void {
    const divergences: Divergence[][] = this.#stacks.map(() => []);
    for (const one of flows) {
      this.#flows++;
      this.#nowNs = Math.max(this.#nowNs, one.timeNs);
      const results = this.#apply(newEvent("flow.opened", { flow: one.flow }));
      const [left] = results;
      for (const [index, right] of results.entries()) {
        const { name: stack } = this.#stacks[index]!;
        this.#compareWithRecord(one, { stack, result: right });
        if (this.#isUnknown(right, stack) || index === 0) continue;
        if (left!.outcome.verdict === "unknown") continue;
        const divergence = compareResults(
          { stack: this.#stacks[0]!.name, result: left! },
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
  finish(): RecordingComparison {
    return {
      flows: this.#flows,
      baseline: this.#stacks[0]!.name,
      comparisons: this.#stacks.slice(1).map(({ name }, index) => {
        const causes = [...this.#causes[index + 1]!.values()].sort(byCount);
        return {
          stack: name,
          changed: this.#changed[index + 1]!,
          causes: causes.map((cause, place) =>
            place < EXPLAINED_CAUSES ? this.#explained(cause, index + 1) : cause
          ),
        };
      }),
      disagreements: [...this.#disagreements.values()].sort(byCount),
      unknowns: [...this.#unknowns.values()].sort(byCount),
    };
  }

  #apply(event: NewEvent): FlowResult[] {
    const placed = {
      ...event,
      position: this.#position++,
      timeNs: this.#nowNs,
    } as Event;
    return this.#replays.map((replay) => replay.apply(placed))
      .filter((result) => result !== undefined);
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

  /** The cause with a witness that was traced. State that earlier flows left behind is not there. */
  #explained(cause: Cause, index: number): Cause {
    const { flow } = cause.witness;
    const [left, right] = [0, index].map((one) => {
      const stack = this.#stacks[one]!;
      const replay = new Replay(stack, { seed: this.#seed, trace: "full" });
      const events = [...this.#events, newEvent("flow.opened", { flow })];
      const results = events.map((event, position) =>
        replay.apply({ ...event, position, timeNs: 0 } as Event)
      );
      return { stack: stack.name, result: results.at(-1)! };
    });
    const witness = compareResults(left!, right!);
    return witness === null ? cause : { ...cause, witness };
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

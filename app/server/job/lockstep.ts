import type { Event } from "../../../core/event.ts";
import { compareResults } from "../../../core/diff/compare_results.ts";
import type { Divergence } from "../../../core/diff/divergence.ts";
import { type Cause, groupByCause } from "../../../core/diff/causes.ts";
import { type FlowResult, Replay } from "../../../core/replay/engine.ts";
import type { Journey } from "../../../core/replay/hop.ts";
import { OutcomesHash } from "../../../core/replay/outcomes_hash.ts";
import type { Stack } from "../../../core/replay/plugin.ts";
import type { SyncOutcome } from "../../../core/replay/sync.ts";
import { flowText } from "../../../core/report/divergence_text.ts";
import type { Basis } from "../../../core/source.ts";
import type { Comparison, Differs, FlowRow, Summary } from "../schemas.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { EdgeTally } from "./edge_tally.ts";
import { RuleTally } from "./rule_tally.ts";

/** A divergence with what a scenario says of it. */
export interface Judged {
  readonly divergence: Divergence;
  readonly expected: boolean | null;
  readonly id: string | null;
  readonly class: Basis;
  readonly why: string | null;
}

/** Says which divergences a flow shows, of all that its results hold. */
export type Judge = (results: readonly FlowResult[]) => readonly Judged[];

/** A flow that shows a cause, on both sides. */
export interface WitnessJourneys {
  readonly left: Journey;
  readonly right: Journey;
}

/** One flow in every stack. */
export interface LockstepFlow {
  readonly row: FlowRow;
  /** In the order of the stacks. */
  readonly results: readonly FlowResult[];
}

type MutableComparison = {
  -readonly [Key in keyof Comparison]: Comparison[Key];
};

/** What of {@link Summary} a lockstep knows by itself. */
export type LockstepSummary = Pick<
  Summary,
  "flows" | "changed" | "baseline" | "stacks" | "comparisons" | "unknowns"
>;

/**
 * Several stacks replayed side by side, event by event: flows are compared as
 * they come, and nothing is kept of them but counts, so that memory does not
 * grow with the tape.
 */
export class Lockstep {
  /** Of the stacks, in their order. */
  readonly names: readonly string[];
  readonly #replays: readonly Replay[];
  readonly #baseline: number;
  readonly #judge: Judge;
  readonly #stepOf: (flow: string) => string | null;
  readonly #hops: boolean;
  readonly #hashes: readonly OutcomesHash[];
  readonly #causes = new Map<string, Map<string, Comparison["causes"][0]>>();
  readonly #comparisons = new Map<string, MutableComparison>();
  readonly #unknowns = new Map<string, Summary["unknowns"][number]>();
  readonly #journeys = new Map<string, WitnessJourneys>();
  readonly rules = new RuleTally();
  readonly edges = new EdgeTally();
  #flows = 0;
  #changed = 0;

  constructor(
    stacks: readonly Stack[],
    { seed, baseline, judge, stepOf = () => null, hops = false, pairs }: {
      readonly seed: number;
      readonly baseline: number;
      readonly judge: Judge;
      readonly stepOf?: (flow: string) => string | null;
      /** Rows hold every hop. */
      readonly hops?: boolean;
      /** Which stacks are compared; the baseline with each other one when left out. */
      readonly pairs?: readonly (readonly [number, number])[];
    },
  ) {
    this.names = stacks.map(({ name }) => name);
    this.#replays = stacks.map((stack) =>
      new Replay(stack, { seed, trace: "full" })
    );
    this.#baseline = baseline;
    this.#judge = judge;
    this.#stepOf = stepOf;
    this.#hops = hops;
    this.#hashes = stacks.map(() => new OutcomesHash());
    for (const [left, right] of pairs ?? pairsOf(stacks.length, baseline)) {
      const names = [this.names[left]!, this.names[right]!] as const;
      this.#comparisons.set(pairKey(...names), {
        left: names[0],
        right: names[1],
        changed: 0,
        causes: [],
        moreCauses: 0,
      });
      this.#causes.set(pairKey(...names), new Map());
    }
  }

  get flows(): number {
    return this.#flows;
  }

  get changed(): number {
    return this.#changed;
  }

  /** Every hop of the witness of a cause; null when too many causes came before it. */
  journeysOf(
    { left, right }: Pick<Comparison, "left" | "right">,
    key: string,
  ): WitnessJourneys | null {
    return this.#journeys.get(`${pairKey(left, right)}${key}`) ?? null;
  }

  /** The same event for every stack. */
  apply(event: Event): LockstepFlow | undefined {
    return this.applyEach(this.#replays.map(() => event));
  }

  /** An event for each stack; null where its tape has none. All are of one flow, or none is a flow. */
  applyEach(events: readonly (Event | null)[]): LockstepFlow | undefined {
    const results: FlowResult[] = [];
    for (const [index, event] of events.entries()) {
      if (event === null) continue;
      const result = this.#replays[index]!.apply(event);
      if (result !== undefined) results.push(result);
    }
    return results.length === 0 ? undefined : this.#compared(results);
  }

  /** What the control events since the last call make each stack write. */
  sync(): (SyncOutcome | null)[] {
    return this.#replays.map((replay) => replay.sync());
  }

  summary(): LockstepSummary {
    return {
      flows: this.#flows,
      changed: this.#changed,
      baseline: this.names[this.#baseline]!,
      stacks: this.names.map((name, index) => ({
        name,
        hash: this.#hashes[index]!.digest(),
      })),
      comparisons: [...this.#comparisons].map(([key, comparison]) => {
        const causes = [...this.#causes.get(key)!.values()].sort(byCount);
        return {
          ...comparison,
          causes: causes.slice(0, SERVER_LIMITS.causes),
          moreCauses: comparison.moreCauses +
            Math.max(0, causes.length - SERVER_LIMITS.causes),
        };
      }),
      unknowns: [...this.#unknowns.values()].sort(byCount),
    };
  }

  #compared(results: readonly FlowResult[]): LockstepFlow {
    const index = this.#flows++;
    const [{ flow, timeNs, position }] = results as [FlowResult];
    const outcomes = results.map((result, stack) => {
      this.#hashes[stack]!.add(result.outcome);
      this.#countUnknown(result, this.names[stack]!);
      this.rules.addJourney(this.names[stack]!, result.journey);
      return {
        stack: this.names[stack]!,
        outcome: result.outcome,
        ...(this.#hops ? { hops: result.journey } : {}),
      };
    });
    const step = this.#stepOf(flow.id);
    const differs = this.#judge(results).map((judged) => {
      this.rules.addDivergence(judged.divergence);
      return this.#differs(judged, { index, step, results });
    });
    if (differs.length > 0) this.#changed++;
    const row = {
      index,
      position,
      timeNs,
      step,
      flow,
      text: flowText(flow),
      outcomes,
      differs,
    } as unknown as FlowRow;
    this.edges.add(row, this.#replays[0]!.cluster);
    return { row, results };
  }

  #differs(
    judged: Judged,
    { index, step, results }: {
      readonly index: number;
      readonly step: string | null;
      readonly results: readonly FlowResult[];
    },
  ): Differs {
    const { divergence, expected, id, why, class: basis } = judged;
    const { left, right, fields } = divergence;
    const pair = pairKey(left.stack, right.stack);
    const [cause] = groupByCause([divergence]);
    const key = causeKey(cause!, judged);
    const causes = this.#causes.get(pair)!;
    const comparison = this.#comparisons.get(pair)!;
    const before = causes.get(key);
    comparison.changed++;
    const about = { class: basis, id, expected, why };
    if (before !== undefined) {
      causes.set(key, { ...before, count: before.count + 1 });
    } else if (causes.size < 5 * SERVER_LIMITS.causes) {
      const found = { ...cause!, ...about, key, flow: index, step };
      causes.set(key, found as unknown as Comparison["causes"][0]);
      if (causes.size <= SERVER_LIMITS.tracedCauses) {
        const of = (stack: string) =>
          results[this.names.indexOf(stack)]!.journey;
        const journeys = { left: of(left.stack), right: of(right.stack) };
        this.#journeys.set(`${pair}${key}`, journeys);
      }
    } else comparison.moreCauses++;
    return {
      left: left.stack,
      right: right.stack,
      fields: [...fields],
      ...about,
      cause: key,
    };
  }

  #countUnknown({ outcome }: FlowResult, stack: string): void {
    if (outcome.verdict !== "unknown") return;
    const reason = outcome.reason ?? "not said why";
    const key = pairKey(stack, reason);
    const known = this.#unknowns.get(key);
    if (known === undefined && this.#unknowns.size >= SERVER_LIMITS.causes) {
      return;
    }
    this.#unknowns.set(key, {
      stack,
      reason,
      count: (known?.count ?? 0) + 1,
    });
  }
}

/** Judges where there is no scenario to say what may differ. */
export function plainJudge(
  stacks: readonly Stack[],
  pairs: readonly (readonly [number, number])[],
): Judge {
  return (results) =>
    pairs.flatMap(([left, right]): Judged[] => {
      const [a, b] = [results[left]!, results[right]!];
      const unknown = [a, b]
        .some(({ outcome }) => outcome.verdict === "unknown");
      const divergence = unknown ? null : compareResults(
        { stack: stacks[left]!.name, result: a },
        { stack: stacks[right]!.name, result: b },
      );
      if (divergence === null) return [];
      const { class: basis } = divergence;
      return [{
        divergence,
        expected: null,
        id: null,
        class: basis,
        why: null,
      }];
    });
}

function pairsOf(count: number, baseline: number): [number, number][] {
  return Array.from({ length: count }, (_, index) => index)
    .filter((index) => index !== baseline)
    .map((index) => [baseline, index]);
}

/** One cause may be known of in one place and not in another. */
function causeKey({ key }: Cause, { id, expected }: Judged): string {
  const known = id === null ? [] : expected ? [id] : [id, "unexpected"];
  return [...known, key].join(" | ");
}

function pairKey(left: string, right: string): string {
  return JSON.stringify([left, right]);
}

function byCount(
  a: { readonly count: number },
  b: { readonly count: number },
): number {
  return b.count - a.count;
}

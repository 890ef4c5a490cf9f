import type { Hop, Journey } from "./hop.ts";
import type { Rule } from "../source.ts";
import { type CostKind, COSTS, type WeightedBackend } from "./outcome.ts";

const NO_BACKENDS: readonly WeightedBackend[] = [];

/** What a handler said of a flow that it let go on. */
export interface Remark {
  readonly reason: string;
  readonly rule: Rule | null;
  readonly decidedAt: string;
}

/** What a flow gathers on its way through all its legs. */
export class Tally {
  readonly encryption: string[] = [];
  backends = NO_BACKENDS;
  identity: string | null = null;
  /** Why the flow would have been stopped, had that been enforced. */
  remark: Remark | null = null;
  readonly #costs = COSTS.map(() => 0);
  readonly #hops: Hop[] | null;

  /** With `trace` it keeps every hop; without, none. */
  constructor(trace: boolean) {
    this.#hops = trace ? [] : null;
  }

  get traced(): boolean {
    return this.#hops !== null;
  }

  get journey(): Journey {
    return this.#hops ?? [];
  }

  charge(kind: CostKind, count: number): void {
    this.#costs[costIndex(kind)]! += count;
  }

  /** Only called when {@link traced}, so that nobody builds a hop for nothing. */
  note(hop: Hop): void {
    this.#hops!.push(hop);
  }

  cost(): Partial<Record<CostKind, number>> {
    const cost: Partial<Record<CostKind, number>> = {};
    for (let index = 0; index < COSTS.length; index++) {
      const count = this.#costs[index]!;
      if (count !== 0) cost[COSTS[index]!] = count;
    }
    return cost;
  }
}

/** A switch, since a lookup by name in an object is several times slower here. */
function costIndex(kind: CostKind): number {
  switch (kind) {
    case "rules":
      return 0;
    case "hashLookups":
      return 1;
    case "lpmLookups":
      return 2;
    case "arrayLookups":
      return 3;
    case "lruLookups":
      return 4;
    case "conntrack":
      return 5;
    case "proxies":
      return 6;
    case "copies":
      return 7;
    case "overheadBytes":
      return 8;
  }
}

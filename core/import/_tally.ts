import { LIMITS } from "../limits.ts";

/**
 * Counts by kind. Kinds come from the input, so there is a bound on them:
 * those beyond it are counted together.
 */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(kind: string, count = 1): void {
    const known = this.#counts.has(kind) ||
      this.#counts.size < LIMITS.tallyKinds;
    const counted = known ? kind : "other";
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + count);
  }

  /** The counts, by kind in code-unit order. */
  toRecord(): Readonly<Record<string, number>> {
    const kinds = [...this.#counts.keys()].sort();
    return Object.fromEntries(
      kinds.map((kind) => [kind, this.#counts.get(kind)!]),
    );
  }
}

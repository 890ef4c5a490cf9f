import { drawUint32 } from "../../core/replay/draw.ts";

/** Keyed draws: each question has its own answer, so that no draw shifts another. */
export class Draws {
  readonly #seed: number;
  readonly #key: string;

  constructor(seed: number, key: string) {
    this.#seed = seed;
    this.#key = key;
  }

  /** Any 32-bit number. */
  next(site: string): number {
    return drawUint32(this.#seed, `${this.#key}/${site}`);
  }

  /** A whole number from 0 on, below the limit. */
  below(site: string, limit: number): number {
    return Math.floor(this.next(site) / 0x1_0000_0000 * limit);
  }

  /** True so many times in a hundred. */
  chance(site: string, percent: number): boolean {
    return this.below(site, 100) < percent;
  }

  /** One of a list that is not empty. */
  one<Item>(site: string, items: readonly Item[]): Item {
    return items[this.below(site, items.length)]!;
  }
}

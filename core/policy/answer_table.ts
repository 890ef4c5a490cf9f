import type { Judgement } from "./judgement.ts";

/** Integers of a key: whose rules, the peer, protocol and port. */
const KEY_LENGTH = 3;

const FEWEST_SLOTS = 1_024;

/**
 * Answers by question, in one open-addressed table: with a map for each pair
 * of parties, a cluster of thousands would have millions of maps.
 *
 * @example
 * ```ts
 * const answers = new AnswerTable(1_000);
 * answers.set(judgement, { rules: 1, peer: 2, service: 6 << 16 | 80 });
 * ```
 */
export class AnswerTable {
  readonly #limit: number;
  /** Keys side by side; an empty slot starts with 0. */
  #keys = new Int32Array(FEWEST_SLOTS * KEY_LENGTH);
  #answers: (Judgement | undefined)[] = slots(FEWEST_SLOTS);
  #size = 0;

  /** Past `limit` answers all are forgotten. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What was answered to whoever has these rules (from 1), about a peer, for a protocol and port. */
  get(rules: number, peer: number, service: number): Judgement | undefined {
    return this.#answers[this.#slotOf(rules, peer, service)];
  }

  set(
    answer: Judgement,
    { rules, peer, service }: {
      readonly rules: number;
      readonly peer: number;
      readonly service: number;
    },
  ): void {
    if (this.#size >= this.#limit) this.clear();
    if (this.#size * 2 >= this.#answers.length) this.#grow();
    this.#put(answer, { rules, peer, service });
  }

  clear(): void {
    this.#resize(FEWEST_SLOTS);
  }

  #put(
    answer: Judgement,
    { rules, peer, service }: {
      readonly rules: number;
      readonly peer: number;
      readonly service: number;
    },
  ): void {
    const slot = this.#slotOf(rules, peer, service);
    if (this.#answers[slot] === undefined) this.#size++;
    this.#answers[slot] = answer;
    this.#keys[slot * KEY_LENGTH] = rules;
    this.#keys[slot * KEY_LENGTH + 1] = peer;
    this.#keys[slot * KEY_LENGTH + 2] = service;
  }

  /** Where the key is, or the empty slot where it would be. */
  #slotOf(rules: number, peer: number, service: number): number {
    const keys = this.#keys;
    const mask = this.#answers.length - 1;
    let hash = Math.imul(rules, 0x9e3779b1);
    hash = Math.imul(hash ^ peer, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15) ^ service, 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (;;) {
      const at = slot * KEY_LENGTH;
      if (keys[at] === 0) return slot;
      if (
        keys[at] === rules && keys[at + 1] === peer && keys[at + 2] === service
      ) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const [keys, answers] = [this.#keys, this.#answers];
    this.#resize(answers.length * 2);
    for (let slot = 0; slot < answers.length; slot++) {
      const at = slot * KEY_LENGTH;
      if (keys[at] === 0) continue;
      this.#put(answers[slot]!, {
        rules: keys[at]!,
        peer: keys[at + 1]!,
        service: keys[at + 2]!,
      });
    }
  }

  #resize(length: number): void {
    this.#size = 0;
    this.#keys = new Int32Array(length * KEY_LENGTH);
    this.#answers = slots(length);
  }
}

function slots(length: number): (Judgement | undefined)[] {
  return new Array<Judgement | undefined>(length).fill(undefined);
}

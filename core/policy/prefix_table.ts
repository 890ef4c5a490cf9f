import { type Cidr, Ip } from "../packet/ip.ts";

/**
 * Longest-prefix match, as an LPM trie map answers it: one hash table for
 * each prefix length that occurs, asked from the longest down.
 *
 * @example
 * ```ts
 * const table = new PrefixTable<string>();
 * table.set(Cidr.of("10.0.0.0/8"), "private");
 * table.find(Ip.of("10.1.2.3")); // "private"
 * ```
 */
export class PrefixTable<Value> {
  readonly #v4 = new Map<number, Map<number, Value>>();
  readonly #v6 = new Map<number, Map<string, Value>>();
  #lengths4: number[] = [];
  #lengths6: number[] = [];

  /** How many lengths occur in a family: what a lookup walks through at most. */
  depth(family: 4 | 6): number {
    return family === 4 ? this.#lengths4.length : this.#lengths6.length;
  }

  set(cidr: Cidr, value: Value): void {
    if (cidr.base.family === 4) {
      const level = this.#v4.get(cidr.length);
      if (level !== undefined) level.set(cidr.base.w3, value);
      else {
        this.#v4.set(cidr.length, new Map([[cidr.base.w3, value]]));
        this.#lengths4 = [...this.#v4.keys()].sort((a, b) => b - a);
      }
      return;
    }
    const key = cidr.base.text;
    const level = this.#v6.get(cidr.length);
    if (level !== undefined) level.set(key, value);
    else {
      this.#v6.set(cidr.length, new Map([[key, value]]));
      this.#lengths6 = [...this.#v6.keys()].sort((a, b) => b - a);
    }
  }

  /** The value of the longest prefix that has the address. */
  find(ip: Ip): Value | undefined {
    if (ip.family === 4) {
      for (const length of this.#lengths4) {
        const masked = length === 0
          ? 0
          : (ip.w3 & (0xffffffff << (32 - length))) >>> 0;
        const found = this.#v4.get(length)!.get(masked);
        if (found !== undefined) return found;
      }
      return undefined;
    }
    for (const length of this.#lengths6) {
      const found = this.#v6.get(length)!.get(maskV6(ip, length).text);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function maskV6(ip: Ip, length: number): Ip {
  if (length === 128) return ip;
  const word = (value: number, bits: number) =>
    bits <= 0 ? 0 : bits >= 32 ? value : value & (0xffffffff << (32 - bits));
  return Ip.v6(
    word(ip.w0, length),
    word(ip.w1, length - 32),
    word(ip.w2, length - 64),
    word(ip.w3, length - 96),
  );
}

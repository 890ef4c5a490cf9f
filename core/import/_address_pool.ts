import { type Cidr, Ip } from "../packet/ip.ts";

/** Most addresses of one range that are looked at before it counts as full. */
const RANGE_SIZE = 1 << 20;

/** Gives out addresses that nobody has, in order, so that the same input gets the same ones. */
export class AddressPool {
  readonly #used = new Set<string>();
  readonly #next = new Map<string, number>();

  /** Marks an address as somebody's. */
  take(ip: Ip): void {
    this.#used.add(ip.text);
  }

  has(ip: Ip): boolean {
    return this.#used.has(ip.text);
  }

  /** The lowest free address of a range from an offset on; undefined when it is full. */
  allot(range: Cidr, { from }: { from: number }): Ip | undefined {
    const bits = (range.base.family === 4 ? 32 : 128) - range.length;
    // The last address of an IPv4 range is its broadcast address.
    const end = Math.min(RANGE_SIZE, 2 ** bits - 1);
    const key = range.text;
    for (let at = this.#next.get(key) ?? from; at < end; at++) {
      const ip = range.base.plus(at);
      this.#next.set(key, at + 1);
      if (this.has(ip)) continue;
      this.take(ip);
      return ip;
    }
    return undefined;
  }
}

import type { Ip } from "./ip.ts";

/**
 * Values by address. One packet's addresses are asked for again and again on
 * its way, as the same objects, so the last four asked for are found without
 * a lookup.
 *
 * @example
 * ```ts
 * const owners = new IpTable<string>();
 * owners.set(Ip.of("10.0.0.1"), "web");
 * owners.get(Ip.of("10.0.0.1")); // "web"
 * ```
 */
export class IpTable<Value> {
  readonly #v4 = new Map<number, Value>();
  readonly #v6 = new Map<string, Value>();
  #ip0: Ip | null = null;
  #ip1: Ip | null = null;
  #ip2: Ip | null = null;
  #ip3: Ip | null = null;
  #value0: Value | undefined;
  #value1: Value | undefined;
  #value2: Value | undefined;
  #value3: Value | undefined;
  #oldest = 0;

  /** Addresses with a value. */
  get size(): number {
    return this.#v4.size + this.#v6.size;
  }

  get(ip: Ip): Value | undefined {
    if (ip === this.#ip0) return this.#value0;
    if (ip === this.#ip1) return this.#value1;
    if (ip === this.#ip2) return this.#value2;
    if (ip === this.#ip3) return this.#value3;
    // Small integers make better keys than numbers past 2^31.
    const value = ip.family === 4
      ? this.#v4.get(ip.w3 | 0)
      : this.#v6.get(ip.text);
    if (value !== undefined) this.#remember(ip, value);
    return value;
  }

  set(ip: Ip, value: Value): void {
    this.#forget();
    if (ip.family === 4) this.#v4.set(ip.w3 | 0, value);
    else this.#v6.set(ip.text, value);
  }

  clear(): void {
    this.#forget();
    this.#v4.clear();
    this.#v6.clear();
  }

  #remember(ip: Ip, value: Value): void {
    switch (this.#oldest = (this.#oldest + 1) & 3) {
      case 0:
        this.#ip0 = ip;
        this.#value0 = value;
        break;
      case 1:
        this.#ip1 = ip;
        this.#value1 = value;
        break;
      case 2:
        this.#ip2 = ip;
        this.#value2 = value;
        break;
      case 3:
        this.#ip3 = ip;
        this.#value3 = value;
        break;
    }
  }

  #forget(): void {
    this.#ip0 =
      this.#ip1 =
      this.#ip2 =
      this.#ip3 =
        null;
  }
}

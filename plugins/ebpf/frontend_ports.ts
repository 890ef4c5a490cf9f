import type { ServiceFrontend } from "./frontend.ts";

/**
 * Frontends by protocol and port. Most addresses have one port: it stands in
 * the object itself, so that finding it reads one place in memory.
 */
export class FrontendPorts {
  #key = -1;
  #first: ServiceFrontend | undefined;
  #others: Map<number, ServiceFrontend> | null = null;

  /** `key` is the protocol's number and the port, `6 << 16 | 80`. */
  get(key: number): ServiceFrontend | undefined {
    return key === this.#key ? this.#first : this.#others?.get(key);
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  set(key: number, frontend: ServiceFrontend): void {
    if (this.#first === undefined) {
      this.#others?.delete(key);
      this.#key = key;
    }
    if (key === this.#key) this.#first = frontend;
    else (this.#others ??= new Map()).set(key, frontend);
  }

  delete(key: number): void {
    if (key === this.#key) {
      this.#key = -1;
      this.#first = undefined;
    } else this.#others?.delete(key);
  }
}

import { invariant } from "../errors.ts";
import type { LogBytes } from "./log_bytes.ts";

/** A log kept in memory: for tests, and for runs that nobody keeps. */
export class MemoryBytes implements LogBytes {
  readonly name: string;
  #bytes: Uint8Array;
  #length: number;

  /** Bytes that start as a copy of these. */
  constructor(bytes: Uint8Array = new Uint8Array(0), name = "memory") {
    this.name = name;
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
  }

  /** Bytes there are. */
  get length(): number {
    return this.#length;
  }

  read(offset: number, length: number): Uint8Array {
    invariant(
      offset >= 0 && length >= 0 && offset + length <= this.#length,
      `Cannot read ${length} bytes at ${offset} of ${this.#length}`,
    );
    return this.#bytes.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    invariant(offset === this.#length, "Cannot write a log but at its end");
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, offset);
    this.#length = end;
  }

  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** Nothing to let go of. */
  close(): void {}
}

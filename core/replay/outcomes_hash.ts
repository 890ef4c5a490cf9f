import { createHash } from "node:crypto";
import { JsonWriter } from "../log/mod.ts";
import type { Outcome } from "./outcome.ts";

/** sha256 over the canonical JSON of outcomes, one a line, taken in as they come. */
export class OutcomesHash {
  readonly #hash = createHash("sha256");
  readonly #writer = new JsonWriter();

  add(outcome: Outcome): void {
    this.#writer.truncate(0);
    this.#writer.write(outcome);
    this.#writer.writeByte(0x0a);
    this.#hash.update(this.#writer.bytes());
  }

  /** The hash in hex; nothing can be added after. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}

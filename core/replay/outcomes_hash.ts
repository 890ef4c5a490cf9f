import { createHash } from "node:crypto";
import { canonicalJson } from "../log/mod.ts";
import type { Outcome } from "./outcome.ts";

/** sha256 over the canonical JSON of outcomes, one a line, taken in as they come. */
export class OutcomesHash {
  readonly #hash = createHash("sha256");

  add(outcome: Outcome): void {
    this.#hash.update(canonicalJson(outcome));
    this.#hash.update("\n");
  }

  /** The hash in hex; nothing can be added after. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}

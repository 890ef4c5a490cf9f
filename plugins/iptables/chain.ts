import type { Rule } from "../../core/source.ts";
import type { ChainIndex } from "./chain_index.ts";
import type { Choice } from "./choice.ts";
import type { CompiledRule } from "./compiled_rule.ts";

/** A chain as packets go through it, whatever it was written in. */
export interface Chain {
  readonly table: string;
  readonly name: string;
  /** How many rules it has. */
  readonly length: number;
  /** Whether {@link Chain.open} has run. */
  readonly opened: boolean;
  /** Finds candidates in a long chain; null where all rules are candidates. */
  readonly index: ChainIndex | null;
  /** Random choices among its rules. */
  readonly choices: readonly Choice[];
  readonly policyDrops: boolean;
  /** The policy as hops cite it. */
  readonly policyRule: Rule;
  /** Must run before packets do. */
  open(): void;
  /** One of its rules. */
  rule(index: number): CompiledRule;
}

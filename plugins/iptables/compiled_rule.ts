import { printRule } from "../../core/import/iptables_print.ts";
import type { ChainRule } from "../../core/import/iptables_rules.ts";
import type { Rule } from "../../core/source.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { CompiledChain } from "./compiled_chain.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** What one match of a rule says of a packet. */
export type Test = (packet: TrackedPacket) => boolean;

/** What a rule does once it matches. */
export const DOES = {
  /** Goes on with the next rule, after `apply` if there is one. */
  next: 0,
  jump: 1,
  goto: 2,
  return: 3,
  accept: 4,
  drop: 5,
  reject: 6,
  /** Calls `apply` for the verdict. */
  decide: 7,
  unknown: 8,
} as const;

/** How a table's traversal ended. */
export const VERDICT = { accept: 0, drop: 1, reject: 2, unknown: 3 } as const;

/** What a target does: the code, and the part that needs the packet. */
export interface CompiledTarget {
  readonly does: number;
  /** Returns a verdict when `does` is `decide`. */
  readonly apply?: (packet: TrackedPacket, rule: CompiledRule) => number;
  readonly rejectWith?: "icmp-unreachable" | "tcp-reset";
  /** Where it sends, for the set that a choice picks from. */
  readonly backend?: { readonly ip: string; readonly port: number };
  /** Why the target is not modelled. */
  readonly unknown?: string;
}

/** One rule of a chain, ready to run. */
export class CompiledRule {
  readonly chain: CompiledChain;
  readonly index: number;
  readonly source: ChainRule;
  readonly test: Test | null;
  readonly does: number;
  readonly target: CompiledTarget;
  /** The chain a jump or goto leads to. */
  readonly to: CompiledChain | null;
  /** What of the rule is not modelled; it matters only once everything else holds. */
  readonly unknown: string | null;
  /** Packets that the unmodelled part leaves in doubt; null: all. */
  readonly doubt: Test | null;
  /** The set of one, for a destination that nothing chose. */
  only: readonly WeightedBackend[] | null = null;
  #rule: Rule | null = null;
  #name: string | null = null;

  constructor(init: {
    readonly chain: CompiledChain;
    readonly index: number;
    readonly source: ChainRule;
    readonly test: Test | null;
    readonly target: CompiledTarget;
    readonly to: CompiledChain | null;
    readonly unknown: string | null;
    readonly doubt: Test | null;
  }) {
    this.chain = init.chain;
    this.index = init.index;
    this.source = init.source;
    this.target = init.target;
    this.to = init.to;
    this.does = init.target.does;
    // A rule that only counts or logs decides nothing, whatever it may match.
    const idle = init.unknown !== null && this.does === DOES.next &&
      init.target.apply === undefined;
    this.test = idle ? () => false : init.test;
    this.unknown = idle ? null : init.unknown;
    this.doubt = init.doubt;
  }

  /** `nat KUBE-SERVICES:3`. */
  get name(): string {
    return this.#name ??= `${this.chain.table} ${this.chain.name}:${
      this.index + 1
    }`;
  }

  /** The rule as hops cite it: made when first asked for, then the same object. */
  get cited(): Rule {
    return this.#rule ??= {
      name: this.name,
      text: printRule(this.chain.name, this.source),
      ...(this.source.at === null ? {} : { source: this.source.at }),
    };
  }
}

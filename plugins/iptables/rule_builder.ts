import {
  BASE_CHAINS,
  type ChainRule,
  type Negatable,
  type RuleMatch,
  type RuleOption,
  type RuleTable,
  type RuleTableName,
  type RuleTarget,
} from "../../core/import/iptables_rules.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { SourcePosition } from "../../core/source.ts";

/** Parts of a rule that are not empty. */
export type RuleParts = Partial<
  Omit<ChainRule, "fragment" | "counters" | "at">
>;

/** Gathers the rules of one table, chain by chain. */
export class TableBuilder {
  readonly #name: RuleTableName;
  readonly #chains = new Map<string, ChainRule[]>();

  constructor(name: RuleTableName) {
    this.#name = name;
    for (const chain of BASE_CHAINS[name]) this.#chains.set(chain, []);
  }

  /** Makes a chain, which may stay empty. */
  declare(...chains: readonly string[]): this {
    for (const chain of chains) {
      if (!this.#chains.has(chain)) this.#chains.set(chain, []);
    }
    return this;
  }

  /** Adds a rule at the end of a chain, making the chain when it is new. */
  append(
    chain: string,
    parts: RuleParts,
    /** Where the object stands that the rule is written for. */
    source: SourcePosition | null = null,
  ): this {
    // One shape for all rules, written out: spreading costs several times as much.
    const rule: ChainRule = {
      source: parts.source ?? null,
      destination: parts.destination ?? null,
      inInterface: parts.inInterface ?? null,
      outInterface: parts.outInterface ?? null,
      protocol: parts.protocol ?? null,
      fragment: null,
      matches: parts.matches ?? [],
      target: parts.target ?? null,
      counters: null,
      at: source,
    };
    const rules = this.#chains.get(chain);
    if (rules === undefined) this.#chains.set(chain, [rule]);
    else rules.push(rule);
    return this;
  }

  build(): RuleTable {
    const base = BASE_CHAINS[this.#name];
    return {
      name: this.#name,
      chains: [...this.#chains].map(([name, rules]) => ({
        name,
        policy: base.includes(name) ? "ACCEPT" : null,
        counters: "0:0",
        rules,
      })),
    };
  }
}

/** An option that is not negated. */
export function option(name: string, ...values: readonly string[]): RuleOption {
  return { name, negated: false, values };
}

/** One `-m` with its options. */
export function match(
  name: string,
  ...options: readonly RuleOption[]
): RuleMatch {
  return { name, options };
}

/** `-m comment --comment "…"`. */
export function comment(text: string): RuleMatch {
  return match("comment", option("comment", text));
}

/** `-j CHAIN`. */
export function jump(chain: string): RuleTarget {
  return { name: chain, kind: "chain", options: [] };
}

/** `-j TARGET …`. */
export function target(
  name: string,
  ...options: readonly RuleOption[]
): RuleTarget {
  return { name, kind: "extension", options };
}

/** A value as it is. */
export function is(value: string): Negatable {
  return { value, negated: false };
}

/** A value after `!`. */
export function isNot(value: string): Negatable {
  return { value, negated: true };
}

/** An address as a prefix of full length. */
export function single(ip: Ip): Negatable {
  return is(`${ip}/${ip.family === 4 ? 32 : 128}`);
}

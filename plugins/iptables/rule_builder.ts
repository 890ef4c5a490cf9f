import {
  BASE_CHAINS,
  type ChainRule,
  type Negatable,
  type RuleChain,
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

/** Gathers rules, chain by chain. */
export class RuleGatherer {
  readonly #chains = new Map<string, ChainRule[]>();

  /** The chains so far, in the order in which they were first written to. */
  get chains(): ReadonlyMap<string, readonly ChainRule[]> {
    return this.#chains;
  }

  /** Makes a chain, which may stay empty. */
  declare(...chains: readonly string[]): this {
    for (const chain of chains) {
      if (!this.#chains.has(chain)) this.#chains.set(chain, []);
    }
    return this;
  }

  /** Adds rules that were gathered elsewhere. */
  take(chain: string, rules: readonly ChainRule[]): this {
    const own = this.declare(chain).#chains.get(chain)!;
    for (const rule of rules) own.push(rule);
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

  /** The chains as a table, with other rules before those of some chains. */
  table(
    name: RuleTableName,
    { before = new Map() }: {
      readonly before?: ReadonlyMap<string, readonly ChainRule[]>;
    } = {},
  ): readonly RuleTable[] {
    const base = BASE_CHAINS[name];
    const chains = [...this.#chains].map(([chain, rules]) =>
      ruleChain(
        chain,
        [...before.get(chain) ?? [], ...rules],
        base.includes(chain),
      )
    );
    return [{ name, chains }];
  }
}

/** Gathers the rules of one table, whose base chains are there from the start. */
export class TableBuilder extends RuleGatherer {
  readonly #name: RuleTableName;

  constructor(name: RuleTableName) {
    super();
    this.#name = name;
    this.declare(...BASE_CHAINS[name]);
  }

  build(): RuleTable {
    const base = BASE_CHAINS[this.#name];
    return {
      name: this.#name,
      chains: [...this.chains].map(([name, rules]) =>
        ruleChain(name, rules, base.includes(name))
      ),
    };
  }
}

/** A chain that lets pass what its rules let pass. */
export function ruleChain(
  name: string,
  rules: readonly ChainRule[],
  base = false,
): RuleChain {
  return { name, policy: base ? "ACCEPT" : null, counters: "0:0", rules };
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

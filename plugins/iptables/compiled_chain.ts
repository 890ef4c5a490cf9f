import { protocolNumber } from "../../core/import/iptables_save.ts";
import type {
  ChainRule,
  Negatable,
  RuleChain,
  RuleTableName,
} from "../../core/import/iptables_rules.ts";
import { invariant } from "../../core/errors.ts";
import type { Rule } from "../../core/source.ts";
import { negatableTest } from "./address_match.ts";
import { ChainIndex } from "./chain_index.ts";
import { Choice } from "./choice.ts";
import {
  CompiledRule,
  type CompiledTarget,
  DOES,
  type Test,
} from "./compiled_rule.ts";
import type { Host } from "./host.ts";
import type { IpSets } from "./ip_sets.ts";
import { allOf } from "./match_compiler.ts";
import { compileMatch } from "./match_registry.ts";
import { compileTarget } from "./target_registry.ts";

/** What the chains of one table are compiled with. */
export interface TableEnvironment {
  readonly family: 4 | 6;
  readonly host: Host;
  readonly sets: IpSets;
  /** A chain of the same table. */
  chain(name: string): CompiledChain | undefined;
}

/** Something of a rule that is not modelled, and the packets it leaves in doubt; null: all. */
interface Doubt {
  readonly reason: string;
  readonly when: Test | null;
}

/**
 * One chain, compiled when a packet first enters it: of a large rule set most
 * chains are never entered between two changes.
 */
export class CompiledChain {
  readonly table: RuleTableName;
  readonly source: RuleChain;
  readonly #environment: TableEnvironment;
  #policyRule: Rule | null = null;
  #rules: readonly CompiledRule[] | null = null;
  #index: ChainIndex | undefined;
  #choices: ReadonlyMap<number, Choice> | null = null;

  constructor(
    table: RuleTableName,
    source: RuleChain,
    environment: TableEnvironment,
  ) {
    this.table = table;
    this.source = source;
    this.#environment = environment;
  }

  get name(): string {
    return this.source.name;
  }

  get policyDrops(): boolean {
    return this.source.policy === "DROP";
  }

  /** The policy as hops cite it. */
  get policyRule(): Rule {
    return this.#policyRule ??= { name: `${this.table} ${this.name} policy` };
  }

  /** Its rules, in order. */
  get rules(): readonly CompiledRule[] {
    if (this.#rules === null) this.#compile();
    return this.#rules!;
  }

  /** Finds candidates in a long chain; undefined where all rules are candidates. */
  get index(): ChainIndex | undefined {
    return this.#index;
  }

  /** Random choices among rules in a row, by the index of their first rule. */
  get choices(): ReadonlyMap<number, Choice> | null {
    return this.#choices;
  }

  #compile(): void {
    const { rules } = this.source;
    this.#index = ChainIndex.of(rules);
    this.#rules = rules.map((rule, index) => this.#compileRule(rule, index));
    this.#choices = Choice.findIn(this.#rules);
  }

  #compileRule(rule: ChainRule, index: number): CompiledRule {
    const ruleName = `${this.table} ${this.name}:${index + 1}`;
    const tests: Test[] = [];
    const doubts = this.#baseTests(rule, tests);
    for (const match of rule.matches) {
      const compiled = compileMatch(match, { ...this.#environment, ruleName });
      if (compiled === null) continue;
      if (typeof compiled === "function") tests.push(compiled);
      else doubts.push({ reason: compiled.unknown, when: null });
    }
    const { target, to } = this.#target(rule);
    if (target.unknown !== undefined) {
      doubts.push({ reason: target.unknown, when: null });
    }
    return new CompiledRule({
      chain: this,
      index,
      source: rule,
      test: allOf(tests),
      target,
      to,
      ...joinedDoubts(doubts),
    });
  }

  /** The tests outside of matches; returns what is not modelled of them. */
  #baseTests(rule: ChainRule, tests: Test[]): Doubt[] {
    const { source, destination, protocol } = rule;
    if (protocol !== null) {
      const number = protocolNumber(protocol.value);
      tests.push(
        protocol.negated
          ? (packet) => packet.protocol !== number
          : (packet) => packet.protocol === number,
      );
    }
    if (destination !== null) {
      const test = negatableTest(destination);
      tests.push((packet) => test(packet.destination));
    }
    if (source !== null) {
      const test = negatableTest(source);
      tests.push((packet) => test(packet.source));
    }
    // No packet of the model is a fragment: with connection tracking, rules see reassembled packets.
    if (rule.fragment !== null && !rule.fragment.negated) {
      tests.push(() => false);
    }
    return [
      ...this.#interfaceTest("inInterface", rule.inInterface, tests),
      ...this.#interfaceTest("outInterface", rule.outInterface, tests),
    ];
  }

  /** An interface that may be meant leaves packets of it in doubt, and no others. */
  #interfaceTest(
    side: "inInterface" | "outInterface",
    given: Negatable | null,
    tests: Test[],
  ): readonly Doubt[] {
    if (given === null) return [];
    const { test, unknown } = this.#environment.host.interfaces(given.value);
    const through: Test = (packet) => test(packet.context[side]);
    if (!given.negated) tests.push(through);
    else if (unknown === null) tests.push((packet) => !through(packet));
    return unknown === null ? [] : [{ reason: unknown, when: through }];
  }

  #target(
    rule: ChainRule,
  ): { readonly target: CompiledTarget; readonly to: CompiledChain | null } {
    const { target } = rule;
    if (target === null) return { target: { does: DOES.next }, to: null };
    if (target.kind === "extension") {
      return {
        target: compileTarget(target, {
          ...this.#environment,
          table: this.table,
        }),
        to: null,
      };
    }
    const to = this.#environment.chain(target.name);
    invariant(to !== undefined, `jump to missing chain ${target.name}`);
    return {
      target: { does: target.kind === "goto" ? DOES.goto : DOES.jump },
      to,
    };
  }
}

function joinedDoubts(
  doubts: readonly Doubt[],
): { readonly unknown: string | null; readonly doubt: Test | null } {
  if (doubts.length === 0) return { unknown: null, doubt: null };
  const unknown = doubts.map(({ reason }) => reason).join(" and ");
  const always = doubts.some(({ when }) => when === null);
  return {
    unknown,
    doubt: always ? null : (packet) => doubts.some(({ when }) => when!(packet)),
  };
}

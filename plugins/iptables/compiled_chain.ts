import type {
  ChainRule,
  RuleChain,
  RuleTableName,
} from "../../core/import/iptables_rules.ts";
import { invariant } from "../../core/errors.ts";
import { printRule } from "../../core/import/iptables_print.ts";
import type { Rule } from "../../core/source.ts";
import type { Chain } from "./chain.ts";
import { ChainIndex } from "./chain_index.ts";
import { Choice } from "./choice.ts";
import {
  CompiledRule,
  type CompiledTarget,
  DOES,
  type Test,
} from "./compiled_rule.ts";
import { headerFields } from "./header_fields.ts";
import type { InterfaceMatch } from "./host.ts";
import type { IpSets } from "./ip_sets.ts";
import { allOf } from "./match_compiler.ts";
import { compileMatch } from "./match_registry.ts";
import { baseTests, type Doubt } from "./rule_tests.ts";
import { compileTarget } from "./target_registry.ts";

/** What the chains of one table are compiled with. */
export interface TableEnvironment {
  readonly family: 4 | 6;
  /** Which interfaces a name means; the host itself comes with the packet. */
  readonly interfaces: (pattern: string) => InterfaceMatch;
  readonly sets: IpSets;
  /** A chain of the same table. */
  chain(name: string): CompiledChain | undefined;
}

/**
 * One chain, each of its rules compiled when a packet first reaches it: of a
 * large rule set most are never reached between two changes. Nothing in it
 * belongs to one host, so that hosts with the same chain share it.
 */
export class CompiledChain implements Chain {
  readonly table: RuleTableName;
  readonly source: RuleChain;
  readonly #environment: TableEnvironment;
  #policyRule: Rule | null = null;
  /** How many rules it has. */
  readonly length: number;
  readonly #rules: (CompiledRule | undefined)[];
  /** Finds candidates in a long chain; null where all rules are candidates. Set by {@link open}. */
  index: ChainIndex | null = null;
  /** Random choices among its rules. Set by {@link open}. */
  choices: readonly Choice[] = [];
  opened = false;

  constructor(
    table: RuleTableName,
    source: RuleChain,
    environment: TableEnvironment,
  ) {
    this.table = table;
    this.source = source;
    this.#environment = environment;
    this.length = source.rules.length;
    this.#rules = new Array(this.length);
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

  /** One of its rules. */
  rule(index: number): CompiledRule {
    return this.#rules[index] ??= this.#compileRule(
      this.source.rules[index]!,
      index,
    );
  }

  /** Must run before packets do. */
  open(): void {
    this.opened = true;
    const { rules } = this.source;
    this.index = ChainIndex.of(rules) ?? null;
    if (rules.some(drawsAtRandom)) {
      this.choices = Choice.findIn(rules, (index) => this.rule(index));
    }
  }

  #compileRule(rule: ChainRule, index: number): CompiledRule {
    const environment = {
      ...this.#environment,
      ruleName: `${this.table} ${this.name}:${index + 1}`,
    };
    const fields = headerFields(rule, this.#environment.family);
    const tests: Test[] = [];
    const doubts = [
      ...baseTests(fields.rest, tests, this.#environment.interfaces),
    ];
    for (const match of fields.rest.matches) {
      const compiled = compileMatch(match, environment);
      if (compiled === null) continue;
      if (typeof compiled === "function") {
        tests.push(compiled);
      } else if ("when" in compiled) {
        tests.push(compiled.test);
        doubts.push({ reason: compiled.unknown, when: compiled.when });
      } else {
        doubts.push({ reason: compiled.unknown, when: null });
      }
    }
    const { target, to } = this.#target(rule);
    if (target.unknown !== undefined) {
      doubts.push({ reason: target.unknown, when: null });
    }
    return new CompiledRule({
      chain: this,
      index,
      text: () => printRule(this.name, rule),
      at: rule.at,
      fields,
      test: allOf(tests),
      target,
      to,
      ...joinedDoubts(doubts),
    });
  }

  #target(
    rule: ChainRule,
  ): { readonly target: CompiledTarget; readonly to: Chain | null } {
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

function drawsAtRandom({ matches }: ChainRule): boolean {
  return matches.some(({ name }) => name === "statistic");
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

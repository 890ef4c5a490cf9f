import { invariant } from "../../core/errors.ts";
import type { RuleTarget } from "../../core/import/iptables_rules.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { Rule } from "../../core/source.ts";
import { addressTest } from "./address_match.ts";
import type { Chain } from "./chain.ts";
import {
  CompiledRule,
  type CompiledTarget,
  DOES,
  type Test,
  VERDICT,
} from "./compiled_rule.ts";
import { headerFields } from "./header_fields.ts";
import { modelledInterfaces } from "./host.ts";
import { NO_SETS } from "./ip_sets.ts";
import { allOf } from "./match_compiler.ts";
import { compileMatch } from "./match_registry.ts";
import { baseTests } from "./rule_tests.ts";
import {
  headerRule,
  type NftAction,
  type NftMapName,
  type NftRule,
  type NftSetName,
  type NftShare,
} from "./nft_rule.ts";
import { option, target } from "./rule_builder.ts";
import { compileTarget } from "./target_registry.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

const SECOND_NS = 1_000_000_000;

/** What a chain's rules refer to. */
export interface NftEnvironment {
  readonly family: 4 | 6;
  chain(name: string): Chain | undefined;
  /** Whether an address is in one of the sets of addresses. */
  has(set: NftSetName, ip: string): boolean;
  /** The element that a packet finds in a map; its verdict is what it does. */
  element(map: NftMapName, packet: TrackedPacket): CompiledRule | null;
  /** How long a set remembers a source. */
  timeoutS(set: string): number;
}

/** One chain of an nftables table, its rules compiled when first reached. */
export class NftChain implements Chain {
  readonly table = "kube-proxy";
  readonly name: string;
  readonly length: number;
  readonly opened = true;
  readonly index = null;
  readonly choices = [];
  readonly policyDrops = false;
  readonly policyRule: Rule;
  readonly #rules: readonly NftRule[];
  readonly #compiled: (CompiledRule | undefined)[];
  readonly #environment: NftEnvironment;

  constructor(
    name: string,
    rules: readonly NftRule[],
    environment: NftEnvironment,
  ) {
    this.name = name;
    this.length = rules.length;
    this.#rules = rules;
    this.#compiled = new Array(rules.length);
    this.#environment = environment;
    this.policyRule = { name: `kube-proxy ${name} policy` };
  }

  open(): void {}

  rule(index: number): CompiledRule {
    return this.#compiled[index] ??= this.#compile(index);
  }

  #compile(index: number): CompiledRule {
    const rule = this.#rules[index]!;
    const { family } = this.#environment;
    const fields = headerFields(headerRule(rule), family);
    const tests: Test[] = [];
    const { rest } = fields;
    baseTests(rest, tests, modelledInterfaces);
    for (const match of rest.matches) {
      const test = compileMatch(match, {
        family,
        interfaces: modelledInterfaces,
        sets: NO_SETS,
        ruleName: `kube-proxy ${this.name}:${index + 1}`,
      });
      invariant(
        test === null || typeof test === "function",
        "generated rules are modelled",
      );
      if (test !== null) tests.push(test);
    }
    this.#setTests(rule, tests);
    const { compiled, to } = this.#act(rule.action);
    return new CompiledRule({
      chain: this,
      index,
      fields,
      test: allOf(tests),
      target: compiled,
      to,
      unknown: null,
      doubt: null,
      text: () => nftText(family, `rule`, `${this.name} ${rule.text}`),
      at: rule.at,
    });
  }

  /** Looking into a set or a map is a lookup in a hash table, or in a tree of ranges. */
  #setTests(
    { sourceIn, sourceOutside, destinationIn }: NftRule,
    tests: Test[],
  ): void {
    const environment = this.#environment;
    if (destinationIn !== null) {
      tests.push((packet) => {
        packet.context.charge("hashLookups", 1);
        return environment.has(destinationIn, packet.destination.text);
      });
    }
    if (sourceIn !== null) {
      const timeoutNs = environment.timeoutS(sourceIn) * SECOND_NS;
      tests.push(({ context, source }) => {
        context.charge("hashLookups", 1);
        const seenNs = context.table<number>(sourceIn).get(source.text);
        return seenNs !== undefined && context.nowNs - seenNs < timeoutNs;
      });
    }
    if (sourceOutside !== null) {
      const inside = sourceOutside.map(addressTest);
      tests.push(({ context, source }) => {
        context.charge("lpmLookups", 1);
        return !inside.some((test) => test(source));
      });
    }
  }

  #act(
    action: NftAction | null,
  ): { readonly compiled: CompiledTarget; readonly to: Chain | null } {
    const { family } = this.#environment;
    const plain = (compiled: CompiledTarget) => ({ compiled, to: null });
    const asTarget = (target: RuleTarget) =>
      plain(compileTarget(target, { family, sets: NO_SETS, table: "nat" }));
    switch (action?.kind) {
      case undefined:
        return plain({ does: DOES.next });
      case "jump":
      case "goto":
        return {
          compiled: { does: action.kind === "goto" ? DOES.goto : DOES.jump },
          to: this.#chain(action.chain),
        };
      case "return":
        return plain({ does: DOES.return });
      case "drop":
        return plain({ does: DOES.drop });
      case "reject":
        return plain({ does: DOES.reject, rejectWith: "icmp-unreachable" });
      case "masquerade":
        return asTarget(target("MASQUERADE"));
      case "dnat":
        return asTarget(target("DNAT", option("to-destination", action.to)));
      case "mark":
        return asTarget(target("MARK", option("set-xmark", action.xmark)));
      case "verdict":
        return plain({
          does: DOES.lookup,
          lookup: (packet) => {
            packet.context.charge("hashLookups", 1);
            return this.#environment.element(action.map, packet);
          },
        });
      case "share":
        return plain(this.#share(action.among));
      case "remember":
        return plain({
          does: DOES.next,
          apply: ({ context, source }) => {
            context.charge("hashLookups", 1);
            context.table<number>(action.set).set(source.text, context.nowNs);
            return VERDICT.accept;
          },
        });
    }
  }

  /** `numgen random mod N vmap { … }`: the pick is one that other stacks would make from the same set. */
  #share(among: readonly NftShare[]): CompiledTarget {
    const sorted = [...among].sort((a, b) => a.backend < b.backend ? -1 : 1);
    const backends: WeightedBackend[] = sorted.map(({ backend }) => ({
      backend,
      weight: 1 / among.length,
    }));
    const branches = sorted.map(({ chain }) =>
      verdictRule(this, this.#environment.family, {
        to: this.#chain(chain),
        does: DOES.goto,
      })
    );
    return {
      does: DOES.lookup,
      reportsBackends: true,
      lookup: ({ context }) => branches[context.pick(backends)] ?? null,
    };
  }

  #chain(name: string): Chain {
    const chain = this.#environment.chain(name);
    invariant(chain !== undefined, `jump to missing chain ${name}`);
    return chain;
  }
}

/** A rule that is nothing but a verdict: an element of a map. */
export function verdictRule(
  chain: Chain,
  family: 4 | 6,
  { does, to, text = "", at = null }: {
    readonly does: number;
    readonly to: Chain | null;
    readonly text?: string;
    readonly at?: NftRule["at"];
  },
): CompiledRule {
  return new CompiledRule({
    chain,
    index: -1,
    fields: headerFields(headerRule({ ...NOTHING, at }), family),
    test: null,
    target: {
      does,
      ...(does === DOES.reject ? { rejectWith: "icmp-unreachable" } : {}),
    },
    to,
    unknown: null,
    doubt: null,
    text: () => nftText(family, "element", text),
    at,
  });
}

const NOTHING: NftRule = {
  text: "",
  header: {},
  sourceIn: null,
  sourceOutside: null,
  destinationIn: null,
  action: null,
  at: null,
};

function nftText(family: 4 | 6, what: string, text: string): string {
  return `add ${what} ${family === 4 ? "ip" : "ip6"} kube-proxy ${text}`;
}

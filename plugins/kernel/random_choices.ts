import { printRule, printTables } from "../../core/import/iptables_print.ts";
import {
  type ChainRule,
  EMPTY_RULE,
  type RuleChain,
  type RuleMatch,
  type RuleTable,
} from "../../core/import/iptables_rules.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { RuleHit } from "./rule_path.ts";

/**
 * Rules in a row that share out connections by `-m statistic --mode random`,
 * the last one taking the rest. The kernel's own draw cannot be replayed, so
 * each rule is made to match a number in the packet's identification instead.
 */
export interface RandomChoice {
  /** Sorted by text, as every stack writes a set. */
  readonly backends: readonly WeightedBackend[];
  /** Identification that leads to each of them. */
  readonly identifications: readonly number[];
}

/** Rules that the kernel can be given, and how to read what it says of them. */
export interface PreparedRules {
  readonly text: string;
  /** Whether a packet may meet a choice. */
  readonly choices: boolean;
  /** The choice at which a packet with the {@link ASKING} identification came by. */
  choiceAt(hit: RuleHit): RandomChoice | undefined;
  /** The choices in a chain. */
  choicesIn(hit: RuleHit): readonly RandomChoice[];
  /** The same rule among the rules as they were given; undefined for one that was added. */
  original(hit: RuleHit): RuleHit | undefined;
  /** The text of a rule as it was given. */
  ruleText(hit: RuleHit): string | undefined;
  policy(hit: RuleHit): string | null;
  /** Rules of a chain as they were given; undefined when there is no such chain. */
  chainLength(table: string, chain: string): number | undefined;
  /** Why these rules cannot be run; null when they can. */
  readonly refusal: string | null;
}

/** Identification of a packet that asks which choice it would meet. */
export const ASKING = 0xffff;
/** Identification of a packet that no choice looks at. */
export const ANY = 0xfffe;

/** Jumps followed when looking for where an alternative sends. */
const DEEPEST_LOOK = 4;
/** `--probability` is kept in 31 bits (net/netfilter/xt_statistic.c). */
const PROBABILITY_ONE = 0x8000_0000;

/** How network plugins call pods' links, or the bridge they hang on; here all of them are `veth…`. */
const POD_LINK =
  /^(?:veth|cali|lxc|azv|gke|eni)\+$|^(?:cni0|cni\+|cbr0|kube-bridge)$/;

/** Gives every rule a form whose outcome the sender of a packet decides. */
export function prepareRules(tables: readonly RuleTable[]): PreparedRules {
  const choices = new Map<string, RandomChoice>();
  const inChain = new Map<string, readonly RandomChoice[]>();
  /** By `table chain`: the given index of each rule, 0 for one that was added. */
  const indexes = new Map<string, readonly number[]>();
  let refusal: string | null = null;
  const prepared = tables.map((table): RuleTable => {
    const named = new Map(table.chains.map((chain) => [chain.name, chain]));
    const chains = table.chains.map((chain): RuleChain => {
      const done = prepareChain({ table: table.name, chains: named }, chain);
      refusal ??= done.refusal;
      const key = `${table.name} ${chain.name}`;
      for (const [index, choice] of done.choices) {
        choices.set(`${key} ${index}`, choice);
      }
      if (done.choices.size > 0) inChain.set(key, [...done.choices.values()]);
      if (done.indexes !== null) indexes.set(key, done.indexes);
      return { ...chain, rules: done.rules };
    });
    return { ...table, chains };
  });
  const given = new Map<string, RuleChain>();
  for (const { name, chains } of tables) {
    for (const chain of chains) given.set(`${name} ${chain.name}`, chain);
  }
  return {
    text: printTables(prepared),
    choices: choices.size > 0,
    refusal,
    choiceAt: ({ table, chain, index }) =>
      choices.get(`${table} ${chain} ${index}`),
    choicesIn: ({ table, chain }) => inChain.get(`${table} ${chain}`) ?? [],
    original: (hit) => {
      if (hit.index === 0) return hit;
      const index = indexes.get(`${hit.table} ${hit.chain}`)?.[hit.index - 1];
      return index === undefined
        ? hit
        : index === 0
        ? undefined
        : { ...hit, index };
    },
    ruleText: ({ table, chain, index }) => {
      const rule = given.get(`${table} ${chain}`)?.rules[index - 1];
      return rule === undefined ? undefined : printRule(chain, rule);
    },
    chainLength: (table, chain) => given.get(`${table} ${chain}`)?.rules.length,
    policy: ({ table, chain }) =>
      given.get(`${table} ${chain}`)?.policy ?? null,
  };
}

interface PreparedChain {
  readonly rules: readonly ChainRule[];
  /** Null when nothing was added. */
  readonly indexes: readonly number[] | null;
  /** By the index of the rule that asks. */
  readonly choices: ReadonlyMap<number, RandomChoice>;
  readonly refusal: string | null;
}

/** A table with its chains by name. */
interface Named {
  readonly table: string;
  readonly chains: ReadonlyMap<string, RuleChain>;
}

function prepareChain(named: Named, chain: RuleChain): PreparedChain {
  const { table } = named;
  const given = chain.rules.map(withPodLinks);
  if (!given.some(isRandom)) {
    return { rules: given, indexes: null, choices: new Map(), refusal: null };
  }
  const rules: ChainRule[] = [];
  const indexes: number[] = [];
  const choices = new Map<number, RandomChoice>();
  let refusal: string | null = null;
  for (let at = 0; at < given.length;) {
    const end = choiceEnd(given, at);
    const choice = end === at || table !== "nat"
      ? undefined
      : choiceOf(named, given.slice(at, end));
    if (choice === undefined) {
      if (isRandom(given[at]!)) {
        refusal ??= `${table} ${chain.name}:${
          at + 1
        } draws at random, and what for is not known beforehand`;
      }
      rules.push(given[at]!);
      indexes.push(++at);
      continue;
    }
    rules.push(asking());
    indexes.push(0);
    choices.set(rules.length, choice);
    for (let number = 1; at < end; number++) {
      rules.push(chosen(given[at]!, number));
      indexes.push(++at);
    }
  }
  return { rules, indexes, choices, refusal };
}

function withPodLinks(rule: ChainRule): ChainRule {
  const named = (link: ChainRule["inInterface"]) =>
    link !== null && POD_LINK.test(link.value)
      ? { ...link, value: "veth+" }
      : link;
  const inInterface = named(rule.inInterface);
  const outInterface = named(rule.outInterface);
  return inInterface === rule.inInterface && outInterface === rule.outInterface
    ? rule
    : { ...rule, inInterface, outInterface };
}

function isRandom(rule: ChainRule): boolean {
  return rule.matches.some(({ name, options }) =>
    name === "statistic" &&
    options.some((option) => option.name === "probability")
  );
}

/** Index after the rules in a row, from `start`, that share out all packets; `start` when there are none. */
function choiceEnd(rules: readonly ChainRule[], start: number): number {
  let end = start;
  while (
    end < rules.length && isRandom(rules[end]!) &&
    isBare(rules[end]!, "statistic")
  ) end++;
  const rest = rules[end];
  return end > start && rest !== undefined && isBare(rest, "comment")
    ? end + 1
    : start;
}

/** Nothing but this match and comments, and a target. */
function isBare(rule: ChainRule, match: string): boolean {
  return rule.source === null && rule.destination === null &&
    rule.inInterface === null && rule.outInterface === null &&
    rule.protocol === null && rule.fragment === null &&
    rule.target !== null &&
    rule.matches.every(({ name, options }) =>
      (name === match || name === "comment") &&
      options.every((option) => !option.negated)
    );
}

function choiceOf(
  named: Named,
  rules: readonly ChainRule[],
): RandomChoice | undefined {
  let rest = 1;
  const sent = rules.flatMap((rule, position) => {
    const weight = rest * probability(rule);
    rest -= weight;
    const backend = backendOf(named, rule, DEEPEST_LOOK);
    return backend === undefined
      ? []
      : [{ backend, weight, identification: position + 1 }];
  });
  if (sent.length < rules.length) return undefined;
  sent.sort((a, b) => a.backend < b.backend ? -1 : 1);
  return {
    backends: sent.map(({ backend, weight }) => ({ backend, weight })),
    identifications: sent.map(({ identification }) => identification),
  };
}

function probability(rule: ChainRule): number {
  for (const { options } of rule.matches) {
    for (const { name, values } of options) {
      if (name === "probability") {
        return Math.round(Number(values[0]) * PROBABILITY_ONE) /
          PROBABILITY_ONE;
      }
    }
  }
  return 1;
}

/** Where a rule sends a packet in the end. */
function backendOf(
  named: Named,
  { target }: ChainRule,
  depth: number,
): string | undefined {
  if (target === null) return undefined;
  if (target.kind === "extension") {
    const to = target.options.find(({ name }) => name === "to-destination");
    return target.name === "DNAT" ? to?.values[0] : undefined;
  }
  if (depth === 0) return undefined;
  const chain = named.chains.get(target.name);
  for (const next of chain?.rules ?? []) {
    const found = backendOf(named, next, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Ends the table for a packet that asks, so that asking leaves no trace in lists of recent senders. */
function asking(): ChainRule {
  return {
    ...EMPTY_RULE,
    matches: [identified(ASKING)],
    target: { name: "ACCEPT", kind: "extension", options: [] },
  };
}

function chosen(rule: ChainRule, identification: number): ChainRule {
  if (!isRandom(rule)) return rule;
  return {
    ...rule,
    matches: rule.matches.map((match) =>
      match.name === "statistic" ? identified(identification) : match
    ),
  };
}

/** The identification is the lower half of the word at byte 2 of the IP header. */
function identified(identification: number): RuleMatch {
  const value = `0x2&0xffff=0x${identification.toString(16)}`;
  return {
    name: "u32",
    options: [{ name: "u32", negated: false, values: [value] }],
  };
}

import type { SourcePosition } from "../source.ts";

/** Tables of the legacy and nf_tables back ends, in the order of their priority. */
export const RULE_TABLES = [
  "raw",
  "mangle",
  "nat",
  "filter",
  "security",
] as const;

export type RuleTableName = typeof RULE_TABLES[number];

/** The chains that hooks of a table call (net/ipv4/netfilter/iptable_*.c). */
export const BASE_CHAINS: Readonly<Record<RuleTableName, readonly string[]>> = {
  raw: ["PREROUTING", "OUTPUT"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  security: ["INPUT", "FORWARD", "OUTPUT"],
};

/** The rules of one host, by family; a family that the dump does not speak of has no tables. */
export interface RuleDump {
  readonly v4: readonly RuleTable[];
  readonly v6: readonly RuleTable[];
}

/** One table; its base chains come first, whether written or not. */
export interface RuleTable {
  readonly name: RuleTableName;
  readonly chains: readonly RuleChain[];
}

/** One chain; only a base chain has a policy. */
export interface RuleChain {
  readonly name: string;
  readonly policy: "ACCEPT" | "DROP" | null;
  /** `packets:bytes`. */
  readonly counters: string;
  readonly rules: readonly ChainRule[];
}

/** A value that may be negated with `!`. */
export interface Negatable {
  readonly value: string;
  readonly negated: boolean;
}

/** One rule, its values in the kernel's own spelling. */
export interface ChainRule {
  /** `10.0.0.0/8`, or with a mask that is no prefix `10.0.0.0/255.0.255.0`. */
  readonly source: Negatable | null;
  readonly destination: Negatable | null;
  /** A name, or a prefix and `+`. */
  readonly inInterface: Negatable | null;
  readonly outInterface: Negatable | null;
  /** A name that the kernel's tools print, else a number. */
  readonly protocol: Negatable | null;
  readonly fragment: { readonly negated: boolean } | null;
  readonly matches: readonly RuleMatch[];
  readonly target: RuleTarget | null;
  /** `packets:bytes`, null when the dump has no counters. */
  readonly counters: string | null;
  readonly at: SourcePosition | null;
}

/** One option of a match or target: `! --dport 80`. */
export interface RuleOption {
  /** Without its dashes. */
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** One `-m`. */
export interface RuleMatch {
  readonly name: string;
  readonly options: readonly RuleOption[];
}

/** `-j` or `-g`: a chain of the same table, a verdict, or an extension. */
export interface RuleTarget {
  readonly name: string;
  readonly kind: "chain" | "goto" | "extension";
  readonly options: readonly RuleOption[];
}

/** A rule that matches everything and does nothing, to build others from. */
export const EMPTY_RULE: ChainRule = {
  source: null,
  destination: null,
  inInterface: null,
  outInterface: null,
  protocol: null,
  fragment: null,
  matches: [],
  target: null,
  counters: null,
  at: null,
};

import { quoteWord } from "./_iptables_words.ts";
import type {
  ChainRule,
  Negatable,
  RuleChain,
  RuleOption,
  RuleTable,
} from "./iptables_rules.ts";

/** Options whose value is in quotes when the shell would need them. */
const QUOTED_IF_NEEDED = new Set(["comment", "log-prefix", "nflog-prefix"]);

/** Options whose value is in quotes always. */
const QUOTED_ALWAYS = new Set(["string", "hex-string", "u32", "bytecode"]);

/** What of a dump is printed. */
export interface PrintOptions {
  /** Prints `[packets:bytes]` before each rule that has them. */
  readonly counters?: boolean;
}

/**
 * Tables as iptables-save prints them back: base chains first, the others by
 * name, each rule in the kernel's spelling.
 */
export function printTables(
  tables: readonly RuleTable[],
  options: PrintOptions = {},
): string {
  return tables.map((table) => printTable(table, options)).join("");
}

function printTable(table: RuleTable, { counters = false }: PrintOptions) {
  const chains = sortedChains(table);
  const lines = [
    `*${table.name}`,
    ...chains.map((chain) =>
      `:${chain.name} ${chain.policy ?? "-"} [${chain.counters}]`
    ),
    ...chains.flatMap((chain) =>
      chain.rules.map((rule) => {
        const text = printRule(chain.name, rule);
        return counters && rule.counters !== null
          ? `[${rule.counters}] ${text}`
          : text;
      })
    ),
    "COMMIT",
  ];
  return `${lines.join("\n")}\n`;
}

function sortedChains(table: RuleTable): readonly RuleChain[] {
  const base = table.chains.filter((chain) => chain.policy !== null);
  const own = table.chains.filter((chain) => chain.policy === null);
  return [
    ...base,
    ...own.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  ];
}

/** One rule: `-A FORWARD -s 10.0.0.0/8 -j ACCEPT`. */
export function printRule(chain: string, rule: ChainRule): string {
  let text = `-A ${chain}`;
  text += printNegatable("-s", rule.source);
  text += printNegatable("-d", rule.destination);
  text += printNegatable("-i", rule.inInterface);
  text += printNegatable("-o", rule.outInterface);
  text += printNegatable("-p", rule.protocol);
  if (rule.fragment !== null) text += rule.fragment.negated ? " ! -f" : " -f";
  for (const match of rule.matches) {
    text += ` -m ${match.name}${printOptions(match.options)}`;
  }
  if (rule.target !== null) {
    const { name, kind, options } = rule.target;
    text += ` ${kind === "goto" ? "-g" : "-j"} ${name}${printOptions(options)}`;
  }
  return text;
}

function printNegatable(flag: string, given: Negatable | null): string {
  if (given === null) return "";
  return `${given.negated ? " !" : ""} ${flag} ${given.value}`;
}

function printOptions(options: readonly RuleOption[]): string {
  let text = "";
  for (const { name, negated, values } of options) {
    text += `${negated ? " !" : ""} ${name.length === 1 ? "-" : "--"}${name}`;
    for (const value of values) {
      text += ` ${printValue(name, value)}`;
    }
  }
  return text;
}

function printValue(option: string, value: string): string {
  if (QUOTED_ALWAYS.has(option)) {
    return `"${value.replace(/["\\]/g, "\\$&")}"`;
  }
  return QUOTED_IF_NEEDED.has(option) || /[\s"]/.test(value) || value === ""
    ? quoteWord(value)
    : value;
}

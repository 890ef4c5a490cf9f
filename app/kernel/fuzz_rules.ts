import { BASE_CHAINS } from "../../core/import/iptables_rules.ts";

/** Tables that cases have. */
export const FUZZ_TABLES = ["raw", "mangle", "nat", "filter"] as const;

/** A rule in parts, each of which may be left out: matches, and the target as the last. */
export type FuzzRule = readonly string[];

/** A chain of a case; base chains have a policy. */
export interface FuzzChain {
  readonly name: string;
  readonly policy: "ACCEPT" | "DROP" | null;
  readonly rules: readonly FuzzRule[];
}

/** A table of a case. */
export interface FuzzTable {
  readonly name: typeof FUZZ_TABLES[number];
  readonly chains: readonly FuzzChain[];
}

/** Base chains by table. */
export const BASES = BASE_CHAINS;

/**
 * A rule that no packet meets, but that needs connection tracking: the kernel
 * tracks only once some rule does, and a case that is made smaller would come
 * to be about that.
 */
const TRACKING = `*security
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:TRACKING - [0:0]
-A TRACKING -m conntrack --ctstate NEW
COMMIT
`;

/** The tables as iptables-restore reads them. */
export function rulesText(
  tables: readonly FuzzTable[],
  { tracks = true }: { readonly tracks?: boolean } = {},
): string {
  const text = tables.map(({ name, chains }) => {
    const heads = chains.map(({ name, policy }) =>
      `:${name} ${policy ?? "-"} [0:0]`
    );
    const rules = chains.flatMap((chain) =>
      chain.rules.map((rule) => ["-A", chain.name, ...rule].join(" "))
    );
    return `${[`*${name}`, ...heads, ...rules, "COMMIT"].join("\n")}\n`;
  }).join("");
  return tracks ? `${text}${TRACKING}` : text;
}

/** How many rules there are. */
export function ruleCount(tables: readonly FuzzTable[]): number {
  return tables.reduce(
    (sum, { chains }) =>
      sum + chains.reduce((rules, chain) => rules + chain.rules.length, 0),
    0,
  );
}

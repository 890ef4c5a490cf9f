import type {
  RuleTable,
  RuleTableName,
} from "../../core/import/iptables_rules.ts";
import { CompiledChain } from "./compiled_chain.ts";
import type { Host } from "./host.ts";
import type { IpSets } from "./ip_sets.ts";
import { sharesState } from "./stateful_matches.ts";

/** Tables of both families, as generated or dumped. */
export interface HostTables {
  readonly v4: readonly RuleTable[];
  readonly v6: readonly RuleTable[];
}

/** A base chain in either family; null where it would let everything pass. */
export interface BaseChain {
  readonly 4: CompiledChain | null;
  readonly 6: CompiledChain | null;
}

/** All rules of one host, ready to run. */
export class RuleSet {
  readonly #chains = {
    4: new Map<RuleTableName, Map<string, CompiledChain>>(),
    6: new Map<RuleTableName, Map<string, CompiledChain>>(),
  };

  constructor(
    tables: HostTables,
    { host, sets }: { readonly host: Host; readonly sets: IpSets },
  ) {
    for (const family of [4, 6] as const) {
      for (const table of family === 4 ? tables.v4 : tables.v6) {
        const chains = new Map<string, CompiledChain>();
        const environment = {
          family,
          host,
          sets,
          chain: (name: string) => chains.get(name),
        };
        for (const chain of table.chains) {
          chains.set(
            chain.name,
            new CompiledChain(table.name, chain, environment),
          );
        }
        this.#chains[family].set(table.name, chains);
      }
    }
  }

  /** A base chain of both families; undefined when neither has a rule or a policy in it. */
  base(table: RuleTableName, chain: string): BaseChain | undefined {
    const inFamily = (family: 4 | 6) => {
      const found = this.#chains[family].get(table)?.get(chain);
      return found === undefined ||
          (found.source.rules.length === 0 && !found.policyDrops)
        ? null
        : found;
    };
    const both = { 4: inFamily(4), 6: inFamily(6) };
    return both[4] === null && both[6] === null ? undefined : both;
  }

  /** Any chain, for tests and tools. */
  chain(
    family: 4 | 6,
    { table, name }: { readonly table: RuleTableName; readonly name: string },
  ): CompiledChain | undefined {
    return this.#chains[family].get(table)?.get(name);
  }
}

/** Whether a rule of these tables remembers what flows share. */
export function tablesShareState(tables: HostTables): boolean {
  return [...tables.v4, ...tables.v6].some((table) =>
    table.chains.some((chain) =>
      chain.rules.some((rule) => rule.matches.some(sharesState))
    )
  );
}

import type {
  ChainRule,
  RuleTable,
  RuleTableName,
} from "../../core/import/iptables_rules.ts";
import type { Chain } from "./chain.ts";
import { CompiledChain } from "./compiled_chain.ts";
import type { Host } from "./host.ts";
import type { IpSets } from "./ip_sets.ts";
import type { NftRuleSet } from "./nft_rule_set.ts";
import type { SharedChains } from "./shared_chains.ts";
import { sharesState } from "./stateful_matches.ts";
import { needsDefragmentation, needsTracking } from "./tracking_needs.ts";

/** Tables of both families, as generated or dumped. */
export interface HostTables {
  readonly v4: readonly RuleTable[];
  readonly v6: readonly RuleTable[];
}

/** A base chain in either family; null where it would let everything pass. */
export interface BaseChain {
  readonly 4: Chain | null;
  readonly 6: Chain | null;
}

/** Something of either family; null where a family has none. */
type ByFamily<Value> = Readonly<Record<4 | 6, Value | null>>;

const NONE = { 4: null, 6: null } as const;

/** All rules of one host, ready to run. */
export class RuleSet {
  readonly #chains = {
    4: new Map<RuleTableName, Map<string, CompiledChain>>(),
    6: new Map<RuleTableName, Map<string, CompiledChain>>(),
  };

  readonly #tracks: { 4?: boolean; 6?: boolean } = {};
  readonly #shared: ByFamily<SharedChains>;
  readonly #nft: ByFamily<NftRuleSet>;
  /** The host that the rules are on. */
  readonly host: Host;

  /** `shared` has the chains that the host has in common with others: what `tables` lack. */
  constructor(
    tables: HostTables,
    { host, sets, shared = NONE, nft = NONE }: {
      readonly host: Host;
      readonly sets: IpSets;
      readonly shared?: ByFamily<SharedChains>;
      /** Tables of nftables mode beside. */
      readonly nft?: ByFamily<NftRuleSet>;
    },
  ) {
    this.#nft = nft;
    this.host = host;
    this.#shared = shared;
    for (const family of [4, 6] as const) {
      for (const table of family === 4 ? tables.v4 : tables.v6) {
        const chains = new Map<string, CompiledChain>();
        const environment = {
          family,
          interfaces: host.interfaces,
          sets,
          chain: (name: string) =>
            chains.get(name) ?? shared[family]?.chain(table.name, name),
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
      const found = this.chain(family, { table, name: chain });
      return found === undefined ||
          (found.source.rules.length === 0 && !found.policyDrops)
        ? null
        : found;
    };
    const both = { 4: inFamily(4), 6: inFamily(6) };
    return both[4] === null && both[6] === null ? undefined : both;
  }

  /** Base chains of nftables and of iptables that hang at one place, in this order. */
  bases(table: RuleTableName, chain: string): readonly BaseChain[] {
    const nft = this.nftBase(`${table}-${chain.toLowerCase()}`);
    const own = this.base(table, chain);
    return [
      ...(nft === undefined ? [] : [nft]),
      ...(own === undefined ? [] : [own]),
    ];
  }

  /** Whether any rule needs connection tracking: without one the kernel tracks nothing, and nat is never asked. */
  tracks(family: 4 | 6): boolean {
    return this.#tracks[family] ??= this.#shared[family] !== null ||
      this.#nft[family] !== null || this.#someRule(family, needsTracking);
  }

  /** Whether datagrams are put together before rules see them (nf_defrag_ipv4_enable). */
  defragments(family: 4 | 6): boolean {
    return this.tracks(family) || this.#someRule(family, needsDefragmentation);
  }

  #someRule(family: 4 | 6, holds: (rule: ChainRule) => boolean): boolean {
    for (const chains of this.#chains[family].values()) {
      for (const { source } of chains.values()) {
        if (source.rules.some(holds)) return true;
      }
    }
    return false;
  }

  /** A base chain of kube-proxy's own table. */
  nftBase(name: string): BaseChain | undefined {
    const both = {
      4: this.#nft[4]?.chain(name) ?? null,
      6: this.#nft[6]?.chain(name) ?? null,
    };
    return both[4] === null && both[6] === null ? undefined : both;
  }

  /** Any chain, for tests and tools. */
  chain(
    family: 4 | 6,
    { table, name }: { readonly table: RuleTableName; readonly name: string },
  ): CompiledChain | undefined {
    return this.#chains[family].get(table)?.get(name) ??
      this.#shared[family]?.chain(table, name);
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

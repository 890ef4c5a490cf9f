import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import type { Programmed } from "../../core/replay/sync.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { clusterRanges } from "./cluster_ranges.ts";
import { egressMasquerade } from "./egress_masquerade.ts";
import { IpvsFamily } from "./ipvs_family.ts";
import type { IpvsServices } from "./ipvs_services.ts";
import { IptablesFamily } from "./iptables_family.ts";
import { NftFamily } from "./nft_family.ts";
import type { NftRuleSet } from "./nft_rule_set.ts";
import type { IptablesOptions } from "./options.ts";
import type { FamilyContext } from "./proxy_settings.ts";
import { RuleGatherer } from "./rule_builder.ts";
import type { SharedChains } from "./shared_chains.ts";

/** What a node runs in one family. */
export interface NodeRules {
  /** Chains that only this node has. */
  readonly own: readonly RuleTable[];
  /** Chains of iptables that it has in common with others. */
  readonly shared: SharedChains | null;
  /** kube-proxy's table in nftables mode. */
  readonly nft: NftRuleSet | null;
}

/**
 * The rules that kube-proxy and the network plugin write in a cluster as it
 * is at one moment: node by node as text, or compiled, with what nodes have
 * in common compiled once.
 */
export class GeneratedRules {
  readonly #iptables = new Map<4 | 6, IptablesFamily>();
  readonly #nft = new Map<4 | 6, NftFamily>();
  readonly #ipvs = new Map<4 | 6, IpvsFamily>();
  readonly #cluster: ClusterView;
  readonly #options: IptablesOptions;

  constructor(cluster: ClusterView, options: IptablesOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** All tables of iptables that a node has in one family. */
  tables(node: Node, family: 4 | 6): readonly RuleTable[] {
    switch (this.#options.mode) {
      case "nftables":
        return this.#beside(node, family);
      case "ipvs":
        return this.#ipvsOf(family).tables(node);
      case "iptables":
        return this.#iptablesOf(family).tables(node);
    }
  }

  /** kube-proxy's table in nftables mode, a line for each thing that is added. */
  nftLines(node: Node, family: 4 | 6): readonly string[] {
    return this.#nftOf(family).lines(node);
  }

  /** What kube-proxy has programmed into a node; it counts in the families that the node has an address of. */
  programmed(node: Node, family: 4 | 6): Programmed | null {
    if (!node.internalIps.some((ip) => ip.family === family)) return null;
    switch (this.#options.mode) {
      case "nftables":
        return this.#nftOf(family).programmed(node);
      case "ipvs":
        return this.#ipvsOf(family).programmed(node);
      case "iptables":
        return this.#iptablesOf(family).programmed(node);
    }
  }

  /** What IPVS mode has on a node beside rules, family by family; empty in the other modes. */
  ipvsServices(node: Node): readonly IpvsServices[] {
    return this.#options.mode !== "ipvs"
      ? []
      : ([4, 6] as const).map((family) => this.#ipvsOf(family).services(node));
  }

  /** What a node runs. */
  rulesOf(node: Node, family: 4 | 6): NodeRules {
    const none = { shared: null, nft: null };
    switch (this.#options.mode) {
      case "nftables": {
        const nft = this.#nftOf(family).ruleSet(node);
        return { ...none, own: this.#beside(node, family), nft };
      }
      case "ipvs":
        return { ...none, own: this.#ipvsOf(family).tables(node) };
      case "iptables": {
        const rules = this.#iptablesOf(family);
        const shared = rules.shared(node);
        return { ...none, own: rules.ownTables(node), shared };
      }
    }
  }

  /** What the network plugin writes into iptables, whatever kube-proxy does. */
  #beside(node: Node, family: 4 | 6): readonly RuleTable[] {
    const nat = new RuleGatherer();
    egressMasquerade(nat, node, this.#context(family));
    return nat.chains.size === 0 ? [] : nat.table("nat");
  }

  /** Made when a node is first asked for: a control change alone costs nothing. */
  #iptablesOf(family: 4 | 6): IptablesFamily {
    let rules = this.#iptables.get(family);
    if (rules === undefined) {
      rules = new IptablesFamily(this.#cluster, this.#context(family));
      this.#iptables.set(family, rules);
    }
    return rules;
  }

  #nftOf(family: 4 | 6): NftFamily {
    let rules = this.#nft.get(family);
    if (rules === undefined) {
      rules = new NftFamily(this.#cluster, this.#context(family));
      this.#nft.set(family, rules);
    }
    return rules;
  }

  #ipvsOf(family: 4 | 6): IpvsFamily {
    let rules = this.#ipvs.get(family);
    if (rules === undefined) {
      rules = new IpvsFamily(this.#cluster, this.#context(family));
      this.#ipvs.set(family, rules);
    }
    return rules;
  }

  #context(family: 4 | 6): FamilyContext {
    const options = this.#options;
    const ranges = options.clusterCIDR === undefined
      ? clusterRanges(this.#cluster)
      : options.clusterCIDR.split(",").map(Cidr.of);
    return { family, options, ranges };
  }
}

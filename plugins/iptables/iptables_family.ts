import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import type { Programmed } from "../../core/replay/sync.ts";
import { egressMasquerade } from "./egress_masquerade.ts";
import {
  assembleTables,
  builtTables,
  commonChains,
  writesComments,
} from "./kube_proxy.ts";
import {
  ProgrammedParts,
  restoredRules,
  ruleCount,
} from "./programmed_parts.ts";
import { PortRules } from "./port_rules.ts";
import { PortRulesStore } from "./port_rules_store.ts";
import { type ProxiedPort, proxiedPorts } from "./proxied_ports.ts";
import {
  contextKey,
  type FamilyContext,
  settingsOf,
} from "./proxy_settings.ts";
import { RuleGatherer } from "./rule_builder.ts";
import { type PortChains, portChains, SharedChains } from "./shared_chains.ts";
import { StoreByOptions } from "./store_by_options.ts";

const STORES = new StoreByOptions<PortRulesStore<PortRules>>();

/** The rules of iptables mode in one family, as a cluster has them at one moment. */
export class IptablesFamily {
  readonly #context: FamilyContext;
  readonly #store: PortRulesStore<PortRules>;
  readonly #ports: readonly ProxiedPort[];
  readonly #comments: boolean;
  /** Whether one node's rules are every node's, but for what it masquerades. */
  readonly #same: boolean;
  #sharedByAll: SharedChains | null = null;
  #samePorts: PortChains | null = null;

  constructor(cluster: ClusterView, context: FamilyContext) {
    const { family, options } = context;
    this.#context = context;
    this.#store = STORES.of(options, contextKey(context), () => {
      const masqueradeMark = (1 << options.masqueradeBit) >>> 0;
      const common = commonChains({ family, masqueradeMark });
      return new PortRulesStore({
        write: (proxied, { node, comments }) =>
          new PortRules(proxied, {
            node,
            settings: settingsOf(node, context),
            comments,
            common,
          }),
        sameSettings: options.detectLocalMode !== "NodeCIDR",
      });
    });
    this.#ports = proxiedPorts(cluster, family);
    this.#comments = writesComments(this.#ports);
    this.#same = options.nodePortAddresses.length === 0 &&
      this.#ports.every((port) => this.#store.isSameEverywhere(port));
  }

  /** All tables of a node. */
  tables(node: Node): readonly RuleTable[] {
    const tables = this.#assemble(node, true);
    egressMasquerade(tables.nat, node, this.#context);
    return builtTables(tables);
  }

  /**
   * iptables-restore replaces whole chains, so a sync writes those that all
   * Services share again, whatever has changed.
   */
  programmed(node: Node): Programmed {
    const own = new ProgrammedParts();
    for (const [index, port] of this.#rulesOf(this.#ports, node).entries()) {
      own.port(this.#ports[index]!, { rules: ruleCount(port.ownRules) });
    }
    const common = builtTables(this.#assemble(node, false));
    return {
      writer: `IPv${this.#context.family}`,
      parts: own.parts,
      always: { rules: restoredRules(common) },
    };
  }

  /** POSTROUTING, where the node's own range is masqueraded, with what it jumps to. */
  ownTables(node: Node): readonly RuleTable[] {
    const nat = new RuleGatherer();
    egressMasquerade(nat, node, this.#context);
    if (nat.chains.size === 0) return [];
    const common = this.shared(node).chain("nat", "POSTROUTING")!.source.rules;
    return nat.table("nat", { before: new Map([["POSTROUTING", common]]) });
  }

  /** All other chains of the node. */
  shared(node: Node): SharedChains {
    if (!this.#same) return this.#sharedOf(node);
    return this.#sharedByAll ??= this.#sharedOf(node);
  }

  #sharedOf(node: Node): SharedChains {
    const isSame = (port: ProxiedPort) => this.#store.isSameEverywhere(port);
    this.#samePorts ??= portChains(
      this.#rulesOf(this.#ports.filter(isSame), node),
    );
    const differing = this.#ports.filter((port) => !isSame(port));
    return new SharedChains(builtTables(this.#assemble(node, false)), {
      family: this.#context.family,
      ports: [this.#samePorts, portChains(this.#rulesOf(differing, node))],
    });
  }

  #assemble(node: Node, own: boolean) {
    return assembleTables(this.#rulesOf(this.#ports, node), {
      node,
      settings: settingsOf(node, this.#context),
      own,
    });
  }

  #rulesOf(ports: readonly ProxiedPort[], node: Node): PortRules[] {
    const comments = this.#comments;
    return ports.map((port) => this.#store.rulesOf(port, { node, comments }));
  }
}

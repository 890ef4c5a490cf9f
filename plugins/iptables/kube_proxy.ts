import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import { CompiledChain } from "./compiled_chain.ts";
import { modelledInterfaces } from "./host.ts";
import { NO_SETS } from "./ip_sets.ts";
import {
  baseFilterRules,
  baseNatRules,
  markMasqueradeRules,
} from "./kube_proxy_base.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import { type CommonChains, PortRules } from "./port_rules.ts";
import { proxiedPorts } from "./proxied_ports.ts";
import { ruleChain, RuleGatherer, TableBuilder } from "./rule_builder.ts";

/** Endpoints in the whole cluster above which comments are left out (largeClusterEndpointsThreshold). */
const LARGE_CLUSTER_ENDPOINTS = 1_000;

/** The two tables that kube-proxy writes. */
export interface ProxyTables {
  readonly filter: TableBuilder;
  readonly nat: TableBuilder;
}

/**
 * The tables that kube-proxy in iptables mode writes on one node
 * (pkg/proxy/iptables/proxier.go, `syncProxyRules`, as of v1.28), base jumps
 * included.
 */
export function kubeProxyTables(
  cluster: ClusterView,
  { node, settings }: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
  },
): ProxyTables {
  const ports = proxiedPorts(cluster, settings.family);
  const common = commonChains(settings);
  const comments = writesComments(ports);
  const rules = ports.map((port) =>
    new PortRules(port, { node, settings, comments, common })
  );
  return assembleTables(rules, { node, settings, own: true });
}

/** Whether rules of endpoints have comments. */
export function writesComments(
  ports: readonly { readonly endpoints: readonly unknown[] }[],
): boolean {
  return ports.reduce((sum, { endpoints }) => sum + endpoints.length, 0) <=
    LARGE_CLUSTER_ENDPOINTS;
}

/** Puts the rules of Service ports in their place among those that do not depend on Services. */
export function assembleTables(
  ports: readonly PortRules[],
  { node, settings, own }: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
    /** Whether the ports' own chains are put in too. */
    readonly own: boolean;
  },
): ProxyTables {
  const filter = new TableBuilder("filter");
  const nat = new TableBuilder("nat");
  baseFilterRules(filter, settings);
  for (const port of ports) {
    for (const [chain, rules] of port.filter.chains) filter.take(chain, rules);
    for (const [chain, rules] of port.nat.chains) {
      if (own || !port.own.has(chain)) nat.take(chain, rules);
    }
  }
  baseNatRules(nat, { node, settings });
  return { filter, nat };
}

/** The chains that every Service port may jump to. */
export function commonChains(
  settings: Pick<KubeProxySettings, "family" | "masqueradeMark">,
): CommonChains {
  const gatherer = new RuleGatherer();
  markMasqueradeRules(gatherer, settings);
  const [[name, rules]] = [...gatherer.chains] as [
    [string, Parameters<typeof ruleChain>[1]],
  ];
  return {
    markMasquerade: new CompiledChain("nat", ruleChain(name, rules), {
      family: settings.family,
      interfaces: modelledInterfaces,
      sets: NO_SETS,
      chain: () => undefined,
    }),
  };
}

/** The built tables, filter first. */
export function builtTables(tables: ProxyTables): readonly RuleTable[] {
  return [tables.filter.build(), tables.nat.build()];
}

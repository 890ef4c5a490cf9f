import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import { baseFilterRules, baseNatRules } from "./kube_proxy_base.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import { proxiedPorts } from "./proxied_ports.ts";
import { TableBuilder } from "./rule_builder.ts";
import { ServicePortRules } from "./service_port_rules.ts";

/** Endpoints in the whole cluster above which comments are left out (largeClusterEndpointsThreshold). */
const LARGE_CLUSTER_ENDPOINTS = 1_000;

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
): { readonly filter: TableBuilder; readonly nat: TableBuilder } {
  const filter = new TableBuilder("filter");
  const nat = new TableBuilder("nat");
  const ports = proxiedPorts(cluster, settings.family);
  const total = ports.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  baseFilterRules(filter, settings);
  for (const port of ports) {
    new ServicePortRules(port, {
      node,
      settings,
      filter,
      nat,
      comments: total <= LARGE_CLUSTER_ENDPOINTS,
    }).write();
  }
  baseNatRules(nat, { node, settings });
  return { filter, nat };
}

/** The built tables, filter first. */
export function builtTables(
  tables: { readonly filter: TableBuilder; readonly nat: TableBuilder },
): readonly RuleTable[] {
  return [tables.filter.build(), tables.nat.build()];
}

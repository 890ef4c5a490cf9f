import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { clusterRanges } from "./cluster_ranges.ts";
import { egressMasquerade } from "./egress_masquerade.ts";
import { builtTables, kubeProxyTables } from "./kube_proxy.ts";
import { localDetector } from "./local_detector.ts";
import type { IptablesOptions } from "./options.ts";
import type { HostTables } from "./rule_set.ts";

/** The rules that kube-proxy and the network plugin write on one node, in both families. */
export function nodeTables(
  cluster: ClusterView,
  node: Node,
  options: IptablesOptions,
): HostTables {
  const clusterCidrs = options.clusterCIDR === undefined
    ? clusterRanges(cluster)
    : options.clusterCIDR.split(",").map(Cidr.of);
  const inFamily = (family: 4 | 6) => {
    const addresses = options.nodePortAddresses.map(Cidr.of)
      .filter(({ base }) => base.family === family);
    const tables = kubeProxyTables(cluster, {
      node,
      settings: {
        family,
        localDetector: localDetector(options.detectLocalMode, {
          family,
          node,
          clusterCidrs,
          ...options.detectLocal,
        }),
        masqueradeAll: options.masqueradeAll,
        masqueradeMark: (1 << options.masqueradeBit) >>> 0,
        localhostNodePorts: options.localhostNodePorts,
        // No range of the family, or one of all addresses, is every address.
        nodePortAddresses: addresses.length === 0 ||
            addresses.some(({ length }) => length === 0)
          ? null
          : addresses,
        randomFully: true,
      },
    });
    egressMasquerade(tables.nat, { family, node, clusterCidrs, options });
    return builtTables(tables);
  };
  return { v4: inFamily(4), v6: inFamily(6) };
}

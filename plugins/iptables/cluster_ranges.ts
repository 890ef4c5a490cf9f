import type { ClusterView } from "../../core/cluster/view.ts";
import { Cidr, type Ip } from "../../core/packet/ip.ts";

/** Shortest prefix that is taken for one cluster's range: a shorter one is nodes that have little in common. */
const SHORTEST = { 4: 8, 6: 32 } as const;

/**
 * The range of all pods, one a family, where nobody gave it: the longest
 * prefix round the nodes' podCIDRs. None when the nodes have none, or when the
 * prefix would take in a node or a Service, which no cluster's range does.
 */
export function clusterRanges(cluster: ClusterView): readonly Cidr[] {
  const nodes = [...cluster.nodes.values()];
  return ([4, 6] as const).flatMap((family) => {
    const ranges = nodes.flatMap(({ podCidrs }) =>
      podCidrs.filter(({ base }) => base.family === family)
    );
    if (ranges.length === 0) return [];
    const around = ranges.reduce(enclosing);
    if (around.length < SHORTEST[family]) return [];
    const others: Ip[] = [
      ...nodes.flatMap((node) => [...node.internalIps, ...node.externalIps]),
      ...[...cluster.services.values()].flatMap(({ clusterIps }) => clusterIps),
    ];
    return others.some((ip) => around.contains(ip)) ? [] : [around];
  });
}

/** The longest prefix that has both. */
function enclosing(a: Cidr, b: Cidr): Cidr {
  let length = Math.min(a.length, b.length);
  let around = new Cidr(a.base, length);
  while (!around.contains(b.base)) around = new Cidr(a.base, --length);
  return around;
}

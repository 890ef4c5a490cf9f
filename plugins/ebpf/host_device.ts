import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Overlay } from "../../core/replay/plugin.ts";

/** Where the agent writes down which address it gave `cilium_host` (pkg/annotation/k8s.go, CiliumHostIP). */
const ANNOTATIONS = {
  4: "network.cilium.io/ipv4-cilium-host",
  6: "network.cilium.io/ipv6-cilium-host",
} as const;

/** Addresses looked at for one that no pod has. */
const MOST_TRIES = 1_024;

/**
 * The way to other nodes' pods in tunnel mode: routes lead to `cilium_host`,
 * which has an address of the node's pod range. Where the node does not say
 * which, it is the first that no pod has.
 */
export function hostDevice(node: Node, cluster: ClusterView): Overlay {
  const addresses = ([4, 6] as const)
    .map((family) =>
      annotated(node, family) ?? firstFree(node, family, cluster)
    )
    .filter((ip) => ip !== undefined);
  return { interface: "cilium_host", addresses };
}

function annotated(node: Node, family: 4 | 6): Ip | undefined {
  const text = node.annotations[ANNOTATIONS[family]];
  const ip = text === undefined ? undefined : Ip.parse(text);
  return ip?.family === family ? ip : undefined;
}

function firstFree(
  node: Node,
  family: 4 | 6,
  cluster: ClusterView,
): Ip | undefined {
  const range = node.podCidrs.find(({ base }) => base.family === family);
  if (range === undefined) return undefined;
  for (let offset = 1; offset <= MOST_TRIES; offset++) {
    const ip = range.base.plus(offset);
    if (!range.contains(ip)) return undefined;
    if (cluster.podAt(ip) === undefined) return ip;
  }
  return undefined;
}

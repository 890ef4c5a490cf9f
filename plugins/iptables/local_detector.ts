import type { Node } from "../../core/cluster/model.ts";
import type { Cidr } from "../../core/packet/ip.ts";
import { is, isNot, type RuleParts } from "./rule_builder.ts";

/** How rules tell traffic of the node's own pods (pkg/proxy/util/iptables/traffic.go). */
export interface LocalDetector {
  readonly ifLocal: RuleParts;
  readonly ifNotLocal: RuleParts;
}

/** The ways that kube-proxy's detectLocalMode names. */
export type DetectLocalMode =
  | "ClusterCIDR"
  | "NodeCIDR"
  | "BridgeInterface"
  | "InterfaceNamePrefix";

/** The detector of one family on one node; null where the mode lacks what it needs. */
export function localDetector(
  mode: DetectLocalMode,
  { family, node, clusterCidrs, bridgeInterface, interfaceNamePrefix }: {
    readonly family: 4 | 6;
    readonly node: Node;
    readonly clusterCidrs: readonly Cidr[];
    readonly bridgeInterface: string;
    readonly interfaceNamePrefix: string;
  },
): LocalDetector | null {
  const bySource = (ranges: readonly Cidr[]) => {
    const range = ranges.find(({ base }) => base.family === family);
    return range === undefined ? null : {
      ifLocal: { source: is(range.text) },
      ifNotLocal: { source: isNot(range.text) },
    };
  };
  const byInterface = (name: string) =>
    name === "" ? null : {
      ifLocal: { inInterface: is(name) },
      ifNotLocal: { inInterface: isNot(name) },
    };
  switch (mode) {
    case "ClusterCIDR":
      return bySource(clusterCidrs);
    case "NodeCIDR":
      return bySource(node.podCidrs);
    case "BridgeInterface":
      return byInterface(bridgeInterface);
    case "InterfaceNamePrefix":
      return byInterface(interfaceNamePrefix && `${interfaceNamePrefix}+`);
  }
}

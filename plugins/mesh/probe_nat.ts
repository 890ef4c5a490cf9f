import { objectKey } from "../../core/cluster/model.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Handled, HookContext } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { PROBE_SOURCE } from "./ambient_redirect.ts";
import type { Mesh } from "./mesh.ts";

/** The host's rule; istio-cni keeps the addresses of the node's ambient pods in the set. */
const RULE: Rule = {
  name: "nat ISTIO_POSTRT",
  text:
    "-A ISTIO_POSTRT -p tcp -m owner --socket-exists -m set --match-set istio-inpod-probes-v4 dst -j SNAT --to-source 169.254.7.127",
};

/**
 * Gives what a process of the node itself sends to an ambient pod the probe
 * address, so that the pod's rules can tell the kubelet's probes from traffic
 * to be captured (istio/istio cni/pkg/iptables/iptables.go,
 * CreateHostRulesForHealthChecks). It is never a node's address, which
 * policies that let the node pass do not know.
 */
export function translateProbe(
  packet: Packet,
  context: HookContext,
  mesh: Mesh,
): Handled {
  const { route, direction } = context;
  if (
    packet.protocol !== PROTOCOL.tcp || direction === "reply" ||
    route?.kind !== "pod" || mesh.planeOf(route.pod) !== "ambient" ||
    !isOfHost(context)
  ) {
    return undefined;
  }
  const { conntrack, nowNs } = context;
  const connection = conntrack.find(packet, nowNs)?.connection ??
    conntrack.open(packet);
  const ip = PROBE_SOURCE[packet.source.family];
  if (!connection.sourceBound) {
    conntrack.bindSource(connection, { ip, port: packet.sourcePort });
  }
  conntrack.confirm(connection, nowNs);
  return {
    kind: "rewrite",
    change: { source: ip, sourcePort: connection.reply.destinationPort },
    rule: RULE,
  };
}

/** Gives the answer back the address that the probe was sent from. */
export function translateProbeAnswer(
  packet: Packet,
  { conntrack, nowNs }: HookContext,
): Handled {
  if (!packet.destination.equals(PROBE_SOURCE[packet.destination.family])) {
    return undefined;
  }
  const found = conntrack.find(packet, nowNs);
  if (found?.direction !== "reply") return undefined;
  const { source, sourcePort } = found.connection.original;
  return {
    kind: "rewrite",
    change: { destination: source, destinationPort: sourcePort },
    rule: RULE,
  };
}

/** Whether the socket is in this node's namespace: a process of the node, or of a pod without its own. */
function isOfHost({ owner, node, cluster }: HookContext): boolean {
  if (owner?.place.kind !== "pod") {
    return owner?.place.kind === "node" && owner.place.name === node.name;
  }
  const pod = cluster.pods.get(objectKey(owner.place));
  return pod !== undefined && pod.hostNetwork && pod.node === node.name;
}

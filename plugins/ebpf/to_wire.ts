import type { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { NodeDatapath } from "./datapath.ts";
import type { Doubt } from "./live/live_node.ts";
import { answerDirectly } from "./direct_return.ts";
import { IDENTITY, markedIdentity } from "./identity.ts";
import { masqueradeByBpf } from "./masquerade.ts";
import { PASSED, type Tracker } from "./tracking.ts";

/** VXLAN over IPv4: outer IP 20, UDP 8, VXLAN 8, inner Ethernet 14; Geneve without options is as long. */
const TUNNEL_BYTES = 50;

/**
 * `to-wire`: the program at the node's device (bpf/bpf_host.c,
 * cil_to_netdev, handle_nat_fwd): answers to node ports get the frontend's
 * address back, pods that leave the cluster the node's address; in tunnel
 * mode what is for a pod is wrapped.
 */
export function toWire(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  const { settings, firewall } = path;
  return function toWire(packet, context) {
    const stopped = firewall?.egress(packet, context);
    if (stopped !== undefined) return stopped;
    const change = translate(packet, { path, context, tracker });
    if (settings.tunnel === null || !isOverlaid(context)) return change;
    const doubt = tunnelDoubt(packet, path, context);
    if (doubt !== null) return { kind: "unknown", ...doubt };
    const wrapped = encapsulation(packet.destination, {
      by: settings.tunnel,
      id: tunnelIdOf(packet, path, context),
    });
    return change === undefined ? wrapped : [change, wrapped];
  };
}

/** The tunnel header, with the sender's identity. */
export function encapsulation(
  destination: Ip,
  { by, id }: { readonly by: "vxlan" | "geneve"; readonly id: number },
): Action {
  return {
    kind: "encapsulate",
    by,
    id,
    overheadBytes: TUNNEL_BYTES,
    rule: { name: `cilium_ipcache_v2 ${destination.text}/32` },
  };
}

function translate(
  packet: Packet,
  { path, context, tracker }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly tracker: Tracker;
  },
): Action | undefined {
  const { settings } = path;
  if (settings.kubeProxyReplacement) {
    const { connection, state } = tracker.look(packet, context);
    if (connection !== null && state === "reply") {
      const { original, mark } = connection;
      if ((mark & PASSED.nodePort) === 0) {
        return (mark & PASSED.direct) === 0
          ? undefined
          : answerDirectly(packet, context);
      }
      const rule = path.reverse(connection);
      return rule === null ? undefined : {
        kind: "rewrite",
        change: {
          source: original.destination,
          sourcePort: original.destinationPort,
        },
        rule,
      };
    }
  }
  return settings.masquerade === "bpf"
    ? masqueradeByBpf(packet, { path, context, tracker })
    : undefined;
}

function isOverlaid({ route }: HookContext): boolean {
  return route?.kind === "wire" && route.overlaid;
}

function tunnelDoubt(
  { destination }: Packet,
  { live }: NodeDatapath,
  { route }: HookContext,
): Doubt | null {
  return live === null || route?.kind !== "wire" || route.node === null
    ? null
    : live.tunnelDoubt(destination, route.node);
}

/**
 * The sender's identity travels as the network identifier
 * (encap_and_redirect_with_nodeid): a pod's, the host's for its own
 * processes, and the world for what the node forwards under its own address.
 */
function tunnelIdOf(
  packet: Packet,
  path: NodeDatapath,
  context: HookContext,
): number {
  const marked = packet.mark === 0 ? 0 : markedIdentity(packet.mark);
  if (marked !== 0) return marked;
  const sender = path.holderOf(packet.source);
  if (sender.kind === "pod") return IDENTITY.firstPod + sender.party.id;
  return context.owner === null ? IDENTITY.world : IDENTITY.remoteNode;
}

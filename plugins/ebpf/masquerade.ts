import type { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { NodeDatapath } from "./datapath.ts";
import { isEcho, mapBack, mapSource } from "./snat.ts";
import { PASSED, type Tracker } from "./tracking.ts";
import { toProxy } from "./transparent.ts";

const BPF_RULE: Rule = {
  name: "cilium_snat_v4_external",
  text: "bpf.masquerade",
};

const IPTABLES_RULE: Rule = {
  name: "nat CILIUM_POST_nat",
  text: "cilium masquerade non-cluster",
};

/**
 * `postrouting`: without BPF masquerade the agent's own netfilter rules do it
 * (pkg/datapath/iptables, installMasqueradeRules). They spare node addresses
 * in the ipset `cilium_node_set_v4`: internal ones only.
 */
export function masqueradeByNetfilter(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  return function masqueradeByNetfilter(packet, context) {
    if (context.route?.kind !== "wire") return undefined;
    if (!leavesCluster(packet, path)) return undefined;
    const holder = path.holderOf(packet.destination);
    const internal = holder.kind === "node" &&
      holder.node.internalIps.some((ip) => ip.equals(packet.destination));
    if (internal && !path.settings.tunnel) return undefined;
    return translate(packet, {
      to: context.outAddress(packet.source.family),
      context,
      tracker,
      rule: IPTABLES_RULE,
    });
  };
}

/** `prerouting`: the way back of {@link masqueradeByNetfilter}. */
export function unmasqueradeByNetfilter(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  return function unmasqueradeByNetfilter(packet, context) {
    if (!path.isOwn(path.holderOf(packet.destination))) return undefined;
    return translateBack(packet, {
      path,
      context,
      tracker,
      rule: IPTABLES_RULE,
    })?.actions;
  };
}

/**
 * `to-wire` with BPF masquerade: packets for other nodes keep their source,
 * whichever of its addresses they are for, unless asked otherwise or in
 * tunnel mode (bpf/lib/nat.h, snat_v4_needs_masquerade; cilium/cilium issue
 * 17177).
 */
export function masqueradeByBpf(
  packet: Packet,
  { path, context, tracker }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly tracker: Tracker;
  },
): Action | undefined {
  const { settings } = path;
  if (!leavesCluster(packet, path)) return undefined;
  if (
    path.holderOf(packet.destination).kind === "node" &&
    !settings.remoteNodeMasquerade && settings.tunnel === null
  ) return undefined;
  const to = path.address[packet.source.family];
  return translate(packet, { to, context, tracker, rule: BPF_RULE });
}

/** `from-wire`, the way back of {@link masqueradeByBpf}. */
export function unmasqueradeByBpf(
  packet: Packet,
  at: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly tracker: Tracker;
  },
): Unmasqueraded | undefined {
  return translateBack(packet, { ...at, rule: BPF_RULE });
}

/** An answer translated back: for a pod, or for the proxy in a pod's name. */
export interface Unmasqueraded {
  readonly actions: readonly Action[];
  readonly destination: Ip;
}

/** Whether a packet of a local pod is for someone outside the pod network. */
function leavesCluster(
  { source, destination }: Packet,
  path: NodeDatapath,
): boolean {
  const { settings, cluster } = path;
  const wanted = source.family === 4
    ? settings.masquerade4
    : settings.masquerade6;
  if (!wanted || !path.isLocalPod(path.holderOf(source))) return false;
  if (path.holderOf(destination).kind === "pod") return false;
  const native = settings.nativeRouting.filter(({ base }) =>
    base.family === destination.family
  );
  return native.length > 0
    ? !native.some((cidr) => cidr.contains(destination))
    : !cluster.isPodAddress(destination);
}

function translate(
  packet: Packet,
  { to, context, tracker, rule }: {
    readonly to: Ip | undefined;
    readonly context: HookContext;
    readonly tracker: Tracker;
    readonly rule: Rule;
  },
): Action | undefined {
  if (to === undefined) return undefined;
  // An answer of a pod goes out under the address it was asked at.
  const { state } = tracker.lookBoth(packet, context);
  if (state === "reply" || state === "returned") return undefined;
  const mapped = mapSource(packet, { to, context });
  if (mapped === undefined) {
    return { kind: "drop", reason: "NO_MAPPING_FOR_NAT_MASQUERADE", rule };
  }
  return {
    kind: "rewrite",
    change: { source: mapped.ip, sourcePort: mapped.port },
    rule,
  };
}

function translateBack(
  packet: Packet,
  { path, context, tracker, rule }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly tracker: Tracker;
    readonly rule: Rule;
  },
): Unmasqueraded | undefined {
  const end = mapBack(packet, context);
  if (end === undefined) return undefined;
  const back: Action = {
    kind: "rewrite",
    change: isEcho(packet) && packet.sourcePort !== 0
      ? { destination: end.ip, sourcePort: end.port }
      : { destination: end.ip, destinationPort: end.port },
    rule,
  };
  const { connection, state } = path.inspects
    ? tracker.lookTo(packet, { destination: end.ip, port: end.port, context })
    : { connection: null, state: null };
  if (
    connection === null || state !== "reply" ||
    (connection.mark & PASSED.proxied) === 0
  ) return { actions: [back], destination: end.ip };
  return {
    actions: [back, toProxy(connection)],
    destination: connection.original.source,
  };
}

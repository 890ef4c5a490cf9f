import type { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { Backend } from "./backend_set.ts";
import type { NodeDatapath } from "./datapath.ts";
import {
  receiveDirectly,
  returnsDirectly,
  sendDirectly,
} from "./direct_return.ts";
import { noBackend } from "./from_pod.ts";
import type { Frontend } from "./frontend.ts";
import { IDENTITY } from "./identity.ts";
import { unmasqueradeByBpf } from "./masquerade.ts";
import { pickBackend } from "./pick_backend.ts";
import { PASSED, type Tracker } from "./tracking.ts";
import { encapsulation } from "./to_wire.ts";
import { toProxy } from "./transparent.ts";

/** One packet off the wire. */
interface Arrival {
  readonly path: NodeDatapath;
  readonly tracker: Tracker;
  readonly packet: Packet;
  readonly context: HookContext;
  /** Handled by XDP: what it sends on goes out at once, the rest goes up. */
  readonly xdp: boolean;
}

/**
 * `from-wire`: the program at the node's device (bpf/bpf_host.c,
 * cil_from_netdev; bpf/lib/nodeport.h, nodeport_lb4): frontends that answer to
 * the world, answers on their way back through them and through masquerading,
 * and the short way to local pods.
 */
export function fromWire(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  const { firewall, settings: { xdp } } = path;
  return function fromWire(packet, context) {
    const arrival = { path, tracker, packet, context, xdp: false };
    if (firewall !== null && context.tunnelId !== null) {
      const stopped = firewall.admitsTunnel(packet, context);
      if (stopped !== undefined) return stopped;
    }
    if (packet.option != null) receiveDirectly(packet, arrival);
    const holder = path.holderOf(packet.destination);
    if (holder.kind === "pod" || holder.kind === "role") {
      return proxied(arrival) ?? shortWay(packet.destination, path);
    }
    // XDP has looked at everything but what came wrapped.
    const looked = packet.option != null || xdp && context.tunnelId === null;
    return (looked ? undefined : answered(arrival) ?? served(arrival)) ??
      (firewall !== null && path.isOwn(holder)
        ? firewall.ingress(packet, context)
        : undefined);
  };
}

/**
 * The same load balancing in the device's driver, before there is a packet
 * buffer (bpf/bpf_xdp.c, cil_xdp_entry): what is for another node leaves by
 * the device it came in by, past every hook of the kernel and of tc.
 */
export function fromDevice(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  return function fromDevice(packet, context) {
    if (context.tunnelId !== null || packet.option != null) return undefined;
    const { kind } = path.holderOf(packet.destination);
    if (kind === "pod" || kind === "role") return undefined;
    const arrival = { path, tracker, packet, context, xdp: true };
    return answered(arrival) ?? served(arrival);
  };
}

/** An answer to a transparent socket of the proxy, which has a pod's address. */
function proxied(
  { path, tracker, packet, context }: Arrival,
): Action | undefined {
  if (!path.endsAtProxies) return undefined;
  const { connection, state } = tracker.look(packet, context);
  return connection !== null && state === "reply" &&
      (connection.mark & PASSED.proxied) !== 0
    ? toProxy(connection)
    : undefined;
}

/** An answer to the node's address that stands for someone else's. */
function answered(arrival: Arrival): readonly Action[] | undefined {
  const { path, tracker, packet, context } = arrival;
  const { settings } = path;
  if (settings.kubeProxyReplacement) {
    const { connection, state } = tracker.look(packet, context);
    if (connection !== null && (connection.mark & PASSED.nodePort) !== 0) {
      return state === "reply"
        ? backToClient(arrival, connection)
        : forwarded(arrival, {
          connection,
          rule: connection.destinationRule,
        });
    }
  }
  if (settings.masquerade !== "bpf") return undefined;
  const back = unmasqueradeByBpf(packet, arrival);
  return back && [...back.actions, ...inwards(arrival, back.destination)];
}

/** Both translations of a forwarded connection are undone at once (tail_rev_nodeport_lb4). */
function backToClient(
  arrival: Arrival,
  connection: Connection,
): readonly Action[] {
  const { original } = connection;
  const rule = arrival.path.reverse(connection);
  const frontend = rule === null ? {} : {
    source: original.destination,
    sourcePort: original.destinationPort,
  };
  return [
    {
      kind: "rewrite",
      change: {
        ...frontend,
        destination: original.source,
        destinationPort: original.sourcePort,
      },
      rule,
    },
    outwards(arrival),
  ];
}

function served(arrival: Arrival): Action | readonly Action[] | undefined {
  const { path, tracker, packet, context } = arrival;
  const frontend = frontendOf(arrival);
  if (frontend === undefined) return undefined;
  const { rule, type, unmodelled: unknown } = frontend;
  if (unknown !== null) return { kind: "unknown", reason: unknown, rule };
  if (type === "ClusterIP" && !path.settings.externalClusterIp) {
    return { kind: "drop", reason: "IS_A_CLUSTERIP", rule };
  }
  // Only packets off the wire are held against the ranges (lb4_src_range_ok).
  const { sourceRanges } = frontend;
  if (sourceRanges !== null) {
    context.charge("lpmLookups", 1);
    const { ranges, deny } = sourceRanges;
    const listed = ranges.some((range) => range.contains(packet.source));
    if (listed === deny) {
      return { kind: "drop", reason: "DENIED_BY_LB_SRC_RANGE_CHECK", rule };
    }
  }
  const backend = pickBackend(frontend, {
    set: frontend.backends(path.node.name, "external"),
    client: () => packet.source.text,
    context,
    affinity: path.settings.sessionAffinity,
    // Only what comes from outside is hashed (kubeproxy-free.rst, Maglev).
    ...(path.maglev === null
      ? {}
      : { hashed: { packet, tables: path.maglev } }),
  });
  if (backend === undefined) {
    return frontend.isLocal("external")
      ? { kind: "drop", reason: "SERVICE_BACKEND_NOT_FOUND", rule }
      : noBackend(frontend, path);
  }
  const connection = tracker.open(packet, context);
  connection.mark |= PASSED.nodePort;
  context.conntrack.bindDestination(connection, backend);
  if (isRemote(arrival, backend)) bindRemote(arrival, { frontend, connection });
  context.conntrack.confirm(connection, context.nowNs);
  return forwarded(arrival, { connection, rule });
}

/** For another node's backend: under the node's address, or as it is when that node answers. */
function bindRemote(
  { path, packet, context }: Arrival,
  { frontend, connection }: {
    readonly frontend: Frontend;
    readonly connection: Connection;
  },
): void {
  const { forwarding } = path.settings;
  if (returnsDirectly(frontend, packet.protocol, forwarding)) {
    connection.mark |= PASSED.direct;
    return;
  }
  const ip = path.forwardingAddress(packet.destination.family);
  if (ip === undefined) return;
  const port = packet.sourcePort;
  context.conntrack.bindSource(connection, { ip, port });
}

const FORWARDED: Rule = { name: "bpf_redirect to the node's device" };
const SENT: Rule = { name: "XDP_TX", text: "loadBalancer.acceleration" };
const HOST_ROUTING: Rule = { name: "eBPF host routing" };

/** To a backend here, or to one elsewhere, out at the device it came in by. */
function forwarded(
  arrival: Arrival,
  { connection, rule }: {
    readonly connection: Connection;
    readonly rule: Rule | null;
  },
): readonly Action[] {
  const { packet } = arrival;
  if ((connection.mark & PASSED.direct) !== 0) {
    const actions = sendDirectly(packet, { ...arrival, connection, rule });
    return [...actions, ...wrapped(arrival, connection), outwards(arrival)];
  }
  const { reply } = connection;
  const change = {
    destination: reply.source,
    destinationPort: reply.sourcePort,
  };
  if (!connection.sourceTranslated) {
    return [
      { kind: "rewrite", change, rule },
      ...stoppedAtHost(arrival, connection),
      ...inwards(arrival, reply.source),
    ];
  }
  return [
    {
      kind: "rewrite",
      change: {
        ...change,
        source: reply.destination,
        sourcePort: reply.destinationPort,
      },
      rule,
    },
    ...wrapped(arrival, connection),
    outwards(arrival),
  ];
}

/** A backend that is a process of this node is under the node's own policies. */
function stoppedAtHost(
  { path, packet, context, xdp }: Arrival,
  { reply: { source, sourcePort: port } }: Connection,
): Action[] {
  const { firewall } = path;
  if (firewall === null || xdp || !path.isOwn(path.holderOf(source))) return [];
  const peer = path.senderOf(packet, context);
  return [firewall.admits(peer, { packet, context, port }) ?? []].flat();
}

/** The way out again: by the device's tc program, or by none. */
function outwards({ xdp }: Arrival): Action {
  return xdp
    ? { kind: "bypass", to: "wire", rule: SENT }
    : { kind: "bypass", to: "to-wire", rule: FORWARDED };
}

/** What XDP sends to another node's pod over the tunnel it wraps itself. */
function wrapped({ path, xdp }: Arrival, { reply }: Connection): Action[] {
  const { tunnel: by } = path.settings;
  const isPod = path.holderOf(reply.source).kind === "pod";
  return xdp && by !== null && isPod
    ? [encapsulation(reply.source, { by, id: IDENTITY.world })]
    : [];
}

/** The way to a backend here: from XDP it is the kernel's, or tc's. */
function inwards({ path, xdp }: Arrival, destination: Ip): Action[] {
  return xdp ? [] : shortWay(destination, path);
}

function frontendOf({ path, packet, context }: Arrival): Frontend | undefined {
  const { services, settings, node } = path;
  if (!settings.kubeProxyReplacement) return undefined;
  const { protocol, destination, destinationPort: port } = packet;
  if (protocol !== PROTOCOL.tcp && protocol !== PROTOCOL.udp) return undefined;
  context.charge("hashLookups", 1);
  const direct = services.find(packet, node.name);
  if (direct !== undefined) return direct;
  if (!path.isOwn(path.holderOf(destination))) return undefined;
  const { family } = destination;
  return services.ofNode(node.name, { family, protocol, port });
}

function isRemote({ path }: Arrival, { ip }: Backend): boolean {
  const holder = path.holderOf(ip);
  return !path.isLocalPod(holder) && !path.isOwn(holder);
}

/** With eBPF host routing a packet for a local pod goes straight to its link. */
function shortWay(
  destination: Ip,
  path: NodeDatapath,
): Action[] {
  return path.settings.hostRouting &&
      path.isLocalPod(path.holderOf(destination))
    ? [{ kind: "bypass", to: "to-pod", rule: HOST_ROUTING }]
    : [];
}

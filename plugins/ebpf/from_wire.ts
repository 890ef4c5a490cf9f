import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { Backend } from "./backend_set.ts";
import type { NodeDatapath } from "./datapath.ts";
import { noBackend } from "./from_pod.ts";
import type { Frontend } from "./frontend.ts";
import { unmasqueradeByBpf } from "./masquerade.ts";
import { pickBackend } from "./pick_backend.ts";
import { PASSED, type Tracker } from "./tracking.ts";
import { toProxy } from "./transparent.ts";

/** One packet off the wire. */
interface Arrival {
  readonly path: NodeDatapath;
  readonly tracker: Tracker;
  readonly packet: Packet;
  readonly context: HookContext;
}

/**
 * `from-wire`: the program at the node's device (bpf/bpf_host.c,
 * cil_from_netdev; bpf/lib/nodeport.h, nodeport_lb4): frontends that answer to
 * the world, answers on their way back through them and through masquerading,
 * and the short way to local pods.
 */
export function fromWire(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  return function fromWire(packet, context) {
    const arrival = { path, tracker, packet, context };
    const holder = path.holderOf(packet.destination);
    if (holder.kind === "pod" || holder.kind === "role") {
      return proxied(arrival) ?? shortWay(packet.destination, path);
    }
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
        ? backToClient(connection, path)
        : forwarded(arrival, {
          connection,
          rule: connection.destinationRule,
        });
    }
  }
  if (settings.masquerade !== "bpf") return undefined;
  const back = unmasqueradeByBpf(packet, arrival);
  return back && [...back.actions, ...shortWay(back.destination, path)];
}

/** Both translations of a forwarded connection are undone at once (tail_rev_nodeport_lb4). */
function backToClient(
  connection: Connection,
  path: NodeDatapath,
): readonly Action[] {
  const { original } = connection;
  const rule = path.reverse(connection);
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
    { kind: "bypass", to: "to-wire", rule: FORWARDED },
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
  const unmodelled = unmodelledForwarding(arrival, backend);
  if (unmodelled !== null) return { kind: "unknown", reason: unmodelled, rule };
  const connection = tracker.open(packet, context);
  connection.mark |= PASSED.nodePort;
  context.conntrack.bindDestination(connection, backend);
  const address = path.forwardingAddress(packet.destination.family);
  if (isRemote(arrival, backend) && address !== undefined) {
    context.conntrack.bindSource(connection, {
      ip: address,
      port: packet.sourcePort,
    });
  }
  context.conntrack.confirm(connection, context.nowNs);
  return forwarded(arrival, { connection, rule });
}

const FORWARDED: Rule = { name: "bpf_redirect to the node's device" };
const HOST_ROUTING: Rule = { name: "eBPF host routing" };

/** To a backend here, or under the node's address to one elsewhere, out at the device it came in by. */
function forwarded(
  { path }: Arrival,
  { connection, rule }: {
    readonly connection: Connection;
    readonly rule: Rule | null;
  },
): readonly Action[] {
  const { reply } = connection;
  const change = {
    destination: reply.source,
    destinationPort: reply.sourcePort,
  };
  if (!connection.sourceTranslated) {
    return [
      { kind: "rewrite", change, rule },
      ...shortWay(reply.source, path),
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
    { kind: "bypass", to: "to-wire", rule: FORWARDED },
  ];
}

function frontendOf({ path, packet, context }: Arrival): Frontend | undefined {
  const { services, settings, node } = path;
  if (!settings.kubeProxyReplacement) return undefined;
  const { protocol, destination, destinationPort: port } = packet;
  if (protocol !== PROTOCOL.tcp && protocol !== PROTOCOL.udp) return undefined;
  context.charge("hashLookups", 1);
  const direct = services.find(destination, protocol, port);
  if (direct !== undefined) return direct;
  if (!path.isOwn(path.holderOf(destination))) return undefined;
  const { family } = destination;
  return services.ofNode(node.name, { family, protocol, port });
}

function isRemote({ path }: Arrival, { ip }: Backend): boolean {
  const holder = path.holderOf(ip);
  return !path.isLocalPod(holder) && !path.isOwn(holder);
}

function unmodelledForwarding(
  arrival: Arrival,
  backend: Backend,
): string | null {
  const { settings } = arrival.path;
  if (!isRemote(arrival, backend)) return null;
  const direct = settings.forwarding === "dsr" ||
    settings.forwarding === "hybrid" &&
      arrival.packet.protocol === PROTOCOL.tcp;
  return direct ? "direct server return is not modelled" : null;
}

/** With eBPF host routing a packet for a local pod goes straight to its link. */
function shortWay(
  destination: Packet["destination"],
  path: NodeDatapath,
): Action[] {
  return path.settings.hostRouting &&
      path.isLocalPod(path.holderOf(destination))
    ? [{ kind: "bypass", to: "to-pod", rule: HOST_ROUTING }]
    : [];
}

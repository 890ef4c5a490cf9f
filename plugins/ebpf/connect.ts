import { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Backend } from "./backend_set.ts";
import type { NodeDatapath } from "./datapath.ts";
import type { Frontend } from "./frontend.ts";
import { pickBackend, remember } from "./pick_backend.ts";

/** The peer that a connected datagram socket was given. JSON-safe. */
interface Peer {
  readonly ip: string;
  readonly port: number;
}

/**
 * `socket`: connect4, connect6 and sendmsg put a backend in the place of a
 * Service address before there is a packet (bpf/bpf_sock.c,
 * __sock4_xlate_fwd).
 */
export function connect(path: NodeDatapath): Handler {
  const { settings } = path;
  return function connect(packet, context) {
    // What a hostNetwork pod sends, the node sends.
    const inHost = context.pod === null;
    if (settings.socketLb === "host" && !inHost) return undefined;
    if (packet.protocol !== PROTOCOL.tcp && packet.protocol !== PROTOCOL.udp) {
      return undefined;
    }
    const frontend = frontendOf(packet, { path, context, inHost });
    if (frontend === undefined || skipped(frontend, { path, packet })) {
      return undefined;
    }
    const { unmodelled, rule } = frontend;
    if (unmodelled !== null) {
      return { kind: "unknown", reason: unmodelled, rule };
    }
    if (!inHost && frontend.spares?.(context.pod!) === true) return undefined;
    const backend = keptPeer(packet, context) ??
      picked(frontend, { path, context, inHost });
    if (backend === undefined) {
      return {
        kind: "reject",
        with: "errno",
        reason: "SERVICE_BACKEND_NOT_FOUND",
        rule: frontend.rule,
      };
    }
    if (packet.protocol === PROTOCOL.udp) {
      keepPeer(packet, { context, backend });
    }
    return {
      kind: "rewrite",
      change: { destination: backend.ip, destinationPort: backend.port },
      rule: frontend.rule,
    };
  };
}

function frontendOf(
  packet: Packet,
  { path, context, inHost }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly inHost: boolean;
  },
): Frontend | undefined {
  const { services, settings, node } = path;
  const { destination, protocol, destinationPort: port } = packet;
  context.charge("hashLookups", 1);
  const direct = services.find(packet, node.name);
  if (direct !== undefined || !settings.kubeProxyReplacement) return direct;
  // sock4_wildcard_lookup_full: node ports on whichever node, host ports on this.
  const { family } = destination;
  const loopback = inHost && destination.isLoopback;
  const holder = path.holderOf(destination);
  if (!loopback && holder.kind !== "node") return undefined;
  context.charge("lpmLookups", 1);
  context.charge("hashLookups", 1);
  const { from, to } = settings.nodePorts;
  if (port >= from && port <= to) {
    return services.nodePort(family, protocol, port);
  }
  return loopback || path.isOwn(holder)
    ? services.hostPort(node.name, { family, protocol, port })
    : undefined;
}

/** An external address is left alone unless it is the node's own, lest a Service capture it (sock4_skip_xlate). */
function skipped(
  { type, isHiddenInside }: Frontend,
  { path, packet }: { readonly path: NodeDatapath; readonly packet: Packet },
): boolean {
  return isHiddenInside ||
    type === "ExternalIPs" &&
      !path.isOwn(path.holderOf(packet.destination));
}

function picked(
  frontend: Frontend,
  { path, context, inHost }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly inHost: boolean;
  },
): Backend | undefined {
  return pickBackend(frontend, {
    set: frontend.backends(path.node.name, "internal"),
    client: () =>
      inHost ? "host" : `${context.pod!.namespace}/${context.pod!.name}`,
    context,
    affinity: path.settings.sessionAffinity,
  });
}

/**
 * A connected datagram socket keeps the peer it was given, also when that is
 * long gone (cilium/cilium issue 27300).
 */
function keptPeer(
  packet: Packet,
  context: HookContext,
): Backend | undefined {
  if (packet.protocol !== PROTOCOL.udp) return undefined;
  const peer = peers(context).get(peerKey(packet, context));
  return peer === undefined
    ? undefined
    : { ip: Ip.of(peer.ip), port: peer.port };
}

function keepPeer(
  packet: Packet,
  { context, backend }: {
    readonly context: HookContext;
    readonly backend: Backend;
  },
): void {
  remember(peers(context), peerKey(packet, context), {
    ip: backend.ip.text,
    port: backend.port,
  });
}

function peers(context: HookContext): Map<string, Peer> {
  return context.table<Peer>("connected sockets");
}

function peerKey(
  { destination, destinationPort }: Packet,
  { owner }: HookContext,
): string {
  return `${owner?.connection ?? ""} ${destination.text} ${destinationPort}`;
}

import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Party } from "../../core/policy/party.ts";
import type { Rule } from "../../core/source.ts";
import { LOOPBACK, type NodeDatapath } from "./datapath.ts";
import { enforce } from "./enforce.ts";
import type { Frontend } from "./frontend.ts";
import { pickBackend } from "./pick_backend.ts";
import { toProxy } from "./transparent.ts";
import { PASSED, policyPort, type Tracker } from "./tracking.ts";

/** One packet on its way out of a pod, as far as it has come. */
interface Passage {
  readonly path: NodeDatapath;
  readonly tracker: Tracker;
  readonly packet: Packet;
  readonly context: HookContext;
  readonly actions: Action[];
}

/**
 * `from-pod`: the program at the host end of a pod's link (bpf/bpf_lxc.c,
 * handle_ipv4_from_lxc): load balancing packet by packet where the socket did
 * not do it, egress policy on the translated destination, then the way out.
 */
export function fromPod(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  return function fromPod(packet, context) {
    context.charge("hashLookups", 1);
    const sender = path.holderOf(packet.source);
    if (sender.kind !== "pod" || !path.isLocalPod(sender)) {
      const rule = { name: "is_valid_lxc_src_ipv4" };
      return { kind: "drop", reason: "INVALID_SOURCE_IP", rule };
    }
    const passage = { path, tracker, packet, context, actions: [] };
    const { connection, state } = tracker.look(packet, context);
    const party = sender.party;
    if (connection === null || state !== "reply") {
      return sent(passage, { known: connection, party });
    }
    // What never came in is answered by nobody: it counts as the pod's own.
    return (connection.mark & (PASSED.ingress | PASSED.proxied)) === 0
      ? sent(passage, { known: null, party })
      : replied(passage, connection);
  };
}

/** An answer of the pod: no policy is asked. */
function replied(passage: Passage, connection: Connection): Action[] {
  const { original, mark } = connection;
  if ((mark & PASSED.proxied) !== 0) return [toProxy(connection)];
  if ((mark & PASSED.loopback) === 0) {
    return onwards(passage, passage.packet.destination);
  }
  return [
    {
      kind: "rewrite",
      change: {
        source: original.destination,
        sourcePort: original.destinationPort,
        destination: original.source,
        destinationPort: original.sourcePort,
      },
      rule: HAIRPIN,
    },
    ...onwards(passage, original.source),
  ];
}

const HAIRPIN: Rule = {
  name: "service loopback",
  text: "a pod that meets itself behind a Service",
};

function sent(
  passage: Passage,
  { known, party }: {
    readonly known: Connection | null;
    readonly party: Party;
  },
): readonly Action[] | Action | undefined {
  const { packet, context, actions, tracker } = passage;
  const frontend = frontendOf(passage);
  let connection = known;
  if (connection === null) {
    connection = tracker.open(packet, context);
    if (frontend !== undefined) {
      const stopped = balance(passage, { frontend, connection });
      if (stopped !== undefined) return stopped;
    }
  }
  const loopback = (connection.mark & PASSED.loopback) !== 0;
  if (connection.destinationTranslated) {
    const rule = connection.destinationRule ?? frontend?.rule ?? null;
    actions.push(translation(connection, rule));
  }
  const destination = connection.reply.source;
  const port = connection.destinationTranslated
    ? connection.reply.sourcePort
    : policyPort(packet);
  if (!loopback) {
    const alive = known !== null;
    const verdict = judge(passage, { party, destination, port, alive });
    if (verdict !== undefined) {
      actions.push(verdict);
      if (verdict.kind !== "accept" && verdict.kind !== "proxy") return actions;
    }
  }
  const stopped = stoppedAtHost(passage, { party, destination, port });
  if (stopped !== undefined) return [...actions, stopped];
  connection.mark |= PASSED.egress;
  context.conntrack.confirm(connection, context.nowNs);
  if (actions.at(-1)?.kind === "proxy") return actions;
  actions.push(...onwards(passage, destination));
  return actions.length === 0 ? undefined : actions;
}

/** The pod's own node has a say in what is for itself (tail_call_policy, host_ep_id). */
function stoppedAtHost(
  { path, packet, context, actions }: Passage,
  { party, destination, port }: {
    readonly party: Party;
    readonly destination: Ip;
    readonly port: number;
  },
): Action | undefined {
  const { firewall } = path;
  if (firewall === null || actions.at(-1)?.kind === "proxy") return undefined;
  return path.isOwn(path.holderOf(destination))
    ? firewall.admits(party, { packet, context, port })
    : undefined;
}

/** Per-packet load balancing, where the socket is not translated (ENABLE_PER_PACKET_LB). */
function frontendOf(
  { path, packet, context }: Passage,
): Frontend | undefined {
  const { settings, services, node } = path;
  if (settings.socketLb === "all") return undefined;
  const { protocol, destination, destinationPort: port } = packet;
  if (protocol !== PROTOCOL.tcp && protocol !== PROTOCOL.udp) return undefined;
  context.charge("hashLookups", 1);
  const found = services.find(packet, node.name);
  if (
    found !== undefined &&
    (found.isHiddenInside || found.spares?.(context.pod!) === true)
  ) return undefined;
  if (found !== undefined || !settings.kubeProxyReplacement) return found;
  // The map has node ports under the addresses of this node alone.
  if (!path.isOwn(path.holderOf(destination))) return undefined;
  const { family } = destination;
  return services.ofNode(node.name, { family, protocol, port });
}

/** Binds a new connection to a backend; what is returned stops it. */
function balance(
  { path, packet, context }: Passage,
  { frontend, connection }: {
    readonly frontend: Frontend;
    readonly connection: Connection;
  },
): Action | undefined {
  const { settings, node } = path;
  const { unmodelled, rule } = frontend;
  if (unmodelled !== null) {
    return { kind: "unknown", reason: unmodelled, rule };
  }
  const backend = pickBackend(frontend, {
    set: frontend.backends(node.name, "internal"),
    client: () => packet.source.text,
    context,
    affinity: settings.sessionAffinity,
  });
  if (backend === undefined) return noBackend(frontend, path);
  context.conntrack.bindDestination(connection, backend);
  if (backend.ip.equals(packet.source)) {
    connection.mark |= PASSED.loopback;
    context.conntrack.bindSource(connection, {
      ip: LOOPBACK[packet.source.family],
      port: packet.sourcePort,
    });
  }
  return undefined;
}

/** What a packet to a frontend without backends gets (--service-no-backend-response). */
export function noBackend(frontend: Frontend, path: NodeDatapath): Action {
  const reason = "SERVICE_BACKEND_NOT_FOUND";
  return path.settings.noBackend === "drop"
    ? { kind: "drop", reason, rule: frontend.rule }
    : { kind: "reject", with: "icmp-unreachable", reason, rule: frontend.rule };
}

function translation(connection: Connection, rule: Rule | null): Action {
  const { reply } = connection;
  const change = {
    destination: reply.source,
    destinationPort: reply.sourcePort,
  };
  return {
    kind: "rewrite",
    change: connection.sourceTranslated
      ? {
        ...change,
        source: reply.destination,
        sourcePort: reply.destinationPort,
      }
      : change,
    rule,
  };
}

function judge(
  { path, packet, context }: Passage,
  { party, destination, port, alive }: {
    readonly party: Party;
    readonly destination: Ip;
    readonly port: number;
    /** The connection has been let through before. */
    readonly alive: boolean;
  },
): Action | undefined {
  context.charge("lpmLookups", 1);
  context.sawIdentity(path.identityAt(party, packet.source));
  const holder = path.holderOf(destination);
  if (
    holder.kind === "outside" && path.cluster.isPodAddress(destination)
  ) {
    const rule = { name: `cilium_ipcache_v2 ${destination.text}` };
    return { kind: "drop", reason: "STALE_OR_UNROUTABLE_IP", rule };
  }
  const judgement = path.judge(party, {
    direction: "egress",
    self: packet.source,
    peer: path.receiverOf(holder, { destination, context, alive }),
    address: destination,
    protocol: packet.protocol,
    port,
  });
  return enforce(judgement, { path, context, direction: "egress" });
}

const REDIRECT: Rule = { name: "bpf_redirect to the pod's link" };
const HOST_ROUTING: Rule = { name: "eBPF host routing" };

/**
 * Where netfilter is bypassed: between pods of a node, as the packet is
 * redirected from link to link (ipv4_local_delivery), and with eBPF host
 * routing on the way to the wire (fib_redirect).
 */
function onwards({ path }: Passage, destination: Ip): Action[] {
  const { settings } = path;
  const holder = path.holderOf(destination);
  if (path.isLocalPod(holder)) {
    return settings.endpointRoutes
      ? []
      : [{ kind: "bypass", to: "to-pod", rule: REDIRECT }];
  }
  return settings.hostRouting && !path.isOwn(holder)
    ? [{ kind: "bypass", to: "to-wire", rule: HOST_ROUTING }]
    : [];
}

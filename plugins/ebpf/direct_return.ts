import type { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { Action, HookContext } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { NodeDatapath } from "./datapath.ts";
import type { Frontend } from "./frontend.ts";
import type { Forwarding } from "./options.ts";
import { answeredFrom, answerFrom } from "./snat.ts";
import { PASSED, type Tracker } from "./tracking.ts";

/**
 * Direct server return: a packet for another node's backend keeps the client's
 * address and carries the frontend's, which that node answers from
 * (bpf/lib/nodeport.h, nodeport_uses_dsr4, tail_nodeport_ipv4_dsr,
 * tail_nodeport_dsr_ingress_ipv4, xlate_dsr_v4; kubeproxy-free.rst, DSR).
 */
export function returnsDirectly(
  { forwarding }: Frontend,
  protocol: number,
  { mode, annotated }: Forwarding,
): boolean {
  if (annotated && forwarding !== null) return forwarding === "dsr";
  return mode === "dsr" || mode === "hybrid" && protocol === PROTOCOL.tcp;
}

/** struct dsr_opt_v4, dsr_opt_v6, and struct geneve_dsr_opt4, geneve_dsr_opt6. */
const OPTION_BYTES = {
  opt: { 4: 8, 6: 24 },
  geneve: { 4: 12, 6: 24 },
  ipip: { 4: 0, 6: 0 },
} as const;

/** Outer headers of Geneve over IPv4. */
const GENEVE_BYTES = 50;

const GENEVE: Rule = {
  name: "encap_geneve_dsr_opt",
  text: "loadBalancer.dsrDispatch: geneve",
};

/** The packet as the backend's node is to get it; leaving is up to the caller. */
export function sendDirectly(
  packet: Packet,
  { path, connection, context, rule }: {
    readonly path: NodeDatapath;
    readonly connection: Connection;
    readonly context: HookContext;
    readonly rule: Rule | null;
  },
): Action[] {
  const { original, reply } = connection;
  const { dispatch } = path.settings.forwarding;
  const reason = unmodelled(path, reply.source);
  if (reason !== null) return [{ kind: "unknown", reason, rule }];
  const wrapped = dispatch === "geneve" && path.overlay === null;
  const change = {
    destination: reply.source,
    destinationPort: reply.sourcePort,
  };
  // Of TCP only the packet that opens the connection says where it was sent to.
  const says = packet.protocol !== PROTOCOL.tcp ||
    (packet.tcpFlags & TCP_FLAG.syn) !== 0;
  if (says) {
    const bytes = OPTION_BYTES[dispatch][packet.destination.family];
    context.charge("overheadBytes", bytes);
  }
  const option = { ip: original.destination, port: original.destinationPort };
  return [
    { kind: "rewrite", change: says ? { ...change, option } : change, rule },
    ...(wrapped
      ? [{
        kind: "encapsulate" as const,
        by: "geneve" as const,
        overheadBytes: GENEVE_BYTES,
        rule: GENEVE,
      }]
      : []),
  ];
}

/** First release whose netfilter spares the answers of what came by Geneve (cilium/cilium issue 32189). */
const SPARED_SINCE = 18;

/** Why a backend's answer cannot be told; null when it can. */
function unmodelled(
  path: NodeDatapath,
  backend: Ip,
): string | null {
  const { settings } = path;
  const { dispatch } = settings.forwarding;
  if (dispatch === "ipip") {
    return "direct server return by ipip is not modelled";
  }
  if (dispatch === "opt") return null;
  if (settings.masquerade === "iptables" && settings.minor < SPARED_SINCE) {
    return "direct server return by geneve without bpf.masquerade is not modelled before 1.18";
  }
  return path.holderOf(backend).kind === "pod"
    ? null
    : "direct server return by geneve to a node's own process is not modelled";
}

/** On the backend's node: remembers what the answer is to come from. */
export function receiveDirectly(
  packet: Packet,
  { tracker, context }: {
    readonly tracker: Tracker;
    readonly context: HookContext;
  },
): void {
  if (packet.option == null) return;
  const known = tracker.look(packet, context);
  const connection = known.state === "forward"
    ? known.connection!
    : tracker.open(packet, context);
  connection.mark |= PASSED.direct;
  context.conntrack.confirm(connection, context.nowNs);
  answerFrom(connection, packet.option, context);
}

const DIRECT: Rule = {
  name: "xlate_dsr",
  text: "the backend answers as the frontend",
};

/** An answer of a backend that was reached directly. */
export function answerDirectly(
  packet: Packet,
  context: HookContext,
): Action | undefined {
  const from = answeredFrom(packet, context);
  return from && {
    kind: "rewrite",
    change: { source: from.ip, sourcePort: from.port },
    rule: DIRECT,
  };
}

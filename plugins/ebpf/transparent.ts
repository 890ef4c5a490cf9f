import { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Party } from "../../core/policy/party.ts";
import type { Rule } from "../../core/source.ts";
import type { NodeDatapath } from "./datapath.ts";
import { IDENTITY, markedIdentity, PROXY_MARK } from "./identity.ts";
import { PASSED, type Tracker } from "./tracking.ts";

/** The client whose address the proxy's next socket is bound to. JSON-safe. */
interface Client {
  readonly source: string;
  readonly port: number;
}

const TRANSPARENT: Rule = {
  name: "transparent socket of the proxy",
  text: "IP_TRANSPARENT, bound to the client's address",
};

/** Remembers the client of a connection that the proxy is about to open. */
export function keepSource(packet: Packet, context: HookContext): void {
  clients(context).set(keyOf(packet), {
    source: packet.source.text,
    port: packet.sourcePort,
  });
}

/**
 * `output`: the proxy's packets carry the client's address (cilium.bpf_metadata
 * in Envoy, use_original_source_address). The node's connection tracking keeps
 * both ends, as the socket does, so that answers find the proxy and not the
 * client, those of another proxy of the node included.
 */
export function bindTransparent(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  return function bindTransparent(packet, context) {
    const { mark } = packet;
    if (mark === PROXY_MARK.ingress || mark === PROXY_MARK.egress) {
      return bind(packet, { context, tracker });
    }
    if (mark !== 0 && markedIdentity(mark) === IDENTITY.ingress) {
      return bindIngress(packet, { path, context, tracker });
    }
    if (!path.endsAtProxies) return undefined;
    const { connection, state } = tracker.look(packet, context);
    return connection !== null && state === "reply" &&
        (connection.mark & PASSED.proxied) !== 0
      ? toProxy(connection)
      : undefined;
  };
}

function bind(
  packet: Packet,
  { context, tracker }: {
    readonly context: HookContext;
    readonly tracker: Tracker;
  },
): Action | undefined {
  const key = keyOf(packet);
  const client = clients(context).get(key);
  if (client === undefined) return undefined;
  clients(context).delete(key);
  const source = Ip.of(client.source);
  const connection = tracker.open(packet, context);
  const sourcePort = context.conntrack.bindSource(connection, {
    ip: source,
    port: client.port,
  });
  connection.mark |= PASSED.proxied;
  context.conntrack.confirm(connection, context.nowNs);
  return {
    kind: "rewrite",
    change: { source, sourcePort },
    rule: TRANSPARENT,
  };
}

const INGRESS: Rule = {
  name: "ingress address of the node",
  text: "what the proxy of Ingresses and Gateways sends to pods from",
};

/**
 * The proxy of Ingresses and Gateways sends to pods from an address that the
 * ipcache of every node has as reserved:ingress (cilium/cilium
 * pkg/envoy/xds_server.go, ipv4_source_address; cilium/proxy bpf_metadata.cc).
 */
function bindIngress(
  packet: Packet,
  { path, context, tracker }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly tracker: Tracker;
  },
): Action | undefined {
  const holder = path.holderOf(packet.destination);
  const doubt = ownPolicies(packet, { path, receiver: path.partyOf(holder) });
  if (doubt !== null) return doubt;
  if (holder.kind !== "pod") return undefined;
  const ip = path.ingressAddress[packet.source.family];
  if (ip === undefined) {
    // On the same node the mark says who it is, across a wire nothing does.
    const far = !path.isLocalPod(holder) && path.overlay === null;
    return far && tellsIngress(packet, { path, receiver: holder.party })
      ? {
        kind: "unknown",
        reason: "the node's ingress address is not known",
        rule: INGRESS,
      }
      : undefined;
  }
  const connection = tracker.open(packet, context);
  const sourcePort = context.conntrack.bindSource(connection, {
    ip,
    port: packet.sourcePort,
  });
  connection.mark |= PASSED.proxied;
  context.conntrack.confirm(connection, context.nowNs);
  return { kind: "rewrite", change: { source: ip, sourcePort }, rule: INGRESS };
}

/**
 * What policies of reserved:ingress itself say. The proxy holds its clients
 * against them and answers what it may not send on, so that only what it may
 * send whoever asked is known here (Documentation/network/servicemesh/
 * ingress-and-network-policy.rst).
 */
function ownPolicies(
  packet: Packet,
  { path, receiver }: {
    readonly path: NodeDatapath;
    readonly receiver: Party;
  },
): Action | null {
  const { index } = path;
  const proxy = index.role("ingress");
  const { isolatedBy, rules } = index.rulesOf(proxy, "ingress");
  const clients = isolatedBy ?? rules[0]?.rule.rule ?? null;
  const sends = index.judgeParties(proxy, {
    direction: "egress",
    peer: receiver,
    protocol: packet.protocol,
    port: packet.destinationPort,
  });
  const mayNot = sends.verdict !== "allow" || sends.l7 !== null;
  const rule = clients ?? (mayNot ? sends.rule : null);
  return rule === null ? null : {
    kind: "unknown",
    reason: "policies of reserved:ingress itself are not modelled",
    rule,
  };
}

/** Whether the receiver's policies tell the proxy from its node. */
function tellsIngress(
  packet: Packet,
  { path, receiver }: {
    readonly path: NodeDatapath;
    readonly receiver: Party;
  },
): boolean {
  const { index } = path;
  const [one, other] = [
    index.role("ingress"),
    path.partyElsewhere(packet.source),
  ].map((peer) =>
    index.judgeParties(receiver, {
      direction: "ingress",
      peer,
      protocol: packet.protocol,
      port: packet.destinationPort,
    })
  );
  return one!.verdict !== other!.verdict || one!.l7 !== other!.l7;
}

/** Brings an answer to the proxy that asked. */
export function toProxy({ original }: Connection): Action {
  return {
    kind: "rewrite",
    change: {
      destination: original.source,
      destinationPort: original.sourcePort,
    },
    rule: TRANSPARENT,
  };
}

function clients(context: HookContext): Map<string, Client> {
  return context.table<Client>("transparent sockets");
}

function keyOf({ protocol, destination, destinationPort }: Packet): string {
  return `${protocol} ${destination.text} ${destinationPort}`;
}

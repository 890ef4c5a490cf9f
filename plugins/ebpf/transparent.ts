import { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { PROXY_MARK } from "./datapath.ts";
import { PASSED, Tracker } from "./tracking.ts";

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
export function bindTransparent(): Handler {
  const tracker = new Tracker();
  return function bindTransparent(packet, context) {
    if (
      packet.mark === PROXY_MARK.ingress || packet.mark === PROXY_MARK.egress
    ) return bind(packet, { context, tracker });
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

import { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Connection, Tuple } from "../../core/replay/conntrack.ts";
import type { HookContext } from "../../core/replay/plugin.ts";
import { remember } from "./pick_backend.ts";

/** An entry of `cilium_snat_v4_external`. JSON-safe. */
interface Mapping {
  readonly ip: string;
  readonly port: number;
}

/** An end of a connection. */
export interface End {
  readonly ip: Ip;
  readonly port: number;
}

/** Source ports given out; those below are left to the host (NODEPORT_PORT_MIN_NAT). */
const FIRST_PORT = 32_768;
const LAST_PORT = 65_535;

/** Ports tried before a packet is dropped (SNAT_COLLISION_RETRIES). */
const TRIES = 32;

/**
 * The mapping of a packet that leaves under the node's address, made when it
 * is the first: its own port where that is free and in range, else the next
 * from a random one (snat_v4_new_mapping). Undefined when no port is free.
 */
export function mapSource(
  packet: Packet,
  { to, context }: { readonly to: Ip; readonly context: HookContext },
): End | undefined {
  const table = mappings(context);
  context.charge("lruLookups", 1);
  const key = `e ${endsOf(packet)}`;
  const known = table.get(key);
  if (known !== undefined) return { ip: Ip.of(known.ip), port: known.port };
  let port = packet.sourcePort;
  const keeps = isEcho(packet) || port >= FIRST_PORT;
  if (!keeps) port = randomPort(context);
  for (let tries = 0; tries < TRIES; tries++) {
    context.charge("lruLookups", 1);
    const reply = `i ${packet.protocol} ${
      remoteEnd(packet)
    } ${to.text} ${port}`;
    if (!table.has(reply)) {
      remember(table, key, { ip: to.text, port });
      remember(table, reply, {
        ip: packet.source.text,
        port: packet.sourcePort,
      });
      return { ip: to, port };
    }
    port = tries === 0
      ? randomPort(context)
      : port === LAST_PORT
      ? FIRST_PORT
      : port + 1;
  }
  return undefined;
}

/** Makes the answers of a connection come from another address than the one that was asked (snat_v4_create_dsr). */
export function answerFrom(
  { reply }: Connection,
  from: End,
  context: HookContext,
): void {
  remember(mappings(context), `e ${endsOf(reply)}`, {
    ip: from.ip.text,
    port: from.port,
  });
}

/** What {@link answerFrom} was told; undefined: nothing, or it is forgotten. */
export function answeredFrom(
  packet: Packet,
  context: HookContext,
): End | undefined {
  context.charge("lruLookups", 1);
  const known = mappings(context).get(`e ${endsOf(packet)}`);
  return known && { ip: Ip.of(known.ip), port: known.port };
}

/** Whom a packet to the node's address is really for; undefined when nobody was mapped. */
export function mapBack(
  packet: Packet,
  context: HookContext,
): End | undefined {
  const table = mappings(context);
  context.charge("lruLookups", 1);
  if (table.size === 0) return undefined;
  const port = isEcho(packet)
    ? packet.sourcePort | packet.destinationPort
    : packet.destinationPort;
  const remote = isEcho(packet)
    ? packet.source.text
    : `${packet.source.text} ${packet.sourcePort}`;
  const found = table.get(
    `i ${packet.protocol} ${remote} ${packet.destination.text} ${port}`,
  );
  return found === undefined
    ? undefined
    : { ip: Ip.of(found.ip), port: found.port };
}

function mappings(context: HookContext): Map<string, Mapping> {
  return context.table<Mapping>("snat");
}

type Ends = Omit<Tuple, "zone">;

function endsOf(packet: Ends): string {
  return `${packet.protocol} ${packet.source.text} ${packet.sourcePort} ${
    remoteEnd(packet)
  }`;
}

function remoteEnd(packet: Ends): string {
  return isEcho(packet)
    ? packet.destination.text
    : `${packet.destination.text} ${packet.destinationPort}`;
}

/** An echo's identifier is its only port. */
export function isEcho({ protocol }: Pick<Packet, "protocol">): boolean {
  return protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6;
}

function randomPort(context: HookContext): number {
  const draw = context.draw("snat port");
  return FIRST_PORT + (draw % (LAST_PORT - FIRST_PORT + 1));
}

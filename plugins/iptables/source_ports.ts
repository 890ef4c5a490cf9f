import { PROTOCOL } from "../../core/packet/packet.ts";
import type { PortRange } from "../../core/replay/conntrack.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** The port has to stay: when another connection has the same replies, this one is never taken in. */
export const NO_PORTS: PortRange = { first: 0, count: 0 };

/** Services that trust low ports trust those they get instead (nf_nat_core.c, `nf_nat_l4proto_unique_tuple`). */
const LOWEST: PortRange = { first: 1, count: 511 };
const LOW: PortRange = { first: 600, count: 424 };
const OTHERS: PortRange = { first: 1_024, count: 64_512 };
/** Identifiers of echoes. */
const IDENTIFIERS: PortRange = { first: 0, count: 65_536 };

/** Ports that may take the place of one, where no rule says which. */
export function usualPorts(
  { protocol }: TrackedPacket,
  port: number,
): PortRange {
  if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) {
    return IDENTIFIERS;
  }
  const ported = protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp ||
    protocol === PROTOCOL.sctp;
  if (!ported) return NO_PORTS;
  return port < 512 ? LOWEST : port < 1_024 ? LOW : OTHERS;
}

/** Binds the source of a packet's connection. */
export function bindSourceAs(
  { context, connection }: TrackedPacket,
  to: { readonly ip: Ip; readonly port: number; readonly range: PortRange },
): void {
  context.conntrack.bindSource(connection!, to);
}

/** nf_nat_alloc_null_binding(): the source stays as it is, unless its replies would be another connection's. */
export function bindSourceAsItIs(packet: TrackedPacket): void {
  const connection = packet.connection!;
  const { conntrack } = packet.context;
  if (!conntrack.isTaken(connection.reply)) {
    conntrack.bindSource(connection, null);
    return;
  }
  const { destination, destinationPort } = connection.reply;
  bindSourceAs(packet, {
    ip: destination,
    port: destinationPort,
    range: usualPorts(packet, destinationPort),
  });
}

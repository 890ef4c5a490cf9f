import type { Packet } from "../../core/packet/packet.ts";
import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";

const { fin, syn, rst, psh, ack, urg } = TCP_FLAG;

/** Combinations that may stand in a header (nf_conntrack_proto_tcp.c, `tcp_valid_flags`); PSH is not looked at. */
const VALID_FLAGS: ReadonlySet<number> = new Set([
  syn,
  syn | urg,
  syn | ack,
  rst,
  rst | ack,
  fin | ack,
  fin | ack | urg,
  ack,
  ack | urg,
]);

/** ICMP types that open a connection (nf_conntrack_proto_icmp.c, `valid_new`). */
const ICMP_REQUESTS: ReadonlySet<number> = new Set([8, 13, 15, 17]);

/** ICMP types that tell of another packet. */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

/** Types of ICMPv6 that are not tracked: router and neighbour discovery, MLD. */
const ICMPV6_UNTRACKED: ReadonlySet<number> = new Set([
  130,
  131,
  132,
  133,
  134,
  135,
  136,
  137,
  143,
]);

/** Whether a packet of no connection opens one; a tcp stream joined midway does (tcp_loose). */
export function opensConnection(packet: Packet, loose = true): boolean {
  switch (packet.protocol) {
    case PROTOCOL.tcp: {
      const flags = packet.tcpFlags & ~psh;
      return flags === syn || flags === (syn | urg) ||
        (loose && (flags === ack || flags === (ack | urg)));
    }
    case PROTOCOL.icmp:
      return ICMP_REQUESTS.has(packet.icmpType);
    case PROTOCOL.icmpv6:
      return packet.icmpType === 128;
    default:
      return true;
  }
}

/** Whether tracking refuses the packet before it looks for a connection. */
export function isMalformed(packet: Packet): boolean {
  return packet.protocol === PROTOCOL.tcp &&
    !VALID_FLAGS.has(packet.tcpFlags & (fin | syn | rst | ack | urg));
}

/** Whether the packet is an error about another one, which it would have to carry. */
export function isIcmpError(packet: Packet): boolean {
  return packet.protocol === PROTOCOL.icmp
    ? ICMP_ERRORS.has(packet.icmpType)
    : packet.protocol === PROTOCOL.icmpv6 && packet.icmpType >= 1 &&
      packet.icmpType <= 4;
}

/** Whether the packet keeps a link going and is never tracked. */
export function isUntracked(packet: Packet): boolean {
  return packet.protocol === PROTOCOL.icmpv6 &&
    ICMPV6_UNTRACKED.has(packet.icmpType);
}

/** Whether a SYN finds a connection that has ended, and opens it anew (tcp_packet(), `nf_ct_kill`). */
export function reopens(packet: Packet): boolean {
  return packet.protocol === PROTOCOL.tcp &&
    (packet.tcpFlags & (syn | ack | rst | fin)) === syn;
}

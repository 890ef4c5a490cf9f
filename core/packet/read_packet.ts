import { crc32c, internetChecksum, pseudoHeader } from "./checksum.ts";
import { type Ipv4Header, parseIpv4 } from "./ipv4.ts";
import { PROTOCOL } from "./packet.ts";
import { WalkingPacket } from "./walking_packet.ts";
import { Window } from "./window.ts";

/** Shortest transport headers. */
const HEADER_BYTES: Readonly<Record<number, number>> = {
  [PROTOCOL.tcp]: 20,
  [PROTOCOL.udp]: 8,
  [PROTOCOL.icmp]: 8,
  [PROTOCOL.sctp]: 12,
};

/** Types of ICMP that carry the packet they are about (RFC 792, RFC 1812). */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

/** NR_ICMP_TYPES: connection tracking takes no higher one. */
const MOST_ICMP_TYPE = 18;

/**
 * The IPv4 packet that these bytes are, with all that they say of it;
 * undefined when they are none. What a fragment does not have, ports of a
 * later one above all, is 0.
 *
 * @example
 * ```ts
 * const packet = readPacket(bytes);
 * packet?.detail?.fragment?.offsetBytes;
 * ```
 */
export function readPacket(bytes: Uint8Array): WalkingPacket | undefined {
  return read(Window.of(bytes), false);
}

/** A packet that an ICMP error quotes may be cut off anywhere. */
function read(window: Window, quoted: boolean): WalkingPacket | undefined {
  const ip = parseIpv4(window);
  if (ip === undefined) return undefined;
  const { header, payload } = ip;
  const { protocol } = header;
  const whole = !header.moreFragments && header.fragmentOffset === 0;
  const first = header.fragmentOffset === 0;
  const ports = first && hasPorts(protocol) && payload.length >= 4;
  const icmp = first && protocol === PROTOCOL.icmp && payload.length >= 8;
  const type = icmp ? payload.u8(0) : 0;
  const isError = icmp && ICMP_ERRORS.has(type);
  const inner = isError && !quoted ? read(payload.from(8), true) : undefined;
  return new WalkingPacket(
    protocol,
    header.source,
    ports ? payload.u16(0) : icmp && !isError ? payload.u16(4) : 0,
    header.destination,
    ports ? payload.u16(2) : 0,
    first && protocol === PROTOCOL.tcp && payload.length >= 14
      ? payload.u8(13) & 0x3f
      : 0,
    type,
    icmp ? payload.u8(1) : 0,
    header.ttl,
    0,
    window.u16(2) || window.length,
    { kind: "opaque", lengthBytes: dataBytes(protocol, payload) },
    inner ?? null,
    {
      typeOfService: header.typeOfService,
      fragment: whole ? null : {
        identification: header.identification,
        offsetBytes: header.fragmentOffset,
        more: header.moreFragments,
      },
      damaged: whole && !quoted && isDamaged(header, payload),
      bytes: window.bytes(),
    },
  );
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp ||
    protocol === PROTOCOL.sctp;
}

function dataBytes(protocol: number, payload: Window): number {
  const header = protocol === PROTOCOL.tcp && payload.length > 12
    ? (payload.u8(12) >>> 4) * 4
    : HEADER_BYTES[protocol] ?? 0;
  return Math.max(0, payload.length - header);
}

/** nf_conntrack_proto_tcp.c `tcp_error`, nf_conntrack_proto_udp.c `udp_error`, and their like. */
function isDamaged(header: Ipv4Header, payload: Window): boolean {
  const { protocol } = header;
  const least = HEADER_BYTES[protocol];
  if (least === undefined) return false;
  if (payload.length < least) return true;
  switch (protocol) {
    case PROTOCOL.tcp: {
      const headerBytes = (payload.u8(12) >>> 4) * 4;
      return headerBytes < least || headerBytes > payload.length ||
        !sumsUp(header, payload);
    }
    case PROTOCOL.udp: {
      const length = payload.u16(4);
      return length > payload.length || length < least ||
        (payload.u16(6) !== 0 && !sumsUp(header, payload));
    }
    case PROTOCOL.icmp:
      return payload.u8(0) > MOST_ICMP_TYPE ||
        internetChecksum(payload.bytes()) !== 0;
    default: {
      const bytes = payload.bytes().slice();
      const view = new DataView(bytes.buffer);
      const said = view.getUint32(8, true);
      view.setUint32(8, 0);
      return crc32c(bytes) !== said;
    }
  }
}

function sumsUp(header: Ipv4Header, payload: Window): boolean {
  const pseudo = pseudoHeader(header, {
    protocol: header.protocol,
    lengthBytes: payload.length,
  });
  return internetChecksum(pseudo, payload.bytes()) === 0;
}

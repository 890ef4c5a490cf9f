import { emitIcmp } from "../../core/packet/icmp.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { emitIpv4, parseIpv4 } from "../../core/packet/ipv4.ts";
import { type Packet, PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import { emitSctp, SCTP_CHUNK } from "../../core/packet/sctp.ts";
import { emitTcp } from "../../core/packet/tcp.ts";
import { emitUdp } from "../../core/packet/udp.ts";
import { Window } from "../../core/packet/window.ts";

/** What bytes that came back from the kernel say. */
export interface SeenPacket {
  readonly protocol: number;
  readonly source: Ip;
  readonly destination: Ip;
  /** Identifier for ICMP echo, 0 for protocols without ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcpFlags: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly ttl: number;
  /** The packet that an ICMP error is about. */
  readonly about: SeenPacket | null;
}

/** Sequence numbers of both sides, so that connection tracking sees one connection. */
const SEQUENCE = { original: 1_000, reply: 5_000 } as const;
const WINDOW = 64_240;
const NO_OPTIONS = new Uint8Array(0);
const IP_HEADER_BYTES = 20;
const TCP_HEADER_BYTES = 20;
const OTHER_HEADER_BYTES = 8;
/** Bytes of an SCTP INIT or INIT ACK without parameters. */
const SCTP_CHUNK_BYTES = 20;
const SCTP_TAG = { original: 0x0101_0101, reply: 0x0202_0202 } as const;
/** ICMP types that carry the packet they are about: unreachable, time exceeded, parameter problem. */
const ICMP_ERRORS: readonly number[] = [3, 11, 12];
const ECHO_TYPES: readonly number[] = [0, 8];

/** The bytes of a walking IPv4 packet, as its sender's kernel would write them. */
export function packetBytes(
  packet: Packet,
  { direction, identification }: {
    readonly direction: "original" | "reply";
    readonly identification: number;
  },
): Uint8Array<ArrayBuffer> {
  const transport = emitTransport(packet, direction);
  const bytes = emitIpv4({
    typeOfService: 0,
    identification,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: packet.ttl,
    protocol: packet.protocol,
    source: packet.source,
    destination: packet.destination,
    options: NO_OPTIONS,
  }, transport);
  return new Uint8Array(bytes);
}

function emitTransport(
  packet: Packet,
  direction: "original" | "reply",
): Uint8Array {
  const { sourcePort, destinationPort } = packet;
  const ports = { sourcePort, destinationPort };
  switch (packet.protocol) {
    case PROTOCOL.tcp:
      return emitTcp(
        {
          ...ports,
          sequence: SEQUENCE[direction],
          acknowledgement: (packet.tcpFlags & TCP_FLAG.ack) === 0
            ? 0
            : SEQUENCE[direction === "reply" ? "original" : "reply"] + 1,
          flags: packet.tcpFlags,
          window: WINDOW,
          urgent: 0,
          options: NO_OPTIONS,
        },
        payload(packet, TCP_HEADER_BYTES),
        packet,
      );
    case PROTOCOL.udp:
      return emitUdp(ports, payload(packet, OTHER_HEADER_BYTES), packet);
    case PROTOCOL.sctp:
      return emitSctp({
        ...ports,
        verificationTag: direction === "reply" ? SCTP_TAG.original : 0,
      }, sctpChunk(direction));
    default:
      return emitIcmp(
        {
          type: packet.icmpType,
          code: packet.icmpCode,
          rest: (sourcePort << 16 | 1) >>> 0,
        },
        payload(packet, OTHER_HEADER_BYTES),
        packet,
      );
  }
}

function payload(packet: Packet, headerBytes: number): Uint8Array {
  const length = packet.lengthBytes - IP_HEADER_BYTES - headerBytes;
  return new Uint8Array(Math.max(0, Math.min(length, 1_400)));
}

/** INIT, and INIT ACK on the way back (RFC 9260 section 3.3). */
function sctpChunk(direction: "original" | "reply"): Uint8Array {
  const chunk = new Uint8Array(SCTP_CHUNK_BYTES);
  const view = new DataView(chunk.buffer);
  const { init, initAck } = SCTP_CHUNK;
  view.setUint8(0, direction === "original" ? init : initAck);
  view.setUint16(2, SCTP_CHUNK_BYTES);
  view.setUint32(4, SCTP_TAG[direction]);
  view.setUint32(8, 0xffff);
  view.setUint16(12, 1);
  view.setUint16(14, 1);
  view.setUint32(16, 1);
  return chunk;
}

/** Reads what the kernel sent out; undefined when it is no IPv4 packet, such as the noise of IPv6 on a link. */
export function seePacket(bytes: Uint8Array): SeenPacket | undefined {
  return see(Window.of(bytes));
}

function see(window: Window): SeenPacket | undefined {
  const ip = parseIpv4(window);
  if (ip === undefined) return undefined;
  const { header, payload } = ip;
  const { source, destination, protocol, ttl } = header;
  const seen = { ...BLANK, source, destination, protocol, ttl };
  // An ICMP error quotes as little as eight bytes of the transport header.
  const first = header.fragmentOffset === 0 && payload.length >= 8;
  if (!first) return seen;
  switch (protocol) {
    case PROTOCOL.tcp:
    case PROTOCOL.udp:
    case PROTOCOL.sctp:
      return {
        ...seen,
        sourcePort: payload.u16(0),
        destinationPort: payload.u16(2),
        tcpFlags: protocol === PROTOCOL.tcp && payload.length > 13
          ? payload.u8(13)
          : 0,
      };
    case PROTOCOL.icmp: {
      const type = payload.u8(0);
      return {
        ...seen,
        sourcePort: ECHO_TYPES.includes(type) ? payload.u16(4) : 0,
        icmpType: type,
        icmpCode: payload.u8(1),
        about: ICMP_ERRORS.includes(type) ? see(payload.from(8)) ?? null : null,
      };
    }
    default:
      return seen;
  }
}

const BLANK = {
  sourcePort: 0,
  destinationPort: 0,
  tcpFlags: 0,
  icmpType: 0,
  icmpCode: 0,
  about: null,
} as const;

import type { Ip } from "./ip.ts";
import {
  type Packet,
  type PacketChange,
  type PacketDetail,
  type PacketOption,
  type Payload,
  PROTOCOL,
  TCP_FLAG,
} from "./packet.ts";

/** ICMP types of an echo request and its answer, by address family. */
const ECHO = {
  4: { request: 8, reply: 0 },
  6: { request: 128, reply: 129 },
} as const;

/** Bytes of a header without options. */
const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;
const TCP_HEADER_BYTES = 20;
const OTHER_HEADER_BYTES = 8;

const INITIAL_TTL = 64;

/**
 * A packet as the engine moves it. One class with one shape, so that reading
 * a field costs the same everywhere; changes make a new one.
 */
export class WalkingPacket implements Packet {
  constructor(
    readonly protocol: number,
    readonly source: Ip,
    readonly sourcePort: number,
    readonly destination: Ip,
    readonly destinationPort: number,
    readonly tcpFlags: number,
    readonly icmpType: number,
    readonly icmpCode: number,
    readonly ttl: number,
    readonly mark: number,
    readonly lengthBytes: number,
    readonly payload: Payload,
    readonly inner: Packet | null = null,
    readonly detail: PacketDetail | null = null,
    readonly option: PacketOption | null = null,
  ) {}

  /** The packet with some fields changed. */
  with(change: PacketChange): WalkingPacket {
    return new WalkingPacket(
      this.protocol,
      change.source ?? this.source,
      change.sourcePort ?? this.sourcePort,
      change.destination ?? this.destination,
      change.destinationPort ?? this.destinationPort,
      this.tcpFlags,
      this.icmpType,
      this.icmpCode,
      change.ttl ?? this.ttl,
      change.mark ?? this.mark,
      this.lengthBytes,
      this.payload,
      change.inner ?? this.inner,
      change.detail ?? this.detail,
      change.option === undefined ? this.option : change.option,
    );
  }

  /** The first packet that its receiver sends back. */
  answer(): WalkingPacket {
    const echo = this.protocol === PROTOCOL.icmp ||
      this.protocol === PROTOCOL.icmpv6;
    return new WalkingPacket(
      this.protocol,
      this.destination,
      echo ? this.sourcePort : this.destinationPort,
      this.source,
      echo ? this.destinationPort : this.sourcePort,
      this.protocol === PROTOCOL.tcp ? TCP_FLAG.syn | TCP_FLAG.ack : 0,
      echo ? ECHO[this.source.family].reply : 0,
      0,
      INITIAL_TTL,
      0,
      this.lengthBytes,
      this.payload,
    );
  }

  /** `tcp 10.0.0.5:41000 > 10.0.1.5:8080`. */
  toString(): string {
    const ports = this.protocol === PROTOCOL.tcp ||
      this.protocol === PROTOCOL.udp || this.protocol === PROTOCOL.sctp;
    const end = (ip: Ip, port: number) =>
      ports ? formatEndpoint(ip, port) : ip.text;
    return `${protocolName(this.protocol)} ${
      end(this.source, this.sourcePort)
    } > ${end(this.destination, this.destinationPort)}`;
  }
}

/** What the first packet of a flow needs to be known of. */
export interface OpeningPacket {
  readonly protocol: "tcp" | "udp" | "sctp" | "icmp";
  readonly source: Ip;
  readonly sourcePort: number;
  readonly destination: Ip;
  readonly destinationPort: number;
  readonly mark: number;
  readonly payload: Payload;
}

/** The first packet of a flow: a SYN, a datagram, an echo request. */
export function openingPacket(opening: OpeningPacket): WalkingPacket {
  const { family } = opening.destination;
  const icmp = opening.protocol === "icmp";
  const tcp = opening.protocol === "tcp";
  const protocol = icmp
    ? family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6
    : PROTOCOL[opening.protocol];
  const transport = tcp ? TCP_HEADER_BYTES : OTHER_HEADER_BYTES;
  return new WalkingPacket(
    protocol,
    opening.source,
    opening.sourcePort,
    opening.destination,
    icmp ? 0 : opening.destinationPort,
    tcp ? TCP_FLAG.syn : 0,
    icmp ? ECHO[family].request : 0,
    0,
    INITIAL_TTL,
    opening.mark,
    IP_HEADER_BYTES[family] + transport,
    opening.payload,
  );
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function formatEndpoint(ip: Ip, port: number): string {
  return ip.family === 4 ? `${ip.text}:${port}` : `[${ip.text}]:${port}`;
}

/** `tcp`, `udp`, `icmp`, ..., or the number. */
export function protocolName(protocol: number): string {
  for (const [name, number] of Object.entries(PROTOCOL)) {
    if (number === protocol) return name;
  }
  return `protocol ${protocol}`;
}

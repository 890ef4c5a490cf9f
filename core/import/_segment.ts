import type { Decoded, DecodedPacket } from "../packet/decode.ts";
import { ECHO } from "../packet/icmp.ts";
import type { Ip } from "../packet/ip.ts";
import { PROTOCOL, TCP_FLAG } from "../packet/packet.ts";
import { SCTP_CHUNK } from "../packet/sctp.ts";
import type { FlowIntent } from "../replay/flow.ts";
import type { CapturedPacket } from "./captured_packet.ts";

/** One end of a connection. */
export interface Endpoint {
  readonly ip: Ip;
  /** The identifier for ICMP. */
  readonly port: number;
  readonly key: string;
}

/** A packet that can belong to a flow, seen from its sender. */
export interface Segment {
  readonly captured: CapturedPacket;
  readonly decoded: DecodedPacket;
  readonly protocol: FlowIntent["protocol"];
  readonly timeNs: bigint;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly key: string;
}

/** Null for a packet that belongs to a flow. */
export function reasonToSkip(decoded: Decoded): string | null {
  if (decoded.family === null) return decoded.reason;
  const { protocol, icmp, encrypted, fragment } = decoded;
  if (fragment !== null && fragment.offsetBytes > 0) return "later fragment";
  if (encrypted !== null) return encrypted;
  if (icmp !== null) {
    if (icmp.identifier !== null) return null;
    return `ICMPv${protocol === PROTOCOL.icmp ? 4 : 6} type ${icmp.type}`;
  }
  if (decoded.ports !== null) return null;
  return PROTOCOL_NAMES.has(protocol)
    ? "cut off in transport header"
    : `IP protocol ${protocol}`;
}

const PROTOCOL_NAMES: ReadonlyMap<number, FlowIntent["protocol"]> = new Map([
  [PROTOCOL.tcp, "tcp"],
  [PROTOCOL.udp, "udp"],
  [PROTOCOL.sctp, "sctp"],
  [PROTOCOL.icmp, "icmp"],
  [PROTOCOL.icmpv6, "icmp"],
]);

/** A packet that is not to be skipped, as part of a connection. */
export function segmentOf(
  decoded: DecodedPacket,
  seen: { captured: CapturedPacket; timeNs: bigint },
): Segment {
  const identifier = decoded.icmp?.identifier ?? 0;
  const ports = decoded.ports ??
    { source: identifier, destination: identifier };
  const from = endpoint(decoded.source, ports.source);
  const to = endpoint(decoded.destination, ports.destination);
  const [low, high] = from.key < to.key ? [from, to] : [to, from];
  return {
    ...seen,
    decoded,
    protocol: PROTOCOL_NAMES.get(decoded.protocol)!,
    from,
    to,
    key: `${decoded.protocol} ${low.key} ${high.key}`,
  };
}

function endpoint(ip: Ip, port: number): Endpoint {
  const words = ip.family === 4
    ? `${ip.w3}`
    : `${ip.w0}.${ip.w1}.${ip.w2}.${ip.w3}`;
  return { ip, port, key: `${words}:${port}` };
}

function tcpFlags({ decoded }: Segment): number {
  return decoded.tcp?.flags ?? 0;
}

/** A SYN without ACK. */
export function isSyn(segment: Segment): boolean {
  return (tcpFlags(segment) & (TCP_FLAG.syn | TCP_FLAG.ack)) === TCP_FLAG.syn;
}

/** Whether the packet itself says that its sender opens the connection. */
export function isRequest(segment: Segment): boolean {
  const { icmp, sctpChunk } = segment.decoded;
  return isSyn(segment) || sctpChunk === SCTP_CHUNK.init ||
    icmp?.type === ECHO[segment.decoded.family].request;
}

/** Whether the packet itself says that its receiver opened the connection. */
export function isAnswer({ decoded }: Segment): boolean {
  const both = TCP_FLAG.syn | TCP_FLAG.ack;
  return ((decoded.tcp?.flags ?? 0) & both) === both ||
    decoded.sctpChunk === SCTP_CHUNK.initAck ||
    decoded.icmp?.type === ECHO[decoded.family].reply;
}

/** The sequence number that the client began with, from its SYN or the answer to it. */
export function firstSequence({ tcp }: DecodedPacket): number | null {
  if (tcp === null || !(tcp.flags & TCP_FLAG.syn)) return null;
  return tcp.flags & TCP_FLAG.ack
    ? (tcp.acknowledgement - 1) >>> 0
    : tcp.sequence;
}

/** NAT changes one end or the other, never the sequence number. */
export function sequenceKeys({ decoded, from, to }: Segment): [string, string] {
  const sequence = decoded.tcp?.sequence ?? 0;
  return [`from ${from.key} ${sequence}`, `to ${to.key} ${sequence}`];
}

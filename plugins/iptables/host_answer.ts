import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import { currentBytes } from "../../core/packet/current_bytes.ts";
import { emitIcmp } from "../../core/packet/icmp.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { emitIpv4 } from "../../core/packet/ipv4.ts";
import { readPacket } from "../../core/packet/read_packet.ts";
import { emitTcp } from "../../core/packet/tcp.ts";
import { WalkingPacket } from "../../core/packet/walking_packet.ts";
import { isIcmpError } from "./connection_state.ts";
import type { NetfilterHost, Sent } from "./netfilter_host.ts";

/** Answers to answers that are followed: an ICMP error is never answered. */
const MOST_ANSWERS = 3;

/** What leaves the host in the end: the packet, or what the host answers to one for itself. */
export function lastAnswer(first: Sent, host: NetfilterHost): Sent {
  let sent = first;
  let icmp = false;
  for (let round = 0; round < MOST_ANSWERS; round++) {
    if (sent.kind === "sent") return sent;
    const made = hostAnswer(sent, host);
    const isIcmp = made?.packet.protocol === PROTOCOL.icmp;
    // While the kernel sends an ICMP packet, its ICMP socket is locked (icmp_xmit_lock).
    if (made === null || (icmp && isIcmp)) return sent;
    icmp = isIcmp;
    if (made.attached) host.answerNext();
    sent = host.send(made.packet, { link: null });
  }
  return sent;
}

/** ICMP codes of `--reject-with` (net/ipv4/netfilter/nf_reject_ipv4.c). */
const REJECT_CODES: Readonly<Record<string, number>> = {
  "icmp-net-unreachable": 0,
  "icmp-host-unreachable": 1,
  "icmp-proto-unreachable": 2,
  "icmp-port-unreachable": 3,
  "icmp-net-prohibited": 9,
  "icmp-host-prohibited": 10,
  "icmp-admin-prohibited": 13,
};

const NO_OPTIONS = new Uint8Array(0);

/** IPTOS_PREC_INTERNETCONTROL, which ICMP errors are sent with. */
const INTERNET_CONTROL = 0xc0;

/** An ICMP error is no longer than 576 bytes (RFC 1812 section 4.3.2.3). */
const MOST_QUOTED_BYTES = 576 - 28;

const PORT_UNREACHABLE = { type: 3, code: 3 };

/** What the host itself sends because of a packet; null: nothing. */
function hostAnswer(
  sent: Exclude<Sent, { kind: "sent" }>,
  host: NetfilterHost,
): { readonly packet: WalkingPacket; readonly attached: boolean } | null {
  const { packet } = sent;
  const attached = (made: WalkingPacket | null) =>
    made === null ? null : { packet: made, attached: true };
  if (sent.kind === "stopped") {
    const { action } = sent;
    if (action.kind === "drop" && action.reason === "time to live exceeded") {
      return attached(icmpError(packet, { type: 11, code: 0, host }));
    }
    if (action.kind !== "reject") return null;
    if (action.with === "tcp-reset") return attached(reset(packet, 0));
    const named = / --reject-with (\S+)/.exec(action.rule?.text ?? "")?.[1];
    const code = REJECT_CODES[named ?? "icmp-port-unreachable"] ?? 3;
    return attached(icmpError(packet, { type: 3, code, host }));
  }
  if (packet.protocol === PROTOCOL.tcp) {
    const made = reset(packet, tosOf(packet));
    return made === null ? null : { packet: made, attached: false };
  }
  if (packet.protocol === PROTOCOL.udp) {
    return attached(icmpError(packet, { ...PORT_UNREACHABLE, host }));
  }
  return packet.protocol === PROTOCOL.icmp && packet.icmpType === 8
    ? { packet: echoReply(packet), attached: false }
    : null;
}

/** nf_reject_ipv4.c, `nf_reject_ip_tcphdr_put`; tcp_ipv4.c, `tcp_v4_send_reset`. */
function reset(
  packet: WalkingPacket,
  typeOfService: number,
): WalkingPacket | null {
  const { protocol, tcpFlags } = packet;
  if (protocol !== PROTOCOL.tcp || (tcpFlags & TCP_FLAG.rst) !== 0) return null;
  const acknowledges = (tcpFlags & TCP_FLAG.ack) !== 0;
  const { sequence, acknowledgement, next } = sequenceOf(packet);
  const segment = emitTcp(
    {
      sourcePort: packet.destinationPort,
      destinationPort: packet.sourcePort,
      sequence: acknowledges ? acknowledgement : 0,
      acknowledgement: acknowledges ? 0 : sequence + next >>> 0,
      flags: acknowledges ? TCP_FLAG.rst : TCP_FLAG.rst | TCP_FLAG.ack,
      window: 0,
      urgent: 0,
      options: NO_OPTIONS,
    },
    NO_OPTIONS,
    { source: packet.destination, destination: packet.source },
  );
  return sentByHost(segment, {
    protocol,
    source: packet.destination,
    destination: packet.source,
    typeOfService,
  });
}

/** Numbers of a segment, and by how much the next one is further; zeros where its bytes are not known. */
function sequenceOf(packet: WalkingPacket) {
  const bytes = bytesOf(packet);
  const at = bytes === null ? 0 : (bytes[0]! & 15) * 4;
  if (bytes === null || bytes.length < at + 20) {
    return { sequence: 0, acknowledgement: 0, next: 0 };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const data = bytes.length - at - (bytes[at + 12]! >>> 4) * 4;
  const flags = packet.tcpFlags & (TCP_FLAG.syn | TCP_FLAG.fin);
  return {
    sequence: view.getUint32(at + 4),
    acknowledgement: view.getUint32(at + 8),
    next: data + (flags === 0 ? 0 : flags === 3 ? 2 : 1),
  };
}

/** icmp.c, `icmp_reply`: with the type of service that the question had. */
function echoReply(packet: WalkingPacket): WalkingPacket {
  const bytes = bytesOf(packet);
  const between = { source: packet.destination, destination: packet.source };
  const data = bytes === null
    ? NO_OPTIONS
    : bytes.subarray((bytes[0]! & 15) * 4 + 8);
  const rest = (packet.sourcePort << 16 | 1) >>> 0;
  return sentByHost(emitIcmp({ type: 0, code: 0, rest }, data, between), {
    protocol: PROTOCOL.icmp,
    ...between,
    typeOfService: tosOf(packet),
  });
}

/** icmp_send(): from the address that was asked, if it is the host's own, else from that of the way back. */
function icmpError(
  packet: WalkingPacket,
  { type, code, host }: {
    readonly type: number;
    readonly code: number;
    readonly host: NetfilterHost;
  },
): WalkingPacket | null {
  if (isIcmpError(packet)) return null;
  const { destination } = packet;
  const source = host.linkTo(destination) === "lo"
    ? destination
    : host.linkTo(packet.source) === "lo"
    ? packet.source
    : host.addressFor(host.linkTo(packet.source), 4);
  if (source === undefined) return null;
  const between = { source, destination: packet.source };
  const quoted = bytesOf(packet)?.subarray(0, MOST_QUOTED_BYTES) ?? NO_OPTIONS;
  const error = sentByHost(emitIcmp({ type, code, rest: 0 }, quoted, between), {
    protocol: PROTOCOL.icmp,
    ...between,
    typeOfService: (tosOf(packet) & 0x1e) | INTERNET_CONTROL,
  });
  return new WalkingPacket(
    error.protocol,
    error.source,
    0,
    error.destination,
    0,
    0,
    type,
    code,
    error.ttl,
    0,
    error.lengthBytes,
    error.payload,
    error.inner ?? packet,
    error.detail,
  );
}

function sentByHost(
  payload: Uint8Array,
  header: {
    readonly protocol: number;
    readonly source: Ip;
    readonly destination: Ip;
    readonly typeOfService: number;
  },
): WalkingPacket {
  return readPacket(emitIpv4({
    ...header,
    identification: 0,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    options: NO_OPTIONS,
  }, payload))!;
}

function tosOf({ detail }: WalkingPacket): number {
  return detail?.typeOfService ?? 0;
}

/** The packet as it stands; null where its bytes were never known. */
function bytesOf(packet: WalkingPacket): Uint8Array | null {
  const sent = packet.detail?.bytes ?? null;
  return sent === null ? null : currentBytes(sent, {
    source: packet.source,
    destination: packet.destination,
    sourcePort: packet.sourcePort,
    destinationPort: packet.destinationPort,
    ttl: packet.ttl,
    inner: packet.inner,
    typeOfService: tosOf(packet),
  });
}

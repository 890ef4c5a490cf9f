import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import { WalkingPacket } from "../../core/packet/walking_packet.ts";
import { isIcmpError } from "../../plugins/iptables/connection_state.ts";
import type {
  NetfilterHost,
  Sent,
} from "../../plugins/iptables/netfilter_host.ts";

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
    if (action.with === "tcp-reset") return attached(reset(packet));
    const named = / --reject-with (\S+)/.exec(action.rule?.text ?? "")?.[1];
    const code = REJECT_CODES[named ?? "icmp-port-unreachable"] ?? 3;
    return attached(icmpError(packet, { type: 3, code, host }));
  }
  if (packet.protocol === PROTOCOL.tcp) {
    const made = reset(packet);
    return made === null ? null : { packet: made, attached: false };
  }
  if (packet.protocol === PROTOCOL.udp) {
    return attached(icmpError(packet, { ...PORT_UNREACHABLE, host }));
  }
  return packet.protocol === PROTOCOL.icmp && packet.icmpType === 8
    ? { packet: reversed(packet, { icmpType: 0 }), attached: false }
    : null;
}

function reset(packet: WalkingPacket): WalkingPacket | null {
  const { protocol, tcpFlags } = packet;
  if (protocol !== PROTOCOL.tcp || (tcpFlags & TCP_FLAG.rst) !== 0) return null;
  const flags = (tcpFlags & TCP_FLAG.ack) !== 0
    ? TCP_FLAG.rst
    : TCP_FLAG.rst | TCP_FLAG.ack;
  return reversed(packet, { tcpFlags: flags });
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
  return new WalkingPacket(
    PROTOCOL.icmp,
    source,
    0,
    packet.source,
    0,
    0,
    type,
    code,
    64,
    0,
    28 + packet.lengthBytes,
    packet.payload,
    packet,
  );
}

function reversed(
  packet: WalkingPacket,
  { tcpFlags = 0, icmpType = 0 }: { tcpFlags?: number; icmpType?: number },
): WalkingPacket {
  return new WalkingPacket(
    packet.protocol,
    packet.destination,
    packet.destinationPort,
    packet.source,
    packet.sourcePort,
    tcpFlags,
    icmpType,
    0,
    64,
    0,
    40,
    packet.payload,
  );
}

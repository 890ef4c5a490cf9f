import { type Packet, PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import type { Judged } from "./kernel_host.ts";
import { type SeenPacket, seePacket } from "./packet_bytes.ts";
import type { Answered } from "./refusal.ts";

/** Where the kernel took a packet. */
export type Whereabouts =
  | {
    readonly kind: "went";
    readonly packet: SeenPacket;
    /** Null: to a process of the node. */
    readonly link: string | null;
  }
  /** Nowhere; the sender may have been told. */
  | { readonly kind: "refused"; readonly answered: Answered };

/** ICMP types that tell a sender that its packet came to nothing. */
const ICMP_ERRORS: readonly number[] = [3, 11, 12];

/** Reads what came out: the packet itself, an answer to its sender, or nothing. */
export function whereabouts(
  judged: Judged,
  { packet, from }: {
    readonly packet: Packet;
    /** The link it arrived on; empty for a packet of a process. */
    readonly from: string;
  },
): Whereabouts {
  if (!judged.sent) return { kind: "refused", answered: "icmp-unreachable" };
  for (const bytes of judged.delivered) {
    const seen = seePacket(bytes);
    if (seen !== undefined) return { kind: "went", packet: seen, link: null };
  }
  for (const { link, packet: bytes } of judged.out) {
    const seen = seePacket(bytes);
    if (seen === undefined) continue;
    if ((link === from || from === "") && isAnswer(seen, packet)) {
      const reset = seen.protocol === PROTOCOL.tcp;
      const answered = reset ? "tcp-reset" : "icmp-unreachable";
      return { kind: "refused", answered };
    }
    return { kind: "went", packet: seen, link };
  }
  return { kind: "refused", answered: null };
}

function isAnswer(seen: SeenPacket, packet: Packet): boolean {
  if (seen.protocol === PROTOCOL.icmp && ICMP_ERRORS.includes(seen.icmpType)) {
    return seen.about !== null && seen.about.protocol === packet.protocol;
  }
  return seen.protocol === PROTOCOL.tcp && packet.protocol === PROTOCOL.tcp &&
    (seen.tcpFlags & TCP_FLAG.rst) !== 0 &&
    (packet.tcpFlags & TCP_FLAG.rst) === 0 &&
    seen.destination.equals(packet.source) &&
    seen.destinationPort === packet.sourcePort;
}

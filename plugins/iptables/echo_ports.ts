import type { Packet } from "../../core/packet/packet.ts";

/** Types of ICMP and ICMPv6 that answer a question, and those of the question (nf_conntrack_proto_icmp.c, `invmap`). */
const QUESTIONS: Readonly<Record<number, number>> = {
  0: 8,
  14: 13,
  16: 15,
  18: 17,
  129: 128,
};

/** Whether a packet answers a question of ICMP. */
export function isAnswer({ icmpType }: Packet): boolean {
  return QUESTIONS[icmpType] !== undefined;
}

/**
 * What stands for a port in the tuple of a question or its answer: the
 * identifier on the asking side, the question's type on the other. An answer
 * so is none of its own sender's questions, though it has their identifier.
 */
export function echoPort(
  { icmpType, sourcePort, destinationPort }: Packet,
  side: "source" | "destination",
): number {
  const question = QUESTIONS[icmpType];
  const asking = question === undefined ? "source" : "destination";
  return side === asking ? sourcePort || destinationPort : question ?? icmpType;
}

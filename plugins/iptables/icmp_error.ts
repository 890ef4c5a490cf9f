import { echoPort } from "./echo_ports.ts";
import {
  type Packet,
  type PacketChange,
  PROTOCOL,
} from "../../core/packet/packet.ts";
import type { Tuple } from "../../core/replay/conntrack.ts";
import type { Action } from "../../core/replay/plugin.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** nf_nat_icmp_reply_translation(): the error's own address, and the packet inside it, which went the other way. */
export function translateError(
  packet: Packet,
  { connection, reply }: TrackedPacket,
  side: "source" | "destination",
): Action | undefined {
  const inner = packet.inner!;
  const changed = side === "destination" ? !reply : reply;
  // Towards the first sender: what its connection looks like to it; away from it: to the other side.
  const ofDestination = changed;
  const translated = ofDestination
    ? connection!.destinationTranslated
    : connection!.sourceTranslated;
  if (!translated) return undefined;
  const { original, reply: back } = connection!;
  const [ip, port] = ofDestination
    ? reply
      ? [original.destination, original.destinationPort]
      : [back.source, back.sourcePort]
    : reply
    ? [original.source, original.sourcePort]
    : [back.destination, back.destinationPort];
  const innerPort = hasPorts(inner);
  const change: PacketChange = side === "source"
    ? {
      source: ip,
      inner: {
        ...inner,
        destination: ip,
        destinationPort: innerPort ? port : inner.destinationPort,
      },
    }
    : {
      destination: ip,
      inner: {
        ...inner,
        source: ip,
        sourcePort: innerPort ? port : inner.sourcePort,
      },
    };
  const rule = ofDestination
    ? connection!.destinationRule
    : connection!.sourceRule;
  return { kind: "rewrite", change, rule };
}

/** The tuple of a packet that goes the other way; an echo's identifier stands for both ports. */
export function invertedTuple(packet: Packet): Tuple {
  const { protocol, source, destination } = packet;
  const echo = !hasPorts(packet);
  return {
    protocol,
    source: destination,
    destination: source,
    sourcePort: echo ? echoPort(packet, "destination") : packet.destinationPort,
    destinationPort: echo ? echoPort(packet, "source") : packet.sourcePort,
  };
}

/** Whether the protocol has ports, of those that the engine knows by name. */
export function hasPorts({ protocol }: Packet): boolean {
  return protocol !== PROTOCOL.icmp && protocol !== PROTOCOL.icmpv6;
}

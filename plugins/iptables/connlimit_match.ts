import { Cidr } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { Tuple } from "../../core/replay/conntrack.ts";
import { type MatchCompiler, optionValue } from "./match_compiler.ts";
import { TCP_ENDED } from "./tcp_state.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** Groups of addresses that one rule counts for, and connections of one group. */
const MOST_GROUPS = 65_536;
const MOST_COUNTED = 65_536;

/**
 * xt_connlimit.c, nf_conncount.c: how many connections there are of a group
 * of addresses, that of the packet included. Each rule counts those that it
 * has seen.
 */
export const connlimit: MatchCompiler = (match, { ruleName, family }) => {
  const above = optionValue(match, "connlimit-above");
  const most = Number(above ?? optionValue(match, "connlimit-upto") ?? NaN);
  const length = Number(
    optionValue(match, "connlimit-mask") ?? (family === 4 ? 32 : 128),
  );
  if (Number.isNaN(most) || length > (family === 4 ? 32 : 128)) {
    return { unknown: "match connlimit without a limit" };
  }
  const side = match.options.some(({ name }) => name === "connlimit-daddr")
    ? "destination"
    : "source";
  return (packet) => {
    const groups = packet.context.table<readonly Tuple[]>(
      `connlimit ${ruleName}`,
    );
    const group = `${new Cidr(packet[side], length).base} ${packet.zone}`;
    const counted = withPacket(groups.get(group) ?? [], packet);
    if (!groups.has(group) && groups.size >= MOST_GROUPS) {
      groups.delete(groups.keys().next().value!);
    }
    groups.set(group, counted);
    return (counted.length > most) === (above !== undefined);
  };
};

/** Connections that are still there, and the packet's own. */
function withPacket(
  counted: readonly Tuple[],
  packet: TrackedPacket,
): readonly Tuple[] {
  const own = tupleOf(packet);
  const others = counted.filter((tuple) =>
    !isSame(tuple, own) && isOpen(tuple, packet)
  );
  return [...others, own].slice(-MOST_COUNTED);
}

function isOpen(tuple: Tuple, { context }: TrackedPacket): boolean {
  const found = context.conntrack.find(tuple, context.nowNs);
  return found !== undefined &&
    !(tuple.protocol === PROTOCOL.tcp &&
      TCP_ENDED.has(found.connection.tcpState & 15));
}

function tupleOf(packet: TrackedPacket): Tuple {
  if (packet.connection !== null) return packet.connection.original;
  const { protocol, source, destination, sourcePort, destinationPort, zone } =
    packet;
  return { protocol, source, destination, sourcePort, destinationPort, zone };
}

function isSame(a: Tuple, b: Tuple): boolean {
  return a.protocol === b.protocol && a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort && a.source.equals(b.source) &&
    a.destination.equals(b.destination);
}

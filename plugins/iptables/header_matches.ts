import { protocolNumber } from "../../core/import/iptables_save.ts";
import type { RuleOption } from "../../core/import/iptables_rules.ts";
import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import type { Test } from "./compiled_rule.ts";
import type { TrackedPacket } from "./tracked_packet.ts";
import { byOption, type MatchCompiler, negated } from "./match_compiler.ts";

/** `from` and `to` of `80`, `80:90`. */
function bounds(value: string): readonly [number, number] {
  const [from, to] = value.split(":").map(Number);
  return [from!, to ?? from!];
}

function sourcePort(option: RuleOption): Test {
  const [from, to] = bounds(option.values[0]!);
  return negated(
    option,
    ({ sourcePort }) => sourcePort >= from && sourcePort <= to,
  );
}

function destinationPort(option: RuleOption): Test {
  const [from, to] = bounds(option.values[0]!);
  if (from === to && !option.negated) {
    return (packet) => packet.destinationPort === from;
  }
  return negated(
    option,
    ({ destinationPort }) => destinationPort >= from && destinationPort <= to,
  );
}

/** `-m tcp` holds for nothing but TCP, whatever else it asks. */
function ofProtocol(number: number, compiler: MatchCompiler): MatchCompiler {
  return (match, environment) => {
    const inner = compiler(match, environment);
    if (inner !== null && typeof inner !== "function") return inner;
    return inner === null
      ? (packet) => packet.protocol === number
      : (packet) => packet.protocol === number && inner(packet);
  };
}

const PORTS = { sport: sourcePort, dport: destinationPort };

const FLAG_BITS: Readonly<Record<string, number>> = {
  FIN: TCP_FLAG.fin,
  SYN: TCP_FLAG.syn,
  RST: TCP_FLAG.rst,
  PSH: TCP_FLAG.psh,
  ACK: TCP_FLAG.ack,
  URG: TCP_FLAG.urg,
};

function flagBits(names: string): number {
  if (names === "NONE") return 0;
  return names.split(",").reduce((bits, name) => bits | FLAG_BITS[name]!, 0);
}

function tcpFlags(option: RuleOption): Test {
  const mask = flagBits(option.values[0]!);
  const wanted = flagBits(option.values[1]!);
  return negated(option, ({ tcpFlags }) => (tcpFlags & mask) === wanted);
}

function icmpType(option: RuleOption): Test {
  const value = option.values[0]!;
  if (value === "any") return negated(option, () => true);
  const [type, code] = value.split("/").map(Number);
  return negated(
    option,
    (packet) =>
      packet.icmpType === type &&
      (code === undefined || packet.icmpCode === code),
  );
}

function portList(
  side: (
    packet: TrackedPacket,
    inList: (port: number) => boolean,
  ) => boolean,
): (option: RuleOption) => Test {
  return (option) => {
    const ranges = option.values[0]!.split(",").map(bounds);
    const inList = (port: number) =>
      ranges.some(([from, to]) => port >= from && port <= to);
    return negated(option, (packet) => side(packet, inList));
  };
}

function length(option: RuleOption): Test {
  const [from, to] = bounds(option.values[0]!);
  return negated(
    option,
    ({ lengthBytes }) => lengthBytes >= from && lengthBytes <= to,
  );
}

function ttl(compare: (ttl: number, wanted: number) => boolean) {
  return (option: RuleOption): Test => {
    const wanted = Number(option.values[0]);
    return negated(option, (packet) => compare(packet.ttl, wanted));
  };
}

/** Matches that look at fields of the headers alone. */
export const HEADER_MATCHES: Readonly<Record<string, MatchCompiler>> = {
  tcp: ofProtocol(
    PROTOCOL.tcp,
    byOption({ ...PORTS, "tcp-flags": tcpFlags }),
  ),
  udp: ofProtocol(PROTOCOL.udp, byOption(PORTS)),
  sctp: ofProtocol(PROTOCOL.sctp, byOption(PORTS)),
  udplite: ofProtocol(protocolNumber("udplite")!, byOption(PORTS)),
  icmp: ofProtocol(PROTOCOL.icmp, byOption({ "icmp-type": icmpType })),
  icmp6: ofProtocol(PROTOCOL.icmpv6, byOption({ "icmpv6-type": icmpType })),
  multiport: byOption({
    sports: portList((packet, inList) => inList(packet.sourcePort)),
    dports: portList((packet, inList) => inList(packet.destinationPort)),
    ports: portList((packet, inList) =>
      inList(packet.sourcePort) || inList(packet.destinationPort)
    ),
  }),
  length: byOption({ length }),
  ttl: byOption({
    "ttl-eq": ttl((seen, wanted) => seen === wanted),
    "ttl-lt": ttl((seen, wanted) => seen < wanted),
    "ttl-gt": ttl((seen, wanted) => seen > wanted),
  }),
};

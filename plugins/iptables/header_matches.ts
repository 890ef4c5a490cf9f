import { protocolNumber } from "../../core/import/iptables_save.ts";
import type { RuleOption } from "../../core/import/iptables_rules.ts";
import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import type { Test } from "./compiled_rule.ts";
import { readMask } from "./mark.ts";
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
    return (packet) =>
      packet.protocol === number && !packet.laterFragment &&
      (inner === null || inner(packet));
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
    return (packet) =>
      !packet.laterFragment && side(packet, inList) !== option.negated;
  };
}

function length(option: RuleOption): Test {
  const [from, to] = bounds(option.values[0]!);
  return negated(
    option,
    ({ lengthBytes }) => lengthBytes >= from && lengthBytes <= to,
  );
}

/** `--tos value/mask`. */
function typeOfService(option: RuleOption): Test {
  const { value, mask } = readMask(option.values[0]!);
  return negated(
    option,
    (packet) => (packet.typeOfService & mask) === value,
  );
}

/** The upper six bits of the type of service (RFC 2474). */
function codePoint(option: RuleOption): Test {
  const wanted = Number(option.values[0]);
  return negated(
    option,
    ({ typeOfService }) => typeOfService >>> 2 === wanted,
  );
}

/** The lower two bits of the type of service (RFC 3168). */
function congestion(option: RuleOption): Test {
  const wanted = Number(option.values[0]);
  return negated(option, (packet) => (packet.typeOfService & 3) === wanted);
}

/** Headers between that of IPv6 and the transport's: no packet of the model has one. */
const absent: MatchCompiler = (_, { family }) =>
  family === 6
    ? () => false
    : { unknown: "an extension header outside of IPv6" };

/** The index of an IPsec header, of which nothing is modelled but its protocol. */
function security(protocol: number, option: string): MatchCompiler {
  return (match) => {
    const index = match.options.find(({ name }) => name === option);
    const ofProtocol: Test = (packet) => packet.protocol === protocol;
    const every = match.options.length === 0 ||
      (match.options.length === 1 && index?.negated === false &&
        index.values[0] === "0:4294967295");
    return every ? ofProtocol : {
      test: ofProtocol,
      unknown: `what match ${match.name} reads of a packet`,
      when: ofProtocol,
    };
  };
}

function ttl(compare: (ttl: number, wanted: number) => boolean) {
  return (option: RuleOption): Test => {
    const wanted = Number(option.values[0]);
    return negated(option, (packet) => compare(packet.ttl, wanted));
  };
}

const HOPS = {
  eq: ttl((seen, wanted) => seen === wanted),
  lt: ttl((seen, wanted) => seen < wanted),
  gt: ttl((seen, wanted) => seen > wanted),
};

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
    "ttl-eq": HOPS.eq,
    "ttl-lt": HOPS.lt,
    "ttl-gt": HOPS.gt,
  }),
  hl: byOption({ "hl-eq": HOPS.eq, "hl-lt": HOPS.lt, "hl-gt": HOPS.gt }),
  tos: byOption({ tos: typeOfService }),
  dscp: byOption({ dscp: codePoint }),
  ecn: byOption({ "ecn-ip-ect": congestion }),
  rt: absent,
  frag: absent,
  hbh: absent,
  dst: absent,
  ah: security(51, "ahspi"),
  esp: security(50, "espspi"),
};

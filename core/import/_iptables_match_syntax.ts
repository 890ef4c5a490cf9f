import {
  type ExtensionSyntax,
  hasOption,
  option,
  type OptionSyntax,
  plain,
  withDefault,
} from "./_iptables_option.ts";
import {
  ADDRESS,
  ADDRESS_MASK,
  ADDRESS_RANGE,
  hexUpTo,
  ICMP_TYPE,
  MAC_ADDRESS,
  MARK_VALUE,
  numberRange,
  numberUpTo,
  oneOf,
  PORT_LIST,
  PORT_RANGE,
  PROBABILITY,
  PROTOCOL_VALUE,
  RATE,
  SET_DIRECTIONS,
  TCP_FLAGS,
  textUpTo,
  type ValueSyntax,
  wordList,
} from "./_iptables_values.ts";
import { DSCP_CLASS, TOS_VALUE } from "./_iptables_tos.ts";
import type { RuleOption } from "./iptables_rules.ts";
import { printedSearch } from "./searched_bytes.ts";
import { printU32, readU32 } from "./u32_expression.ts";

const NUMBER = numberUpTo(0xffffffff);
const PORTS: readonly OptionSyntax[] = [
  option("sport", [PORT_RANGE], "source-port"),
  option("dport", [PORT_RANGE], "destination-port"),
];
const CT_STATES = [
  "INVALID",
  "NEW",
  "RELATED",
  "ESTABLISHED",
  "UNTRACKED",
  "SNAT",
  "DNAT",
];
const ADDRESS_TYPES = [
  "UNSPEC",
  "UNICAST",
  "LOCAL",
  "BROADCAST",
  "ANYCAST",
  "MULTICAST",
  "BLACKHOLE",
  "UNREACHABLE",
  "PROHIBIT",
  "THROW",
  "NAT",
  "XRESOLVE",
];
const ID_RANGE: ValueSyntax = {
  expected: "a numeric id or a range of two",
  normal: (text) => /^\d{1,10}(-\d{1,10})?$/.test(text) ? text : undefined,
};

/** Matches whose options are known. Any other is kept as written. */
export const MATCH_SYNTAX: Readonly<Record<string, ExtensionSyntax>> = {
  comment: { options: [option("comment", [textUpTo(256)])] },
  tcp: {
    options: [
      ...PORTS,
      option("tcp-option", [numberUpTo(255)]),
      option("tcp-flags", [TCP_FLAGS, TCP_FLAGS]),
      option("syn", []),
    ],
    canonical: (options) => withoutFullRanges(options.map(synAsFlags)),
  },
  udp: { options: PORTS, canonical: withoutFullRanges },
  udplite: { options: PORTS, canonical: withoutFullRanges },
  sctp: {
    options: [
      ...PORTS,
      option("chunk-types", [oneOf("all", "any", "only"), textUpTo(256)]),
    ],
    canonical: withoutFullRanges,
  },
  dccp: {
    options: [
      ...PORTS,
      option("dccp-types", [textUpTo(256)]),
      option("dccp-option", [numberUpTo(255)]),
    ],
    canonical: withoutFullRanges,
  },
  icmp: { options: [option("icmp-type", [ICMP_TYPE])] },
  icmp6: { options: [option("icmpv6-type", [ICMP_TYPE], "icmp6-type")] },
  multiport: {
    options: [
      option("sports", [PORT_LIST], "source-ports"),
      option("dports", [PORT_LIST], "destination-ports"),
      option("ports", [PORT_LIST]),
    ],
  },
  conntrack: {
    options: [
      option("ctstate", [wordList(CT_STATES)]),
      option("ctproto", [PROTOCOL_VALUE]),
      option("ctorigsrc", [ADDRESS_MASK]),
      option("ctorigdst", [ADDRESS_MASK]),
      option("ctreplsrc", [ADDRESS_MASK]),
      option("ctrepldst", [ADDRESS_MASK]),
      option("ctorigsrcport", [PORT_RANGE]),
      option("ctorigdstport", [PORT_RANGE]),
      option("ctreplsrcport", [PORT_RANGE]),
      option("ctrepldstport", [PORT_RANGE]),
      option("ctstatus", [
        wordList(["NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"]),
      ]),
      option("ctexpire", [numberRange(0xffffffff)]),
      option("ctdir", [oneOf("ORIGINAL", "REPLY")]),
    ],
    canonical: (options) => options.map(withoutFullPrefix),
  },
  state: { options: [option("state", [wordList(CT_STATES.slice(0, 5))])] },
  mark: { options: [option("mark", [MARK_VALUE])] },
  connmark: { options: [option("mark", [MARK_VALUE])] },
  addrtype: {
    options: [
      option("src-type", [wordList(ADDRESS_TYPES)]),
      option("dst-type", [wordList(ADDRESS_TYPES)]),
      option("limit-iface-in", []),
      option("limit-iface-out", []),
    ],
  },
  statistic: {
    options: [
      option("mode", [oneOf("random", "nth")]),
      option("probability", [PROBABILITY]),
      option("every", [NUMBER]),
      option("packet", [NUMBER]),
    ],
    canonical: (options) =>
      hasOption(options, "every") && !hasOption(options, "packet")
        ? [...options, plain("packet", "0")]
        : options,
  },
  recent: {
    options: [
      option("set", []),
      option("rcheck", []),
      option("update", []),
      option("remove", []),
      option("seconds", [NUMBER]),
      option("reap", []),
      option("hitcount", [numberUpTo(255)]),
      option("rttl", []),
      option("name", [textUpTo(200)]),
      option("mask", [ADDRESS]),
      option("rsource", []),
      option("rdest", []),
    ],
    canonical: recentDefaults,
  },
  limit: {
    options: [
      option("limit", [RATE]),
      option("limit-burst", [numberUpTo(10_000)]),
    ],
    canonical: (options) =>
      withDefault(options, "limit", "3/hour").filter((one) =>
        one.name !== "limit-burst" || one.values[0] !== "5"
      ),
  },
  owner: {
    options: [
      option("socket-exists", []),
      option("uid-owner", [ID_RANGE]),
      option("gid-owner", [ID_RANGE]),
      option("suppl-groups", []),
    ],
  },
  set: {
    options: [
      option("match-set", [textUpTo(31), SET_DIRECTIONS]),
      option("return-nomatch", []),
    ],
  },
  iprange: {
    options: [
      option("src-range", [ADDRESS_RANGE]),
      option("dst-range", [ADDRESS_RANGE]),
    ],
  },
  length: { options: [option("length", [numberRange(65_535)])] },
  ttl: {
    options: [
      option("ttl-eq", [numberUpTo(255)], "ttl"),
      option("ttl-lt", [numberUpTo(255)]),
      option("ttl-gt", [numberUpTo(255)]),
    ],
  },
  hl: {
    options: [
      option("hl-eq", [numberUpTo(255)], "hl"),
      option("hl-lt", [numberUpTo(255)]),
      option("hl-gt", [numberUpTo(255)]),
    ],
  },
  tos: { options: [option("tos", [TOS_VALUE])] },
  dscp: {
    options: [
      option("dscp", [hexUpTo(63, 2)]),
      option("dscp-class", [DSCP_CLASS]),
    ],
    canonical: (options) =>
      options.map((one) =>
        one.name === "dscp-class" ? { ...one, name: "dscp" } : one
      ),
  },
  ecn: {
    options: [
      option("ecn-tcp-ece", []),
      option("ecn-tcp-cwr", []),
      option("ecn-ip-ect", [numberUpTo(3)]),
    ],
  },
  mac: { options: [option("mac-source", [MAC_ADDRESS])] },
  pkttype: {
    options: [option("pkt-type", [oneOf("unicast", "broadcast", "multicast")])],
  },
  connlimit: {
    options: [
      option("connlimit-upto", [NUMBER]),
      option("connlimit-above", [NUMBER]),
      option("connlimit-mask", [numberUpTo(128)]),
      option("connlimit-saddr", []),
      option("connlimit-daddr", []),
    ],
    canonical: connlimitDefaults,
  },
  string: {
    options: [
      option("string", [textUpTo(128)]),
      option("hex-string", [textUpTo(512)]),
      option("algo", [oneOf("bm", "kmp")]),
      option("from", [numberUpTo(65_535)]),
      option("to", [numberUpTo(65_535)]),
      option("icase", []),
    ],
    canonical: (options) =>
      options.filter(({ name, values: [value] }) =>
        !(name === "from" && value === "0") &&
        !(name === "to" && value === "65535")
      ).map((one) => /string$/.test(one.name) ? printedSearch(one) : one),
  },
  u32: {
    options: [
      option("u32", [{
        expected: "an expression such as 6&0xff=1&&4&0x1fff=0:5",
        normal: (text) => {
          const tests = readU32(text);
          return tests === undefined ? undefined : printU32(tests);
        },
      }]),
    ],
  },
  ipvs: {
    options: [
      option("ipvs", []),
      option("vproto", [textUpTo(8)]),
      option("vaddr", [ADDRESS]),
      option("vport", [numberUpTo(65_535)]),
      option("vdir", [oneOf("ORIGINAL", "REPLY")]),
      option("vmethod", [oneOf("GATE", "IPIP", "MASQ")]),
      option("vportctl", [numberUpTo(65_535)]),
    ],
  },
  rpfilter: {
    options: [
      option("loose", []),
      option("validmark", []),
      option("accept-local", []),
      option("invert", []),
    ],
  },
};

/** The match that `-p` brings with it when one of its options follows. */
export const PROTOCOL_MATCH: Readonly<Record<string, string>> = {
  tcp: "tcp",
  udp: "udp",
  udplite: "udplite",
  sctp: "sctp",
  dccp: "dccp",
  icmp: "icmp",
  "ipv6-icmp": "icmp6",
};

function synAsFlags(one: RuleOption): RuleOption {
  return one.name === "syn"
    ? { ...one, name: "tcp-flags", values: ["FIN,SYN,RST,ACK", "SYN"] }
    : one;
}

/** A range of every port matches everything and is not printed. */
function withoutFullRanges(
  options: readonly RuleOption[],
): readonly RuleOption[] {
  return options.filter((one) =>
    one.negated || !/port$/.test(one.name) || one.values[0] !== "0:65535"
  );
}

function withoutFullPrefix(one: RuleOption): RuleOption {
  if (!/(src|dst)$/.test(one.name)) return one;
  return {
    ...one,
    values: one.values.map((v) => v.replace(/\/(32|128)$/, "")),
  };
}

/** `DEFAULT` is the list, whole source addresses the key (libxt_recent). */
function recentDefaults(
  options: readonly RuleOption[],
  family: 4 | 6,
): readonly RuleOption[] {
  const mask = family === 4
    ? "255.255.255.255"
    : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const named = withDefault(
    withDefault(options, "name", "DEFAULT"),
    "mask",
    mask,
  );
  return hasOption(named, "rdest") ? named : withDefault(named, "rsource");
}

/** `! --connlimit-above` is `--connlimit-upto`; whole source addresses are counted (libxt_connlimit). */
function connlimitDefaults(
  options: readonly RuleOption[],
  family: 4 | 6,
): readonly RuleOption[] {
  const other = { "connlimit-above": "upto", "connlimit-upto": "above" };
  const straight = options.map((one) =>
    one.negated && one.name in other
      ? {
        ...one,
        negated: false,
        name: `connlimit-${other[one.name as keyof typeof other]}`,
      }
      : one
  );
  const masked = withDefault(
    straight,
    "connlimit-mask",
    family === 4 ? "32" : "128",
  );
  return hasOption(masked, "connlimit-daddr")
    ? masked
    : withDefault(masked, "connlimit-saddr");
}

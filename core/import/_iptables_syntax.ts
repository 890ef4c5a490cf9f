import type { RuleOption } from "./iptables_rules.ts";
import {
  ADDRESS,
  ADDRESS_MASK,
  ADDRESS_RANGE,
  hexUpTo,
  ICMP_TYPE,
  MARK_VALUE,
  NAT_PORTS,
  NAT_RANGE,
  numberRange,
  numberUpTo,
  oneOf,
  PORT_LIST,
  PORT_RANGE,
  PROBABILITY,
  PROTOCOL_VALUE,
  RATE,
  readMark,
  TCP_FLAGS,
  textUpTo,
  type ValueSyntax,
  wordList,
} from "./_iptables_values.ts";

/** How one option of a match or target is written. */
export interface OptionSyntax {
  /** Without its dashes. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly values: readonly ValueSyntax[];
}

/** A match or target whose options are known; they are printed in this order. */
export interface ExtensionSyntax {
  readonly options: readonly OptionSyntax[];
  /** Rewrites options into those that the kernel's tools print. */
  readonly canonical?: (
    options: readonly RuleOption[],
    family: 4 | 6,
  ) => readonly RuleOption[];
}

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
const SET_DIRECTIONS: ValueSyntax = {
  expected: "src or dst, up to six of them",
  normal: (text) =>
    /^(src|dst)(,(src|dst)){0,5}$/.test(text) ? text : undefined,
};
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
  dscp: {
    options: [
      option("dscp", [hexUpTo(63, 2)]),
      option("dscp-class", [textUpTo(8)]),
    ],
  },
  mac: { options: [option("mac-source", [textUpTo(17)])] },
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

/** Targets whose options are known. */
export const TARGET_SYNTAX: Readonly<Record<string, ExtensionSyntax>> = {
  ACCEPT: { options: [] },
  DROP: { options: [] },
  RETURN: { options: [] },
  DNAT: {
    options: [
      option("to-destination", [NAT_RANGE]),
      option("random", []),
      option("persistent", []),
    ],
  },
  SNAT: {
    options: [
      option("to-source", [NAT_RANGE]),
      option("random", []),
      option("random-fully", []),
      option("persistent", []),
    ],
  },
  MASQUERADE: {
    options: [
      option("to-ports", [NAT_PORTS]),
      option("random", []),
      option("random-fully", []),
    ],
  },
  REDIRECT: {
    options: [option("to-ports", [NAT_PORTS]), option("random", [])],
  },
  MARK: {
    options: [
      option("set-xmark", [MARK_VALUE]),
      option("set-mark", [MARK_VALUE]),
      option("or-mark", [NUMBER]),
      option("and-mark", [NUMBER]),
      option("xor-mark", [NUMBER]),
    ],
    canonical: (options) => options.map(asXmark),
  },
  CONNMARK: {
    options: [
      option("set-xmark", [MARK_VALUE]),
      option("set-mark", [MARK_VALUE]),
      option("or-mark", [NUMBER]),
      option("and-mark", [NUMBER]),
      option("xor-mark", [NUMBER]),
      option("save-mark", []),
      option("restore-mark", []),
      option("nfmask", [NUMBER]),
      option("ctmask", [NUMBER]),
      option("mask", [NUMBER]),
    ],
    canonical: connmarkMasks,
  },
  REJECT: {
    options: [option("reject-with", [textUpTo(32)])],
    canonical: rejectDefault,
  },
  LOG: {
    options: [
      option("log-prefix", [textUpTo(30)]),
      option("log-level", [textUpTo(8)]),
      option("log-tcp-sequence", []),
      option("log-tcp-options", []),
      option("log-ip-options", []),
      option("log-uid", []),
      option("log-macdecode", []),
    ],
  },
  NFLOG: {
    options: [
      option("nflog-prefix", [textUpTo(64)]),
      option("nflog-group", [numberUpTo(65_535)]),
      option("nflog-range", [NUMBER]),
      option("nflog-size", [NUMBER]),
      option("nflog-threshold", [numberUpTo(65_535)]),
    ],
  },
  CT: {
    options: [
      option("notrack", []),
      option("helper", [textUpTo(16)]),
      option("timeout", [textUpTo(32)]),
      option("ctevents", [textUpTo(128)]),
      option("expevents", [textUpTo(128)]),
      option("zone-orig", [textUpTo(8)]),
      option("zone-reply", [textUpTo(8)]),
      option("zone", [textUpTo(8)]),
    ],
  },
  NOTRACK: { options: [] },
  TRACE: { options: [] },
  TPROXY: {
    options: [
      option("on-port", [numberUpTo(65_535)]),
      option("on-ip", [ADDRESS]),
      option("tproxy-mark", [{
        expected: MARK_VALUE.expected,
        normal: (text) => {
          const mark = readMark(text);
          return mark === undefined
            ? undefined
            : `0x${mark.value.toString(16)}/0x${mark.mask.toString(16)}`;
        },
      }]),
    ],
  },
  SET: {
    options: [
      option("add-set", [textUpTo(31), SET_DIRECTIONS]),
      option("del-set", [textUpTo(31), SET_DIRECTIONS]),
      option("map-set", [textUpTo(31), SET_DIRECTIONS]),
      option("exist", []),
      option("timeout", [NUMBER]),
    ],
  },
};

/** Targets that exist but whose options are kept as written. */
export const OTHER_TARGETS: ReadonlySet<string> = new Set(
  ("AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNSECMARK DNPT DSCP ECN HL HMARK " +
    "IDLETIMER LED NETMAP NFQUEUE QUEUE RATEEST SECMARK SNPT SYNPROXY " +
    "TCPMSS TCPOPTSTRIP TEE TOS TTL ULOG").split(" "),
);

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

function option(
  name: string,
  values: readonly ValueSyntax[],
  ...aliases: readonly string[]
): OptionSyntax {
  return { name, values, aliases };
}

function plain(name: string, ...values: readonly string[]): RuleOption {
  return { name, negated: false, values };
}

function hasOption(options: readonly RuleOption[], name: string): boolean {
  return options.some((one) => one.name === name);
}

function withDefault(
  options: readonly RuleOption[],
  name: string,
  ...values: readonly string[]
): readonly RuleOption[] {
  return hasOption(options, name)
    ? options
    : [...options, plain(name, ...values)];
}

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

/** Every way to change a mark is one `(mark & ~mask) ^ value` (libxt_MARK). */
function asXmark(one: RuleOption): RuleOption {
  const mark = readMark(one.values[0] ?? "");
  if (mark === undefined) return one;
  const { value, mask } = mark;
  const [xor, cleared] = {
    "set-xmark": [value, mask],
    "set-mark": [value, (value | mask) >>> 0],
    "or-mark": [value, value],
    "and-mark": [0, ~value >>> 0],
    "xor-mark": [value, 0],
  }[one.name] ?? [undefined, undefined];
  if (xor === undefined || cleared === undefined) return one;
  return plain("set-xmark", `0x${xor.toString(16)}/0x${cleared.toString(16)}`);
}

function connmarkMasks(
  options: readonly RuleOption[],
): readonly RuleOption[] {
  const copies = hasOption(options, "save-mark") ||
    hasOption(options, "restore-mark");
  if (!copies) return options.map(asXmark);
  const mask = options.find((one) => one.name === "mask")?.values[0];
  const hex = (name: string) =>
    plain(
      name,
      `0x${
        Number(
          options.find((one) => one.name === name)?.values[0] ?? mask ??
            0xffffffff,
        ).toString(16)
      }`,
    );
  return [
    ...options.filter((one) => !/mask$/.test(one.name)),
    hex("nfmask"),
    hex("ctmask"),
  ];
}

const REJECT_NAMES: Readonly<Record<string, string>> = {
  "net-unreach": "icmp-net-unreachable",
  "host-unreach": "icmp-host-unreachable",
  "proto-unreach": "icmp-proto-unreachable",
  "port-unreach": "icmp-port-unreachable",
  "net-prohib": "icmp-net-prohibited",
  "host-prohib": "icmp-host-prohibited",
  "admin-prohib": "icmp-admin-prohibited",
  "tcp-rst": "tcp-reset",
};

const REJECT_NAMES_V6: Readonly<Record<string, string>> = {
  "no-route": "icmp6-no-route",
  "adm-prohibited": "icmp6-adm-prohibited",
  "addr-unreach": "icmp6-addr-unreachable",
  "port-unreach": "icmp6-port-unreachable",
};

function rejectDefault(
  options: readonly RuleOption[],
  family: 4 | 6,
): readonly RuleOption[] {
  const port = family === 4
    ? "icmp-port-unreachable"
    : "icmp6-port-unreachable";
  const names = family === 4 ? REJECT_NAMES : REJECT_NAMES_V6;
  const given = options[0]?.values[0] ?? port;
  return [plain("reject-with", names[given] ?? given)];
}

import {
  type ExtensionSyntax,
  hasOption,
  option,
  plain,
} from "./_iptables_option.ts";
import {
  ADDRESS,
  ADDRESS_MASK,
  hexUpTo,
  MARK_VALUE,
  NAT_PORTS,
  NAT_RANGE,
  numberUpTo,
  readMark,
  SET_DIRECTIONS,
  textUpTo,
} from "./_iptables_values.ts";
import { DSCP_CLASS, printTos, readTos, TOS_VALUE } from "./_iptables_tos.ts";
import type { RuleOption } from "./iptables_rules.ts";

const NUMBER = numberUpTo(0xffffffff);

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
  TTL: {
    options: [
      option("ttl-set", [numberUpTo(255)]),
      option("ttl-dec", [numberUpTo(255)]),
      option("ttl-inc", [numberUpTo(255)]),
    ],
  },
  HL: {
    options: [
      option("hl-set", [numberUpTo(255)]),
      option("hl-dec", [numberUpTo(255)]),
      option("hl-inc", [numberUpTo(255)]),
    ],
  },
  TOS: {
    options: [
      option("set-tos", [TOS_VALUE]),
      option("and-tos", [TOS_VALUE]),
      option("or-tos", [TOS_VALUE]),
      option("xor-tos", [TOS_VALUE]),
    ],
    canonical: (options) => options.map(asSetTos),
  },
  DSCP: {
    options: [
      option("set-dscp", [hexUpTo(63, 2)]),
      option("set-dscp-class", [DSCP_CLASS]),
    ],
    canonical: (options) =>
      options.map((one) => ({ ...one, name: "set-dscp" })),
  },
  NETMAP: {
    options: [
      option("to", [{
        expected: ADDRESS_MASK.expected,
        normal: (text, family) => {
          const network = ADDRESS_MASK.normal(text, family);
          return network?.includes("/") && !/\/.*[.:]/.test(network)
            ? network
            : undefined;
        },
      }]),
    ],
  },
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
  ("AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNSECMARK DNPT ECN HMARK " +
    "IDLETIMER LED NFQUEUE QUEUE RATEEST SECMARK SNPT SYNPROXY " +
    "TCPMSS TCPOPTSTRIP TEE ULOG").split(" "),
);

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

/** Every way to change a type of service is one `(tos & ~mask) ^ value` (libxt_TOS). */
function asSetTos(one: RuleOption): RuleOption {
  const tos = readTos(one.values[0] ?? "");
  if (tos === undefined) return one;
  const { value } = tos;
  switch (one.name) {
    case "and-tos":
      return plain("set-tos", printTos(0, ~value & 0xff));
    case "or-tos":
      return plain("set-tos", printTos(value, value));
    case "xor-tos":
      return plain("set-tos", printTos(value, 0));
  }
  return one;
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

import { Cidr, Ip } from "../packet/ip.ts";

/** How one value of an option is written. */
export interface ValueSyntax {
  readonly expected: string;
  /** The kernel's spelling of it; undefined when it is no such value. */
  normal(text: string, family: 4 | 6): string | undefined;
}

/** Protocols as the tools print them: xtables_chain_protos and /etc/protocols. */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [2, "igmp"],
  [4, "ipencap"],
  [6, "tcp"],
  [17, "udp"],
  [33, "dccp"],
  [41, "ipv6"],
  [47, "gre"],
  [50, "esp"],
  [51, "ah"],
  [58, "ipv6-icmp"],
  [89, "ospf"],
  [103, "pim"],
  [108, "ipcomp"],
  [112, "vrrp"],
  [115, "l2tp"],
  [132, "sctp"],
  [135, "mobility-header"],
  [136, "udplite"],
]);

const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ...[...PROTOCOL_NAMES].map(([number, name]) => [name, number] as const),
  ["all", 0],
  ["ip", 0],
  ["icmpv6", 58],
  ["ipip", 4],
  ["ipv6-mh", 135],
  ["mh", 135],
]);

/** The number of a protocol as a rule names it; 0 is every protocol. */
export function protocolNumber(text: string): number | undefined {
  const known = PROTOCOL_NUMBERS.get(text.toLowerCase());
  if (known !== undefined) return known;
  const number = readNumber(text, 255);
  return number;
}

/** A protocol in the kernel's spelling; `all` for every protocol. */
export const PROTOCOL_VALUE: ValueSyntax = {
  expected: "a protocol name or a number up to 255",
  normal: (text) => {
    const number = protocolNumber(text);
    if (number === undefined) return undefined;
    return number === 0 ? "all" : PROTOCOL_NAMES.get(number) ?? `${number}`;
  },
};

/** An address with a prefix length or a mask; host bits are cleared. */
export const ADDRESS_MASK: ValueSyntax = {
  expected: "an address, with a prefix length or a mask if wanted",
  normal: (text, family) => {
    const slash = text.indexOf("/");
    const mask = slash < 0 ? "" : text.slice(slash + 1);
    if (family === 4 && mask.includes(".")) {
      return maskedAddress(text.slice(0, slash), mask);
    }
    if (family === 6 && mask.includes(":")) return undefined;
    const cidr = Cidr.parse(text);
    return cidr?.base.family === family ? cidr.text : undefined;
  },
};

function maskedAddress(address: string, mask: string): string | undefined {
  const ip = Ip.parse(address);
  const bits = Ip.parse(mask);
  if (ip?.family !== 4 || bits?.family !== 4) return undefined;
  const base = Ip.v4(ip.w3 & bits.w3);
  const inverse = ~bits.w3 >>> 0;
  const contiguous = (inverse & (inverse + 1)) === 0;
  return contiguous ? `${base}/${Math.clz32(inverse)}` : `${base}/${bits}`;
}

/** An address alone. */
export const ADDRESS: ValueSyntax = {
  expected: "an address",
  normal: (text, family) => {
    const ip = Ip.parse(text);
    return ip?.family === family ? ip.text : undefined;
  },
};

/** `from-to`. */
export const ADDRESS_RANGE: ValueSyntax = {
  expected: "two addresses with a dash between",
  normal: (text, family) => {
    const [first, last, more] = text.split("-");
    if (more !== undefined) return undefined;
    const from = Ip.parse(first ?? "");
    const to = Ip.parse(last ?? first ?? "");
    return from?.family === family && to?.family === family
      ? `${from}-${to}`
      : undefined;
  },
};

/** One port, or two with a colon between; either end may be left out. */
export const PORT_RANGE: ValueSyntax = {
  expected: "a port or a range of ports, 0 to 65535",
  normal: (text) => {
    const [first, last, more] = text.split(":");
    if (more !== undefined || text === "") return undefined;
    const from = readNumber(first || "0", 65_535);
    const to = last === undefined ? from : readNumber(last || "65535", 65_535);
    if (from === undefined || to === undefined || from > to) return undefined;
    return from === to ? `${from}` : `${from}:${to}`;
  },
};

/** Up to 15 ports, a range counting for two (libxt_multiport, XT_MULTI_PORTS). */
export const PORT_LIST: ValueSyntax = {
  expected: "up to 15 ports, 0 to 65535, a range counting for two",
  normal: (text) => {
    const parts = text.split(",").map((part) => PORT_RANGE.normal(part, 4));
    if (parts.some((part) => part === undefined)) return undefined;
    const slots = parts.reduce(
      (sum, part) => sum + (part!.includes(":") ? 2 : 1),
      0,
    );
    return slots <= 15 ? parts.join(",") : undefined;
  },
};

/** A whole number up to `most`, or a range of two with a colon. */
export function numberRange(most: number): ValueSyntax {
  return {
    expected: `a number or a range up to ${most}`,
    normal: (text) => {
      const [first, last, more] = text.split(":");
      const from = readNumber(first || "0", most);
      const to = last === undefined
        ? from
        : readNumber(last || `${most}`, most);
      if (more !== undefined || from === undefined || to === undefined) {
        return undefined;
      }
      return from === to ? `${from}` : `${from}:${to}`;
    },
  };
}

/** A whole number up to `most`, decimal or hexadecimal. */
export function numberUpTo(most: number): ValueSyntax {
  return {
    expected: `a number up to ${most}`,
    normal: (text) => {
      const number = readNumber(text, most);
      return number === undefined ? undefined : `${number}`;
    },
  };
}

/** A number printed in hexadecimal with this many digits. */
export function hexUpTo(most: number, digits: number): ValueSyntax {
  return {
    expected: `a number up to 0x${most.toString(16)}`,
    normal: (text) => {
      const number = readNumber(text, most);
      return number === undefined
        ? undefined
        : `0x${number.toString(16).padStart(digits, "0")}`;
    },
  };
}

/** `value/mask` in hexadecimal; a full mask is not printed. */
export const MARK_VALUE: ValueSyntax = {
  expected: "a mark of 32 bits, with a mask if wanted",
  normal: (text) => {
    const mark = readMark(text);
    if (mark === undefined) return undefined;
    const value = `0x${mark.value.toString(16)}`;
    return mark.mask === 0xffffffff
      ? value
      : `${value}/0x${mark.mask.toString(16)}`;
  },
};

/** A mark with its mask as the tools read it. */
export function readMark(
  text: string,
): { readonly value: number; readonly mask: number } | undefined {
  const slash = text.indexOf("/");
  const value = readNumber(slash < 0 ? text : text.slice(0, slash), 0xffffffff);
  const mask = slash < 0
    ? 0xffffffff
    : readNumber(text.slice(slash + 1), 0xffffffff);
  return value === undefined || mask === undefined
    ? undefined
    : { value, mask };
}

/** Words of a fixed set, joined by commas, printed in the order of the set. */
export function wordList(
  order: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): ValueSyntax {
  return {
    expected: `a list of ${order.join(", ")}`,
    normal: (text) => {
      const given = new Set(
        text.split(",").map((word) => synonyms[word] ?? word),
      );
      const printed = order.filter((word) => given.has(word));
      return printed.length === given.size ? printed.join(",") : undefined;
    },
  };
}

/** One word of a fixed set. */
export function oneOf(...words: readonly string[]): ValueSyntax {
  return {
    expected: words.join(" or "),
    normal: (text) => words.includes(text) ? text : undefined,
  };
}

/** Anything, up to this many characters. */
export function textUpTo(most: number): ValueSyntax {
  return {
    expected: `a text of at most ${most} characters`,
    normal: (text) => text.length <= most ? text : undefined,
  };
}

/** An address or a range of them, a port or a range of them, or both: where NAT sends to. */
export const NAT_RANGE: ValueSyntax = {
  expected: "an address or a range of them, with ports after a colon",
  normal: (text, family) => {
    const match = family === 4
      ? /^([0-9.-]*)(?::([0-9-]+))?$/.exec(text)
      : /^\[?([0-9a-fA-F:.]*)\]?(?:-\[?([0-9a-fA-F:.]+)\]?)?$/.exec(text) ??
        /^\[([0-9a-fA-F:.]*)(?:-([0-9a-fA-F:.]+))?\]:([0-9-]+)$/.exec(text);
    if (match === null) return undefined;
    const addresses = family === 4
      ? match[1]!
      : [match[1], match[2]].filter(Boolean).join("-");
    const ports = family === 4 ? match[2] : match[3];
    const ips = addresses === "" ? [] : addresses.split("-").map(Ip.parse);
    if (ips.length > 2 || ips.some((ip) => ip?.family !== family)) {
      return undefined;
    }
    const range = ports === undefined ? "" : natPorts(ports);
    if (range === undefined || (addresses === "" && range === "")) {
      return undefined;
    }
    const printed = [...new Set(ips.map((ip) => ip!.text))].join("-");
    const bracketed = family === 6 && range !== "" ? `[${printed}]` : printed;
    return range === "" ? printed : `${bracketed}:${range}`;
  },
};

/** A port or `from-to`. */
export const NAT_PORTS: ValueSyntax = {
  expected: "a port or a range with a dash, 0 to 65535",
  normal: (text) => natPorts(text),
};

function natPorts(text: string): string | undefined {
  const [first, last, more] = text.split("-");
  const from = readNumber(first ?? "", 65_535);
  const to = last === undefined ? from : readNumber(last, 65_535);
  if (
    more !== undefined || from === undefined || to === undefined || to < from
  ) {
    return undefined;
  }
  return from === to ? `${from}` : `${from}-${to}`;
}

/** A share between 0 and 1 as the kernel keeps it: 31 bits (libxt_statistic). */
export const PROBABILITY: ValueSyntax = {
  expected: "a probability between 0 and 1",
  normal: (text) => {
    if (!/^\d{0,10}(\.\d{0,30})?$/.test(text) || !/\d/.test(text)) {
      return undefined;
    }
    const share = Number(text);
    if (share > 1) return undefined;
    return (Math.round(share * 0x80000000) / 0x80000000).toFixed(11);
  },
};

/** Flags of TCP in the order in which they are printed. */
export const TCP_FLAGS: ValueSyntax = {
  expected: "a list of TCP flags, ALL or NONE",
  normal: (text) => {
    if (text === "NONE") return text;
    if (text === "ALL") return TCP_FLAG_NAMES.join(",");
    return wordList(TCP_FLAG_NAMES).normal(text, 4);
  },
};

export const TCP_FLAG_NAMES = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

/** src or dst for each dimension of a set. */
export const SET_DIRECTIONS: ValueSyntax = {
  expected: "src or dst, up to six of them",
  normal: (text) =>
    /^(src|dst)(,(src|dst)){0,5}$/.test(text) ? text : undefined,
};

/** Six bytes as the tools print them. */
export const MAC_ADDRESS: ValueSyntax = {
  expected: "six bytes in hexadecimal with colons between",
  normal: (text) =>
    /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)
      ? text.toLowerCase()
      : undefined,
};

/** Packets a time: `10/sec` (libxt_limit). */
export const RATE: ValueSyntax = {
  expected: "a rate such as 10/sec, 5/min, 3/hour or 1/day",
  normal: (text) => {
    const match = /^(\d{1,9})(?:\/(s|sec|second|m|min|minute|h|hour|d|day))?$/
      .exec(text);
    if (match === null || Number(match[1]) === 0) return undefined;
    const unit = { s: "sec", m: "min", h: "hour", d: "day" }[
      (match[2] ?? "s")[0]!
    ];
    return `${Number(match[1])}/${unit}`;
  },
};

/** A type of ICMP: a number, with its code, or a name. */
export const ICMP_TYPE: ValueSyntax = {
  expected: "an ICMP type, with a code if wanted, or its name",
  normal: (text, family) => {
    if (text === "any") return family === 4 ? "any" : undefined;
    const named = (family === 4 ? ICMP_NAMES : ICMPV6_NAMES)[text];
    const [type, code, more] = (named ?? text).split("/");
    const number = readNumber(type ?? "", 255);
    const codeNumber = code === undefined ? undefined : readNumber(code, 255);
    if (number === undefined || more !== undefined) return undefined;
    if (code !== undefined && codeNumber === undefined) return undefined;
    return code === undefined ? `${number}` : `${number}/${codeNumber}`;
  },
};

const ICMP_NAMES: Readonly<Record<string, string>> = {
  "echo-reply": "0",
  pong: "0",
  "destination-unreachable": "3",
  "network-unreachable": "3/0",
  "host-unreachable": "3/1",
  "protocol-unreachable": "3/2",
  "port-unreachable": "3/3",
  "fragmentation-needed": "3/4",
  "source-quench": "4",
  redirect: "5",
  "echo-request": "8",
  ping: "8",
  "router-advertisement": "9",
  "router-solicitation": "10",
  "time-exceeded": "11",
  "ttl-exceeded": "11",
  "ttl-zero-during-transit": "11/0",
  "ttl-zero-during-reassembly": "11/1",
  "parameter-problem": "12",
  "timestamp-request": "13",
  "timestamp-reply": "14",
  "address-mask-request": "17",
  "address-mask-reply": "18",
};

const ICMPV6_NAMES: Readonly<Record<string, string>> = {
  "destination-unreachable": "1",
  "no-route": "1/0",
  "communication-prohibited": "1/1",
  "address-unreachable": "1/3",
  "port-unreachable": "1/4",
  "packet-too-big": "2",
  "time-exceeded": "3",
  "ttl-exceeded": "3",
  "parameter-problem": "4",
  "bad-header": "4/0",
  "echo-request": "128",
  ping: "128",
  "echo-reply": "129",
  pong: "129",
  "router-solicitation": "133",
  "router-advertisement": "134",
  "neighbour-solicitation": "135",
  "neighbor-solicitation": "135",
  "neighbour-advertisement": "136",
  "neighbor-advertisement": "136",
  redirect: "137",
};

/** A decimal or hexadecimal number up to `most`. */
export function readNumber(text: string, most: number): number | undefined {
  if (!/^(0[xX][0-9a-fA-F]{1,8}|\d{1,10})$/.test(text)) return undefined;
  const number = Number(text);
  return number <= most ? number : undefined;
}

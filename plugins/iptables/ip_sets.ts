import type { SetDump, SetEntry } from "../../core/import/ipset_save.ts";
import { LIMITS } from "../../core/limits.ts";
import { ICMP_TYPE } from "../../core/import/_iptables_values.ts";
import { protocolNumber } from "../../core/import/iptables_save.ts";
import { Cidr, type Ip } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** Whether a set has what the packet shows in these directions. */
export type SetTest = (packet: TrackedPacket) => boolean;

/** The sets of a host, by name. */
export interface IpSets {
  /** The test of `--match-set NAME src,dst`; undefined when the set is not there, a text when it is not modelled. */
  test(
    name: string,
    directions: readonly string[],
  ): SetTest | string | undefined;
  /** Adds to a set what a packet shows in these directions, or takes it out; as {@link IpSets.test} where there is no such set. */
  change(
    name: string,
    directions: readonly string[],
    adds: boolean,
  ): SetChange | string | undefined;
}

/** Changes a set by a packet. */
export type SetChange = (packet: TrackedPacket) => void;

/** A host without sets. */
export const NO_SETS: IpSets = {
  test: () => undefined,
  change: () => undefined,
};

/** Sets of sets are looked into this deep; the kernel does not nest them at all. */
const DEEPEST_LIST = 1;

/** Sets that differ in nothing but entries are compiled once each. */
export function ipSets(dumps: readonly SetDump[]): IpSets {
  const byName = new Map(dumps.map((dump) => [dump.name, dump]));
  const compiled = new Map<string, SetTable | string>();
  const tableOf = (dump: SetDump) => {
    let table = compiled.get(dump.name);
    if (table === undefined) compiled.set(dump.name, table = compile(dump));
    return table;
  };
  const test = (
    name: string,
    directions: readonly string[],
    depth: number,
  ): SetTest | string | undefined => {
    const dump = byName.get(name);
    if (dump === undefined) return undefined;
    if (dump.type === "list:set") {
      if (depth >= DEEPEST_LIST) return `list of lists ${name}`;
      const tests = dump.entries.map(({ parts }) =>
        test(parts[0]!, directions, depth + 1) ??
          `set ${parts[0]}, which is not loaded`
      );
      const unmodelled = tests.find((one) => typeof one === "string");
      return unmodelled ??
        ((packet) => tests.some((one) => (one as SetTest)(packet)));
    }
    const table = tableOf(dump);
    return typeof table === "string"
      ? table
      : (packet) => table.has(packet, directions);
  };
  const change = (
    name: string,
    directions: readonly string[],
    adds: boolean,
  ): SetChange | string | undefined => {
    const dump = byName.get(name);
    if (dump === undefined) return undefined;
    if (dump.type === "list:set") return `change of list ${name}`;
    const table = tableOf(dump);
    return typeof table === "string"
      ? table
      : (packet) => table.change(packet, directions, adds);
  };
  return { test: (name, directions) => test(name, directions, 0), change };
}

/** One kind of dimension: what of a packet it reads in a direction. */
type Dimension = "address" | "port" | "bare port" | "mark" | "interface";

const DIMENSIONS: Readonly<Record<string, Dimension>> = {
  ip: "address",
  net: "address",
  port: "port",
  mark: "mark",
  iface: "interface",
};

/** Entries of one shape: the same prefix lengths in the same dimensions. */
interface Shape {
  readonly lengths: readonly (number | null)[];
  readonly entries: Map<string, boolean>;
}

/** Entries by shape, the most specific first: it decides, also when it is an exception. */
class SetTable {
  readonly #dimensions: readonly Dimension[];
  readonly #shapes: readonly Shape[];
  readonly #family: 4 | 6;
  /** Where what rules added and took out is kept, between packets. */
  readonly #changes: string;

  constructor(
    name: string,
    dimensions: readonly Dimension[],
    { shapes, family }: {
      readonly shapes: readonly Shape[];
      readonly family: 4 | 6;
    },
  ) {
    this.#changes = `ipset ${name}`;
    this.#dimensions = dimensions;
    this.#shapes = shapes;
    this.#family = family;
  }

  has(packet: TrackedPacket, directions: readonly string[]): boolean {
    if (packet.source.family !== this.#family) return false;
    const changed = packet.context.table<boolean>(this.#changes);
    if (changed.size > 0) {
      const key = this.#key(packet, directions, this.#whole());
      const kept = key === undefined ? undefined : changed.get(key);
      if (kept !== undefined) return kept;
    }
    for (const { lengths, entries } of this.#shapes) {
      const key = this.#key(packet, directions, lengths);
      const nomatch = key === undefined ? undefined : entries.get(key);
      if (nomatch !== undefined) return !nomatch;
    }
    return false;
  }

  /** `-j SET`: whole addresses are added, whatever the prefixes of other entries. */
  change(
    packet: TrackedPacket,
    directions: readonly string[],
    adds: boolean,
  ): void {
    if (packet.source.family !== this.#family) return;
    const key = this.#key(packet, directions, this.#whole());
    const changes = packet.context.table<boolean>(this.#changes);
    if (key === undefined) return;
    if (changes.size < LIMITS.rulesPerDump) changes.set(key, adds);
  }

  /** The shape of entries of whole addresses. */
  #whole(): readonly (number | null)[] {
    const length = this.#family === 4 ? 32 : 128;
    return this.#dimensions.map((one) => one === "address" ? length : null);
  }

  #key(
    packet: TrackedPacket,
    directions: readonly string[],
    lengths: readonly (number | null)[],
  ): string | undefined {
    let key = "";
    for (let index = 0; index < this.#dimensions.length; index++) {
      const part = shown(this.#dimensions[index]!, {
        packet,
        source: directions[index] === "src",
        length: lengths[index]!,
      });
      if (part === undefined) return undefined;
      key += `${part},`;
    }
    return key;
  }
}

/** What a packet shows of one dimension. */
function shown(
  dimension: Dimension,
  { packet, source, length }: {
    readonly packet: TrackedPacket;
    readonly source: boolean;
    readonly length: number | null;
  },
): string | undefined {
  switch (dimension) {
    case "address":
      return maskedText(source ? packet.source : packet.destination, length!);
    case "port":
      return portShown(packet, source);
    case "bare port":
      return packet.protocol === PROTOCOL.tcp ||
          packet.protocol === PROTOCOL.udp
        ? portOf(packet, source)
        : undefined;
    case "mark":
      return `${packet.mark}`;
    case "interface":
      return source ? packet.context.inInterface : packet.context.outInterface;
  }
}

/** net/netfilter/ipset/ip_set_getport.c: ICMP shows its type and code, a protocol without ports 0. */
function portShown(
  packet: TrackedPacket,
  source: boolean,
): string | undefined {
  switch (packet.protocol) {
    case PROTOCOL.tcp:
    case PROTOCOL.udp:
    case PROTOCOL.sctp: {
      const port = portOf(packet, source);
      return port === undefined ? undefined : `${packet.protocol}:${port}`;
    }
    case PROTOCOL.icmp:
    case PROTOCOL.icmpv6:
      return packet.laterFragment
        ? undefined
        : `${packet.protocol}:${(packet.icmpType << 8) | packet.icmpCode}`;
    default:
      return `${packet.protocol}:0`;
  }
}

function portOf(packet: TrackedPacket, source: boolean): string | undefined {
  if (packet.laterFragment) return undefined;
  return `${source ? packet.sourcePort : packet.destinationPort}`;
}

function maskedText(ip: Ip, length: number): string {
  const full = ip.family === 4 ? 32 : 128;
  return length === full ? ip.text : new Cidr(ip, length).base.text;
}

function compile(dump: SetDump): SetTable | string {
  const [kind, names] = dump.type.split(":");
  const dimensions = kind === "bitmap" && names === "port"
    ? ["bare port" as const]
    : names!.split(",").map((name) => DIMENSIONS[name]);
  const netmask = netmaskOf(dump);
  if (
    dimensions.some((one) => one === undefined) || netmask === undefined ||
    (kind === "bitmap" && dimensions.length > 1)
  ) {
    const options = dump.options.map((option) => ` ${option}`).join("");
    return `set ${dump.name} of type ${dump.type}${options}`;
  }
  const shapes = new Map<string, Shape>();
  for (const entry of dump.entries) {
    const problem = addEntry(shapes, entry, {
      dimensions: dimensions as Dimension[],
      family: dump.family,
      netmask,
    });
    if (problem !== null) return `entry ${problem} of set ${dump.name}`;
  }
  const specific = ({ lengths }: Shape) =>
    lengths.reduce((sum: number, length) => sum + (length ?? 0), 0);
  return new SetTable(dump.name, dimensions as Dimension[], {
    shapes: [...shapes.values()].sort((a, b) => specific(b) - specific(a)),
    family: dump.family,
  });
}

/** Returns the entry's text when it is not modelled. */
function addEntry(
  shapes: Map<string, Shape>,
  { parts, nomatch, wildcard }: SetEntry,
  { dimensions, family, netmask }: {
    readonly dimensions: readonly Dimension[];
    readonly family: 4 | 6;
    readonly netmask: number | null;
  },
): string | null {
  if (wildcard === true) return `${parts.join(",")} wildcard`;
  const lengths: (number | null)[] = [];
  let key = "";
  for (const [index, dimension] of dimensions.entries()) {
    const part = parts[index] ?? "";
    const read = readPart(dimension, part);
    if (read === undefined || (read.family ?? family) !== family) {
      return parts.join(",");
    }
    lengths.push(
      read.length === null ? null : Math.min(read.length, netmask ?? 128),
    );
    key += `${read.text},`;
  }
  const shapeKey = lengths.join(",");
  let shape = shapes.get(shapeKey);
  if (shape === undefined) {
    shapes.set(shapeKey, shape = { lengths, entries: new Map() });
  }
  shape.entries.set(key, nomatch);
  return null;
}

/** What addresses are cut to before they are looked for; null: nothing, undefined: there are options besides. */
function netmaskOf({ options }: SetDump): number | null | undefined {
  if (options.length === 0) return null;
  const [, length] = /^netmask (\d{1,3})$/.exec(options[0]!) ?? [];
  return length !== undefined && options.length === 1
    ? Number(length)
    : undefined;
}

/** `icmp:8/0`, `icmp:echo-request`, `icmp:2048`: what the port of such an entry stands for. */
function icmpKey(protocol: number, text: string): string | undefined {
  if (/^\d{1,5}$/.test(text)) return `${protocol}:${Number(text)}`;
  const family = protocol === PROTOCOL.icmp ? 4 : 6;
  const [type, code] = ICMP_TYPE.normal(text, family)?.split("/") ?? [];
  return type === undefined || type === "any"
    ? undefined
    : `${protocol}:${(Number(type) << 8) | Number(code ?? 0)}`;
}

function readPart(
  dimension: Dimension,
  part: string,
):
  | {
    readonly text: string;
    readonly length: number | null;
    readonly family?: 4 | 6;
  }
  | undefined {
  switch (dimension) {
    case "address": {
      const cidr = Cidr.parse(part);
      return cidr === undefined ? undefined : {
        text: cidr.base.text,
        length: cidr.length,
        family: cidr.base.family,
      };
    }
    case "port": {
      const [protocol, port] = part.includes(":")
        ? part.split(":")
        : ["tcp", part];
      const number = protocolNumber(protocol!);
      if (number === PROTOCOL.icmp || number === PROTOCOL.icmpv6) {
        const text = icmpKey(number, port!);
        return text === undefined ? undefined : { text, length: null };
      }
      return number === undefined || !/^\d{1,5}$/.test(port!)
        ? undefined
        : { text: `${number}:${Number(port)}`, length: null };
    }
    case "bare port":
      return /^\d{1,5}$/.test(part)
        ? { text: `${Number(part)}`, length: null }
        : undefined;
    case "mark":
      return /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(part)
        ? { text: `${Number(part)}`, length: null }
        : undefined;
    case "interface":
      return { text: part, length: null };
  }
}

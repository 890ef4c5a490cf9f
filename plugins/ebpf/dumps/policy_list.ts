import type { BpfMap } from "../maps/bpf_map.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import { swap16 } from "../maps/lb_layouts.ts";
import {
  denyPrecedence,
  PRECEDENCE,
  withoutListener,
} from "../maps/policy/precedence.ts";
import { POLICY_ENTRY, POLICY_KEY } from "../maps/policy_layouts.ts";
import {
  ALL_ONES,
  type DumpObject,
  DumpReader,
  type DumpSource,
} from "./dump_reader.ts";
import { notePlace } from "./entry_places.ts";

/** What was counted of an entry; null where it is not. */
export interface PolicyCounts {
  readonly packets: bigint | null;
  readonly bytes: bigint | null;
}

/** One endpoint's policy map as the command line prints it. */
export interface PolicyList {
  readonly map: BpfMap;
  /** In the order of the dump, whatever the map's. */
  readonly counts: readonly PolicyCounts[];
}

/** Maps of several endpoints: `bpf policy get --all`. */
export interface EndpointPolicyList extends PolicyList {
  readonly endpoint: number;
}

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffffffff;

/**
 * Reads `cilium-dbg bpf policy get ENDPOINT -o json`. Ports are as they lie
 * in memory, in network order. Throws an {@link InputError} with every
 * problem.
 */
export function readPolicyList(text: string, { file }: DumpSource): PolicyList {
  const reader = new DumpReader(text, { file, what: "a policy map" });
  const list = readEntries(reader, reader.objects());
  reader.end();
  return list;
}

/** Reads `cilium-dbg bpf policy get --all -o json`. */
export function readPolicyLists(
  text: string,
  { file }: DumpSource,
): readonly EndpointPolicyList[] {
  const reader = new DumpReader(text, { file, what: "policy maps" });
  const lists = reader.objects().map((object) => ({
    endpoint: reader.number(object, "EndpointID", U16),
    ...readEntries(
      reader,
      reader.objectsIn(object["Content"] ?? [], "Content"),
    ),
  }));
  reader.end();
  return lists;
}

/** Writes a map as the command line does, without counters. */
export function printPolicyList(map: BpfMap): string {
  const entries = [...map.entries()].map(({ key: keyBytes, value }) => {
    const key = POLICY_KEY.decode(keyBytes);
    const entry = POLICY_ENTRY.decode(value);
    return {
      ProxyPortNetwork: swap16(entry.proxy_port),
      Flags: value[2]!,
      AuthRequirement: value[3]!,
      Precedence: entry.precedence,
      Cookie: entry.cookie,
      Packets: "n/a",
      Bytes: "n/a",
      Key: {
        Prefixlen: key.lpm_key,
        Identity: key.sec_label,
        TrafficDirection: key.egress,
        Nexthdr: key.protocol,
        DestPortNetwork: swap16(key.dport),
      },
    };
  });
  // A counter that is not kept is all ones, which no JavaScript number is.
  return JSON.stringify(entries, null, 2).replaceAll('"n/a"', `${ALL_ONES}`);
}

function readEntries(
  reader: DumpReader,
  objects: readonly DumpObject[],
): PolicyList {
  const entries = objects.map((object) => readEntry(reader, object));
  const map = newCiliumMap("cilium_policy_v2", {
    maxEntries: Math.max(1, objects.length),
  });
  for (const [at, { key, value }] of entries.entries()) {
    const errno = map.update(key, value);
    notePlace(map, key, reader.placeOf(objects[at], "Key"));
    if (errno === undefined) continue;
    reader.fail(objects[at], "Key", {
      reason: `the kernel takes no such key (${errno})`,
      expected: "a Prefixlen to 64",
    });
  }
  return { map, counts: entries.map(({ counts }) => counts) };
}

/**
 * Releases before precedences have a priority for proxy ports alone, the
 * higher the better, and a denial above all: the same order in other numbers.
 */
function readPrecedence(reader: DumpReader, object: DumpObject): number {
  if (
    object["Precedence"] !== undefined ||
    object["ProxyPortPriority"] === undefined
  ) return reader.number(object, "Precedence", U32);
  const priority = reader.number(object, "ProxyPortPriority", U8);
  const denies = (reader.number(object, "Flags", U8) & DENY) !== 0;
  return denies
    ? denyPrecedence(0)
    : withoutListener(U32) - PRECEDENCE.allow + Math.max(1, priority);
}

/** The bit of the flags that denies. */
const DENY = 1;

function readEntry(reader: DumpReader, object: DumpObject) {
  const key = reader.object(object, "Key");
  const count = (name: string) => {
    const value = reader.counter(object, name);
    return value === ALL_ONES ? null : value;
  };
  const value = POLICY_ENTRY.encode({
    proxy_port: swap16(reader.number(object, "ProxyPortNetwork", U16)),
    precedence: readPrecedence(reader, object),
    cookie: object["Cookie"] === undefined
      ? 0
      : reader.number(object, "Cookie", U32),
  });
  value[2] = reader.number(object, "Flags", U8);
  value[3] = reader.number(object, "AuthRequirement", U8);
  return {
    key: POLICY_KEY.encode({
      lpm_key: reader.number(key, "Prefixlen", U32),
      sec_label: reader.number(key, "Identity", U32),
      egress: reader.number(key, "TrafficDirection", 1),
      protocol: reader.number(key, "Nexthdr", U8),
      dport: swap16(reader.number(key, "DestPortNetwork", U16)),
    }),
    value,
    counts: { packets: count("Packets"), bytes: count("Bytes") },
  };
}

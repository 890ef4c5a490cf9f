import type { RuleHit } from "./rule_path.ts";
import { ERRNO, lastErrno, libc, SystemCallError } from "./libc.ts";

const IPPROTO_IP = 0;
/** include/uapi/linux/netfilter_ipv4/ip_tables.h. */
const IPT_SO_GET_INFO = 64;
const IPT_SO_GET_ENTRIES = 65;
const INFO_BYTES = 84;
const NAME_BYTES = 32;
/** struct ipt_get_entries up to its entries, which are aligned to eight bytes. */
const ENTRIES_OFFSET = 40;
const HOOK_COUNT = 5;
/** Of struct ipt_entry. */
const OFFSET = { target: 88, next: 90, packets: 96 } as const;
/** Of struct xt_entry_target. */
const TARGET = { name: 2, verdict: 32 } as const;
const BASE_CHAIN_NAMES = [
  "PREROUTING",
  "INPUT",
  "FORWARD",
  "OUTPUT",
  "POSTROUTING",
] as const;

/** Packets counted at each rule, by `table chain index`; index 0 is the policy. */
export type RuleCounters = ReadonlyMap<string, number>;

/** Key of a rule among counters and paths. */
export function ruleKey(table: string, chain: string, index: number): string {
  return `${table} ${chain} ${index}`;
}

/**
 * Counters of one table of the legacy back end, read as iptables-save does
 * (net/ipv4/netfilter/ip_tables.c, `get_entries`); empty when the table does
 * not exist.
 */
export function legacyCounters(
  descriptor: number,
  table: string,
): RuleCounters {
  const info = new Uint8Array(INFO_BYTES);
  info.set(new TextEncoder().encode(table));
  if (!getOption(descriptor, IPT_SO_GET_INFO, info)) return new Map();
  const view = new DataView(info.buffer);
  const hooks = view.getUint32(NAME_BYTES, true);
  const size = view.getUint32(INFO_BYTES - 4, true);
  const entries = new Uint8Array(ENTRIES_OFFSET + size);
  entries.set(info.subarray(0, NAME_BYTES));
  new DataView(entries.buffer).setUint32(NAME_BYTES, size, true);
  if (!getOption(descriptor, IPT_SO_GET_ENTRIES, entries)) return new Map();
  return readEntries(entries.subarray(ENTRIES_OFFSET), {
    table,
    bases: baseChains(view, hooks),
  });
}

/** Counters in what `iptables-save -c` printed. */
export function savedCounters(text: string): RuleCounters {
  const counters = new Map<string, number>();
  let table = "";
  let positions = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      table = line.slice(1).trim();
      positions = new Map();
    } else if (line.startsWith(":")) {
      const policy = /^:(\S+) (\S+) \[(\d+):/.exec(line);
      if (policy !== null && policy[2] !== "-") {
        counters.set(ruleKey(table, policy[1]!, 0), Number(policy[3]));
      }
    } else {
      const rule = /^\[(\d+):\d+\] -A (\S+)/.exec(line);
      if (rule === null) continue;
      const index = (positions.get(rule[2]!) ?? 0) + 1;
      positions.set(rule[2]!, index);
      counters.set(ruleKey(table, rule[2]!, index), Number(rule[1]));
    }
  }
  return counters;
}

/** The rules that were met between two counts, each as often as it was. */
export function countedHits(
  before: RuleCounters,
  after: RuleCounters,
): RuleHit[] {
  return [...after].flatMap(([key, packets]) => {
    const [table, chain, index] = key.split(" ");
    const hit = {
      table: table!,
      chain: chain!,
      index: Number(index),
      packet: null,
    };
    const more = Math.max(0, packets - (before.get(key) ?? 0));
    return Array.from({ length: more }, () => hit);
  });
}

interface BaseChains {
  /** Name by offset of the first rule. */
  readonly starts: ReadonlyMap<number, string>;
  /** Offsets of the rules that stand for policies. */
  readonly policies: ReadonlySet<number>;
}

function baseChains(info: DataView, hooks: number): BaseChains {
  const starts = new Map<number, string>();
  const policies = new Set<number>();
  for (let hook = 0; hook < HOOK_COUNT; hook++) {
    if ((hooks & (1 << hook)) === 0) continue;
    const entry = NAME_BYTES + 4 + hook * 4;
    starts.set(info.getUint32(entry, true), BASE_CHAIN_NAMES[hook]!);
    policies.add(info.getUint32(entry + HOOK_COUNT * 4, true));
  }
  return { starts, policies };
}

function readEntries(
  bytes: Uint8Array,
  { table, bases }: { readonly table: string; readonly bases: BaseChains },
): RuleCounters {
  const counters = new Map<string, number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let chain = "";
  let index = 0;
  let own = false;
  for (let offset = 0; offset + OFFSET.packets + 8 <= bytes.length;) {
    const target = offset + view.getUint16(offset + OFFSET.target, true);
    const next = offset + view.getUint16(offset + OFFSET.next, true);
    if (next <= offset) break;
    if (bases.starts.has(offset)) {
      chain = bases.starts.get(offset)!;
      index = 0;
      own = false;
    }
    const name = cText(bytes, target + TARGET.name, TARGET.verdict);
    if (name === "ERROR") {
      // The head of a user-defined chain, or the end of the table. The chain
      // before it ends with a RETURN of its own that iptables-save leaves out.
      if (own) counters.delete(ruleKey(table, chain, index));
      own = true;
      chain = cText(bytes, target + TARGET.verdict, NAME_BYTES);
      index = 0;
    } else {
      const last = bases.policies.has(offset);
      const packets = Number(view.getBigUint64(offset + OFFSET.packets, true));
      counters.set(ruleKey(table, chain, last ? 0 : ++index), packets);
    }
    offset = next;
  }
  return counters;
}

function cText(bytes: Uint8Array, offset: number, most: number): string {
  let end = offset;
  while (end < offset + most && end < bytes.length && bytes[end] !== 0) end++;
  return new TextDecoder().decode(bytes.subarray(offset, end));
}

function getOption(
  descriptor: number,
  option: number,
  value: Uint8Array<ArrayBuffer>,
): boolean {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, value.length, true);
  const result = libc().getsockopt(
    descriptor,
    IPPROTO_IP,
    option,
    value,
    length,
  );
  if (result >= 0) return true;
  const errno = lastErrno();
  if (errno === ERRNO.missing) return false;
  throw new SystemCallError("read rule counters", errno);
}

import type { RuleMatch } from "../../core/import/iptables_rules.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Test } from "./compiled_rule.ts";
import { connlimit } from "./connlimit_match.ts";
import {
  type MatchCompiler,
  type MatchEnvironment,
  optionValue,
} from "./match_compiler.ts";

const SECOND_NS = 1_000_000_000;

/** Sources one list of `-m recent` remembers: ip_list_tot of xt_recent. */
const RECENT_SOURCES = 100;

/** Times one source is remembered with: ip_pkt_list_tot of xt_recent. */
const RECENT_TIMES = 20;

function given(match: RuleMatch, name: string): boolean {
  return match.options.some((option) => option.name === name);
}

function isNegated(match: RuleMatch): boolean {
  return match.options.some((option) => option.negated);
}

/** The 31-bit threshold that a probability is kept as (xt_statistic.c). */
export function statisticThreshold(match: RuleMatch): number {
  return Math.round(
    Number(optionValue(match, "probability") ?? 0) * 0x80000000,
  );
}

const statistic: MatchCompiler = (match, { ruleName }) => {
  const inverted = isNegated(match);
  if (optionValue(match, "mode") === "random") {
    const threshold = statisticThreshold(match);
    return ({ context }) =>
      ((context.draw(ruleName) & 0x7fffffff) < threshold) !== inverted;
  }
  const every = Number(optionValue(match, "every") ?? 0);
  const packet = Number(optionValue(match, "packet") ?? 0);
  if (every === 0 || packet >= every) {
    return { unknown: "match statistic with --packet beyond --every" };
  }
  return ({ context }) => {
    const counters = context.table<number>("statistic");
    const seen = counters.get(ruleName) ?? 0;
    counters.set(ruleName, (seen + 1) % every);
    return (seen === packet) !== inverted;
  };
};

const UNIT_NS: Readonly<Record<string, number>> = {
  sec: SECOND_NS,
  min: 60 * SECOND_NS,
  hour: 3_600 * SECOND_NS,
  day: 86_400 * SECOND_NS,
};

/**
 * A token bucket that starts full (xt_limit.c), on the virtual clock instead
 * of jiffies.
 */
const limit: MatchCompiler = (match, { ruleName }) => {
  const [count, unit] = (optionValue(match, "limit") ?? "3/hour").split("/");
  const burst = Number(optionValue(match, "limit-burst") ?? 5);
  const costNs = Math.floor(UNIT_NS[unit!]! / Number(count));
  const mostNs = costNs * burst;
  return ({ context }) =>
    takes(context.table<Bucket>("limit"), ruleName, {
      costNs,
      mostNs,
      nowNs: context.nowNs,
    });
};

/** Credit, and the time that it was counted at. */
type Bucket = readonly [creditNs: number, countedNs: number];

/** Takes one packet's worth out of a bucket, if there is that much in it. */
function takes(
  buckets: Map<string, Bucket>,
  key: string,
  { costNs, mostNs, nowNs }: {
    readonly costNs: number;
    readonly mostNs: number;
    readonly nowNs: number;
  },
): boolean {
  const [creditNs, countedNs] = buckets.get(key) ?? [mostNs, nowNs];
  const filledNs = Math.min(mostNs, creditNs + nowNs - countedNs);
  const enough = filledNs >= costNs;
  if (!buckets.has(key) && buckets.size >= MOST_BUCKETS) {
    buckets.delete(buckets.keys().next().value!);
  }
  buckets.set(key, [enough ? filledNs - costNs : filledNs, nowNs]);
  return enough;
}

/** A bucket for each sender, receiver or port (xt_hashlimit.c), all rules of one name together. */
const hashlimit: MatchCompiler = (match) => {
  const unmodelled = match.options.find(({ name }) => !HASHLIMIT.has(name));
  if (unmodelled !== undefined) {
    return { unknown: `option --${unmodelled.name} of match hashlimit` };
  }
  const above = optionValue(match, "hashlimit-above");
  const rate = above ?? optionValue(match, "hashlimit-upto") ?? "";
  const [, count, unit] = /^(\d+)\/(sec|min|hour|day)$/.exec(rate) ?? [];
  if (count === undefined) {
    return { unknown: `rate ${rate} of match hashlimit` };
  }
  const costNs = Math.floor(UNIT_NS[unit!]! / Number(count));
  const mostNs = costNs * Number(optionValue(match, "hashlimit-burst") ?? 5);
  const modes = (optionValue(match, "hashlimit-mode") ?? "").split(",");
  const table = `hashlimit ${optionValue(match, "hashlimit-name")}`;
  return (packet) => {
    const { context } = packet;
    const key = modes.map((mode) => hashlimitKey(packet, mode)).join(" ");
    const within = takes(context.table<Bucket>(table), key, {
      costNs,
      mostNs,
      nowNs: context.nowNs,
    });
    return within !== (above !== undefined);
  };
};

/** Buckets of one table: the oldest makes room. */
const MOST_BUCKETS = 65_536;

/** Options that are modelled, or that only say how the table is kept. */
const HASHLIMIT = new Set([
  "hashlimit-upto",
  "hashlimit-above",
  "hashlimit-burst",
  "hashlimit-mode",
  "hashlimit-name",
  "hashlimit-htable-size",
  "hashlimit-htable-max",
  "hashlimit-htable-expire",
  "hashlimit-htable-gcinterval",
]);

function hashlimitKey(packet: Parameters<Test>[0], mode: string): string {
  switch (mode) {
    case "srcip":
      return packet.source.text;
    case "dstip":
      return packet.destination.text;
    case "srcport":
      return `${packet.sourcePort}`;
    case "dstport":
      return `${packet.destinationPort}`;
    default:
      return "";
  }
}

/** What a list of `-m recent` does when its rule is reached. */
interface Recent {
  readonly does: "set" | "rcheck" | "update" | "remove";
  readonly seconds: number;
  readonly reap: boolean;
  readonly hits: number;
  readonly inverted: boolean;
  readonly table: string;
  /** Only packets with as many hops left belong to an entry. */
  readonly sameTtl: boolean;
  readonly key: (packet: Parameters<Test>[0]) => string;
}

/** net/netfilter/xt_recent.c, `recent_mt`. */
const recent: MatchCompiler = (match, environment) => {
  const does = (["set", "rcheck", "update", "remove"] as const).find((name) =>
    given(match, name)
  );
  if (does === undefined) return { unknown: "match recent without an action" };
  const seconds = Number(optionValue(match, "seconds") ?? 0);
  const settings: Recent = {
    does,
    seconds,
    reap: given(match, "reap") && seconds > 0,
    hits: Number(optionValue(match, "hitcount") ?? 0),
    inverted: isNegated(match),
    sameTtl: given(match, "rttl"),
    table: `recent ${optionValue(match, "name") ?? "DEFAULT"}`,
    key: recentKey(match, environment),
  };
  if (settings.hits > RECENT_TIMES) {
    return { unknown: "match recent with --hitcount beyond ip_pkt_list_tot" };
  }
  return (packet) => recentTest(settings, packet);
};

function recentKey(
  match: RuleMatch,
  { family }: MatchEnvironment,
): Recent["key"] {
  const side = given(match, "rdest") ? "destination" : "source";
  const mask = Ip.parse(optionValue(match, "mask") ?? "");
  const full = mask === undefined ||
    (mask.w3 === 0xffffffff && (family === 4 || mask.w0 === 0xffffffff &&
        mask.w1 === 0xffffffff && mask.w2 === 0xffffffff));
  if (full) return (packet) => packet[side].text;
  return (packet) => {
    const ip = packet[side];
    return family === 4 ? Ip.v4(ip.w3 & mask.w3).text : Ip.v6(
      ip.w0 & mask.w0,
      ip.w1 & mask.w1,
      ip.w2 & mask.w2,
      ip.w3 & mask.w3,
    )
      .text;
  };
}

/** When a sender was seen, and with how many hops left the last time. */
interface Sender {
  readonly ttl: number;
  readonly timesNs: readonly number[];
}

function recentTest(recent: Recent, packet: Parameters<Test>[0]): boolean {
  const { does, inverted } = recent;
  const { nowNs } = packet.context;
  const list = packet.context.table<Sender>(recent.table);
  const ttl = arrivalTtl(packet);
  const key = recent.key(packet);
  const seen = list.get(key);
  if (seen === undefined || (recent.sameTtl && seen.ttl !== ttl)) {
    if (does !== "set") return inverted;
    // The list is full: the source longest unseen makes room.
    if (list.size >= RECENT_SOURCES) list.delete(list.keys().next().value!);
    list.set(key, { ttl, timesNs: [nowNs] });
    return !inverted;
  }
  let matched = inverted;
  if (does === "set") {
    matched = !inverted;
  } else if (does === "remove") {
    list.delete(key);
    return !inverted;
  } else {
    const earliestNs = nowNs - recent.seconds * SECOND_NS;
    let hits = 0;
    for (const timeNs of seen.timesNs) {
      if (recent.seconds > 0 && timeNs < earliestNs) continue;
      if (++hits >= recent.hits) {
        matched = !inverted;
        break;
      }
    }
    if (recent.reap) reapOldest(list, earliestNs);
  }
  if (does === "set" || (does === "update" && matched)) {
    list.delete(key);
    list.set(key, {
      ttl,
      timesNs: [...seen.timesNs, nowNs].slice(-RECENT_TIMES),
    });
  }
  return matched;
}

/** As it was before the packet was forwarded. */
function arrivalTtl({ ttl, local, context }: Parameters<Test>[0]): number {
  return context.outInterface !== "" && !local ? ttl + 1 : ttl;
}

/** `recent_entry_reap`: only the head of the list is looked at. */
function reapOldest(list: Map<string, Sender>, earliestNs: number): void {
  for (const [key, { timesNs }] of list) {
    if (timesNs.at(-1)! < earliestNs) list.delete(key);
    return;
  }
}

/** Matches that remember something between packets, or draw. */
export const STATEFUL_MATCHES: Readonly<Record<string, MatchCompiler>> = {
  statistic,
  limit,
  hashlimit,
  recent,
  connlimit,
};

/** Whether a match shares what it remembers between the flows of a node. */
export function sharesState(match: RuleMatch): boolean {
  return match.name === "recent" || match.name === "limit" ||
    match.name === "hashlimit" || match.name === "connlimit" ||
    (match.name === "statistic" && optionValue(match, "mode") === "nth");
}

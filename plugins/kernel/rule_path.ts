import { LOG_GROUP, type LoggedPacket } from "./packet_log.ts";

/** A rule that a packet met and matched; index 0 is the policy of a base chain. */
export interface RuleHit {
  readonly table: string;
  readonly chain: string;
  readonly index: number;
  /** The packet as it was there; null where the back end does not show it. */
  readonly packet: Uint8Array | null;
}

/** The text of every rule, by `table chain`. */
export type RuleTexts = ReadonlyMap<string, readonly string[]>;

/** `TRACE: nat:KUBE-SVC-XPGD46QRK7WJZT7O:rule:2 ` (net/ipv4/netfilter/ip_tables.c, `trace_packet`). */
const PREFIX = /^TRACE: ([a-z]+):(.*):(rule|return|policy):(\d+) *$/;

/** Ahead of the rules of raw's base chains stands the rule that turns tracing on. */
const TRACING = new Set(["raw PREROUTING", "raw OUTPUT"]);

/** Rules in what iptables-save printed. */
export function readRuleTexts(saved: string): RuleTexts {
  const texts = new Map<string, string[]>();
  let table = "";
  for (const line of saved.split("\n")) {
    if (line.startsWith("*")) {
      table = line.slice(1).trim();
    } else if (line.startsWith(":")) {
      texts.set(`${table} ${line.slice(1, line.indexOf(" "))}`, []);
    } else if (line.startsWith("-A ")) {
      const end = line.indexOf(" ", 3);
      const chain = end < 0 ? line.slice(3) : line.slice(3, end);
      texts.get(`${table} ${chain}`)?.push(line);
    }
  }
  return texts;
}

/**
 * The rules in what TRACE logged. The kernel calls a rule without matches
 * "return" or "policy" too when it ends its chain's part, so their numbers
 * tell; ends of chains that are no rules are left out.
 */
export function readTrace(
  logged: readonly LoggedPacket[],
  texts: RuleTexts,
): RuleHit[] {
  const path: RuleHit[] = [];
  for (const { group, prefix, packet } of logged) {
    if (group !== LOG_GROUP.trace) continue;
    const read = PREFIX.exec(prefix);
    if (read === null) continue;
    const [, table, chain, kind, number] = read;
    const key = `${table} ${chain}`;
    const index = Number(number) - (TRACING.has(key) ? 1 : 0);
    const chainTexts = texts.get(key);
    // The tracing rule itself, or a table that nobody loaded.
    if (chainTexts === undefined || index === 0) continue;
    const isRule = index <= chainTexts.length;
    if (isRule || kind === "policy") {
      path.push({
        table: table!,
        chain: chain!,
        index: isRule ? index : 0,
        packet,
      });
    }
  }
  return path;
}

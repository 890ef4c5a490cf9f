import {
  BASE_CHAINS,
  type RuleTableName,
} from "../../core/import/iptables_rules.ts";
import { LOG_GROUP } from "./packet_log.ts";

/** Sysctls under which what comes out depends on the rules and the routes alone. */
export const SETTINGS: Readonly<Record<string, number | string>> = {
  "net/ipv6/conf/default/disable_ipv6": 1,
  "net/ipv6/conf/all/disable_ipv6": 1,
  "net/ipv4/ip_forward": 1,
  "net/ipv4/conf/all/rp_filter": 0,
  "net/ipv4/conf/default/rp_filter": 0,
  "net/ipv4/conf/all/send_redirects": 0,
  "net/ipv4/conf/default/send_redirects": 0,
  "net/ipv4/conf/all/route_localnet": 1,
  "net/ipv4/icmp_ratelimit": 0,
  "net/ipv4/icmp_msgs_per_sec": 1_000_000,
  "net/ipv4/icmp_msgs_burst": 1_000_000,
};

/**
 * The last chain of `input`: made before anything that needs connection
 * tracking, so that nf_confirm(), of the same priority, comes before it.
 */
const DELIVERED = `chain delivered {
  type filter hook input priority 2147483647; policy accept;
  log group ${LOG_GROUP.delivered} snaplen 65535 drop
}`;

/** Ahead of raw. What no process sent has no user id. */
const ANSWERS = `chain answers {
  type filter hook output priority -2000; policy accept;
  meta skuid 0-4294967294 accept
  log group ${LOG_GROUP.answers} snaplen 65535 drop
}`;

/** Tables of nftables that take packets away, by what of them is wanted. */
export const PROBES = {
  probe: `table ip plumbline {\n${DELIVERED}\n}\n`,
  alone: `table ip plumbline {\n${DELIVERED}\n${ANSWERS}\n}\n`,
};

/** A table that lets everything pass, in the place of one with rules. */
export function emptyTable(name: RuleTableName): string {
  const chains = BASE_CHAINS[name].map((chain) => `:${chain} ACCEPT [0:0]\n`);
  return `*${name}\n${chains.join("")}COMMIT\n`;
}

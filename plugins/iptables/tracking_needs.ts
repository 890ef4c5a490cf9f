import type { ChainRule } from "../../core/import/iptables_rules.ts";

/** Matches that call nf_ct_netns_get() when they are loaded. */
const TRACKING_MATCHES: ReadonlySet<string> = new Set([
  ...["conntrack", "state", "connmark", "connlimit", "connbytes", "connlabel"],
  ...["cluster", "helper"],
]);

/** Targets that do. */
const TRACKING_TARGETS: ReadonlySet<string> = new Set([
  ...["CT", "NOTRACK", "CONNMARK", "CONNSECMARK", "SYNPROXY"],
  ...["DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"],
]);

/** Whether the kernel tracks connections because of this rule. */
export function needsTracking({ matches, target }: ChainRule): boolean {
  return matches.some(({ name }) => TRACKING_MATCHES.has(name)) ||
    (target?.kind === "extension" && TRACKING_TARGETS.has(target.name));
}

/** Whether it puts datagrams together because of this rule, without tracking them. */
export function needsDefragmentation({ matches, target }: ChainRule): boolean {
  return matches.some(({ name }) => name === "socket") ||
    (target?.kind === "extension" && target.name === "TPROXY");
}

import { PRIORITY } from "../../core/replay/hook.ts";

/** The security table runs after filter (NF_IP_PRI_SECURITY). */
const SECURITY_PRIORITY = 50;

/** kube-proxy in nftables mode asks for source ranges just before destinations change. */
const PRE_DNAT_PRIORITY = PRIORITY.destinationNat - 10;

/** Agents for NetworkPolicy put their jump before all others of the filter table. */
const POLICY_PRIORITY = PRIORITY.filter - 1;

/** IPVS takes connections in after filtering, and what the node sends after nat (net/netfilter/ipvs/ip_vs_core.c, ip_vs_ops4). */
const IPVS_INPUT_PRIORITY = PRIORITY.sourceNat - 1;
const IPVS_OUTPUT_PRIORITY = PRIORITY.destinationNat + 2;

/** Every handler with its hook and priority (include/uapi/linux/netfilter_ipv4.h). */
export const HANDLERS = {
  rawPrerouting: { hook: "prerouting", priority: PRIORITY.raw },
  trackPrerouting: { hook: "prerouting", priority: PRIORITY.conntrack },
  manglePrerouting: { hook: "prerouting", priority: PRIORITY.mangle },
  preDnatPrerouting: { hook: "prerouting", priority: PRE_DNAT_PRIORITY },
  natPrerouting: { hook: "prerouting", priority: PRIORITY.destinationNat },
  mangleInput: { hook: "input", priority: PRIORITY.mangle },
  policyInput: { hook: "input", priority: POLICY_PRIORITY },
  filterInput: { hook: "input", priority: PRIORITY.filter },
  securityInput: { hook: "input", priority: SECURITY_PRIORITY },
  ipvsInput: { hook: "input", priority: IPVS_INPUT_PRIORITY },
  natInput: { hook: "input", priority: PRIORITY.sourceNat },
  confirmInput: { hook: "input", priority: PRIORITY.confirm },
  mangleForward: { hook: "forward", priority: PRIORITY.mangle },
  policyForward: { hook: "forward", priority: POLICY_PRIORITY },
  filterForward: { hook: "forward", priority: PRIORITY.filter },
  securityForward: { hook: "forward", priority: SECURITY_PRIORITY },
  rawOutput: { hook: "output", priority: PRIORITY.raw },
  trackOutput: { hook: "output", priority: PRIORITY.conntrack },
  mangleOutput: { hook: "output", priority: PRIORITY.mangle },
  preDnatOutput: { hook: "output", priority: PRE_DNAT_PRIORITY },
  natOutput: { hook: "output", priority: PRIORITY.destinationNat },
  ipvsOutput: { hook: "output", priority: IPVS_OUTPUT_PRIORITY },
  policyOutput: { hook: "output", priority: POLICY_PRIORITY },
  filterOutput: { hook: "output", priority: PRIORITY.filter },
  securityOutput: { hook: "output", priority: SECURITY_PRIORITY },
  manglePostrouting: { hook: "postrouting", priority: PRIORITY.mangle },
  natPostrouting: { hook: "postrouting", priority: PRIORITY.sourceNat },
  confirmPostrouting: { hook: "postrouting", priority: PRIORITY.confirm },
} as const;

export type HandlerName = keyof typeof HANDLERS;

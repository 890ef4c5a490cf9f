/**
 * The named points of a packet's path, in the order in which one that crosses
 * two nodes from pod to pod meets them. `prerouting` to `postrouting` are
 * netfilter's; `from-pod`, `to-pod`, `from-wire` and `to-wire` are tc or XDP
 * at the node's links; `socket` is where connect() and sendmsg() pass before
 * a packet exists; `pod-out` and `pod-in` are netfilter in the pod's own
 * network namespace.
 */
export const HOOKS = [
  "socket",
  "pod-out",
  "from-pod",
  "output",
  "from-wire",
  "prerouting",
  "input",
  "forward",
  "postrouting",
  "to-wire",
  "to-pod",
  "pod-in",
] as const;

/** One of {@link HOOKS}. */
export type Hook = typeof HOOKS[number];

/** Netfilter's priorities (include/uapi/linux/netfilter_ipv4.h); lower runs first. */
export const PRIORITY = {
  raw: -300,
  conntrack: -200,
  mangle: -150,
  destinationNat: -100,
  filter: 0,
  sourceNat: 100,
  confirm: 2_147_483_647,
} as const;

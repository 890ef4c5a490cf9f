import type { Rule } from "../source.ts";

/**
 * What became of a flow. `refused`: the receiver's host said no (closed port);
 * `rejected`: a rule said no; `error`: the connection came up and broke, or a
 * name did not resolve; `unknown`: something the stack does not model decides.
 */
export type Verdict =
  | "forwarded"
  | "dropped"
  | "rejected"
  | "refused"
  | "error"
  | "unknown";

/** One member of a weighted set that a load balancer picks from. */
export interface WeightedBackend {
  /** `address:port`, IPv6 in brackets. */
  readonly backend: string;
  /** Share of the picks; the shares of a set need not sum to 1. */
  readonly weight: number;
}

/** What an HTTP client got, and what the last receiver was asked. */
export interface HttpOutcome {
  /** Status code the client read: the backend's, or a proxy's own. */
  readonly status: number;
  /** Name of the route that matched last, null without one. */
  readonly route: string | null;
  /** `METHOD authority path` as the backend got it, null when none did. */
  readonly request: string | null;
  /** Location of a redirect. */
  readonly location: string | null;
}

/** Everything a stack can be charged for: counts, never times. */
export const COSTS = [
  /** Netfilter rules evaluated. */
  "rules",
  /** Map lookups, by the type of the map. */
  "hashLookups",
  "lpmLookups",
  "arrayLookups",
  "lruLookups",
  /** Connection tracking lookups and inserts. */
  "conntrack",
  /** Proxies that ended the flow. */
  "proxies",
  /** Copies of the payload between kernel and a proxy. */
  "copies",
  /** Bytes of encapsulation, encryption and padding added on wires. */
  "overheadBytes",
] as const;

/** One kind of cost. */
export type CostKind = typeof COSTS[number];

/** The comparable result of a journey. JSON-safe. */
export interface Outcome {
  /** Id of the flow. */
  readonly flow: string;
  /** `forwarded` only when an answer came back as the one the sender waits for. */
  readonly verdict: Verdict;
  /** A code from the vocabulary of the system that decided: `POLICY_DENIED`, `KUBE-PROXY-FIREWALL`, `no listener`. */
  readonly reason: string | null;
  /** The rule that decided a verdict other than forwarded. */
  readonly rule: Rule | null;
  /** Node and hook of that decision: `n2 to-pod`. */
  readonly decidedAt: string | null;
  /** Who received it: `address:port`; null when nobody did. */
  readonly backend: string | null;
  /** `namespace/name` of the pod, or the node, behind the backend. */
  readonly receiver: string | null;
  /** The weighted set of the last pick; empty when nothing was picked. */
  readonly backends: readonly WeightedBackend[];
  /** Source address as the receiver saw it. */
  readonly source: string | null;
  /** Identity of the source as the last policy saw it. */
  readonly identity: string | null;
  /** One entry a wire crossing of the way there: `none`, `wireguard`, `mtls`, `mtls+wireguard`, `tls`. */
  readonly encryption: readonly string[];
  /** Null when the flow carried no HTTP, or nobody answered. */
  readonly http: HttpOutcome | null;
  /** Whether a reply came back to the sender. */
  readonly reply: boolean;
  /** Only the kinds that are not zero. */
  readonly cost: Readonly<Partial<Record<CostKind, number>>>;
}

import type { RouteMatch } from "../l7/route.ts";
import type { Cidr } from "../packet/ip.ts";
import type { Rule } from "../source.ts";
import type { Party, PeerMatch } from "./party.ts";

/** Seen from the pod a policy is about. */
export type PolicyDirection = "ingress" | "egress";

/** `pass` leaves the tier, as Pass of the policy API does. */
export type RuleVerdict = "allow" | "deny" | "pass";

/**
 * Tiers, the lower the earlier. Within the normal tier every rule has the same
 * priority and deny wins; the others are ordered and the first match wins
 * (network-policy-api, apis/v1alpha2).
 */
export const TIER = { admin: 100, normal: 200, baseline: 250 } as const;

/** A protocol with ports (types for ICMP), as a rule names them. */
export type PortMatch =
  | {
    readonly kind: "range";
    /** Null: TCP, UDP and SCTP alike. */
    readonly protocol: number | null;
    readonly from: number;
    /** Inclusive. */
    readonly to: number;
  }
  /** Resolved against the container ports of the destination. */
  | {
    readonly kind: "named";
    readonly protocol: number | null;
    readonly name: string;
  };

/** What an allow demands of the conversation itself. */
export type L7Condition =
  | { readonly kind: "http"; readonly match: RouteMatch; readonly rule: Rule }
  | {
    readonly kind: "tls-server-name";
    readonly names: readonly string[];
    readonly rule: Rule;
  }
  | {
    readonly kind: "dns-name";
    /** Whether the name may be asked for. */
    allows(name: string): boolean;
    /** Every name may. */
    readonly anyName: boolean;
    readonly rule: Rule;
  }
  | {
    readonly kind: "unmodelled";
    readonly reason: string;
    readonly rule: Rule;
  };

/** One rule of a policy. */
export interface PolicyRule {
  readonly direction: PolicyDirection;
  readonly verdict: RuleVerdict;
  /** Lower first, between policies of a tier. */
  readonly priority: number;
  /** Lower first, between rules of a priority; 0 where order does not count. */
  readonly index: number;
  /** Null: anyone; an empty list: nobody. */
  readonly peers: readonly PeerMatch[] | null;
  /** Null: everything, protocols without ports included. */
  readonly ports: readonly PortMatch[] | null;
  /** Null: nothing is asked of the conversation. */
  readonly l7: readonly L7Condition[] | null;
  /** The authentication it demands, null without. */
  readonly authentication: string | null;
  /** Why what it matches is not known; null when it is. */
  readonly unmodelled: string | null;
  /** Narrowed by what policies require of the peers of their subjects. */
  readonly constrained?: boolean;
  readonly rule: Rule;
}

/** What one policy object compiles to. */
export interface Policy {
  /** `NetworkPolicy shop/deny-all`: sorts policies, so that their order on the tape counts for nothing. */
  readonly name: string;
  readonly tier: number;
  /** The only namespace its subjects are in; null for all. */
  readonly namespace: string | null;
  selects(party: Party): boolean;
  /** Cited when the policy isolates its subjects and nothing allows; null when it does not isolate. */
  readonly isolates: Readonly<Record<PolicyDirection, Rule | null>>;
  readonly rules: readonly PolicyRule[];
  /** Peers that every constrained rule of its subjects is narrowed to. */
  readonly requires?: Readonly<Record<PolicyDirection, readonly PeerMatch[]>>;
  /** What it would do is told, not done. */
  readonly staged?: boolean;
  /** Every prefix its rules name, exceptions included. */
  readonly prefixes: readonly Cidr[];
}

/** The ordinary case of a rule, to be spread and overridden. */
export const PLAIN_RULE: Pick<
  PolicyRule,
  "verdict" | "priority" | "index" | "l7" | "authentication" | "unmodelled"
> = {
  verdict: "allow",
  priority: 0,
  index: 0,
  l7: null,
  authentication: null,
  unmodelled: null,
};

import type { Labels, Pod } from "../cluster/model.ts";
import type { Party } from "./party.ts";

/**
 * Where engines read the same policies differently: what the API leaves open,
 * or what they do against it. One evaluator, switched by these.
 */
export interface PolicyProfile {
  /**
   * `ipBlock` and `networks` have the addresses of pods too. The API leaves it
   * open (networking/v1 types.go, NetworkPolicyPeer.ipBlock: "cluster-external
   * IPs"); engines that match addresses say yes, those that match identities no
   * (cilium/cilium issues 9209, 14497; terway issue 904).
   */
  readonly ipBlocksMatchPods: boolean;
  /** The same for node addresses (cilium/cilium issue 20550). */
  readonly ipBlocksMatchNodes: boolean;
  /**
   * Rules of a direction that `policyTypes` leaves out are ignored, as types.go
   * says. False: they count and isolate (cilium/cilium pkg/k8s/network_policy.go,
   * ParseNetworkPolicy loops over both without asking).
   */
  readonly honoursPolicyTypes: boolean;
  /**
   * Pods of the host's network are told apart from their node and treated as
   * other pods, which needs more than addresses. kubernetes.io, Network
   * Policies, "NetworkPolicy and hostNetwork pods": undefined, one of two.
   */
  readonly tellsHostNetworkPods: boolean;
  /** A pod's own node reaches it whatever its policies say, but for a deny (networking/v1 types.go, NetworkPolicySpec.ingress). */
  readonly localNodeAllowed: boolean;
  /** A pod reaches itself by its own address (kubernetes.io, Network Policies: "cannot block access from itself"). */
  readonly selfAllowed: boolean;
  /** `default`: a pod is isolated once a policy selects it; `always`, even without; `never`, not at all. */
  readonly enforcement: "default" | "always" | "never";
  /**
   * Where no policy isolates, one that looks into conversations only looks:
   * whatever is said passes. False: what its rules do not allow is refused all
   * the same.
   */
  readonly freesUnisolated: boolean;
  /** Policies of whom are all staged: told, not done. */
  stages?(subject: Party): boolean;
  /** What two policies of one priority that disagree mean; the policy API calls it implementation-defined. */
  readonly equalPriorities: "unknown" | "deny-wins";
  /** The labels of a pod that selectors are held against: engines leave some out and add some of their own. */
  selectableLabels(pod: Pod, namespaceLabels: Labels): Labels;
}

/** An engine that matches addresses, as those on iptables and Open vSwitch do, and keeps to the API. */
export const PLAIN_PROFILE: PolicyProfile = {
  ipBlocksMatchPods: true,
  ipBlocksMatchNodes: true,
  honoursPolicyTypes: true,
  tellsHostNetworkPods: false,
  localNodeAllowed: true,
  selfAllowed: true,
  enforcement: "default",
  freesUnisolated: false,
  equalPriorities: "unknown",
  selectableLabels: ({ labels }) => labels,
};

import type { KubeObject, Labels } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { InputError, type Problem } from "../../core/errors.ts";
import { Cidr } from "../../core/packet/ip.ts";
import {
  isAdminPolicy,
  readAdminPolicy,
} from "../../core/policy/admin_policy.ts";
import {
  isNetworkPolicy,
  readNetworkPolicy,
} from "../../core/policy/network_policy.ts";
import type { Party } from "../../core/policy/party.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { PolicyIndex } from "../../core/policy/policy_index.ts";
import type { PolicyProfile } from "../../core/policy/profile.ts";
import { isCiliumPolicy, readCiliumPolicy } from "./cilium_policy.ts";
import { reservedLabels } from "./entities.ts";
import { identityLabels, reservedAsLabels } from "./labels.ts";
import type { Settings } from "./options.ts";
import type { Endpoints } from "./selector.ts";

/** Cilium's reading of policies; each switch is argued for at its declaration. */
export function ciliumProfile(
  settings: Pick<Settings, "enforcement" | "cidrsMatchNodes" | "clusterName">,
): PolicyProfile {
  return {
    ipBlocksMatchPods: false,
    ipBlocksMatchNodes: settings.cidrsMatchNodes,
    honoursPolicyTypes: false,
    tellsHostNetworkPods: false,
    localNodeAllowed: true,
    selfAllowed: true,
    enforcement: settings.enforcement,
    equalPriorities: "deny-wins",
    selectableLabels: (pod, namespaceLabels) =>
      identityLabels(pod, { namespaceLabels, cluster: settings.clusterName }),
  };
}

/** The prefixes of the identity `reserved:world`. */
export const WORLD: Readonly<Record<4 | 6, Cidr>> = {
  4: Cidr.of("0.0.0.0/0"),
  6: Cidr.of("::/0"),
};

/** All policies, compiled, with what of them is not enforced. */
export interface CompiledPolicies {
  readonly index: PolicyIndex;
  /** Reserved labels of a party that is no pod. */
  reservedOf(party: Party): readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Compiles every policy among objects, whatever its kind, into one index.
 * Throws an {@link InputError} with every problem of every policy.
 */
export function compilePolicies(
  objects: Iterable<KubeObject>,
  { cluster, profile, adminPolicies }: {
    readonly cluster: ClusterView;
    readonly profile: PolicyProfile;
    /** Whether the policy API's tiers are enforced. */
    readonly adminPolicies: boolean;
  },
): CompiledPolicies {
  const all = [...objects];
  const apiServers = apiServersOf(cluster);
  const endpoints = endpointsOf(apiServers);
  const groups = cidrGroupsOf(all);
  const policies: Policy[] = [];
  const problems: Problem[] = [];
  const warnings: string[] = [];
  for (const object of all) {
    if (isNetworkPolicy(object)) {
      const read = readNetworkPolicy(object, profile);
      policies.push(...read.policies);
      problems.push(...read.problems);
    } else if (isCiliumPolicy(object)) {
      const read = readCiliumPolicy(object, {
        cluster,
        endpoints,
        cidrGroups: groups,
      });
      policies.push(...read.policies);
      problems.push(...read.problems);
      warnings.push(...read.warnings);
    } else if (adminPolicies && isAdminPolicy(object)) {
      const read = readAdminPolicy(object);
      policies.push(...read.policies);
      problems.push(...read.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  const prefixes = [...apiServers, WORLD[4], WORLD[6]];
  const index = new PolicyIndex(policies, { cluster, profile, prefixes });
  return { index, reservedOf: endpoints.reservedOf, warnings };
}

/** Labels of parties that are no pods, worked out once each. */
function endpointsOf(apiServers: readonly Cidr[]): Endpoints {
  const reserved: (readonly string[])[] = [];
  const labels: Labels[] = [];
  const reservedOf = (party: Party) =>
    reserved[party.id] ??= reservedLabels(party, apiServers);
  return {
    reservedOf,
    labelsOf: (party) =>
      party.kind === "pod"
        ? party.labels
        : labels[party.id] ??= reservedAsLabels(reservedOf(party)),
  };
}

/** Addresses behind `default/kubernetes`: they carry the identity kube-apiserver. */
function apiServersOf(cluster: ClusterView): Cidr[] {
  const service = cluster.services.get("default/kubernetes");
  if (service === undefined) return [];
  return service.ports.flatMap((port) =>
    ([4, 6] as const).flatMap((family) =>
      cluster.endpointsOf(service, port, family).map(({ ip }) =>
        new Cidr(ip, family === 4 ? 32 : 128)
      )
    )
  );
}

function cidrGroupsOf(objects: readonly KubeObject[]): Map<string, Cidr[]> {
  const groups = new Map<string, Cidr[]>();
  for (const { kind, metadata, spec } of objects) {
    if (kind !== "CiliumCIDRGroup") continue;
    const list = (spec as { externalCIDRs?: unknown } | undefined)
      ?.externalCIDRs;
    groups.set(
      metadata.name,
      (Array.isArray(list) ? list : []).flatMap((text) =>
        Cidr.parse(`${text}`) ?? []
      ),
    );
  }
  return groups;
}

import type { KubeObject, Labels } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { InputError } from "../../core/errors.ts";
import { Cidr } from "../../core/packet/ip.ts";
import {
  isAdminPolicy,
  readAdminPolicy,
} from "../../core/policy/admin_policy.ts";
import {
  isNetworkPolicy,
  readNetworkPolicy,
} from "../../core/policy/network_policy.ts";
import type { Party, PeerMatch } from "../../core/policy/party.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { PolicyIndex } from "../../core/policy/policy_index.ts";
import type { PolicyProfile } from "../../core/policy/profile.ts";
import {
  type CidrGroup,
  isCiliumPolicy,
  type ReadCiliumPolicies,
  readCiliumPolicy,
  type ReadContext,
} from "./cilium_policy.ts";
import type { NameMatch } from "./dns_name.ts";
import type { Answers } from "./dns_names.ts";
import { reservedLabels } from "./entities.ts";
import { identityLabels, reservedAsLabels } from "./labels.ts";
import type { Settings } from "./options.ts";
import { type Endpoints, isLocal } from "./selector.ts";

const NEWEST = 20;

/** First release in which a policy that leaves the default as it is does not refuse requests either (pkg/policy/l4.go). */
const L7_WILDCARD_SINCE = 20;

/** Cilium's reading of policies; each switch is argued for at its declaration. */
export function ciliumProfile(
  settings:
    & Pick<Settings, "enforcement" | "cidrsMatchNodes" | "clusterName">
    & Partial<Pick<Settings, "minor" | "audit">>,
): PolicyProfile {
  const { minor = NEWEST, audit } = settings;
  const staged = audit?.namespaces ?? [];
  return {
    ipBlocksMatchPods: false,
    ipBlocksMatchNodes: settings.cidrsMatchNodes,
    honoursPolicyTypes: false,
    tellsHostNetworkPods: false,
    localNodeAllowed: true,
    selfAllowed: true,
    enforcement: settings.enforcement,
    freesUnisolated: minor >= L7_WILDCARD_SINCE,
    ...(audit?.all === true || staged.length > 0
      ? {
        stages: ({ namespace }) =>
          audit?.all === true || staged.includes(namespace),
      }
      : {}),
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
  /** Names that rules speak of. */
  readonly names: readonly NameMatch[];
  /** What of them is not enforced, and why. */
  readonly warnings: readonly string[];
}

/** What policies are compiled for. */
export interface PolicyGround {
  readonly cluster: ClusterView;
  readonly settings: Settings;
  readonly profile?: PolicyProfile;
  /** Kinds of the policy API that are enforced. */
  readonly adminKinds?: readonly string[];
}

/**
 * Compiles every policy among objects, whatever its kind, into one index.
 * Throws an {@link InputError} with every problem of every policy.
 */
export function compilePolicies(
  objects: Iterable<KubeObject>,
  { answers = {}, ...ground }: PolicyGround & { readonly answers?: Answers },
): CompiledPolicies {
  return new PolicyCompiler(ground).compile([...objects], answers);
}

/** What one object was read as. */
type Read = ReadCiliumPolicies;

/**
 * Compiles again and again as a cluster changes: only objects that are not
 * the same as before are read, and only their subjects' rules gathered anew.
 */
export class PolicyCompiler {
  readonly #ground: Required<PolicyGround>;
  #reads = new Map<KubeObject, Read>();
  #index: PolicyIndex | null = null;
  #apiServers: readonly Cidr[] = [];
  #endpoints: Endpoints;

  constructor(ground: PolicyGround) {
    const { settings } = ground;
    this.#ground = {
      profile: ciliumProfile(settings),
      adminKinds: adminKindsOf(settings),
      ...ground,
    };
    this.#endpoints = endpointsOf([], settings);
  }

  compile(
    objects: readonly KubeObject[],
    answers: Answers = {},
  ): CompiledPolicies {
    this.#findApiServers();
    const cidrGroups = cidrGroupsOf(objects);
    const reads = new Map<KubeObject, Read>();
    for (const object of objects) {
      const known = this.#reads.get(object);
      const read = known === undefined || known.volatile
        ? this.#read(object, { cidrGroups, answers })
        : known;
      if (read !== undefined) reads.set(object, read);
    }
    const all = [...reads.values()];
    const problems = all.flatMap((read) => read.problems);
    if (problems.length > 0) throw new InputError(problems);
    this.#reads = reads;
    return {
      index: this.#indexOf(all.flatMap((read) => read.policies)),
      reservedOf: this.#endpoints.reservedOf,
      names: all.flatMap((read) => read.names),
      warnings: all.flatMap((read) => read.warnings),
    };
  }

  /** Who carries the identity kube-apiserver is a matter of every party's labels. */
  #findApiServers(): void {
    const { cluster, settings } = this.#ground;
    const apiServers = apiServersOf(cluster);
    const same = apiServers.length === this.#apiServers.length &&
      apiServers.every(({ text }, at) => text === this.#apiServers[at]!.text);
    if (same) return;
    this.#apiServers = apiServers;
    this.#endpoints = endpointsOf(apiServers, settings);
    this.#index = null;
    this.#reads.clear();
  }

  #indexOf(policies: readonly Policy[]): PolicyIndex {
    if (this.#index === null) {
      const { cluster, profile } = this.#ground;
      const prefixes = [...this.#apiServers, WORLD[4], WORLD[6]];
      this.#index = new PolicyIndex(policies, { cluster, profile, prefixes });
    } else this.#index.update(policies);
    return this.#index;
  }

  #read(
    object: KubeObject,
    given: Pick<ReadContext, "cidrGroups" | "answers">,
  ): Read | undefined {
    const read = this.#readKind(object, given);
    if (read === undefined) return undefined;
    const { audit } = this.#ground.settings;
    return {
      ...NOTHING_READ,
      ...read,
      policies: read.policies.map((one) =>
        audit.policies.includes(one.name) ? { ...one, staged: true } : one
      ),
    };
  }

  #readKind(
    object: KubeObject,
    given: Pick<ReadContext, "cidrGroups" | "answers">,
  ): (Partial<Read> & Pick<Read, "policies">) | undefined {
    const { profile, cluster, settings, adminKinds } = this.#ground;
    const endpoints = this.#endpoints;
    if (isNetworkPolicy(object)) {
      const read = readNetworkPolicy(object, profile);
      const policies = read.policies.map((one) => ofOneCluster(one, endpoints));
      return { ...read, policies };
    }
    if (isCiliumPolicy(object)) {
      return readCiliumPolicy(object, {
        ...given,
        cluster,
        endpoints,
        settings,
      });
    }
    if (!isAdminPolicy(object)) return undefined;
    const { kind, metadata } = object;
    if (adminKinds.includes(kind)) return readAdminPolicy(object);
    const warnings = [`${kind} ${metadata.name} is not enforced`];
    return { policies: [], warnings };
  }
}

const NOTHING_READ: Read = {
  policies: [],
  problems: [],
  warnings: [],
  names: [],
  volatile: false,
};

/** First release that enforces the policy API's ClusterNetworkPolicy. */
const CLUSTER_NETWORK_POLICY_SINCE = 20;

function adminKindsOf({ minor }: Settings): readonly string[] {
  return minor >= CLUSTER_NETWORK_POLICY_SINCE ? ["ClusterNetworkPolicy"] : [];
}

/** A NetworkPolicy in a mesh of clusters: its subjects are its cluster's, its peers may be. */
function ofOneCluster(policy: Policy, endpoints: Endpoints): Policy {
  const selects = (party: Party) =>
    isLocal(party, endpoints) && policy.selects(party);
  if (!endpoints.localByDefault) return { ...policy, selects };
  const narrow = (peer: PeerMatch): PeerMatch => ({
    matches: (party) => isLocal(party, endpoints) && peer.matches(party),
  });
  const rules = policy.rules.map((rule) => ({
    ...rule,
    peers: rule.peers?.map(narrow) ?? null,
  }));
  return { ...policy, selects, rules };
}

/** Labels of parties that are no pods, worked out once each. */
function endpointsOf(
  apiServers: readonly Cidr[],
  { clusterName, localByDefault }: Settings,
): Endpoints {
  const reserved: (readonly string[])[] = [];
  const labels: Labels[] = [];
  const reservedOf = (party: Party) =>
    reserved[party.id] ??= reservedLabels(party, apiServers);
  return {
    reservedOf,
    clusterName,
    localByDefault,
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

function cidrGroupsOf(objects: readonly KubeObject[]): Map<string, CidrGroup> {
  const groups = new Map<string, CidrGroup>();
  for (const { kind, metadata, spec } of objects) {
    if (kind !== "CiliumCIDRGroup") continue;
    const list = (spec as { externalCIDRs?: unknown } | undefined)
      ?.externalCIDRs;
    const prefixes = (Array.isArray(list) ? list : []).flatMap((text) =>
      Cidr.parse(`${text}`) ?? []
    );
    groups.set(metadata.name, { labels: metadata.labels ?? {}, prefixes });
  }
  return groups;
}

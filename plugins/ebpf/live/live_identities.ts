import type { Pod } from "../../../core/cluster/model.ts";
import { Cidr, type Ip } from "../../../core/packet/ip.ts";
import type { Party } from "../../../core/policy/party.ts";
import type { Holder } from "../../../core/policy/party_table.ts";
import { PrefixTable } from "../../../core/policy/prefix_table.ts";
import type { IdentityLabels } from "../dumps/identity_list.ts";
import { IDENTITY, ROLES } from "../identity.ts";
import { LABEL } from "../labels.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import {
  FAMILY_NUMBER,
  IPCACHE_KEY,
  IPCACHE_STATIC_BITS,
  REMOTE_ENDPOINT_INFO,
} from "../maps/endpoint_layouts.ts";
import { findIdentity } from "../maps/find_endpoint.ts";
import { addressOf } from "../maps/layout.ts";
import type { AgentEndpoint } from "./agent_objects.ts";

/** Numbers of reserved identities beside those that the model itself gives out (pkg/identity/numericidentity.go). */
const RESERVED = {
  kubeApiServer: 7,
  world4: 9,
  world6: 10,
} as const;

/** Identities with a meaning on one node alone: prefixes, and nodes by their address (pkg/identity, IdentityScope). */
const SCOPE = { prefixes: 1 << 24, remoteNodes: 2 << 24 } as const;

/** Kinds of identities, by the range of their number. */
export type IdentityKind = "pod" | "node" | "outside" | "role";

/** What is known of a party and its address. */
export interface LiveGround {
  readonly ipcache: BpfMap | null;
  readonly labels: IdentityLabels;
  /** What the agents' own objects say, by address. */
  readonly endpoints: ReadonlyMap<string, AgentEndpoint>;
  holderOf(ip: Ip): Holder;
  /** Whom the holder of an address is to the node's pods. */
  partyOf(holder: Holder): Party;
  /** A party for a pod that is in no manifest. */
  partyOfPod(pod: Pod): Party;
  roleOf(name: string): Party;
  world(family: 4 | 6): Party;
  /** Every pod of the manifests. */
  pods(): Iterable<Pod>;
  reservedOf(party: Party): readonly string[];
}

/**
 * Between the numbers of a live cluster and the parties of the manifests.
 * Numbers are given out by the live cluster in whatever order pods came, so
 * they say nothing by themselves: the way from one to the other leads through
 * an address (the ipcache, CiliumEndpoints) or through labels (a list of
 * identities, CiliumIdentities), and through nothing else.
 */
export class LiveIdentities {
  readonly #ground: LiveGround;
  /** Numbers of parties by what is known of their labels. */
  readonly #numbers = new Map<string, number>();
  /** Prefixes that have an identity of their own. */
  readonly #prefixes = new PrefixTable<number>();
  readonly #parties = new Map<number, Party | null>();
  #byAddress: ReadonlyMap<number, ReadonlySet<Party>> | null = null;
  #numberOfParty: ReadonlyMap<Party, number> | null = null;

  constructor(ground: LiveGround) {
    this.#ground = ground;
    for (const [number, labels] of ground.labels) {
      this.#numbers.set(labels.join(), number);
      const [longest] = labels.flatMap((label) => cidrOf(label) ?? [])
        .sort((a, b) => b.length - a.length);
      if (longest !== undefined) this.#prefixes.set(longest, number);
    }
  }

  /** Whether the dumps say who has an address. */
  get tellsAddresses(): boolean {
    return this.#ground.ipcache !== null;
  }

  /** The number of a party; undefined when nothing tells. The address counts when the party is who has it. */
  numberOf(party: Party, ip: Ip): number | undefined {
    if (!this.speaksFor(party, ip)) {
      return this.#numberByLabels(party, ip.family) ??
        this.#numbersByAddress().get(party);
    }
    return this.#numberAt(ip) ??
      (party.kind === "outside"
        ? this.#numberByPrefix(ip)
        : this.#numberByLabels(party, ip.family));
  }

  /** Whom a number means, for an address it was found at; undefined when nothing tells. */
  partyOf(number: number, ip: Ip): Party | undefined {
    const { holderOf, roleOf, world } = this.#ground;
    const holder = holderOf(ip);
    const role = ROLES[number];
    if (role !== undefined) return roleOf(role);
    switch (kindOf(number)) {
      case "node":
        if (holder.kind === "node") {
          return number === IDENTITY.host ? holder.local : holder.remote;
        }
        return number === RESERVED.kubeApiServer && holder.kind === "outside"
          ? holder.party
          : undefined;
      case "outside":
        return holder.kind === "outside" ? holder.party : world(ip.family);
      case "role":
        return undefined;
      case "pod": {
        let party = this.#parties.get(number);
        if (party === undefined) {
          this.#parties.set(number, party = this.#partyOfPods(number) ?? null);
        }
        return party ?? undefined;
      }
    }
  }

  /** The number that an ipcache or an agent's object gives an address. */
  #numberAt(ip: Ip): number | undefined {
    const { ipcache, endpoints } = this.#ground;
    if (ipcache === null) return endpoints.get(ip.text)?.identity ?? undefined;
    return findIdentity(ipcache, ip)?.identity ?? this.#worldOf(ip.family);
  }

  /** Numbers that addresses have, each with one of them. */
  *addresses(): Generator<readonly [number: number, ip: Ip]> {
    for (const { key, value } of this.#ground.ipcache?.entries() ?? []) {
      const { family, ip6 } = IPCACHE_KEY.decode(key);
      const ip = addressOf(ip6, family === FAMILY_NUMBER[6] ? 6 : 4);
      yield [REMOTE_ENDPOINT_INFO.decode(value).sec_identity, ip];
    }
  }

  /** What an ipcache says of an address; undefined without one. */
  numberInIpcache(ip: Ip): number | undefined {
    return this.#ground.ipcache === null ? undefined : this.#numberAt(ip);
  }

  /** The identity in words, as flows have it; undefined when nothing tells. */
  labelsOf(number: number): readonly string[] | undefined {
    return this.#ground.labels.get(number);
  }

  /** Whether a party is whoever has the address, and not told by a mark or a tunnel. */
  speaksFor(party: Party, ip: Ip): boolean {
    const { holderOf, partyOf } = this.#ground;
    const holder = holderOf(ip);
    // Names are the tape's; the ipcache has the address under its own number.
    return partyOf(holder) === party ||
      holder.kind === "outside" && party.kind === "outside" &&
        party.names.length > 0;
  }

  /** Of a node's list alone, which has the prefixes that its policies name; what agents write into the cluster has not. */
  #numberByPrefix(ip: Ip): number | undefined {
    const { labels } = this.#ground;
    const listed = labels.has(IDENTITY.world) || labels.has(RESERVED.world4);
    return listed
      ? this.#prefixes.find(ip) ?? this.#worldOf(ip.family)
      : undefined;
  }

  #numberByLabels(party: Party, family: 4 | 6): number | undefined {
    const { reservedOf } = this.#ground;
    switch (party.kind) {
      case "role":
        return numberOfRole(party.role);
      case "node": {
        if (party.local) return IDENTITY.host;
        return reservedOf(party).includes("kube-apiserver")
          ? RESERVED.kubeApiServer
          : IDENTITY.remoteNode;
      }
      case "outside":
        // Told by a mark, it is the world and no prefix of it.
        return party.prefix?.length === 0 ? this.#worldOf(family) : undefined;
      case "pod":
        return this.#numbers.get(podLabels(party).join());
    }
  }

  /** In a cluster of both families the world has a number for each (WORLD_IPV4_ID of bpf/lib/common.h). */
  #worldOf(family: 4 | 6): number {
    const { labels, ipcache } = this.#ground;
    const both = labels.has(RESERVED.world4) ||
      ipcache !== null && this.#partiesByNumber().has(RESERVED.world4);
    if (!both) return IDENTITY.world;
    return family === 4 ? RESERVED.world4 : RESERVED.world6;
  }

  #partyOfPods(number: number): Party | undefined {
    const { labels, pods, partyOfPod } = this.#ground;
    const own = labels.get(number);
    if (own !== undefined) {
      const text = own.join();
      let example: Pod | undefined;
      for (const pod of pods()) {
        if (!pod.running || pod.hostNetwork) continue;
        const party = partyOfPod(pod);
        if (podLabels(party).join() === text) return party;
        example = pod;
      }
      return example && partyOfPod(podOfLabels(own, example));
    }
    const [first, ...others] = this.#partiesByNumber().get(number) ?? [];
    return others.length > 0 ? undefined : first;
  }

  /** Parties of the pods that have a number's addresses. */
  #partiesByNumber(): ReadonlyMap<number, ReadonlySet<Party>> {
    return this.#byAddress ??= this.#readAddresses();
  }

  #readAddresses(): Map<number, Set<Party>> {
    const { ipcache, holderOf } = this.#ground;
    const found = new Map<number, Set<Party>>();
    for (const { key, value } of ipcache?.entries() ?? []) {
      const { sec_identity } = REMOTE_ENDPOINT_INFO.decode(value);
      let parties = found.get(sec_identity);
      if (parties === undefined) {
        found.set(sec_identity, parties = new Set());
      }
      const { lpm_key, family, ip6 } = IPCACHE_KEY.decode(key);
      const of = family === FAMILY_NUMBER[6] ? 6 : 4;
      const whole = IPCACHE_STATIC_BITS + (of === 4 ? 32 : 128);
      if (lpm_key !== whole || kindOf(sec_identity) !== "pod") continue;
      const holder = holderOf(addressOf(ip6, of));
      if (holder.kind === "pod") parties.add(holder.party);
    }
    return found;
  }

  /** The one number that every address of a party has. */
  #numbersByAddress(): ReadonlyMap<Party, number> {
    if (this.#numberOfParty !== null) return this.#numberOfParty;
    const numbers = new Map<Party, number>();
    const doubtful = new Set<Party>();
    for (const [number, parties] of this.#partiesByNumber()) {
      for (const party of parties) {
        if (numbers.has(party)) doubtful.add(party);
        numbers.set(party, number);
      }
    }
    for (const party of doubtful) numbers.delete(party);
    return this.#numberOfParty = numbers;
  }
}

/** What kind of party has a number. */
export function kindOf(number: number): IdentityKind {
  if (ROLES[number] !== undefined) return "role";
  switch (number) {
    case IDENTITY.host:
    case IDENTITY.remoteNode:
    case RESERVED.kubeApiServer:
      return "node";
    case IDENTITY.world:
    case RESERVED.world4:
    case RESERVED.world6:
      return "outside";
  }
  if (number >= SCOPE.remoteNodes) return "node";
  return number >= SCOPE.prefixes ? "outside" : "pod";
}

/** Labels of a party as identities have them, each under its source alone, sorted. */
export function podLabels({ labels }: Party): readonly string[] {
  return Object.entries(labels).filter(([key]) => key.startsWith("k8s:"))
    .map(([key, value]) => `${key}=${value}`).sort();
}

function numberOfRole(role: string | null): number | undefined {
  const entry = Object.entries(ROLES).find(([, name]) => name === role);
  return entry === undefined ? undefined : Number(entry[0]);
}

/** The prefix of `cidr:10.0.0.0/8`; of IPv6, dashes stand for colons. */
function cidrOf(label: string): Cidr | undefined {
  const [, text] = /^cidr:([0-9a-fA-F.:-]{2,45}\/\d{1,3})=?$/.exec(label) ?? [];
  return text === undefined
    ? undefined
    : Cidr.parse(text.includes(".") ? text : text.replaceAll("-", ":"));
}

/** A pod that has labels, and what they say beside: namespace, service account. */
function podOfLabels(labels: readonly string[], example: Pod): Pod {
  const own: Record<string, string> = {};
  let namespace = "";
  let serviceAccount = "default";
  for (const label of labels) {
    const [, key = "", value = ""] = /^k8s:([^=]{1,400})=?(.*)$/.exec(label) ??
      [];
    if (key === LABEL.namespace) namespace = value;
    else if (key === LABEL.serviceAccount) serviceAccount = value;
    else if (key !== "" && !key.startsWith(LABEL.namespaceLabels)) {
      own[key] = value;
    }
  }
  return {
    ...example,
    name: "",
    namespace,
    serviceAccount,
    labels: own,
    ports: [],
  };
}

import type { Labels, Node, Pod } from "../cluster/model.ts";
import type { ClusterView } from "../cluster/view.ts";
import { Cidr, type Ip } from "../packet/ip.ts";
import { IpTable } from "../packet/ip_table.ts";
import { compareText } from "./compare_text.ts";
import type { Party } from "./party.ts";
import { PrefixTable } from "./prefix_table.ts";
import type { PolicyProfile } from "./profile.ts";

/** Who has an address. A node is another party to its own pods than to others. */
export type Holder =
  | {
    readonly kind: "pod";
    readonly pod: Pod;
    /** Name of the pod's node. */
    readonly node: string;
    readonly party: Party;
  }
  | {
    readonly kind: "node";
    readonly node: Node;
    readonly local: Party;
    readonly remote: Party;
  }
  | { readonly kind: "outside"; readonly party: Party }
  | { readonly kind: "role"; readonly party: Party };

/** Addresses remembered at a time; more are forgotten all at once. */
const MOST_HOLDERS = 200_000;

/** What a pod's party was made from besides the pod, and the party. */
interface PodParty {
  readonly namespaceLabels: Labels;
  readonly prefix: Cidr | null;
  readonly party: Party;
}

/**
 * Sorts everyone who has an address into parties, when they are first asked
 * for. After a change only what has changed is sorted anew.
 */
export class PartyTable {
  readonly #cluster: ClusterView;
  readonly #profile: PolicyProfile;
  readonly #prefixes = new PrefixTable<Cidr>();
  readonly #parties: Party[] = [];
  readonly #ids = new Map<string, Party>();
  readonly #holders = new IpTable<Holder>();
  readonly #ofPods = new WeakMap<Pod, PodParty>();
  readonly #roles = new Map<string, Party>();
  /** Labels of namespaces that the input leaves out. */
  readonly #synthesised = new Map<string, Labels>();
  /** A node that is applied again is another party. */
  readonly #nodeVersions = new WeakMap<Node, number>();
  #nodesMet = 0;

  constructor(
    cluster: ClusterView,
    { prefixes, profile }: {
      readonly prefixes: readonly Cidr[];
      readonly profile: PolicyProfile;
    },
  ) {
    this.#cluster = cluster;
    this.#profile = profile;
    this.refresh(prefixes);
  }

  /** Every party met so far, by id. */
  get parties(): readonly Party[] {
    return this.#parties;
  }

  /** Forgets who has which address, as the cluster has changed, and tells more prefixes apart. */
  refresh(prefixes: readonly Cidr[]): void {
    this.#holders.clear();
    for (const prefix of prefixes) this.#prefixes.set(prefix, prefix);
  }

  /** Who has an address; someone outside when nobody in the cluster has. */
  holderOf(ip: Ip): Holder {
    return this.#holders.get(ip) ?? this.#meet(ip);
  }

  /** Someone outside of whom no more is known than a prefix that policies name. */
  outside(prefix: Cidr | null, names: readonly string[] = []): Party {
    return this.#intern({ ...NOBODY, kind: "outside", prefix, names });
  }

  /** Someone who is told by a mark, or by an address that {@link hold} gives to the role. */
  role(name: string): Party {
    let party = this.#roles.get(name);
    if (party === undefined) {
      party = this.#intern({ ...NOBODY, kind: "role", role: name });
      this.#roles.set(name, party);
    }
    return party;
  }

  /** The party of a pod by what it is, its address left out. */
  partyOf(pod: Pod): Party {
    return this.#podParty(pod, null);
  }

  #meet(ip: Ip): Holder {
    const holder = this.#find(ip);
    if (this.#holders.size >= MOST_HOLDERS) this.refresh([]);
    this.#holders.set(ip, holder);
    return holder;
  }

  #find(ip: Ip): Holder {
    const prefix = this.#prefixes.find(ip) ?? null;
    const node = this.#cluster.nodeAt(ip);
    if (node !== undefined) {
      const seen = this.#profile.ipBlocksMatchNodes ? prefix : null;
      const party = (local: boolean) =>
        this.#intern(
          { ...NOBODY, kind: "node", node, local, prefix: seen },
          `${this.#versionOf(node)}`,
        );
      return { kind: "node", node, local: party(true), remote: party(false) };
    }
    const pod = this.#cluster.podAt(ip);
    if (pod !== undefined) {
      const seen = this.#profile.ipBlocksMatchPods ? prefix : null;
      const { node } = pod;
      return { kind: "pod", pod, node, party: this.#podParty(pod, seen) };
    }
    return { kind: "outside", party: this.outside(prefix) };
  }

  #podParty(pod: Pod, prefix: Cidr | null): Party {
    const namespaceLabels =
      this.#cluster.namespaces.get(pod.namespace)?.labels ??
        this.#labelsOfUnknown(pod.namespace);
    const known = this.#ofPods.get(pod);
    if (
      known !== undefined && known.prefix === prefix &&
      known.namespaceLabels === namespaceLabels
    ) return known.party;
    const party = this.#intern({
      ...NOBODY,
      kind: "pod",
      labels: this.#profile.selectableLabels(pod, namespaceLabels),
      namespace: pod.namespace,
      namespaceLabels,
      serviceAccount: pod.serviceAccount,
      ports: pod.ports.filter((port) => port.name !== null),
      prefix,
      example: pod,
    });
    this.#ofPods.set(pod, { namespaceLabels, prefix, party });
    return party;
  }

  /** A namespace that the input leaves out still has the label every namespace has. */
  #labelsOfUnknown(namespace: string): Labels {
    let labels = this.#synthesised.get(namespace);
    if (labels === undefined) {
      labels = { "kubernetes.io/metadata.name": namespace };
      this.#synthesised.set(namespace, labels);
    }
    return labels;
  }

  #versionOf(node: Node): number {
    let version = this.#nodeVersions.get(node);
    if (version === undefined) {
      this.#nodeVersions.set(node, version = this.#nodesMet++);
    }
    return version;
  }

  #intern(party: Omit<Party, "id">, version = ""): Party {
    const key = keyOf(party) + version;
    const met = this.#ids.get(key);
    if (met !== undefined) return met;
    const made: Party = { ...party, id: this.#parties.length };
    this.#parties.push(made);
    this.#ids.set(key, made);
    return made;
  }
}

const NOBODY: Omit<Party, "id"> = {
  kind: "outside",
  role: null,
  labels: {},
  namespace: "",
  namespaceLabels: {},
  serviceAccount: "",
  ports: [],
  node: null,
  local: false,
  prefix: null,
  names: [],
  example: null,
};

function keyOf(party: Omit<Party, "id">): string {
  const prefix = party.prefix?.text ?? "";
  switch (party.kind) {
    case "outside":
      return `outside ${prefix} ${party.names.join(" ")}`;
    case "role":
      return `role ${party.role}`;
    case "node":
      return `node ${party.node?.name} ${party.local} ${prefix} `;
    case "pod":
      return JSON.stringify([
        party.namespace,
        party.serviceAccount,
        sortedEntries(party.namespaceLabels),
        prefix,
        sortedEntries(party.labels),
        party.ports.map(({ name, port, protocol }) => [name, port, protocol]),
      ]);
  }
}

function sortedEntries(labels: Labels): [string, string][] {
  return Object.entries(labels).sort(([a], [b]) => compareText(a, b));
}

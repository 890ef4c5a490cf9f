import type { Labels, Node, Pod } from "../cluster/model.ts";
import type { ClusterView } from "../cluster/view.ts";
import { Cidr, type Ip } from "../packet/ip.ts";
import { compareText } from "./compare_text.ts";
import type { Party } from "./party.ts";
import { PrefixTable } from "./prefix_table.ts";
import type { PolicyProfile } from "./profile.ts";

/** Who has an address. A node is another party to its own pods than to others. */
export type Holder =
  | { readonly kind: "pod"; readonly pod: Pod; readonly party: Party }
  | {
    readonly kind: "node";
    readonly node: Node;
    readonly local: Party;
    readonly remote: Party;
  }
  | { readonly kind: "outside"; readonly party: Party }
  | { readonly kind: "role"; readonly party: Party };

/** Sorts everyone who has an address into parties, and finds them by address. */
export class PartyTable {
  readonly #cluster: ClusterView;
  readonly #profile: PolicyProfile;
  readonly #prefixes = new PrefixTable<Cidr>();
  readonly #parties: Party[] = [];
  readonly #ids = new Map<string, Party>();
  readonly #holders4 = new Map<number, Holder>();
  readonly #holders6 = new Map<string, Holder>();
  readonly #outside = new Map<Cidr | null, Holder>();
  readonly #roles = new Map<string, Party>();

  constructor(
    cluster: ClusterView,
    { prefixes, profile }: {
      readonly prefixes: readonly Cidr[];
      readonly profile: PolicyProfile;
    },
  ) {
    this.#cluster = cluster;
    this.#profile = profile;
    for (const prefix of prefixes) this.#prefixes.set(prefix, prefix);
    for (const node of cluster.nodes.values()) this.#addNode(node);
    for (const pod of cluster.pods.values()) {
      if (pod.running && !pod.hostNetwork) this.#addPod(pod);
    }
  }

  /** Every party met so far, by id. */
  get parties(): readonly Party[] {
    return this.#parties;
  }

  /** Who has an address; someone outside when nobody in the cluster has. */
  holderOf(ip: Ip): Holder {
    const known = ip.family === 4
      ? this.#holders4.get(ip.w3)
      : this.#holders6.get(ip.text);
    if (known !== undefined) return known;
    const prefix = this.#prefixes.find(ip) ?? null;
    const met = this.#outside.get(prefix);
    if (met !== undefined) return met;
    const holder: Holder = { kind: "outside", party: this.outside(prefix) };
    this.#outside.set(prefix, holder);
    return holder;
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

  #addPod(pod: Pod): void {
    for (const ip of pod.ips) {
      const prefix = this.#profile.ipBlocksMatchPods
        ? this.#prefixes.find(ip) ?? null
        : null;
      this.#hold(ip, {
        kind: "pod",
        pod,
        party: this.#podParty(pod, prefix),
      });
    }
  }

  #addNode(node: Node): void {
    for (const ip of [...node.internalIps, ...node.externalIps]) {
      const prefix = this.#profile.ipBlocksMatchNodes
        ? this.#prefixes.find(ip) ?? null
        : null;
      const party = (local: boolean) =>
        this.#intern({ ...NOBODY, kind: "node", node, local, prefix });
      this.#hold(ip, {
        kind: "node",
        node,
        local: party(true),
        remote: party(false),
      });
    }
  }

  /** The first to claim an address keeps it; the view's order is by key. */
  #hold(ip: Ip, holder: Holder): void {
    if (ip.family === 4) {
      if (!this.#holders4.has(ip.w3)) this.#holders4.set(ip.w3, holder);
    } else if (!this.#holders6.has(ip.text)) {
      this.#holders6.set(ip.text, holder);
    }
  }

  #podParty(pod: Pod, prefix: Cidr | null): Party {
    const namespaceLabels =
      this.#cluster.namespaces.get(pod.namespace)?.labels ??
        synthesised(pod.namespace);
    return this.#intern({
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
  }

  #intern(party: Omit<Party, "id">): Party {
    const key = keyOf(party);
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
      return `node ${party.node?.name} ${party.local} ${prefix}`;
    case "pod":
      return JSON.stringify([
        party.namespace,
        party.serviceAccount,
        prefix,
        sortedEntries(party.labels),
        party.ports.map(({ name, port, protocol }) => [name, port, protocol]),
      ]);
  }
}

function sortedEntries(labels: Labels): [string, string][] {
  return Object.entries(labels).sort(([a], [b]) => compareText(a, b));
}

/** A namespace that the input leaves out still has the label every namespace has. */
function synthesised(name: string): Labels {
  return { "kubernetes.io/metadata.name": name };
}

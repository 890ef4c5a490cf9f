import type { Cluster } from "../cluster/cluster.ts";
import { SortedMap } from "../cluster/sorted_map.ts";
import type { Node } from "../cluster/model.ts";
import { Cidr, Ip } from "../packet/ip.ts";
import type { SourcePosition } from "../source.ts";
import { AddressPool } from "./_address_pool.ts";
import type { Field } from "./_field.ts";
import type { PodDraft } from "./_manifest_pod.ts";

/** Nodes while pods are placed on them; they may gain pod ranges. */
export class NodeTable {
  readonly families: readonly (4 | 6)[];
  readonly pool: AddressPool;
  readonly #nodes = new SortedMap<Node>();
  readonly #loads = new Map<string, number>();
  readonly #blocks: Readonly<Record<4 | 6, BlockSource>>;

  constructor(
    { families, pool, taken }: {
      families: readonly (4 | 6)[];
      pool: AddressPool;
      /** Pod addresses that are on some node: the blocks they lie in are that node's. */
      taken: readonly Ip[];
    },
  ) {
    this.families = families;
    this.pool = pool;
    this.#blocks = {
      4: new BlockSource({ first: Ip.of("10.244.0.0"), taken }),
      6: new BlockSource({ first: Ip.of("fd00:10:244::"), taken }),
    };
  }

  /** By name, code unit by code unit. */
  get all(): readonly Node[] {
    return [...this.#nodes.view.values()];
  }

  get(name: string): Node | undefined {
    return this.#nodes.get(name);
  }

  set(node: Node): void {
    this.#nodes.set(node.name, node);
    for (const cidr of node.podCidrs) {
      this.#blocks[cidr.base.family].exclude(cidr);
    }
  }

  /** Counts a pod to a node that was chosen elsewhere. */
  load(name: string): void {
    this.#loads.set(name, (this.#loads.get(name) ?? 0) + 1);
  }

  /** The node with the fewest pods, the first by name among equals. */
  place(nodes: readonly Node[]): Node {
    let best = nodes[0]!;
    let fewest = Infinity;
    for (const node of nodes) {
      const load = this.#loads.get(node.name) ?? 0;
      if (load < fewest) [best, fewest] = [node, load];
    }
    this.load(best.name);
    return best;
  }

  /** An address for a new pod; a node whose ranges are full, or that has none, gets one more. */
  allotPodIp(name: string, family: 4 | 6): Ip {
    const node = this.#nodes.get(name)!;
    for (const range of node.podCidrs) {
      if (range.base.family !== family) continue;
      const ip = this.pool.allot(range, { from: 2 });
      if (ip !== undefined) return ip;
    }
    const block = this.#blocks[family].next();
    this.set({ ...node, podCidrs: [...node.podCidrs, block] });
    return this.allotPodIp(name, family);
  }

  /** A pod range in every family of the cluster. */
  defaultRanges(): Cidr[] {
    return this.families.map((family) => this.#blocks[family].next());
  }
}

/** Ranges of /24 or /64, one after the other, that overlap nothing. */
class BlockSource {
  readonly #first: Ip;
  readonly #taken: Set<string>;
  readonly #excluded: Cidr[] = [];
  #index = 0;

  constructor({ first, taken }: { first: Ip; taken: readonly Ip[] }) {
    this.#first = first;
    this.#taken = new Set(taken.map((ip) => blockOf(ip).text));
  }

  exclude(cidr: Cidr): void {
    this.#excluded.push(cidr);
  }

  next(): Cidr {
    for (;;) {
      const block = this.#block(this.#index++);
      const overlaps = this.#taken.has(block.text) ||
        this.#excluded.some((cidr) =>
          cidr.contains(block.base) || block.contains(cidr.base)
        );
      if (!overlaps) return block;
    }
  }

  #block(index: number): Cidr {
    const { family, w0, w1, w3 } = this.#first;
    return family === 4
      ? new Cidr(Ip.v4(w3 + index * 256), 24)
      : new Cidr(Ip.v6(w0, w1 + index, 0, 0), 64);
  }
}

/** The range of the size a node usually has round an address. */
function blockOf(ip: Ip): Cidr {
  return new Cidr(ip, ip.family === 4 ? 24 : 64);
}

/** What is known of nodes before any is made up. */
export interface NodeEvidence {
  readonly given: readonly Node[];
  /** Names that pods and endpoints mention, with a place that does. */
  readonly mentioned: ReadonlyMap<string, Field>;
  readonly pods: readonly PodDraft[];
  readonly cluster: Cluster | null;
  /** Where nodes are said to come from when nothing mentions any. */
  readonly start: SourcePosition;
}

/** Fills the table: nodes given, nodes that exist, nodes mentioned, or two made up. */
export function completeNodes(table: NodeTable, evidence: NodeEvidence): void {
  const { given, mentioned, cluster, start } = evidence;
  for (const node of cluster?.nodes.values() ?? []) table.set(node);
  for (const node of given) table.set(merged(node, table.get(node.name)));
  const described = table.all.length > 0;
  for (const [name, field] of [...mentioned].sort(byKey)) {
    if (table.get(name) !== undefined) continue;
    if (described) {
      field.warn(`the node ${name} is not among the given ones`, {
        expected: "its Node object; one is made up",
      });
    }
    table.set({
      ...bareNode(name, field.at),
      ...ranges(table, name, evidence),
    });
  }
  if (table.all.length === 0) {
    for (const name of ["node-1", "node-2"]) {
      const podCidrs = table.defaultRanges();
      table.set({ ...bareNode(name, start), podCidrs });
    }
  }
  giveAddresses(table, evidence);
}

/** A Node applied again without status keeps the addresses it has. */
function merged(node: Node, before: Node | undefined): Node {
  if (before === undefined) return node;
  const or = <T>(now: readonly T[], then: readonly T[]) =>
    now.length > 0 ? now : then;
  return {
    ...node,
    internalIps: or(node.internalIps, before.internalIps),
    externalIps: or(node.externalIps, before.externalIps),
    podCidrs: or(node.podCidrs, before.podCidrs),
  };
}

function bareNode(name: string, source: SourcePosition): Node {
  return {
    name,
    labels: { "kubernetes.io/hostname": name },
    annotations: {},
    source,
    internalIps: [],
    externalIps: [],
    podCidrs: [],
    zone: null,
  };
}

/** The ranges that only pods of this node lie in; a default where its pods say nothing. */
function ranges(
  table: NodeTable,
  name: string,
  { pods }: NodeEvidence,
): Pick<Node, "podCidrs"> {
  const own = new Map<string, Cidr>();
  const others = new Set<string>();
  for (const { ips, spec } of pods) {
    if (spec.hostNetwork) continue;
    for (const block of ips.map(blockOf)) {
      if (spec.nodeName === name) own.set(block.text, block);
      else others.add(block.text);
    }
  }
  if (own.size === 0) return { podCidrs: table.defaultRanges() };
  const podCidrs = [...own].sort(byKey)
    .filter(([text]) => !others.has(text)).map(([, block]) => block);
  return { podCidrs };
}

const NODE_RANGES = {
  4: Cidr.of("172.18.0.0/16"),
  6: Cidr.of("fd00:172:18::/64"),
};

/** Nodes without addresses get those that pods on them report, or new ones. */
function giveAddresses(table: NodeTable, { pods }: NodeEvidence): void {
  const reported = new Map<string, readonly Ip[]>();
  for (const { spec, hostIps } of pods) {
    if (spec.nodeName !== null && hostIps.length > 0) {
      reported.set(spec.nodeName, hostIps);
    }
  }
  for (const node of table.all) {
    if (node.internalIps.length > 0) continue;
    const internalIps = reported.get(node.name) ??
      table.families.map((family) =>
        table.pool.allot(NODE_RANGES[family], { from: 2 })
      ).filter((ip) => ip !== undefined);
    table.set({ ...node, internalIps });
  }
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]) {
  return a[0] < b[0] ? -1 : 1;
}

import { Cidr, type Ip } from "../packet/ip.ts";
import { addressKey } from "./_pod_index.ts";
import type { Node } from "./model.ts";

/** Nodes by address, and their pod ranges; made anew when a node changes. */
export class NodeIndex {
  readonly #nodes = new Map<number | string, Node>();
  /** By family and length, so that a look-up costs one step for each length there is. */
  readonly #podRanges = new Map<string, PodRanges>();

  constructor(nodes: Iterable<Node>) {
    for (const node of nodes) {
      for (const ip of [...node.internalIps, ...node.externalIps]) {
        const key = addressKey(ip);
        if (!this.#nodes.has(key)) this.#nodes.set(key, node);
      }
      for (const cidr of node.podCidrs) this.#addRange(cidr);
    }
  }

  at(ip: Ip): Node | undefined {
    return this.#nodes.get(addressKey(ip));
  }

  inPodRange(ip: Ip): boolean {
    for (const { family, length, bases } of this.#podRanges.values()) {
      if (family !== ip.family) continue;
      if (bases.has(addressKey(new Cidr(ip, length).base))) return true;
    }
    return false;
  }

  #addRange({ base, length }: Cidr): void {
    const key = `${base.family}/${length}`;
    const ranges = this.#podRanges.get(key) ??
      { family: base.family, length, bases: new Set() };
    ranges.bases.add(addressKey(base));
    this.#podRanges.set(key, ranges);
  }
}

interface PodRanges {
  readonly family: 4 | 6;
  readonly length: number;
  readonly bases: Set<number | string>;
}

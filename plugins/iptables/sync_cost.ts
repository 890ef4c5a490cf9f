import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { GeneratedRules } from "./generated_rules.ts";
import type { IptablesOptions } from "./options.ts";

/** What kube-proxy has written on a node at one moment. */
export interface WrittenRules {
  /** Rules that are no single Service port's own. */
  readonly common: number;
  /** By Service port; `what` is another object once anything of it is another. */
  readonly ports: ReadonlyMap<
    string,
    { readonly what: object; readonly rules: number }
  >;
  /** iptables-restore replaces whole chains, so those that all Services share are written with every sync. */
  readonly commonIsRewritten: boolean;
}

/** Rules, and elements of maps, that one sync of a node writes. */
export interface SyncCost {
  /** A full sync: everything. */
  readonly full: number;
  /** A partial sync: what belongs to Services that changed, and what cannot be written without. */
  readonly partial: number;
}

/**
 * What a control change costs one node's kube-proxy: ask after each change.
 * A Service that went costs nothing but its place in the chains that all
 * share.
 *
 * @example
 * ```ts
 * const costs = new SyncCosts(options);
 * costs.next(cluster, node); // everything is new
 * cluster.apply(event);
 * costs.next(cluster, node).partial;
 * ```
 */
export class SyncCosts {
  readonly #options: IptablesOptions;
  readonly #before = new Map<4 | 6, WrittenRules>();

  constructor(options: IptablesOptions) {
    this.#options = options;
  }

  /** What brings the node from the state it was last asked for to the cluster's. */
  next(cluster: ClusterView, node: Node): SyncCost {
    const generated = new GeneratedRules(cluster, this.#options);
    let full = 0;
    let partial = 0;
    for (const family of [4, 6] as const) {
      const now = generated.written(node, family);
      const before = this.#before.get(family);
      this.#before.set(family, now);
      if (now.ports.size === 0 && (before?.ports.size ?? 0) === 0) continue;
      full += now.common;
      if (before === undefined || now.commonIsRewritten) partial += now.common;
      for (const [key, { what, rules }] of now.ports) {
        full += rules;
        if (before?.ports.get(key)?.what !== what) partial += rules;
      }
    }
    return { full, partial };
  }
}

/** How many rules chains have. */
export function ruleCount(
  chains: ReadonlyMap<string, readonly unknown[]>,
): number {
  let count = 0;
  for (const rules of chains.values()) count += rules.length;
  return count;
}

import type {
  Node,
  PortEndpoint,
  ServicePort,
} from "../../core/cluster/model.ts";
import { trafficPolicies, wantsHints } from "./endpoint_choice.ts";
import type { ProxiedPort } from "./proxied_ports.ts";

/** Writes the rules of one Service port for one node. */
export type PortWriter<Rules> = (
  proxied: ProxiedPort,
  context: { readonly node: Node; readonly comments: boolean },
) => Rules;

/** What was written for one Service port, for as long as nothing of it changes. */
interface Kept<Rules> {
  readonly endpoints: readonly PortEndpoint[];
  readonly comments: boolean;
  readonly everywhere: boolean;
  readonly byNode: WeakMap<Node, Rules>;
  /** Where every node has the same. */
  shared: Rules | null;
}

/**
 * The rules of Service ports under one configuration, kept from one change of
 * the cluster to the next: only a port whose Service or endpoints changed is
 * written again, and one that is the same on every node is written once.
 */
export class PortRulesStore<Rules> {
  readonly #kept = new WeakMap<ServicePort, Kept<Rules>>();
  readonly #write: PortWriter<Rules>;
  readonly #sameSettings: boolean;

  constructor(init: {
    readonly write: PortWriter<Rules>;
    /** Whether the settings of all nodes are the same for Service ports. */
    readonly sameSettings: boolean;
  }) {
    this.#write = init.write;
    this.#sameSettings = init.sameSettings;
  }

  /** Whether all nodes have the same rules for the port. */
  isSameEverywhere(proxied: ProxiedPort): boolean {
    return this.#sameSettings && !dependsOnNode(proxied);
  }

  rulesOf(
    proxied: ProxiedPort,
    { node, comments }: { readonly node: Node; readonly comments: boolean },
  ): Rules {
    const kept = this.#keptFor(proxied, comments);
    let rules = kept.everywhere ? kept.shared : kept.byNode.get(node);
    if (rules !== undefined && rules !== null) return rules;
    rules = this.#write(proxied, { node, comments });
    if (kept.everywhere) kept.shared = rules;
    else kept.byNode.set(node, rules);
    return rules;
  }

  #keptFor(proxied: ProxiedPort, comments: boolean): Kept<Rules> {
    const { port, endpoints } = proxied;
    const kept = this.#kept.get(port);
    if (
      kept?.comments === comments && sameEndpoints(kept.endpoints, endpoints)
    ) {
      return kept;
    }
    const fresh: Kept<Rules> = {
      endpoints,
      comments,
      everywhere: this.isSameEverywhere(proxied),
      byNode: new WeakMap(),
      shared: null,
    };
    this.#kept.set(port, fresh);
    return fresh;
  }
}

/** Local policies, zones, and a node's own address among source ranges. */
function dependsOnNode({ service, port }: ProxiedPort): boolean {
  const { internalLocal, externalLocal } = trafficPolicies(service, port, 0);
  return internalLocal || externalLocal || wantsHints(service) ||
    service.loadBalancerSourceRanges.length > 0;
}

function sameEndpoints(
  before: readonly PortEndpoint[],
  after: readonly PortEndpoint[],
): boolean {
  if (before === after) return true;
  return before.length === after.length &&
    before.every((one, index) => sameEndpoint(one, after[index]!));
}

function sameEndpoint(a: PortEndpoint, b: PortEndpoint): boolean {
  return a === b ||
    (a.ip.equals(b.ip) && a.port === b.port && a.ready === b.ready &&
      a.serving === b.serving && a.terminating === b.terminating &&
      a.node === b.node && a.zoneHints.join() === b.zoneHints.join());
}

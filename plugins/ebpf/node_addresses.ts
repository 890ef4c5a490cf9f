import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Overlay } from "../../core/replay/plugin.ts";

/** Annotations in which the agent writes down the addresses that it took of the node's pod range (pkg/annotation/k8s.go). */
const ANNOTATIONS = {
  host: { 4: "ipv4-cilium-host", 6: "ipv6-cilium-host" },
  health: { 4: "ipv4-health-ip", 6: "ipv6-health-ip" },
  ingress: { 4: "ipv4-Ingress-ip", 6: "ipv6-Ingress-ip" },
} as const;

/** Addresses looked at for one that no pod has. */
const MOST_TRIES = 1_024;

/** What the agent has addresses of a node's pod range for. */
export interface NodeAddresses {
  /** Of the device `cilium_host`. */
  readonly host: readonly Ip[];
  /** Of the endpoint that answers health probes. */
  readonly health: readonly Ip[];
  /** What the proxy of Ingresses and Gateways sends from, so that other nodes can tell. */
  readonly ingress: readonly Ip[];
}

/**
 * Addresses that the agent takes for itself. Where the node does not say
 * which, `cilium_host` has the first of the range that no pod has, and the
 * proxy, where there is one, the next. Health probes are only known by the
 * annotation.
 */
export function nodeAddresses(
  node: Node,
  cluster: ClusterView,
  { ingress }: { readonly ingress: boolean },
): NodeAddresses {
  const found = { host: [], health: [], ingress: [] } as {
    host: Ip[];
    health: Ip[];
    ingress: Ip[];
  };
  for (const family of [4, 6] as const) {
    const host = annotated(node, ANNOTATIONS.host[family], family) ??
      firstFree(node, family, { cluster, taken: undefined });
    const health = annotated(node, ANNOTATIONS.health[family], family);
    const own = annotated(node, ANNOTATIONS.ingress[family], family) ??
      (ingress ? firstFree(node, family, { cluster, taken: host }) : undefined);
    if (host !== undefined) found.host.push(host);
    if (health !== undefined) found.health.push(health);
    if (own !== undefined) found.ingress.push(own);
  }
  return found;
}

/** The way to other nodes' pods in tunnel mode: routes lead to `cilium_host`. */
export function hostDevice({ host }: NodeAddresses): Overlay {
  return { interface: "cilium_host", addresses: host };
}

function annotated(
  { annotations }: Node,
  name: string,
  family: 4 | 6,
): Ip | undefined {
  const text = annotations[`network.cilium.io/${name}`];
  const ip = text === undefined ? undefined : Ip.parse(text);
  return ip?.family === family ? ip : undefined;
}

function firstFree(
  node: Node,
  family: 4 | 6,
  { cluster, taken }: {
    readonly cluster: ClusterView;
    readonly taken: Ip | undefined;
  },
): Ip | undefined {
  const range = node.podCidrs.find(({ base }) => base.family === family);
  if (range === undefined) return undefined;
  for (let offset = 1; offset <= MOST_TRIES; offset++) {
    const ip = range.base.plus(offset);
    if (!range.contains(ip)) return undefined;
    if (cluster.podAt(ip) === undefined && taken?.equals(ip) !== true) {
      return ip;
    }
  }
  return undefined;
}

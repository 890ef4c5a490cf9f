import type { Ip } from "../packet/ip.ts";
import type { RunningNode } from "./stack_runtime.ts";
import type { World } from "./world.ts";

/** A draw of the flow's own for a purpose. */
export type Draw = (site: string) => number;

/** Where a packet from outside reaches the cluster. */
export function entryNode(
  world: World,
  destination: Ip,
  { via, draw }: { readonly via: string | null; readonly draw: Draw },
): RunningNode | string {
  const { cluster } = world;
  const owner = cluster.nodeAt(destination)?.name ??
    cluster.podAt(destination)?.node ?? via ??
    balancedNode(world, destination, draw);
  if (owner === null) {
    return `${destination} is outside the cluster: nothing says which node it reaches`;
  }
  return world.node(owner) ?? `node ${owner} does not exist`;
}

/**
 * The node that a load balancer, or routing outside, hands a virtual
 * address to: with externalTrafficPolicy Local only nodes whose health
 * check passes, those with a ready endpoint of their own.
 */
function balancedNode(
  world: World,
  destination: Ip,
  draw: Draw,
): string | null {
  const { cluster } = world;
  const found = world.virtualAddress(destination);
  let names = [...cluster.nodes.keys()];
  if (found?.service.externalTrafficPolicy === "Local") {
    const { service } = found;
    const local = new Set(
      service.ports.flatMap((port) =>
        cluster.endpointsOf(service, port, destination.family)
          .filter((endpoint) => endpoint.ready)
          .map((endpoint) => endpoint.node)
      ),
    );
    const healthy = names.filter((name) => local.has(name));
    if (healthy.length > 0) names = healthy;
  }
  if (names.length === 0) return null;
  return names[draw("entry node") % names.length]!;
}

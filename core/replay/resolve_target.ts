import { Ip } from "../packet/ip.ts";
import { formatEndpoint } from "../packet/walking_packet.ts";
import type { Draw } from "./entry_node.ts";
import type { FlowIntent } from "./flow.ts";
import type { WeightedBackend } from "./outcome.ts";
import { sourceAddress } from "./sender.ts";
import type { Standing } from "./standing.ts";
import type { World } from "./world.ts";

/** The address that a sender's resolver and library settle on. */
export type Target =
  | {
    readonly kind: "address";
    readonly ip: Ip;
    /** All that the name has; empty when it left no choice. */
    readonly backends: readonly WeightedBackend[];
  }
  | { readonly kind: "error" | "unknown"; readonly reason: string };

/**
 * Resolves a flow's host as its sender would: an address as it is, a name by
 * cluster DNS. Of several addresses those count that the sender has a source
 * for, of the family of the first; which of them is drawn.
 */
export function resolveTarget(
  world: World,
  sender: Standing,
  { to, draw }: { readonly to: FlowIntent["to"]; readonly draw: Draw },
): Target {
  const { host, port } = to;
  const literal = Ip.parse(host);
  if (literal !== undefined) return address(literal);
  const namespace = sender.kind === "outside"
    ? ""
    : sender.pod?.namespace ?? "";
  const answer = world.cluster.resolve(host, namespace);
  if (answer.kind === "unknown") {
    const reason = `no DNS record for ${answer.name}: give one under records`;
    return { kind: "unknown", reason };
  }
  if (answer.kind === "missing") {
    return { kind: "error", reason: `name does not resolve: ${host}` };
  }
  const usable = answer.ips.filter((ip) =>
    sourceAddress(world, sender, ip) !== undefined
  );
  const first = usable[0] ?? answer.ips[0];
  if (first === undefined) {
    return { kind: "error", reason: `name has no addresses: ${host}` };
  }
  const alike = usable.filter((ip) => ip.family === first.family);
  if (alike.length < 2) return address(first);
  const ip = alike[draw(`address of ${host}`) % alike.length]!;
  const backends = alike.map((one) => ({
    backend: formatEndpoint(one, port),
    weight: 1,
  }));
  return { kind: "address", ip, backends };
}

function address(ip: Ip): Target {
  return { kind: "address", ip, backends: [] };
}

import { objectKey, type Pod } from "../cluster/model.ts";
import { Ip } from "../packet/ip.ts";
import type { WalkingPacket } from "../packet/walking_packet.ts";
import type { Place } from "./flow.ts";
import type { RunningNode } from "./stack_runtime.ts";
import type { Receiver } from "./walker.ts";
import type { World } from "./world.ts";

/** A place looked up in the cluster. */
export type Standing =
  | { readonly kind: "pod"; readonly pod: Pod; readonly node: RunningNode }
  | {
    readonly kind: "node";
    readonly node: RunningNode;
    /** The hostNetwork pod whose process it is, if it is one's. */
    readonly pod: Pod | null;
  }
  | { readonly kind: "outside"; readonly ip: Ip; readonly via: string | null };

/** Looks a place up; text says why it is not there. */
export function standAt(world: World, place: Place): Standing | string {
  if (place.kind === "outside") {
    const ip = Ip.parse(place.ip);
    return ip === undefined
      ? `no address: ${place.ip}`
      : { kind: "outside", ip, via: place.via };
  }
  if (place.kind === "node") {
    const node = world.node(place.name);
    return node === undefined
      ? `node ${place.name} does not exist`
      : { kind: "node", node, pod: null };
  }
  const pod = world.pod(place.namespace, place.name);
  if (pod === undefined || !pod.running) {
    return `pod ${objectKey(place)} does not exist`;
  }
  const node = world.node(pod.node);
  if (node === undefined) {
    return `node ${pod.node} of pod ${objectKey(place)} is missing`;
  }
  return pod.hostNetwork
    ? { kind: "node", node, pod }
    : { kind: "pod", pod, node };
}

/** Where the receiver of a packet stands. */
export function standingOf(
  world: World,
  to: Receiver,
  packet: WalkingPacket,
): Standing | string {
  switch (to.kind) {
    case "pod": {
      const node = world.node(to.pod.node);
      return node === undefined
        ? `node ${to.pod.node} is missing`
        : { kind: "pod", pod: to.pod, node };
    }
    case "node":
      return { kind: "node", node: to.node, pod: null };
    case "outside":
      return { kind: "outside", ip: packet.destination, via: null };
  }
}

/** The source that a socket has for a destination when it does not choose one; undefined: none of that family. */
export function sourceAddress(
  world: World,
  from: Standing,
  to: Ip,
): Ip | undefined {
  const { family } = to;
  if (from.kind === "outside") {
    return from.ip.family === family ? from.ip : undefined;
  }
  if (to.isLoopback) return to;
  if (from.kind === "pod") return ofFamily(from.pod.ips, family);
  const { node, overlay, local } = from.node;
  // The route to a local address has that address for its source.
  if (local !== null && local.has(to.text)) return to;
  if (overlay !== null) {
    const route = world.route(from.node, to);
    const overlaid = route.kind === "wire" && route.overlaid;
    const source = overlaid ? ofFamily(overlay.addresses, family) : undefined;
    if (source !== undefined) return source;
  }
  return world.nodeAddress(node, family);
}

/** A loop, since this is asked for every flow and a closure would show. */
function ofFamily(ips: readonly Ip[], family: 4 | 6): Ip | undefined {
  for (const ip of ips) if (ip.family === family) return ip;
  return undefined;
}

/** The receiver in words; on a node, the hostNetwork pod that serves the port. */
export function receiverName(
  world: World,
  to: Receiver,
  packet: WalkingPacket,
): string {
  switch (to.kind) {
    case "pod":
      return `pod ${objectKey(to.pod)}`;
    case "node": {
      const { name } = to.node.node;
      const pod = world.cluster.podsOn(name).find((candidate) =>
        candidate.hostNetwork &&
        candidate.ports.some((port) => port.port === packet.destinationPort)
      );
      return pod === undefined ? `node ${name}` : `pod ${objectKey(pod)}`;
    }
    case "outside":
      return `outside ${packet.destination}`;
  }
}

/** The place again. */
export function standingPlace(standing: Standing): Place {
  switch (standing.kind) {
    case "pod":
      return {
        kind: "pod",
        namespace: standing.pod.namespace,
        name: standing.pod.name,
      };
    case "node":
      return { kind: "node", name: standing.node.node.name };
    case "outside":
      return { kind: "outside", ip: standing.ip.text, via: standing.via };
  }
}

/** Text that names a place, the key of everything kept per sender. */
export function placeKey(place: Place): string {
  switch (place.kind) {
    case "pod":
      return `pod/${place.namespace}/${place.name}`;
    case "node":
      return `node/${place.name}`;
    case "outside":
      return `ip/${place.ip}`;
  }
}

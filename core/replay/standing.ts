import { objectKey, type Pod } from "../cluster/model.ts";
import { Ip } from "../packet/ip.ts";
import type { WalkingPacket } from "../packet/walking_packet.ts";
import type { Place } from "./flow.ts";
import type { RunningNode } from "./stack_runtime.ts";
import type { Receiver } from "./walker.ts";
import type { World } from "./world.ts";

/**
 * A pod that flows start at and end at: what the engine asks of one on every
 * flow, in one place, since a lookup in cold memory costs more than the rest.
 */
export interface PodStanding {
  readonly kind: "pod";
  readonly pod: Pod;
  readonly node: RunningNode;
  /** Its first address of each family. */
  readonly v4: Ip | undefined;
  readonly v6: Ip | undefined;
  readonly place: Extract<Place, { kind: "pod" }>;
  /** Of its place and the replay's seed, once somebody has needed it. */
  placeHash: number | null;
  /** As outcomes name it: `pod shop/web-0`. */
  readonly text: string;
}

/** A place looked up in the cluster. */
export type Standing =
  | PodStanding
  | {
    readonly kind: "node";
    readonly node: RunningNode;
    /** The hostNetwork pod whose process it is, if it is one's. */
    readonly pod: Pod | null;
  }
  | { readonly kind: "outside"; readonly ip: Ip; readonly via: string | null };

/** A pod on its running node. */
export function podStanding(pod: Pod, node: RunningNode): PodStanding {
  const { ips } = pod;
  return {
    kind: "pod",
    pod,
    node,
    v4: ips.find(({ family }) => family === 4),
    v6: ips.find(({ family }) => family === 6),
    place: placeOfPod(pod),
    placeHash: null,
    text: `pod ${objectKey(pod)}`,
  };
}

/** A pod as the place of its processes, whosever network they use. */
export function placeOfPod({ namespace, name }: Pod): PodStanding["place"] {
  return { kind: "pod", namespace, name };
}

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
  return world.sender(place.namespace, place.name);
}

/** Where the receiver of a packet stands. */
export function standingOf(to: Receiver, packet: WalkingPacket): Standing {
  switch (to.kind) {
    case "pod":
      return to;
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
  if (from.kind === "pod") return family === 4 ? from.v4 : from.v6;
  const { node, overlay, local } = from.node;
  // The route to a local address has that address for its source.
  if (local !== null && local.has(to.text)) return to;
  if (overlay !== null) {
    const way = world.way(from.node, to);
    const overlaid = way.kind === "wire" && way.overlaid;
    const source = overlaid
      ? overlay.addresses.find((ip) => ip.family === family)
      : undefined;
    if (source !== undefined) return source;
  }
  return world.nodeAddress(node, family);
}

/** The receiver in words; on a node, the hostNetwork pod that serves the port. */
export function receiverName(
  world: World,
  to: Receiver,
  packet: WalkingPacket,
): string {
  switch (to.kind) {
    case "pod":
      return to.text;
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
      return standing.place;
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

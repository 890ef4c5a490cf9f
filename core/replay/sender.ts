import { Ip } from "../packet/ip.ts";
import type { WalkingPacket } from "../packet/walking_packet.ts";
import { objectKey } from "../cluster/model.ts";
import type { Place } from "./flow.ts";
import type { Receiver, Standing } from "./standing.ts";
import type { World } from "./world.ts";

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

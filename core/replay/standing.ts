import { objectKey, type Pod } from "../cluster/model.ts";
import type { Ip } from "../packet/ip.ts";
import type { WalkingPacket } from "../packet/walking_packet.ts";
import type { Place } from "./flow.ts";
import type { Route } from "./plugin.ts";
import type { RunningNode } from "./stack_runtime.ts";

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

/** Where a node sends a packet: on to a pod of its own, to itself, or out of the wire. */
export type Way =
  | PodStanding
  | Extract<Route, { kind: "local" | "wire" }>;

/** Who got a packet. */
export type Receiver =
  | PodStanding
  | { readonly kind: "node"; readonly node: RunningNode }
  | { readonly kind: "outside" };

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

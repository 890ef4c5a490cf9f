import { Cluster } from "../cluster/cluster.ts";
import type { Node, Pod, Service } from "../cluster/model.ts";
import type { Event } from "../event.ts";
import type { Ip } from "../packet/ip.ts";
import { IpTable } from "../packet/ip_table.ts";
import { protocolName } from "../packet/walking_packet.ts";
import type { Packet } from "../packet/packet.ts";
import type { Stack } from "./plugin.ts";
import { type RunningNode, StackRuntime } from "./stack_runtime.ts";
import {
  type PodStanding,
  podStanding,
  type Standing,
  type Way,
} from "./standing.ts";

/** A Service address that is no host's own, and the Service it belongs to. */
export interface VirtualAddress {
  readonly kind: "cluster" | "external" | "load balancer";
  readonly service: Service;
}

/** The way to an address: from the node it is on, and from all others. */
type Ways = PodStanding | {
  readonly kind: "node";
  readonly node: Node;
  readonly away: Way;
} | typeof NOWHERE;

const LOCAL: Way = { kind: "local" };
const OUTSIDE: Way = { kind: "wire", node: null, overlaid: false };
const NOWHERE = { kind: "nowhere" } as const;

/** Addresses whose ways are remembered; what comes from outside has no end. */
const MOST_WAYS = 200_000;

/**
 * The cluster and the stack at work on it, with what routing needs to know,
 * indexed once per revision. Every node knows the way to every pod, by plain
 * routes or over the overlay that a plugin puts it on.
 */
export class World {
  readonly cluster = new Cluster();
  readonly runtime: StackRuntime;
  #revision = -1;
  /** One table for all nodes, so that it stays small. */
  readonly #ways = new IpTable<Ways>();
  /** Pods by namespace, then name: a joined key would have to be made for each flow. */
  readonly #senders = new Map<string, Map<string, Standing>>();
  readonly #standings = new Map<Pod, PodStanding>();
  readonly #virtual = new Map<string, VirtualAddress>();
  readonly #nodePorts = new Map<string, Service>();
  /** Nodes by the addresses that the stack gives them. */
  readonly #given = new Map<string, Node>();
  /** Nodes that reach others' pods over an overlay. */
  readonly #overlaid = new Set<string>();

  constructor(stack: Stack) {
    this.runtime = new StackRuntime(stack, this.cluster);
  }

  /** Folds a control event into cluster and stack. */
  apply(event: Event): void {
    this.cluster.apply(event);
    this.runtime.apply(event);
    this.#ways.clear();
    this.#senders.clear();
    this.#standings.clear();
  }

  /** The node with its handlers; undefined when it does not exist. */
  node(name: string): RunningNode | undefined {
    return this.runtime.node(name);
  }

  /** Where the processes of a pod send from; text says why there are none. */
  sender(namespace: string, name: string): Standing | string {
    const known = this.#senders.get(namespace)?.get(name);
    if (known !== undefined) return known;
    const found = this.#findSender(`${namespace}/${name}`);
    if (typeof found === "string") return found;
    let there = this.#senders.get(namespace);
    if (there === undefined) {
      this.#senders.set(namespace, there = new Map());
    }
    there.set(name, found);
    return found;
  }

  /** Where a node sends a packet for this address. */
  way({ node, local }: RunningNode, destination: Ip): Way {
    if (destination.isLoopback) return LOCAL;
    if (local !== null && local.has(destination.text)) return LOCAL;
    this.#index();
    let ways = this.#ways.get(destination);
    if (ways === undefined) {
      if (this.#ways.size >= MOST_WAYS) this.#ways.clear();
      this.#ways.set(destination, ways = this.#waysTo(destination));
    }
    switch (ways.kind) {
      case "pod":
        return ways.node.node === node ? ways : ways.node.away;
      case "node":
        return ways.node === node ? LOCAL : ways.away;
      case "nowhere":
        return OUTSIDE;
    }
  }

  /** The Service address that this is, if it is one. */
  virtualAddress(ip: Ip): VirtualAddress | undefined {
    this.#index();
    return this.#virtual.get(ip.text);
  }

  /** The Service whose node port this is, if it is one. */
  nodePortService(packet: Packet): Service | undefined {
    this.#index();
    return this.#nodePorts.get(
      `${protocolName(packet.protocol)}/${packet.destinationPort}`,
    );
  }

  /** An address of the node in this family, internal before external. */
  nodeAddress(node: Node, family: 4 | 6): Ip | undefined {
    return node.internalIps.find((ip) => ip.family === family) ??
      node.externalIps.find((ip) => ip.family === family);
  }

  #findSender(key: string): Standing | string {
    const pod = this.cluster.pods.get(key);
    if (pod === undefined || !pod.running) return `pod ${key} does not exist`;
    const node = this.node(pod.node);
    if (node === undefined) return `node ${pod.node} of pod ${key} is missing`;
    return pod.hostNetwork
      ? { kind: "node", node, pod }
      : this.#standing(pod, node);
  }

  /** One for each pod, so that all that is asked of it is in one place. */
  #standing(pod: Pod, node: RunningNode): PodStanding {
    let standing = this.#standings.get(pod);
    if (standing === undefined) {
      this.#standings.set(pod, standing = podStanding(pod, node));
    }
    return standing;
  }

  #waysTo(destination: Ip): Ways {
    const owner = this.cluster.nodeAt(destination) ??
      this.#given.get(destination.text);
    if (owner !== undefined) {
      const overlaid = this.#overlaid.has(owner.name) &&
        this.#given.has(destination.text);
      const away: Way = { kind: "wire", node: owner, overlaid };
      return { kind: "node", node: owner, away };
    }
    const pod = this.cluster.podAt(destination);
    const node = pod && this.node(pod.node);
    return pod === undefined || node === undefined
      ? NOWHERE
      : this.#standing(pod, node);
  }

  #index(): void {
    if (this.#revision === this.cluster.revision) return;
    this.#revision = this.cluster.revision;
    this.#virtual.clear();
    this.#nodePorts.clear();
    this.#indexGiven();
    for (const service of this.cluster.services.values()) {
      const add = (ip: Ip, kind: VirtualAddress["kind"]) =>
        this.#virtual.set(ip.text, { kind, service });
      for (const ip of service.clusterIps) add(ip, "cluster");
      for (const ip of service.externalIps) add(ip, "external");
      for (const { ip } of service.loadBalancerIps) add(ip, "load balancer");
      for (const { nodePort, protocol } of service.ports) {
        if (nodePort !== null) {
          const key = `${protocol.toLowerCase()}/${nodePort}`;
          this.#nodePorts.set(key, service);
        }
      }
    }
  }

  #indexGiven(): void {
    this.#given.clear();
    this.#overlaid.clear();
    if (!this.runtime.mayAddress) return;
    for (const [name, node] of this.cluster.nodes) {
      const running = this.node(name);
      if (running === undefined) continue;
      if (running.overlay !== null) this.#overlaid.add(name);
      for (const ip of running.addresses) this.#given.set(ip.text, node);
    }
  }
}

import { Cluster } from "../cluster/cluster.ts";
import type { Node, Service } from "../cluster/model.ts";
import type { Event } from "../event.ts";
import type { Ip } from "../packet/ip.ts";
import { protocolName } from "../packet/walking_packet.ts";
import type { Packet } from "../packet/packet.ts";
import type { Route, Stack } from "./plugin.ts";
import { type RunningNode, StackRuntime } from "./stack_runtime.ts";

/** A Service address that is no host's own, and the Service it belongs to. */
export interface VirtualAddress {
  readonly kind: "cluster" | "external" | "load balancer";
  readonly service: Service;
}

const LOCAL: Route = { kind: "local" };
const OUTSIDE: Route = { kind: "wire", node: null, overlaid: false };

/**
 * The cluster and the stack at work on it, with what routing needs to know,
 * indexed once per revision. Every node knows the way to every pod, by plain
 * routes or over the overlay that a plugin puts it on.
 */
export class World {
  readonly cluster = new Cluster();
  readonly runtime: StackRuntime;
  #revision = -1;
  /** Per node, by the address as a 32-bit number, or as text for IPv6. */
  readonly #routes = new Map<string, Map<number | string, Route>>();
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
  }

  /** The node with its handlers; undefined when it does not exist. */
  node(name: string): RunningNode | undefined {
    return this.runtime.node(name);
  }

  /** Where `node` sends a packet for this address. */
  route(node: Node, destination: Ip): Route {
    this.#index();
    let routes = this.#routes.get(node.name);
    if (routes === undefined) this.#routes.set(node.name, routes = new Map());
    const key = destination.family === 4
      ? destination.w3 | 0
      : destination.text;
    let route = routes.get(key);
    if (route === undefined) {
      if (routes.size > 100_000) routes.clear();
      routes.set(key, route = this.#findRoute(node, destination));
    }
    return route;
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

  #findRoute(node: Node, destination: Ip): Route {
    if (destination.isLoopback) return LOCAL;
    const owner = this.cluster.nodeAt(destination) ??
      this.#given.get(destination.text);
    if (owner !== undefined) {
      if (owner.name === node.name) return LOCAL;
      const overlaid = this.#overlaid.has(owner.name) &&
        this.#given.has(destination.text);
      return { kind: "wire", node: owner, overlaid };
    }
    const pod = this.cluster.podAt(destination);
    if (pod === undefined) return OUTSIDE;
    if (pod.node === node.name) return { kind: "pod", pod };
    const podNode = this.cluster.nodes.get(pod.node);
    return podNode === undefined
      ? OUTSIDE
      : { kind: "wire", node: podNode, overlaid: true };
  }

  #index(): void {
    if (this.#revision === this.cluster.revision) return;
    this.#revision = this.cluster.revision;
    this.#routes.clear();
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

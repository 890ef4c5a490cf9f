import type { KubeObject, Pod, Service } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import { protocolNumber } from "../../core/policy/match_rule.ts";
import {
  type Frontend,
  type FrontendType,
  hostPortFrontend,
  type ServiceFrontend,
  serviceFrontend,
} from "./frontend.ts";
import { FrontendPorts } from "./frontend_ports.ts";
import type { Settings } from "./options.ts";
import { Redirects } from "./redirects.ts";

/** Where frontends are looked up. */
export interface Frontends {
  /** The frontend that a node has at the address that a packet is for. */
  find(at: Asked, node: string): Frontend | undefined;
  /** The node port, the same on every node. */
  nodePort(
    family: 4 | 6,
    protocol: number,
    port: number,
  ): Frontend | undefined;
  /** The port that a pod of the node has on the node. */
  hostPort(node: string, at: PortOfNode): Frontend | undefined;
  /** What a packet for an address of the node itself asks for: a node port, else a pod's. */
  ofNode(node: string, at: PortOfNode): Frontend | undefined;
}

/** What of a packet a frontend is looked up by. */
export type Asked = Pick<
  Packet,
  "destination" | "protocol" | "destinationPort"
>;

/** A port on a node's own addresses. */
export interface PortOfNode {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly port: number;
}

type ServiceSettings = Pick<
  Settings,
  "kubeProxyReplacement" | "rangesForAll" | "localRedirect" | "redirectRanges"
>;

/** Frontends that one Service has, with what is needed to take them out again. */
interface Held {
  readonly service: Service;
  readonly entries: readonly {
    readonly ports: FrontendPorts;
    readonly key: number;
    readonly frontend: ServiceFrontend;
  }[];
}

/**
 * Frontends by address, protocol and port: `cilium_lb4_services_v2` and its
 * IPv6 twin. Node ports stand under the wildcard address; every node has the
 * same map but for the slots behind a frontend.
 */
export class ServiceMap implements Frontends {
  readonly #cluster: ClusterView;
  readonly #settings: ServiceSettings;
  readonly #redirects: Redirects;
  readonly #v4 = new Map<number, FrontendPorts>();
  readonly #v6 = new Map<string, FrontendPorts>();
  readonly #nodePorts: Readonly<Record<4 | 6, FrontendPorts>> = {
    4: new FrontendPorts(),
    6: new FrontendPorts(),
  };
  /** By node, then family: ports of pods on their node. */
  readonly #hostPorts = new Map<
    string,
    Readonly<Record<4 | 6, FrontendPorts>>
  >();
  readonly #clock = { changes: 0 };
  readonly #held = new Map<string, Held>();
  /** Two Services claim one address: who has it depends on all of them. */
  #contested = false;
  #hostPods: readonly Pod[] = [];

  constructor(
    cluster: ClusterView,
    settings: ServiceSettings,
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#redirects = new Redirects(cluster, settings);
    this.refresh([]);
  }

  /** What of the redirects is not loaded, and why. */
  get warnings(): readonly string[] {
    return this.#redirects.warnings;
  }

  /** Takes in what has changed in the cluster, and the redirects among policies. */
  refresh(objects: readonly KubeObject[]): void {
    this.#clock.changes++;
    this.#redirects.refresh(objects);
    const { services } = this.#cluster;
    const changed = [...services].filter(([key, service]) =>
      this.#held.get(key)?.service !== service
    );
    const gone = [...this.#held.keys()].filter((key) => !services.has(key));
    if (changed.length + gone.length > 0) {
      const anew = this.#contested;
      if (anew) this.#contested = false;
      for (const key of anew ? [...this.#held.keys()] : gone) this.#remove(key);
      for (const [key, service] of anew ? services : changed) {
        this.#remove(key);
        this.#addService(key, service);
      }
    }
    if (this.#settings.kubeProxyReplacement) this.#refreshHostPorts();
  }

  #refreshHostPorts(): void {
    const pods = [...this.#cluster.pods.values()].filter((pod) =>
      pod.running && !pod.hostNetwork &&
      pod.ports.some(({ hostPort }) => hostPort !== null)
    );
    const same = pods.length === this.#hostPods.length &&
      pods.every((pod, at) => pod === this.#hostPods[at]);
    if (same) return;
    this.#hostPods = pods;
    this.#hostPorts.clear();
    for (const pod of pods) this.#addHostPorts(pod);
  }

  #remove(key: string): void {
    for (
      const { ports, key: at, frontend } of this.#held.get(key)?.entries ?? []
    ) {
      if (ports.get(at) === frontend) ports.delete(at);
    }
    this.#held.delete(key);
  }

  find(
    { destination: ip, protocol, destinationPort: port }: Asked,
    node: string,
  ): Frontend | undefined {
    const ports = ip.family === 4 ? this.#v4.get(ip.w3) : this.#v6.get(ip.text);
    const found = ports?.get(protocol << 16 | port);
    return this.#redirects.none
      ? found
      : this.#redirects.at(found, { node, ip, protocol, port });
  }

  nodePort(
    family: 4 | 6,
    protocol: number,
    port: number,
  ): Frontend | undefined {
    return this.#nodePorts[family].get(protocol << 16 | port);
  }

  hostPort(
    node: string,
    { family, protocol, port }: PortOfNode,
  ): Frontend | undefined {
    return this.#hostPorts.get(node)?.[family].get(protocol << 16 | port);
  }

  ofNode(node: string, at: PortOfNode): Frontend | undefined {
    return this.nodePort(at.family, at.protocol, at.port) ??
      this.hostPort(node, at);
  }

  /** Without the replacement the agent still keeps ClusterIPs, for pods (cilium/cilium issue 16197). */
  #addService(key: string, service: Service): void {
    if (service.type === "ExternalName" || service.headless) {
      this.#held.set(key, { service, entries: [] });
      return;
    }
    const { kubeProxyReplacement: replaces, rangesForAll } = this.#settings;
    const entries: Held["entries"][number][] = [];
    for (const port of service.ports) {
      const protocol = protocolNumber(port.protocol) << 16;
      const add = (ports: FrontendPorts, number: number, at: {
        readonly type: FrontendType;
        readonly family: 4 | 6;
        readonly ip: Ip | null;
      }) => {
        const cluster = this.#cluster;
        const clock = this.#clock;
        const more = { ...at, cluster, rangesForAll, clock };
        const frontend = serviceFrontend(service, port, more);
        if (ports.has(protocol | number)) this.#contested = true;
        ports.set(protocol | number, frontend);
        entries.push({ ports, key: protocol | number, frontend });
      };
      const addAt = (ip: Ip, type: FrontendType) =>
        add(this.#portsAt(ip), port.port, { type, family: ip.family, ip });
      for (const ip of service.clusterIps) addAt(ip, "ClusterIP");
      if (!replaces) continue;
      for (const ip of service.externalIps) addAt(ip, "ExternalIPs");
      for (const { ip, mode } of service.loadBalancerIps) {
        if (mode === "VIP") addAt(ip, "LoadBalancer");
      }
      if (port.nodePort === null) continue;
      for (const family of new Set(service.clusterIps.map((ip) => ip.family))) {
        const at = { type: "NodePort" as const, family, ip: null };
        add(this.#nodePorts[family], port.nodePort, at);
      }
    }
    this.#held.set(key, { service, entries });
  }

  #portsAt(ip: Ip): FrontendPorts {
    let ports = ip.family === 4 ? this.#v4.get(ip.w3) : this.#v6.get(ip.text);
    if (ports !== undefined) return ports;
    ports = new FrontendPorts();
    if (ip.family === 4) this.#v4.set(ip.w3, ports);
    else this.#v6.set(ip.text, ports);
    return ports;
  }

  #addHostPorts(pod: Pod): void {
    for (const { port, protocol, hostPort } of pod.ports) {
      if (hostPort === null) continue;
      let ports = this.#hostPorts.get(pod.node);
      if (ports === undefined) {
        ports = { 4: new FrontendPorts(), 6: new FrontendPorts() };
        this.#hostPorts.set(pod.node, ports);
      }
      for (const ip of pod.ips) {
        const key = protocolNumber(protocol) << 16 | hostPort;
        ports[ip.family].set(
          key,
          hostPortFrontend(pod, { port, hostPort, ip, protocol }),
        );
      }
    }
  }
}

import type { Pod, Service } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { protocolNumber } from "../../core/policy/match_rule.ts";
import {
  type Frontend,
  hostPortFrontend,
  serviceFrontend,
} from "./frontend.ts";
import type { Settings } from "./options.ts";

type Ports = Map<number, Frontend>;

/**
 * Frontends by address, protocol and port: `cilium_lb4_services_v2` and its
 * IPv6 twin. Node ports stand under the wildcard address; every node has the
 * same map but for the slots behind a frontend.
 */
export class ServiceMap {
  readonly #v4 = new Map<number, Ports>();
  readonly #v6 = new Map<string, Ports>();
  readonly #nodePorts: Readonly<Record<4 | 6, Ports>> = {
    4: new Map(),
    6: new Map(),
  };
  /** By node, then family: ports of pods on their node. */
  readonly #hostPorts = new Map<string, Readonly<Record<4 | 6, Ports>>>();

  constructor(
    cluster: ClusterView,
    settings: Pick<Settings, "kubeProxyReplacement">,
  ) {
    const replaces = settings.kubeProxyReplacement;
    for (const service of cluster.services.values()) {
      if (service.type === "ExternalName" || service.headless) continue;
      this.#addService(service, { cluster, replaces });
    }
    if (!replaces) return;
    for (const pod of cluster.pods.values()) {
      if (pod.running && !pod.hostNetwork) this.#addHostPorts(pod);
    }
  }

  /** The frontend at an address of its own. */
  find(ip: Ip, protocol: number, port: number): Frontend | undefined {
    const ports = ip.family === 4 ? this.#v4.get(ip.w3) : this.#v6.get(ip.text);
    return ports?.get(protocol << 16 | port);
  }

  /** The node port, the same on every node. */
  nodePort(
    family: 4 | 6,
    protocol: number,
    port: number,
  ): Frontend | undefined {
    return this.#nodePorts[family].get(protocol << 16 | port);
  }

  /** The port that a pod of the node has on the node. */
  hostPort(
    node: string,
    { family, protocol, port }: {
      readonly family: 4 | 6;
      readonly protocol: number;
      readonly port: number;
    },
  ): Frontend | undefined {
    return this.#hostPorts.get(node)?.[family].get(protocol << 16 | port);
  }

  /** Without the replacement the agent still keeps ClusterIPs, for pods (cilium/cilium issue 16197). */
  #addService(
    service: Service,
    { cluster, replaces }: {
      readonly cluster: ClusterView;
      readonly replaces: boolean;
    },
  ): void {
    for (const port of service.ports) {
      const add = (
        ip: Ip,
        type: "ClusterIP" | "ExternalIPs" | "LoadBalancer",
      ) =>
        this.#add(ip, {
          protocol: protocolNumber(port.protocol),
          port: port.port,
          frontend: serviceFrontend(service, port, {
            cluster,
            type,
            family: ip.family,
            ip,
          }),
        });
      for (const ip of service.clusterIps) add(ip, "ClusterIP");
      if (!replaces) continue;
      for (const ip of service.externalIps) add(ip, "ExternalIPs");
      for (const { ip, mode } of service.loadBalancerIps) {
        if (mode === "VIP") add(ip, "LoadBalancer");
      }
      if (port.nodePort === null) continue;
      const families = new Set(service.clusterIps.map((ip) => ip.family));
      for (const family of families) {
        this.#nodePorts[family].set(
          protocolNumber(port.protocol) << 16 | port.nodePort,
          serviceFrontend(service, port, {
            cluster,
            type: "NodePort",
            family,
            ip: null,
          }),
        );
      }
    }
  }

  #addHostPorts(pod: Pod): void {
    for (const { port, protocol, hostPort } of pod.ports) {
      if (hostPort === null) continue;
      let ports = this.#hostPorts.get(pod.node);
      if (ports === undefined) {
        ports = { 4: new Map(), 6: new Map() };
        this.#hostPorts.set(pod.node, ports);
      }
      for (const ip of pod.ips) {
        const key = protocolNumber(protocol) << 16 | hostPort;
        ports[ip.family].set(
          key,
          hostPortFrontend(pod, { port, hostPort, ip }),
        );
      }
    }
  }

  #add(
    ip: Ip,
    { protocol, port, frontend }: {
      readonly protocol: number;
      readonly port: number;
      readonly frontend: Frontend;
    },
  ): void {
    const key = protocol << 16 | port;
    if (ip.family === 4) {
      const ports = this.#v4.get(ip.w3);
      if (ports === undefined) this.#v4.set(ip.w3, new Map([[key, frontend]]));
      else ports.set(key, frontend);
      return;
    }
    const ports = this.#v6.get(ip.text);
    if (ports === undefined) this.#v6.set(ip.text, new Map([[key, frontend]]));
    else ports.set(key, frontend);
  }
}

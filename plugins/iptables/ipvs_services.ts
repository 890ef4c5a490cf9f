import type { Node, PortEndpoint } from "../../core/cluster/model.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { chooseEndpoints, trafficPolicies } from "./endpoint_choice.ts";
import { VirtualServer } from "./ipvs_server.ts";
import { type KubeSet, KubeSets } from "./ipvs_sets.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import type { ProxiedPort } from "./proxied_ports.ts";

/** A load balancer's address that processes of the node may not use. */
export interface NoNodeAccess {
  readonly ip: Ip;
  readonly port: number;
  readonly protocol: string;
}

/** What kube-proxy in IPVS mode has on one node in one family, but for rules. */
export interface IpvsServices {
  readonly sets: KubeSets;
  readonly servers: ReadonlyMap<string, VirtualServer>;
  /** Addresses of kube-ipvs0. */
  readonly bound: readonly Ip[];
  readonly noNodeAccess: readonly NoNodeAccess[];
}

/** Which endpoints a virtual server gets: those of the node alone, where there are any. */
type Scope = "cluster" | "local";

const NODE_PORT_SETS: Readonly<
  Record<string, { readonly all: KubeSet; readonly local: KubeSet }>
> = {
  tcp: { all: "nodePortTcp", local: "nodePortLocalTcp" },
  udp: { all: "nodePortUdp", local: "nodePortLocalUdp" },
  sctp: { all: "nodePortSctp", local: "nodePortLocalSctp" },
};

/** Gathers sets, virtual servers and addresses of a node (pkg/proxy/ipvs/proxier.go, `syncProxyRules`, as of v1.33). */
export function ipvsServices(
  ports: readonly ProxiedPort[],
  context: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
    readonly scheduler: string;
  },
): IpvsServices {
  const gatherer = new Gatherer(context);
  for (const port of ports) gatherer.add(port);
  return gatherer.finish();
}

class Gatherer {
  readonly #node: Node;
  readonly #settings: KubeProxySettings;
  readonly #scheduler: string;
  readonly #sets: KubeSets;
  readonly #servers = new Map<string, VirtualServer>();
  readonly #bound = new Map<string, Ip>();
  readonly #noNodeAccess: NoNodeAccess[] = [];
  /** All addresses of the node but loopback ones. */
  readonly #own: readonly Ip[];

  constructor({ node, settings, scheduler }: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
    readonly scheduler: string;
  }) {
    this.#node = node;
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#sets = new KubeSets(settings.family);
    this.#own = [...node.internalIps, ...node.externalIps]
      .filter((ip) => ip.family === settings.family);
  }

  finish(): IpvsServices {
    const bound = [...this.#bound.values()];
    for (const ip of bound) this.#sets.add("ipvsIps", ip.text);
    return {
      sets: this.#sets,
      servers: this.#servers,
      bound,
      noNodeAccess: this.#noNodeAccess,
    };
  }

  add(proxied: ProxiedPort): void {
    const { service, port, clusterIp, endpoints } = proxied;
    const protocol = port.protocol.toLowerCase();
    const written = `${protocol}:${port.port}`;
    for (const { ip, port, node } of endpoints) {
      if (node !== this.#node.name) continue;
      this.#sets.add("loopback", ip.text, `${protocol}:${port}`, ip.text);
    }
    this.#sets.add("clusterIp", clusterIp.text, written);
    this.#serve(proxied, {
      ip: clusterIp,
      port: port.port,
      scope: service.internalTrafficPolicy === "Local" ? "local" : "cluster",
    });
    this.#bind(clusterIp);
    const external = this.#isExternalLocal(proxied) ? "local" : "cluster";
    for (const ip of service.externalIps) {
      if (ip.family !== this.#settings.family) continue;
      const set = external === "local" ? "externalIpLocal" : "externalIp";
      this.#sets.add(set, ip.text, written);
      this.#serve(proxied, { ip, port: port.port, scope: external });
      this.#bind(ip);
    }
    for (const { ip, mode } of service.loadBalancerIps) {
      if (mode !== "VIP" || ip.family !== this.#settings.family) continue;
      this.#addBalancer(proxied, { ip, protocol, external });
    }
    if (port.nodePort !== null) {
      this.#addNodePort(proxied, { port: port.nodePort, protocol, external });
    }
    this.#addHealthCheck(proxied);
  }

  #addBalancer(
    proxied: ProxiedPort,
    { ip, protocol, external }: {
      readonly ip: Ip;
      readonly protocol: string;
      readonly external: Scope;
    },
  ): void {
    const { service, port: { port } } = proxied;
    const written = `${protocol}:${port}`;
    this.#sets.add("loadBalancer", ip.text, written);
    if (external === "local") {
      this.#sets.add("loadBalancerLocal", ip.text, written);
    }
    const ranges = service.loadBalancerSourceRanges
      .filter(({ base }) => base.family === ip.family);
    if (ranges.length > 0) {
      this.#sets.add("loadBalancerFirewall", ip.text, written);
      for (const { text } of ranges) {
        this.#sets.add("loadBalancerSourceCidr", ip.text, written, text);
      }
      const [primary] = this.#own;
      const fromNode = primary !== undefined &&
        ranges.some((range) => range.contains(primary));
      if (fromNode) {
        this.#sets.add("loadBalancerSourceIp", ip.text, written, ip.text);
      } else this.#noNodeAccess.push({ ip, port, protocol });
    }
    this.#serve(proxied, { ip, port, scope: external });
    this.#bind(ip);
  }

  #addNodePort(
    proxied: ProxiedPort,
    { port, protocol, external }: {
      readonly port: number;
      readonly protocol: string;
      readonly external: Scope;
    },
  ): void {
    const { nodePortAddresses } = this.#settings;
    const addresses = this.#own.filter((ip) =>
      nodePortAddresses === null ||
      nodePortAddresses.some((range) => range.contains(ip))
    );
    const sets = NODE_PORT_SETS[protocol];
    if (addresses.length === 0 || sets === undefined) return;
    const named = external === "local" ? [sets.all, sets.local] : [sets.all];
    for (const set of named) {
      if (protocol !== "sctp") this.#sets.add(set, `${port}`);
      else {
        for (const ip of addresses) {
          this.#sets.add(set, ip.text, `sctp:${port}`);
        }
      }
    }
    for (const ip of addresses) {
      this.#serve(proxied, { ip, port, scope: external });
    }
  }

  #addHealthCheck({ service }: ProxiedPort): void {
    const { type, externalTrafficPolicy, healthCheckNodePort } = service;
    const needed = type === "LoadBalancer" && externalTrafficPolicy === "Local";
    if (!needed || !healthCheckNodePort) return;
    this.#sets.add("healthCheck", `${healthCheckNodePort}`);
  }

  #serve(
    proxied: ProxiedPort,
    { ip, port, scope }: {
      readonly ip: Ip;
      readonly port: number;
      readonly scope: Scope;
    },
  ): void {
    const { service } = proxied;
    const server = new VirtualServer({
      ip,
      port,
      protocol: proxied.port.protocol.toLowerCase(),
      scheduler: this.#scheduler,
      persistentS: service.affinityTimeoutS,
      servers: this.#endpoints(proxied, scope),
      at: service.source,
    });
    this.#servers.set(server.key, server);
  }

  /** Without an endpoint of its own the node uses those of others, where any policy has it use them. */
  #endpoints(
    { service, port, endpoints }: ProxiedPort,
    scope: Scope,
  ): readonly PortEndpoint[] {
    const { family } = this.#settings;
    const external = [
      ...service.externalIps,
      ...service.loadBalancerIps
        .flatMap(({ ip, mode }) => mode === "VIP" ? [ip] : []),
    ].filter((ip) => ip.family === family);
    const { cluster, local } = chooseEndpoints(endpoints, {
      service,
      node: this.#node,
      policies: trafficPolicies(service, port, external.length),
    });
    return scope === "local" && local.length > 0 ? local : cluster;
  }

  #isExternalLocal({ service, port }: ProxiedPort): boolean {
    return trafficPolicies(service, port, 0).externalLocal;
  }

  /** An address that the node has elsewhere is not put on the dummy interface too. */
  #bind(ip: Ip): void {
    if (this.#own.some((own) => own.equals(ip))) return;
    this.#bound.set(ip.text, ip);
  }
}

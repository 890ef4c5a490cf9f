import type {
  Pod,
  PortEndpoint,
  Service,
  ServicePort,
} from "../../core/cluster/model.ts";
import { objectKey } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { compareText } from "./_age.ts";

/** What a proxy expects on a port; `auto`: it looks at the first bytes. */
export type PortProtocol = "http" | "tcp" | "tls" | "auto";

/** A Service port with the host name that the mesh knows it by. */
export interface MeshPort {
  readonly service: Service;
  readonly port: ServicePort;
  /** `web.shop.svc.cluster.local`. */
  readonly host: string;
  readonly protocol: PortProtocol;
}

/** Services and their ports, as the control plane reads them from the cluster. */
export class ServiceRegistry {
  readonly #cluster: ClusterView;
  readonly #byHost = new Map<string, Service>();
  readonly #byPort = new Map<number, MeshPort[]>();
  readonly #byAddress = new Map<string, MeshPort>();
  readonly #services: readonly Service[];
  readonly #protocols = new Map<string, PortProtocol | null>();
  readonly #aliases = new Map<string, readonly Service[]>();
  readonly #clusterDomain: string;

  constructor(cluster: ClusterView, clusterDomain: string) {
    this.#cluster = cluster;
    this.#clusterDomain = clusterDomain;
    this.#services = byAge(cluster.services.values());
    for (const service of this.#services) this.#add(service);
  }

  /** The host name of a Service. */
  hostNamed(name: string, namespace: string): string {
    return `${name}.${namespace}.svc.${this.#clusterDomain}`;
  }

  /** A host name as written in `namespace`: short names are of that namespace. */
  fullName(host: string, namespace: string): string {
    return host.includes(".") || host === "*"
      ? host.toLowerCase()
      : this.hostNamed(host, namespace).toLowerCase();
  }

  /** Host names of all Services. */
  get hosts(): readonly string[] {
    return [...this.#byHost.keys()];
  }

  serviceOf(host: string): Service | undefined {
    return this.#byHost.get(host);
  }

  /** Every Service port with this number, the oldest Service first. */
  portsAt(port: number): readonly MeshPort[] {
    return this.#byPort.get(port) ?? [];
  }

  portOf(host: string, port: number): MeshPort | undefined {
    return this.portsAt(port).find((entry) => entry.host === host);
  }

  /** The Service port that an address belongs to: a cluster IP, or an endpoint of a headless Service. */
  portAtAddress(ip: Ip, port: number): MeshPort | undefined {
    const found = this.#byAddress.get(`${ip.text} ${port}`);
    if (found !== undefined) return found;
    return this.portsAt(port).find((entry) =>
      entry.service.headless &&
      this.endpointsOf(entry, ip.family).some((endpoint) =>
        endpoint.ip.equals(ip)
      )
    );
  }

  /** Endpoints that traffic is sent to: the ready ones, or all where the Service wants that. */
  endpointsOf(
    { service, port }: MeshPort,
    family: 4 | 6,
  ): readonly PortEndpoint[] {
    return this.#cluster.endpointsOf(service, port, family)
      .filter((endpoint) => endpoint.ready || service.publishNotReadyAddresses);
  }

  /** What the ports of Services say of a port of a pod; the oldest Service decides. */
  protocolAt(pod: Pod, port: number): PortProtocol | null {
    const key = `${objectKey(pod)} ${port}`;
    let protocol = this.#protocols.get(key);
    if (protocol === undefined) {
      protocol = this.#declaredAt(pod, port);
      this.#protocols.set(key, protocol);
    }
    return protocol;
  }

  #declaredAt(pod: Pod, port: number): PortProtocol | null {
    for (const service of this.#services) {
      if (service.namespace !== pod.namespace) continue;
      for (const servicePort of service.ports) {
        if (servicePort.protocol !== "TCP") continue;
        const serves = pod.ips.some((ip) =>
          this.#cluster.endpointsOf(service, servicePort, ip.family).some((
            endpoint,
          ) => endpoint.pod === objectKey(pod) && endpoint.port === port)
        );
        if (serves) return protocolOf(servicePort);
      }
    }
    return null;
  }

  /** Services that are another name for this host, by `externalName`. */
  aliasesOf(host: string): readonly Service[] {
    return this.#aliases.get(host) ?? [];
  }

  #add(service: Service): void {
    if (service.type === "ExternalName") {
      const target = service.externalName?.toLowerCase() ?? "";
      const aliases = this.#aliases.get(target) ?? [];
      this.#aliases.set(target, [...aliases, service]);
      return;
    }
    const host = this.hostNamed(service.name, service.namespace);
    this.#byHost.set(host, service);
    for (const port of service.ports) {
      if (port.protocol !== "TCP") continue;
      const entry = { service, port, host, protocol: protocolOf(port) };
      const list = this.#byPort.get(port.port) ?? [];
      this.#byPort.set(port.port, [...list, entry]);
      for (const ip of service.clusterIps) {
        const key = `${ip.text} ${port.port}`;
        if (!this.#byAddress.has(key)) this.#byAddress.set(key, entry);
      }
    }
  }
}

/**
 * The protocol that a Service port declares by `appProtocol`, else by the
 * first word of its name; some well-known ports are never sniffed because
 * their servers speak first (istio/istio pkg/config/kube/conversion.go,
 * ConvertProtocol).
 */
export function protocolOf(
  port: Pick<ServicePort, "name" | "appProtocol" | "port">,
): PortProtocol {
  const written = (port.appProtocol ?? port.name ?? "").toLowerCase();
  const standard = STANDARD_PROTOCOLS[written];
  if (standard !== undefined) return standard;
  if (written.startsWith("grpc-web")) return "http";
  const word = written.split("-", 1)[0]!;
  return PROTOCOLS[word] ?? (SERVER_FIRST.includes(port.port) ? "tcp" : "auto");
}

/** Names that Kubernetes itself defines for `appProtocol`. */
const STANDARD_PROTOCOLS: Readonly<Record<string, PortProtocol>> = {
  "kubernetes.io/h2c": "http",
  "kubernetes.io/ws": "http",
  "kubernetes.io/wss": "tls",
};

const PROTOCOLS: Readonly<Record<string, PortProtocol>> = {
  http: "http",
  http2: "http",
  grpc: "http",
  https: "tls",
  tls: "tls",
  tcp: "tcp",
  mongo: "tcp",
  mysql: "tcp",
  redis: "tcp",
};

/** SMTP, DNS, MySQL, MongoDB. */
const SERVER_FIRST: readonly number[] = [25, 53, 3306, 27017];

function byAge(services: Iterable<Service>): Service[] {
  return [...services].sort((a, b) =>
    compareText(a.createdAt ?? "", b.createdAt ?? "") ||
    compareText(`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`)
  );
}

import type {
  PortEndpoint,
  Service,
  ServicePort,
} from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";

/** Services with this label belong to another proxy (LabelServiceProxyName). */
const OTHER_PROXY_LABEL = "service.kubernetes.io/service-proxy-name";

/** One Service port that kube-proxy serves. */
export interface ProxiedPort {
  readonly service: Service;
  readonly port: ServicePort;
  readonly clusterIp: Ip;
  /** `ns/name:port`, or `ns/name`. */
  readonly name: string;
  readonly endpoints: readonly PortEndpoint[];
}

/** Tells ports of one family apart. */
export function portKey({ name, port }: ProxiedPort): string {
  return `${name} ${port.protocol}`;
}

/** The ports that kube-proxy serves in one family, by name: the order of its own map is random. */
export function proxiedPorts(
  cluster: ClusterView,
  family: 4 | 6,
): ProxiedPort[] {
  const ports: ProxiedPort[] = [];
  for (const service of cluster.services.values()) {
    const clusterIp = service.clusterIps.find((ip) => ip.family === family);
    if (
      clusterIp === undefined || service.type === "ExternalName" ||
      OTHER_PROXY_LABEL in service.labels
    ) continue;
    for (const port of service.ports) {
      const base = `${service.namespace}/${service.name}`;
      ports.push({
        service,
        port,
        clusterIp,
        name: port.name ? `${base}:${port.name}` : base,
        endpoints: cluster.endpointsOf(service, port, family),
      });
    }
  }
  return ports.sort((a, b) =>
    a.name < b.name
      ? -1
      : a.name > b.name
      ? 1
      : a.port.protocol < b.port.protocol
      ? -1
      : 1
  );
}

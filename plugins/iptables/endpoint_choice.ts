import type {
  Node,
  PortEndpoint,
  Service,
  ServicePort,
} from "../../core/cluster/model.ts";
import { backendText } from "./choice.ts";

/** Traffic policies of one Service port as kube-proxy reads them (pkg/proxy/serviceport.go). */
export interface TrafficPolicies {
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  readonly externallyAccessible: boolean;
}

/** Endpoints that one node uses for a Service port (pkg/proxy/topology.go, `CategorizeEndpoints`). */
export interface ChosenEndpoints {
  /** For the Cluster traffic policy. */
  readonly cluster: readonly PortEndpoint[];
  /** For the Local traffic policy. */
  readonly local: readonly PortEndpoint[];
  /** All that any policy reaches from here. */
  readonly reachable: readonly PortEndpoint[];
  /** Some endpoint somewhere can be used. */
  readonly any: boolean;
}

export function trafficPolicies(
  service: Service,
  port: ServicePort,
  /** Addresses outside of the cluster in the family at hand. */
  externalAddresses: number,
): TrafficPolicies {
  const external = service.type === "LoadBalancer" ||
    service.type === "NodePort" || service.externalIps.length > 0;
  return {
    internalLocal: service.internalTrafficPolicy === "Local",
    externalLocal: external && service.externalTrafficPolicy === "Local",
    externallyAccessible: port.nodePort !== null || externalAddresses > 0,
  };
}

/** Chooses among all endpoints of a port. */
export function chooseEndpoints(
  all: readonly PortEndpoint[],
  { service, node, policies }: {
    readonly service: Service;
    readonly node: Node;
    readonly policies: TrafficPolicies;
  },
): ChosenEndpoints {
  const endpoints = sortedEndpoints(all);
  const { internalLocal, externalLocal, externallyAccessible } = policies;
  const usesCluster = !internalLocal || externallyAccessible;
  const usesLocal = internalLocal || (externalLocal && externallyAccessible);
  const isNear = usesCluster ? topologyOf(endpoints, service, node) : null;
  const ready = endpoints.filter((endpoint) =>
    endpoint.ready && (isNear === null || isNear(endpoint))
  );
  const cluster = !usesCluster
    ? []
    : ready.length > 0
    ? ready
    : endpoints.filter(isServingTerminating);
  if (!usesLocal) {
    return { cluster, local: [], reachable: cluster, any: cluster.length > 0 };
  }
  const here = endpoints.filter((endpoint) => endpoint.node === node.name);
  const readyHere = here.filter((endpoint) => endpoint.ready);
  const local = readyHere.length > 0
    ? readyHere
    : here.filter(isServingTerminating);
  const any = cluster.length > 0 ||
    endpoints.some((endpoint) =>
      endpoint.ready || isServingTerminating(endpoint)
    );
  return { cluster, local, reachable: union(cluster, local), any };
}

/** kube-proxy sorts `ip:port` as text and keeps one endpoint of each. */
function sortedEndpoints(
  endpoints: readonly PortEndpoint[],
): readonly PortEndpoint[] {
  const byText = new Map(
    endpoints.map((endpoint) => [endpointText(endpoint), endpoint]),
  );
  return [...byText]
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([, endpoint]) => endpoint);
}

/** `ip:port`, as in comments and the names of chains. */
export function endpointText({ ip, port }: PortEndpoint): string {
  return backendText(ip.text, port);
}

function isServingTerminating(endpoint: PortEndpoint): boolean {
  return !endpoint.ready && endpoint.serving && endpoint.terminating;
}

function union(
  cluster: readonly PortEndpoint[],
  local: readonly PortEndpoint[],
): readonly PortEndpoint[] {
  return [...cluster, ...local.filter((one) => !cluster.includes(one))];
}

/**
 * Which ready endpoints are near enough, where some are and all say where they
 * are meant for: those of the node, else those of its zone; null: all of them
 * (pkg/proxy/topology.go, `topologyModeFromHints`). The controller of
 * EndpointSlices hints every ready endpoint to its own node for PreferSameNode.
 */
function topologyOf(
  endpoints: readonly PortEndpoint[],
  service: Service,
  node: Node,
): ((endpoint: PortEndpoint) => boolean) | null {
  if (!wantsHints(service)) return null;
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const isHere = (endpoint: PortEndpoint) => endpoint.node === node.name;
  const isHintedHere = (endpoint: PortEndpoint) => isHintedTo(endpoint, node);
  if (
    service.trafficDistribution === "PreferSameNode" && ready.some(isHere) &&
    ready.every((endpoint) => endpoint.node !== null)
  ) {
    return isHere;
  }
  const zoned = ready.every(({ zoneHints }) => zoneHints.length > 0);
  return zoned && ready.some(isHintedHere) ? isHintedHere : null;
}

/** Whether a Service asks for endpoints by zone. */
export function wantsHints(
  { annotations, trafficDistribution }: Service,
): boolean {
  const annotation =
    annotations["service.kubernetes.io/topology-aware-hints"] ??
      annotations["service.kubernetes.io/topology-mode"] ?? "";
  return trafficDistribution !== null ||
    (annotation !== "" && annotation.toLowerCase() !== "disabled");
}

function isHintedTo({ zoneHints }: PortEndpoint, { zone }: Node): boolean {
  return zone !== null && zoneHints.includes(zone);
}

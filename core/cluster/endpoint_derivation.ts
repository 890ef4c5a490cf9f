import type { Endpoint, Node, Pod, Service, ServicePort } from "./model.ts";
import { objectKey } from "./model.ts";

/** Where the pods and nodes that endpoints are made of are found. */
export interface EndpointSource {
  /** Pods of the Service's namespace that its selector selects, by key. */
  readonly pods: readonly Pod[];
  readonly nodes: ReadonlyMap<string, Node>;
}

/** An endpoint with the pod it was made of. */
export interface DerivedEndpoint {
  readonly endpoint: Endpoint;
  readonly pod: Pod;
}

/**
 * The endpoints that the EndpointSlice controller writes for a Service with a
 * selector (staging/src/k8s.io/endpointslice/utils.go, `podToEndpoint`).
 */
export function deriveEndpoints(
  service: Service,
  { pods, nodes }: EndpointSource,
): DerivedEndpoint[] {
  // "Services with Type ExternalName receive no endpoints from this controller".
  if (service.type === "ExternalName") return [];
  const derived: DerivedEndpoint[] = [];
  for (const pod of pods) {
    if (!pod.running) continue;
    for (const ip of pod.ips) {
      if (!familiesOf(service).includes(ip.family)) continue;
      const zone = nodes.get(pod.node)?.zone ?? null;
      const ready = service.publishNotReadyAddresses ||
        (pod.ready && !pod.terminating);
      const endpoint: Endpoint = {
        ip,
        ready,
        serving: pod.ready,
        terminating: pod.terminating,
        node: pod.node,
        zone,
        hostname: hostnameIn(service, pod),
        pod: objectKey(pod),
        zoneHints: ready ? hints(service, zone) : [],
      };
      derived.push({ endpoint, pod });
    }
  }
  return derived;
}

/**
 * The number of a Service port on one pod; undefined when the pod has no port
 * of that name and protocol (pkg/api/v1/pod/util.go, `FindPort`).
 */
export function targetPortOn(
  pod: Pod,
  { targetPort, protocol }: ServicePort,
): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  return pod.ports.find((port) =>
    port.name === targetPort && port.protocol === protocol
  )?.port;
}

/** The families a Service has endpoints in. */
export function familiesOf(service: Service): readonly (4 | 6)[] {
  if (service.families !== undefined) return service.families;
  if (service.clusterIps.length === 0) return [4, 6];
  return service.clusterIps.map((ip) => ip.family);
}

/** `ShouldSetHostname`: only under the Service that the pod's subdomain names. */
function hostnameIn(service: Service, pod: Pod): string | null {
  return pod.subdomain === service.name ? pod.hostname ?? null : null;
}

/**
 * Every endpoint is for its own zone (endpointslice/trafficdist). The hints
 * of the topology-mode annotation need each node's CPUs and win over these,
 * so a Service that has it gets none here.
 */
function hints(service: Service, zone: string | null): readonly string[] {
  const auto = service.annotations["service.kubernetes.io/topology-mode"] ??
    service.annotations["service.kubernetes.io/topology-aware-hints"];
  if (auto?.toLowerCase() === "auto" || zone === null) return [];
  return HINTING.has(service.trafficDistribution ?? "") ? [zone] : [];
}

const HINTING: ReadonlySet<string> = new Set([
  "PreferClose",
  "PreferSameZone",
  "PreferSameNode",
]);

import { Cluster } from "../../core/cluster/cluster.ts";
import type {
  EndpointSlice,
  Node,
  Protocol,
  Service,
} from "../../core/cluster/model.ts";
import { newEvent } from "../../core/event.ts";
import { Cidr, Ip } from "../../core/packet/ip.ts";

/** Objects as the API serves them, as far as kube-proxy's own tests fill them in. */
export interface ApiService {
  readonly metadata: ApiMeta;
  readonly spec: {
    readonly type?: Service["type"];
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ipFamilies?: readonly ("IPv4" | "IPv6")[];
    readonly externalIPs?: readonly string[];
    readonly ports: readonly ApiPort[];
    readonly loadBalancerSourceRanges?: readonly string[];
    readonly healthCheckNodePort?: number;
    readonly externalTrafficPolicy?: "Cluster" | "Local";
    readonly internalTrafficPolicy?: "Cluster" | "Local";
    readonly sessionAffinity?: string;
    readonly sessionAffinityConfig?: {
      readonly clientIP?: { readonly timeoutSeconds?: number };
    };
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip: string }[];
    };
  };
}

export interface ApiSlice {
  readonly metadata: ApiMeta;
  readonly addressType: string;
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly nodeName?: string;
    readonly conditions?: {
      readonly ready?: boolean;
      readonly serving?: boolean;
      readonly terminating?: boolean;
    };
  }[];
  readonly ports: readonly ApiPort[];
}

interface ApiMeta {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface ApiPort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: Protocol;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
}

const NOWHERE = { file: "case", line: 1, column: 1 };

/** A cluster of one node with exactly these objects: nothing is made up. */
export function clusterOf(
  services: readonly ApiService[],
  slices: readonly ApiSlice[],
  node: Node,
): Cluster {
  const cluster = new Cluster();
  cluster.apply(newEvent("node.applied", { node }));
  for (const service of services) {
    cluster.apply(
      newEvent("service.applied", { service: serviceOf(service) }),
    );
  }
  for (const slice of slices) {
    cluster.apply(newEvent("endpoints.applied", { slice: sliceOf(slice) }));
  }
  return cluster;
}

/** A node with these addresses. */
export function nodeOf(name: string, ips: readonly string[]): Node {
  return {
    name,
    labels: {},
    annotations: {},
    source: NOWHERE,
    internalIps: ips.map(Ip.of),
    externalIps: [],
    podCidrs: [],
    zone: null,
  };
}

function metaOf(meta: ApiMeta) {
  return {
    name: meta.name,
    namespace: meta.namespace,
    labels: meta.labels ?? {},
    annotations: meta.annotations ?? {},
    source: NOWHERE,
  };
}

/** The Service as the core has it. */
export function serviceOf({ metadata, spec, status }: ApiService): Service {
  const clusterIp = spec.clusterIP ?? "";
  const headless = clusterIp.toLowerCase() === "none";
  return {
    ...metaOf(metadata),
    type: spec.type ?? "ClusterIP",
    clusterIps: headless || clusterIp === ""
      ? []
      : (spec.clusterIPs ?? [clusterIp]).map(Ip.of),
    ...(spec.ipFamilies === undefined ? {} : {
      families: spec.ipFamilies.map((name) => name === "IPv4" ? 4 : 6),
    }),
    headless,
    externalIps: (spec.externalIPs ?? []).map(Ip.of),
    loadBalancerIps: (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ({
      ip: Ip.of(ip),
      mode: "VIP",
    })),
    loadBalancerSourceRanges: (spec.loadBalancerSourceRanges ?? []).map(
      (range) => Cidr.of(range.trim()),
    ),
    externalName: null,
    ports: spec.ports.map((port) => ({
      name: port.name || null,
      protocol: port.protocol ?? "TCP",
      port: port.port!,
      targetPort: port.targetPort ?? port.port!,
      nodePort: port.nodePort || null,
      appProtocol: null,
    })),
    selector: null,
    affinityTimeoutS: spec.sessionAffinity === "ClientIP"
      ? spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800
      : null,
    externalTrafficPolicy: spec.externalTrafficPolicy ?? "Cluster",
    internalTrafficPolicy: spec.internalTrafficPolicy ?? "Cluster",
    trafficDistribution: null,
    healthCheckNodePort: spec.healthCheckNodePort ?? null,
    publishNotReadyAddresses: false,
    createdAt: null,
  };
}

/** The EndpointSlice as the core has it. */
export function sliceOf(slice: ApiSlice): EndpointSlice {
  return {
    ...metaOf(slice.metadata),
    service: slice.metadata.labels?.["kubernetes.io/service-name"] ?? "",
    family: slice.addressType === "IPv6" ? 6 : 4,
    ports: slice.ports.map((port) => ({
      name: port.name || null,
      port: port.port ?? null,
      protocol: port.protocol ?? "TCP",
    })),
    endpoints: slice.endpoints.flatMap((endpoint) => {
      const ready = endpoint.conditions?.ready ?? true;
      return endpoint.addresses.map((address) => ({
        ip: Ip.of(address),
        ready,
        serving: endpoint.conditions?.serving ?? ready,
        terminating: endpoint.conditions?.terminating ?? false,
        node: endpoint.nodeName ?? null,
        zone: null,
        hostname: null,
        pod: null,
        zoneHints: [],
      }));
    }),
  };
}

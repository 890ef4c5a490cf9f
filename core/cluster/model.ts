import type { Cidr, Ip } from "../packet/ip.ts";
import type { SourcePosition } from "../source.ts";

/** Transport protocols that Kubernetes objects can name. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/** Labels or annotations. */
export type Labels = Readonly<Record<string, string>>;

/** What every object of the cluster carries. */
export interface ObjectMeta {
  readonly name: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly source: SourcePosition;
}

/** A namespace. `kubernetes.io/metadata.name` is always among its labels. */
export type Namespace = ObjectMeta;

/** A node with its addresses, in the order its status gives them. */
export interface Node extends ObjectMeta {
  readonly internalIps: readonly Ip[];
  readonly externalIps: readonly Ip[];
  readonly podCidrs: readonly Cidr[];
  readonly zone: string | null;
}

/** One port that a container declares. */
export interface ContainerPort {
  readonly name: string | null;
  readonly port: number;
  readonly protocol: Protocol;
  readonly hostPort: number | null;
  readonly hostIp: string | null;
}

/**
 * A pod. Its workload is the controller that made it (`Deployment`, not the
 * ReplicaSet between), or the pod itself.
 */
export interface Pod extends ObjectMeta {
  readonly namespace: string;
  /** Addresses from its status or given to it, one a family; those of its node when `hostNetwork`. */
  readonly ips: readonly Ip[];
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly ports: readonly ContainerPort[];
  readonly serviceAccount: string;
  readonly workload: { readonly kind: string; readonly name: string };
  readonly ready: boolean;
  readonly terminating: boolean;
  /** False when it has ended (Succeeded, Failed): its address may be another's by now. */
  readonly running: boolean;
  /** Names of its containers, init containers included. */
  readonly containers: readonly string[];
  /** `spec.hostname`, with `spec.subdomain` a name of its own in cluster DNS; absent without. */
  readonly hostname?: string;
  /** `spec.subdomain`: the headless Service its own name lies under; absent without. */
  readonly subdomain?: string;
}

/** One port of a Service. */
export interface ServicePort {
  readonly name: string | null;
  readonly protocol: Protocol;
  readonly port: number;
  readonly targetPort: number | string;
  readonly nodePort: number | null;
  readonly appProtocol: string | null;
}

/** An address that a load balancer has for a Service. */
export interface LoadBalancerIp {
  readonly ip: Ip;
  /** `Proxy`: the load balancer rewrites the destination itself, nodes must not capture the address. */
  readonly mode: "VIP" | "Proxy";
}

/** A Service. */
export interface Service extends ObjectMeta {
  readonly namespace: string;
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** Empty for headless and ExternalName Services. */
  readonly clusterIps: readonly Ip[];
  readonly headless: boolean;
  readonly externalIps: readonly Ip[];
  readonly loadBalancerIps: readonly LoadBalancerIp[];
  readonly loadBalancerSourceRanges: readonly Cidr[];
  readonly externalName: string | null;
  readonly ports: readonly ServicePort[];
  readonly selector: Labels | null;
  /** Seconds of client address affinity; null without affinity. */
  readonly affinityTimeoutS: number | null;
  readonly externalTrafficPolicy: "Cluster" | "Local";
  readonly internalTrafficPolicy: "Cluster" | "Local";
  readonly trafficDistribution: string | null;
  readonly healthCheckNodePort: number | null;
  readonly publishNotReadyAddresses: boolean;
  readonly createdAt: string | null;
  /** `spec.ipFamilies`, the primary first; absent: those of its clusterIps, or both when it has none. */
  readonly families?: readonly (4 | 6)[];
}

/** One endpoint of an EndpointSlice; the null conditions of the API are resolved to their defaults. */
export interface Endpoint {
  readonly ip: Ip;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly node: string | null;
  readonly zone: string | null;
  readonly hostname: string | null;
  /** `ns/name` of the pod behind it. */
  readonly pod: string | null;
  readonly zoneHints: readonly string[];
}

/** An EndpointSlice, or an Endpoints object read as one. */
export interface EndpointSlice extends ObjectMeta {
  readonly namespace: string;
  readonly service: string;
  readonly family: 4 | 6;
  readonly ports: readonly {
    readonly name: string | null;
    readonly port: number | null;
    readonly protocol: Protocol;
  }[];
  readonly endpoints: readonly Endpoint[];
}

/** An endpoint of one Service port, with the port that it serves it on. */
export interface PortEndpoint extends Endpoint {
  readonly port: number;
}

/**
 * Any object that governs traffic and that the core does not model itself:
 * policies, routes, gateways, mesh configuration. JSON-safe.
 */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
    readonly creationTimestamp?: string;
  };
  readonly spec?: unknown;
  /** Several specs in one object, where a kind allows them. */
  readonly specs?: unknown;
  readonly status?: unknown;
  readonly data?: unknown;
  /** Where the object was read, and `line:column` of each mapping entry and list item in it. */
  readonly source: ObjectSource;
}

/** Position of an object and of the parts of it, keyed by path: `spec.ingress.0.from` -> `"12:9"`. */
export interface ObjectSource extends SourcePosition {
  readonly parts?: Readonly<Record<string, string>>;
}

/** Position of a part of an object, or of the nearest enclosing part that has one. */
export function partPosition(
  object: Pick<KubeObject, "source">,
  path: readonly (string | number)[],
): SourcePosition {
  const { file, line, column, parts } = object.source;
  for (let length = path.length; parts !== undefined && length > 0; length--) {
    const found = parts[path.slice(0, length).join(".")];
    if (found !== undefined) {
      const [partLine, partColumn] = found.split(":");
      return { file, line: Number(partLine), column: Number(partColumn) };
    }
  }
  return { file, line, column };
}

/** `namespace/name`, the key of namespaced objects. */
export function objectKey(
  object: { readonly namespace: string; readonly name: string },
): string {
  return `${object.namespace}/${object.name}`;
}

import type { Cidr, Ip } from "../packet/ip.ts";
import type { SourcePosition } from "../source.ts";

/** Transport protocols that Kubernetes objects can name. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/** Labels or annotations. */
export type Labels = Readonly<Record<string, string>>;

/** What every object of the cluster carries. */
export interface ObjectMeta {
  /** `metadata.name`; unique among its kind, within its namespace where the kind has one. */
  readonly name: string;
  /** Empty when it has none. */
  readonly labels: Labels;
  /** Empty when it has none; the copy that `kubectl apply` keeps there is left out. */
  readonly annotations: Labels;
  /** Where the manifest it comes from begins. */
  readonly source: SourcePosition;
}

/** A namespace. `kubernetes.io/metadata.name` is always among its labels. */
export type Namespace = ObjectMeta;

/** A node with its addresses, in the order its status gives them. */
export interface Node extends ObjectMeta {
  /** Addresses of type `InternalIP`; packets from this node that are masqueraded take one of these. */
  readonly internalIps: readonly Ip[];
  /** Addresses of type `ExternalIP`; empty for most nodes. */
  readonly externalIps: readonly Ip[];
  /** `spec.podCIDRs`: what its pods' addresses are allotted from; at most one a family. */
  readonly podCidrs: readonly Cidr[];
  /** The label `topology.kubernetes.io/zone`, or its beta forerunner; null without. */
  readonly zone: string | null;
}

/** One port that a container declares. */
export interface ContainerPort {
  /** What a Service's `targetPort` may call it; null when it has no name. */
  readonly name: string | null;
  /** `containerPort`, 1 to 65535. */
  readonly port: number;
  /** TCP where the manifest names none. */
  readonly protocol: Protocol;
  /** Port of the node that leads to it; null for none, and in hostNetwork pods, where nothing is mapped. */
  readonly hostPort: number | null;
  /** The only address of the node on which `hostPort` is open; null: all of them. */
  readonly hostIp: string | null;
}

/**
 * A pod. Its workload is the controller that made it (`Deployment`, not the
 * ReplicaSet between), or the pod itself.
 */
export interface Pod extends ObjectMeta {
  /** `default` where the manifest names none. */
  readonly namespace: string;
  /** Addresses from its status or given to it, one a family; those of its node when `hostNetwork`. */
  readonly ips: readonly Ip[];
  /** Name of the node it runs on; given to it where the manifest leaves it to the scheduler. */
  readonly node: string;
  /** Whether it shares its node's network namespace; its packets then take a node process's way. */
  readonly hostNetwork: boolean;
  /** What its containers and sidecars declare. Declaring opens nothing; named target ports are looked up here. */
  readonly ports: readonly ContainerPort[];
  /** `default` where the manifest names none. */
  readonly serviceAccount: string;
  /** What users call its maker; kind `Pod` and its own name when nothing made it. */
  readonly workload: { readonly kind: string; readonly name: string };
  /** The `Ready` condition; true where the manifest has no status, false once it has ended. */
  readonly ready: boolean;
  /** Whether it has a `deletionTimestamp`. */
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
  /** Null only in a Service with a single port; slices match their ports to it by name. */
  readonly name: string | null;
  /** TCP where the manifest names none. */
  readonly protocol: Protocol;
  /** Port at the Service's own addresses, 1 to 65535. */
  readonly port: number;
  /** A number, or the name of a container port, which each pod may have at another number. */
  readonly targetPort: number | string;
  /** Port at every node; null for Services that are not exposed so. */
  readonly nodePort: number | null;
  /** `kubernetes.io/h2c`, `http`, ... as written: a hint for proxies; null without. */
  readonly appProtocol: string | null;
}

/** An address that a load balancer has for a Service. */
export interface LoadBalancerIp {
  /** From `status.loadBalancer.ingress`, else `spec.loadBalancerIP`. */
  readonly ip: Ip;
  /** `Proxy`: the load balancer rewrites the destination itself, nodes must not capture the address. */
  readonly mode: "VIP" | "Proxy";
}

/** A Service. */
export interface Service extends ObjectMeta {
  /** `default` where the manifest names none. */
  readonly namespace: string;
  /** `ClusterIP` where the manifest names none. */
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** Empty for headless and ExternalName Services. */
  readonly clusterIps: readonly Ip[];
  /** `clusterIP: None`: its name resolves to its endpoints, and nothing translates. */
  readonly headless: boolean;
  /** `spec.externalIPs`: addresses routed to nodes by other means than a load balancer. */
  readonly externalIps: readonly Ip[];
  /** Empty unless the type is LoadBalancer. */
  readonly loadBalancerIps: readonly LoadBalancerIp[];
  /** Clients that may use the load balancer's addresses; empty: all. */
  readonly loadBalancerSourceRanges: readonly Cidr[];
  /** The DNS name that an ExternalName Service is an alias of; null for other types. */
  readonly externalName: string | null;
  /** In the order of the manifest; may be empty for headless and ExternalName Services. */
  readonly ports: readonly ServicePort[];
  /** Labels of the pods behind it; null when its endpoints are given by hand. */
  readonly selector: Labels | null;
  /** Seconds of client address affinity; null without affinity. */
  readonly affinityTimeoutS: number | null;
  /** `Local`: traffic from outside goes to endpoints of the node it arrived at, and keeps its source. */
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** `Local`: traffic from inside goes to endpoints of the sender's node, or nowhere. */
  readonly internalTrafficPolicy: "Cluster" | "Local";
  /** `PreferClose`, `PreferSameZone`, `PreferSameNode`, as written; null without. */
  readonly trafficDistribution: string | null;
  /** Where load balancers ask a node for local endpoints; null unless LoadBalancer with policy `Local`. */
  readonly healthCheckNodePort: number | null;
  /** Whether pods that are not ready count as ready endpoints. */
  readonly publishNotReadyAddresses: boolean;
  /** `creationTimestamp` as written (RFC 3339), which settles who came first; null without. */
  readonly createdAt: string | null;
  /** `spec.ipFamilies`, the primary first; absent: those of its clusterIps, or both when it has none. */
  readonly families?: readonly (4 | 6)[];
}

/** One endpoint of an EndpointSlice; the null conditions of the API are resolved to their defaults. */
export interface Endpoint {
  /** Of the family of its slice. */
  readonly ip: Ip;
  /** Whether it should get new connections; true where the slice says nothing (discovery/v1). */
  readonly ready: boolean;
  /** As `ready`, but terminating does not count against it; true where the slice says nothing. */
  readonly serving: boolean;
  /** Whether it is being shut down; false where the slice says nothing. */
  readonly terminating: boolean;
  /** Name of the node it is on; null when unknown, as for endpoints outside the cluster. */
  readonly node: string | null;
  /** As the slice says; a derived endpoint has its node's. Null without. */
  readonly zone: string | null;
  /** Its own name under a headless Service; null without. */
  readonly hostname: string | null;
  /** `ns/name` of the pod behind it. */
  readonly pod: string | null;
  /** Zones whose clients it is meant for; empty: no hint. */
  readonly zoneHints: readonly string[];
}

/** An EndpointSlice, or an Endpoints object read as one. */
export interface EndpointSlice extends ObjectMeta {
  /** That of its Service. */
  readonly namespace: string;
  /** Name of the Service, from the label `kubernetes.io/service-name`. */
  readonly service: string;
  /** Of all its endpoints: a dual-stack Service has slices of both. */
  readonly family: 4 | 6;
  /** Served by every endpoint of the slice; a null name goes with an unnamed Service port. */
  readonly ports: readonly {
    readonly name: string | null;
    readonly port: number | null;
    readonly protocol: Protocol;
  }[];
  /** In the order of the slice, whatever their conditions. */
  readonly endpoints: readonly Endpoint[];
}

/** An endpoint of one Service port, with the port that it serves it on. */
export interface PortEndpoint extends Endpoint {
  /** The number at this endpoint, a named target port looked up. */
  readonly port: number;
}

/**
 * Any object that governs traffic and that the core does not model itself:
 * policies, routes, gateways, mesh configuration. JSON-safe.
 */
export interface KubeObject {
  /** `group/version`; `v1` for the core group. */
  readonly apiVersion: string;
  /** As written: `NetworkPolicy`, `HTTPRoute`, ... */
  readonly kind: string;
  /** The part of it that may govern something; `namespace` is absent for kinds without one. */
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
    readonly creationTimestamp?: string;
  };
  /** As written and unchecked: its reader must expect anything. */
  readonly spec?: unknown;
  /** Several specs in one object, where a kind allows them. */
  readonly specs?: unknown;
  /** As written and unchecked. */
  readonly status?: unknown;
  /** Of a ConfigMap or its like; as written and unchecked. */
  readonly data?: unknown;
  /** Of a CiliumIdentity, which has no spec; as written and unchecked. */
  readonly "security-labels"?: unknown;
  /** Where the object was read, and `line:column` of each mapping entry and list item in it. */
  readonly source: ObjectSource;
}

/** Position of an object and of the parts of it, keyed by path: `spec.ingress.0.from` -> `"12:9"`. */
export interface ObjectSource extends SourcePosition {
  /** Absent for objects that were not read from text. */
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

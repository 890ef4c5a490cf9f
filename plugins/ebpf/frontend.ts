import type {
  Pod,
  PortEndpoint,
  Protocol,
  Service,
  ServicePort,
} from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Cidr, Ip } from "../../core/packet/ip.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import type { Rule } from "../../core/source.ts";
import { type BackendSet, backendSet } from "./backend_set.ts";

/** Kinds of frontends, as `cilium-dbg service list` names them. */
export type FrontendType =
  | "ClusterIP"
  | "NodePort"
  | "LoadBalancer"
  | "ExternalIPs"
  | "HostPort"
  | "LocalRedirect";

/** Counts the changes of the cluster, after each of which endpoints may be others. */
export interface ChangeClock {
  changes: number;
}

/** The clients a frontend is for. */
export interface SourceRanges {
  readonly ranges: readonly Cidr[];
  /** It is for everyone else. */
  readonly deny: boolean;
}

/** Turns the ranges into those who may not (pkg/annotation, service.cilium.io/src-ranges-policy). */
const RANGES_POLICY = "service.cilium.io/src-ranges-policy";

/** How one Service is forwarded, where its annotations count (bpf-lb-mode-annotation). */
const FORWARDING_MODE = "service.cilium.io/forwarding-mode";

/** One address and port that is load balanced. */
export interface Frontend {
  readonly type: FrontendType;
  readonly rule: Rule;
  /** Names it in tables: `shop/web:http NodePort 4`. */
  readonly key: string;
  readonly protocol: Protocol;
  /** Whom it does not translate for; null: nobody. */
  readonly spares: ((pod: Pod) => boolean) | null;
  readonly affinityNs: number | null;
  /** Null: from everywhere. */
  readonly sourceRanges: SourceRanges | null;
  /** Why what becomes of its traffic is not known; null when it is. */
  readonly unmodelled: string | null;
  /**
   * The backends on a node's map. What comes off the wire is in the external
   * scope and keeps to `externalTrafficPolicy`, what the node's own pods and
   * processes send in the internal one and keeps to `internalTrafficPolicy`
   * (pkg/loadbalancer/writer, shouldUseLocalBackends; bpf/lib/lb.h,
   * lb4_lookup_service).
   */
  backends(node: string, scope: "internal" | "external"): BackendSet;
  /** Whether only the node's own backends count. */
  isLocal(scope: "internal" | "external"): boolean;
  /**
   * Pods and processes of the node find no such frontend: an external address
   * has no entry in the internal scope, which is looked at where the two
   * traffic policies differ (cilium/cilium issue 42245).
   */
  readonly isHiddenInside: boolean;
  /** How its own packets go to other nodes, where Services may choose. */
  readonly forwarding: "dsr" | "snat" | null;
}

/** A frontend of the manifests' Services and pods. */
export class ServiceFrontend implements Frontend {
  readonly type: FrontendType;
  readonly service: Service | null;
  readonly rule: Rule;
  readonly key: string;
  readonly protocol: Protocol;
  readonly affinityNs: number | null;
  readonly sourceRanges: SourceRanges | null;
  readonly unmodelled = null;
  /** Of the Service's port; empty without one. */
  readonly portName: string;
  readonly spares: Frontend["spares"];
  readonly #localInside: boolean;
  readonly #localOutside: boolean;
  readonly #endpoints: () => readonly PortEndpoint[];
  /** Of every node, and of single nodes where a policy is local. */
  #everywhere: BackendSet | null = null;
  readonly #onNode = new Map<string, BackendSet>();
  readonly #clock: ChangeClock;
  #at = -1;
  /** What the sets were made of. */
  #seen: readonly PortEndpoint[] = [];

  constructor(init: {
    readonly type: FrontendType;
    readonly service: Service | null;
    readonly key: string;
    readonly rule: Rule;
    readonly endpoints: () => readonly PortEndpoint[];
    readonly clock: ChangeClock;
    readonly protocol: Protocol;
    readonly portName?: string;
    readonly spares?: (pod: Pod) => boolean;
    readonly sourceRanges?: SourceRanges;
  }) {
    this.type = init.type;
    this.protocol = init.protocol;
    this.portName = init.portName ?? "";
    this.spares = init.spares ?? null;
    this.service = init.service;
    this.key = init.key;
    this.rule = init.rule;
    this.#endpoints = init.endpoints;
    this.#clock = init.clock;
    const seconds = init.service?.affinityTimeoutS ?? null;
    this.affinityNs = seconds === null ? null : seconds * 1_000_000_000;
    this.sourceRanges = init.sourceRanges ?? null;
    this.#localInside = init.service?.internalTrafficPolicy === "Local";
    this.#localOutside = init.service?.externalTrafficPolicy === "Local";
  }

  backends(node: string, scope: "internal" | "external"): BackendSet {
    if (this.#at !== this.#clock.changes) this.#refresh();
    if (!this.isLocal(scope)) return this.#everywhere ??= this.#setOf(null);
    let set = this.#onNode.get(node);
    if (set === undefined) this.#onNode.set(node, set = this.#setOf(node));
    return set;
  }

  #setOf(onlyNode: string | null): BackendSet {
    const publishNotReady = this.service?.publishNotReadyAddresses ?? false;
    return backendSet(this.#seen, { onlyNode, publishNotReady });
  }

  #refresh(): void {
    this.#at = this.#clock.changes;
    const endpoints = this.#endpoints();
    if (endpoints === this.#seen) return;
    this.#seen = endpoints;
    this.#everywhere = null;
    this.#onNode.clear();
  }

  /** Whether only the node's own backends count. */
  isLocal(scope: "internal" | "external"): boolean {
    // A ClusterIP has but one scope, which is the internal policy's.
    return scope === "external" && this.type !== "ClusterIP"
      ? this.#localOutside
      : this.#localInside;
  }

  get forwarding(): Frontend["forwarding"] {
    const wish = this.service?.annotations[FORWARDING_MODE];
    return wish === "dsr" || wish === "snat" ? wish : null;
  }

  get isHiddenInside(): boolean {
    return this.type === "ExternalIPs" &&
      this.#localInside !== this.#localOutside;
  }
}

/** A frontend of a Service port. */
export function serviceFrontend(
  service: Service,
  port: ServicePort,
  at: {
    readonly cluster: ClusterView;
    readonly type: FrontendType;
    readonly family: 4 | 6;
    /** Null: whatever address of a node. */
    readonly ip: Ip | null;
    /** The ranges of a load balancer hold for its other frontends too (bpf-lb-source-range-all-types). */
    readonly rangesForAll: boolean;
    readonly clock: ChangeClock;
  },
): ServiceFrontend {
  const { cluster, type, family, ip } = at;
  const name = `${service.namespace}/${service.name}`;
  const number = type === "NodePort" ? port.nodePort ?? 0 : port.port;
  const where = ip === null ? `*:${number}` : formatEndpoint(ip, number);
  const ranges = service.loadBalancerSourceRanges;
  const ranged = ranges.length > 0 &&
    (type === "LoadBalancer" || at.rangesForAll);
  return new ServiceFrontend({
    type,
    service,
    key: `${name}:${port.port}/${port.protocol} ${type} ${family}`,
    rule: {
      name:
        `cilium_lb${family}_services_v2 ${where}/${port.protocol} (${type})`,
      text: `Service ${name}`,
      source: service.source,
    },
    endpoints: () => cluster.endpointsOf(service, port, family),
    clock: at.clock,
    protocol: port.protocol,
    portName: port.name ?? "",
    ...(ranged
      ? {
        sourceRanges: {
          ranges,
          deny: service.annotations[RANGES_POLICY] === "deny",
        },
      }
      : {}),
  });
}

/** The frontend of a port that a pod has on its node. */
export function hostPortFrontend(
  pod: Pod,
  { port, hostPort, ip, protocol }: {
    readonly protocol: Protocol;
    readonly port: number;
    readonly hostPort: number;
    /** The pod's address. */
    readonly ip: Ip;
  },
): ServiceFrontend {
  const endpoints: readonly PortEndpoint[] = [{
    ip,
    port,
    ready: true,
    serving: true,
    terminating: false,
    node: pod.node,
    zone: null,
    hostname: null,
    pod: `${pod.namespace}/${pod.name}`,
    zoneHints: [],
  }];
  return new ServiceFrontend({
    type: "HostPort",
    protocol,
    service: null,
    key: `${pod.namespace}/${pod.name} ${hostPort} HostPort ${ip.family}`,
    rule: {
      name: `cilium_lb${ip.family}_services_v2 *:${hostPort} (HostPort)`,
      text: `Pod ${pod.namespace}/${pod.name}`,
      source: pod.source,
    },
    endpoints: () => endpoints,
    clock: { changes: 0 },
  });
}

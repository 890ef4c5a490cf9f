import type {
  Pod,
  PortEndpoint,
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
  | "HostPort";

/** One address and port that is load balanced. */
export class Frontend {
  readonly type: FrontendType;
  readonly service: Service | null;
  readonly rule: Rule;
  /** Names it in tables: `shop/web:http NodePort 4`. */
  readonly key: string;
  readonly affinityNs: number | null;
  /** Null: from everywhere. */
  readonly sourceRanges: readonly Cidr[] | null;
  readonly #endpoints: () => readonly PortEndpoint[];
  readonly #sets = new Map<string, BackendSet>();

  constructor(init: {
    readonly type: FrontendType;
    readonly service: Service | null;
    readonly key: string;
    readonly rule: Rule;
    readonly endpoints: () => readonly PortEndpoint[];
    readonly sourceRanges?: readonly Cidr[];
  }) {
    this.type = init.type;
    this.service = init.service;
    this.key = init.key;
    this.rule = init.rule;
    this.#endpoints = init.endpoints;
    const seconds = init.service?.affinityTimeoutS ?? null;
    this.affinityNs = seconds === null ? null : seconds * 1_000_000_000;
    this.sourceRanges = init.sourceRanges ?? null;
  }

  /**
   * The backends on a node's map. In the external scope, that of packets off
   * the wire, `externalTrafficPolicy: Local` keeps those of the node; in the
   * internal scope, that of the node's own pods and processes, all count
   * unless both policies are local (lb4_lookup_service, the scope switch).
   */
  backends(node: string, scope: "internal" | "external"): BackendSet {
    const local = this.isLocal(scope);
    const key = local ? node : "";
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = backendSet(this.#endpoints(), {
        onlyNode: local ? node : null,
        publishNotReady: this.service?.publishNotReadyAddresses ?? false,
      });
      this.#sets.set(key, set);
    }
    return set;
  }

  isLocal(scope: "internal" | "external"): boolean {
    const { service } = this;
    if (service === null) return false;
    const internal = service.internalTrafficPolicy === "Local";
    if (this.type === "ClusterIP") return internal;
    const external = service.externalTrafficPolicy === "Local";
    return scope === "external" ? external : external && internal;
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
  },
): Frontend {
  const { cluster, type, family, ip } = at;
  const name = `${service.namespace}/${service.name}`;
  const number = type === "NodePort" ? port.nodePort ?? 0 : port.port;
  const where = ip === null ? `*:${number}` : formatEndpoint(ip, number);
  const ranged = type === "LoadBalancer" &&
    service.loadBalancerSourceRanges.length > 0;
  return new Frontend({
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
    ...(ranged ? { sourceRanges: service.loadBalancerSourceRanges } : {}),
  });
}

/** The frontend of a port that a pod has on its node. */
export function hostPortFrontend(
  pod: Pod,
  { port, hostPort, ip }: {
    readonly port: number;
    readonly hostPort: number;
    /** The pod's address. */
    readonly ip: Ip;
  },
): Frontend {
  return new Frontend({
    type: "HostPort",
    service: null,
    key: `${pod.namespace}/${pod.name} ${hostPort} HostPort ${ip.family}`,
    rule: {
      name: `cilium_lb${ip.family}_services_v2 *:${hostPort} (HostPort)`,
      text: `Pod ${pod.namespace}/${pod.name}`,
      source: pod.source,
    },
    endpoints: () => [{
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
    }],
  });
}

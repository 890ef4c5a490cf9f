import type { KubeObject, Pod } from "../../core/cluster/model.ts";
import { objectKey } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";
import {
  type AuthorizationPolicy,
  governs,
  readAuthorizationPolicy,
} from "./authorization_policy.ts";
import { DestinationRules } from "./destination_rule.ts";
import { type Chain, compileForEnvoy } from "./envoy_rbac.ts";
import { type DataPlane, dataPlaneOf } from "./membership.ts";
import type { MeshOptions } from "./options.ts";
import { PeerAuthentications } from "./peer_authentication.ts";
import type { CompiledPolicy } from "./rbac.ts";
import { RouteConfig } from "./route_config.ts";
import { ServiceRegistry } from "./service_registry.ts";
import { ServiceRoutes } from "./service_routes.ts";
import { appliedOf, type MeshState, objectsOf } from "./state.ts";
import { Unmodelled } from "./unmodelled.ts";
import { readVirtualServices } from "./virtual_service.ts";
import { compileForZtunnel } from "./ztunnel_rbac.ts";

/** A mesh as its control plane would configure it: everything that proxies ask. */
export class Mesh {
  readonly cluster: ClusterView;
  readonly options: MeshOptions;
  readonly registry: ServiceRegistry;
  readonly routes: RouteConfig;
  readonly destinationRules: DestinationRules;
  readonly peerAuthentications: PeerAuthentications;
  readonly unmodelled: Unmodelled;
  readonly #policies: readonly AuthorizationPolicy[];
  readonly #gateways: readonly KubeObject[];
  readonly #planes = new Map<string, DataPlane>();
  readonly #compiled = new Map<string, readonly CompiledPolicy[]>();
  #ambient: boolean | undefined;

  constructor(
    state: MeshState,
    { cluster, options }: {
      readonly cluster: ClusterView;
      readonly options: MeshOptions;
    },
  ) {
    const { rootNamespace } = options;
    const registry = new ServiceRegistry(cluster, options.clusterDomain);
    this.cluster = cluster;
    this.options = options;
    this.registry = registry;
    this.routes = new RouteConfig(
      readVirtualServices(objectsOf(state, "VirtualService"), registry),
      {
        registry,
        clusterDomain: options.clusterDomain,
        serviceRoutes: new ServiceRoutes(
          [...appliedOf(state, "HTTPRoute"), ...appliedOf(state, "GRPCRoute")],
          registry,
        ),
      },
    );
    this.destinationRules = new DestinationRules(
      objectsOf(state, "DestinationRule"),
      { registry, rootNamespace },
    );
    this.peerAuthentications = new PeerAuthentications(
      objectsOf(state, "PeerAuthentication"),
      rootNamespace,
    );
    this.unmodelled = new Unmodelled(state, { registry, rootNamespace });
    this.#gateways = objectsOf(state, "Gateway");
    this.#policies = objectsOf(state, "AuthorizationPolicy")
      .map(readAuthorizationPolicy);
  }

  /** The data plane of a pod; worked out once. */
  planeOf(pod: Pod): DataPlane {
    const key = objectKey(pod);
    let plane = this.#planes.get(key);
    if (plane === undefined) {
      plane = dataPlaneOf(pod, this.cluster, this.options);
      this.#planes.set(key, plane);
    }
    return plane;
  }

  /** The data plane behind an address. */
  planeAt(ip: Ip): DataPlane {
    const pod = this.cluster.podAt(ip);
    return pod === undefined ? "none" : this.planeOf(pod);
  }

  /** A Gateway of Gateway API. */
  gateway(namespace: string, name: string): KubeObject | undefined {
    return this.#gateways.find(({ metadata }) =>
      metadata.name === name && (metadata.namespace ?? "default") === namespace
    );
  }

  /**
   * Whether sidecars speak HBONE too. The installation profile that brings
   * ambient turns it on for them (ISTIO_META_ENABLE_HBONE).
   */
  get hasAmbient(): boolean {
    return this.#ambient ??= [...this.cluster.pods.values()].some((pod) =>
      pod.running && this.planeOf(pod) === "ambient"
    );
  }

  /** The authorization policies of a pod's sidecar, or of its ztunnel, compiled once. */
  policiesOf(pod: Pod, chain: Chain | "ztunnel"): readonly CompiledPolicy[] {
    const key = `${chain} ${objectKey(pod)}`;
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      const governing = this.#policies.filter((policy) =>
        governs(policy, pod, this.options.rootNamespace)
      );
      compiled = chain === "ztunnel"
        ? compileForZtunnel(governing)
        : compileForEnvoy(governing, {
          chain,
          trustDomains: [
            this.options.trustDomain,
            ...this.options.trustDomainAliases,
          ],
        });
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }
}

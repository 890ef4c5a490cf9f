import type { KubeObject } from "../../core/cluster/model.ts";
import type { BackendReference } from "../../core/l7/http_route.ts";
import type { Route, Target } from "../../core/l7/route.ts";
import { serviceRouteTable } from "../../core/l7/service_routes.ts";
import type { Applied } from "./_age.ts";
import type { MeshPort, ServiceRegistry } from "./service_registry.ts";
import type { Upstream } from "./upstream.ts";
import type { Client } from "./virtual_service.ts";

/**
 * Routes of Gateway API that have a Service as their parent, in Istio's
 * reading of what the specification leaves open: a regular expression comes
 * after prefixes and matches the whole path (istio/istio
 * pilot/pkg/config/kube/gateway/conversion.go, getURIRank).
 */
export class ServiceRoutes {
  readonly #routes: readonly Applied[];
  readonly #registry: ServiceRegistry;

  constructor(routes: readonly Applied[], registry: ServiceRegistry) {
    this.#routes = routes;
    this.#registry = registry;
  }

  /** The routes of a Service port for a client; undefined when it has none. */
  routesOf(
    { service, port }: MeshPort,
    client: Client,
  ): readonly Route<Upstream>[] | undefined {
    if (this.#routes.length === 0) return undefined;
    const aged = this.#routes.map(({ object, appliedNs }) => ({
      object,
      age: {
        createdAt: object.metadata.creationTimestamp ?? null,
        appliedNs,
        namespace: object.metadata.namespace ?? "default",
        name: object.metadata.name,
      },
    }));
    return serviceRouteTable<Upstream>(aged, {
      service,
      port: port.port,
      client: client.namespace,
      order: { regexPaths: "after-prefixes", method: "before-headers" },
      regexPaths: { full: true, caseInsensitive: false },
      resolve: (reference, route) =>
        this.#resolve(reference, { route, parent: service }),
    })?.hosts[0]?.host.routes;
  }

  #resolve(
    { group, kind, namespace, name, port }: BackendReference,
    { route, parent }: {
      readonly route: KubeObject;
      readonly parent: MeshPort["service"];
    },
  ): Target<Upstream> {
    const isHost = group === "networking.istio.io" && kind === "Hostname";
    if (!isHost && (group !== "" || kind !== "Service")) {
      return { kind: "respond", status: 500, reason: `no backend ${kind}` };
    }
    const isParent = name === parent.name && namespace === parent.namespace;
    if (!isHost && !isParent && namespace !== route.metadata.namespace) {
      return { kind: "unknown", reason: "ReferenceGrant is not modelled here" };
    }
    const host = isHost ? name : this.#registry.hostNamed(name, namespace);
    if (!isHost && this.#registry.serviceOf(host) === undefined) {
      return { kind: "respond", status: 500, reason: `no service ${host}` };
    }
    return port === null
      ? { kind: "respond", status: 500, reason: "no port" }
      : { kind: "backend", backend: { host, port, subset: null } };
  }
}

import type { Service } from "../../core/cluster/model.ts";
import { compareDomains, inDomain } from "../../core/l7/host.ts";
import { record, records } from "../../core/l7/json.ts";
import {
  NO_FILTERS,
  NO_PATIENCE,
  type Route,
  routeMatch,
} from "../../core/l7/route.ts";
import {
  type RouteTable,
  routeTable,
  type VirtualHost,
} from "../../core/l7/route_table.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import type { Rule } from "../../core/source.ts";
import { compileHttpRoutes } from "./http_route.ts";
import type { MeshPort, ServiceRegistry } from "./service_registry.ts";
import type { ServiceRoutes } from "./service_routes.ts";
import type { Upstream } from "./upstream.ts";
import {
  type Client,
  labelsKey,
  reachesClient,
  type VirtualService,
} from "./virtual_service.ts";

/** Hosts that no Service has get their routes on this port alone. */
const SERVICELESS_PORT = 80;

/**
 * The HTTP routes that istiod sends to sidecars: a table a port, a virtual
 * host for each Service on it, with the routes of the VirtualService that
 * owns the host (istio/istio pilot/pkg/networking/core/httproute.go,
 * BuildSidecarOutboundVirtualHosts).
 */
export class RouteConfig {
  readonly #services: readonly VirtualService[];
  readonly #registry: ServiceRegistry;
  readonly #clusterDomain: string;
  readonly #serviceRoutes: ServiceRoutes;
  readonly #tables = new Map<string, RouteTable<Upstream>>();
  /** Whether the labels of clients select routes; otherwise a namespace shares its tables. */
  readonly #byLabels: boolean;

  constructor(
    services: readonly VirtualService[],
    { registry, clusterDomain, serviceRoutes }: {
      readonly registry: ServiceRegistry;
      readonly clusterDomain: string;
      readonly serviceRoutes: ServiceRoutes;
    },
  ) {
    this.#serviceRoutes = serviceRoutes;
    this.#services = services;
    this.#byLabels = services.some(selectsSources);
    this.#registry = registry;
    this.#clusterDomain = clusterDomain;
  }

  /** The table of a port that several Services share, picked from by host name. */
  tableOf(client: Client, port: number): RouteTable<Upstream> {
    return this.#remembered(
      `${port}`,
      client,
      () => this.#virtualHosts(client, port),
    );
  }

  /** The table of one Service port, which takes any host name. */
  tableOfService(port: MeshPort, client: Client): RouteTable<Upstream> {
    return this.#remembered(`${port.host}:${port.port.port}`, client, () => [{
      name: port.host,
      domains: ["*"],
      routes: this.routesOf(port, client),
    }]);
  }

  /** The routes of one Service port, whatever host name was asked for. */
  routesOf(port: MeshPort, client: Client): readonly Route<Upstream>[] {
    const ofService = this.#serviceRoutes.routesOf(port, client);
    const owner = this.ownerOf(port.host, client);
    if (ofService !== undefined) {
      return owner === undefined ? ofService : ofService.map(contested);
    }
    const routes = owner === undefined ? [] : compileHttpRoutes(owner, {
      client,
      port: port.port.port,
      registry: this.#registry,
    });
    return routes.length > 0 ? routes : [defaultRoute(port)];
  }

  /**
   * The VirtualService that owns a host: the oldest of those that name it,
   * else the one with the most specific wildcard. Others are ignored, for
   * nothing is merged in sidecars (IST0109).
   */
  ownerOf(host: string, client: Client): VirtualService | undefined {
    const visible = this.#services.filter((service) =>
      reachesClient(service, client.namespace)
    );
    const exact = visible.find((service) => service.hosts.includes(host));
    if (exact !== undefined) return exact;
    const domains = visible.flatMap((service) => service.hosts)
      .filter((domain) => domain.includes("*") && inDomain(domain, host))
      .sort(compareDomains);
    return visible.find((service) => service.hosts.includes(domains[0] ?? ""));
  }

  #remembered(
    name: string,
    client: Client,
    hosts: () => readonly VirtualHost<Upstream>[],
  ): RouteTable<Upstream> {
    const key = `${name} ${client.namespace} ${
      this.#byLabels ? labelsKey(client.labels) : ""
    }`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = routeTable(name, hosts());
      this.#tables.set(key, table);
    }
    return table;
  }

  #virtualHosts(client: Client, port: number): VirtualHost<Upstream>[] {
    const ports = this.#registry.portsAt(port).filter(({ protocol }) =>
      protocol === "http" || protocol === "auto"
    );
    const ofServices = ports.map((entry) => ({
      name: entry.host,
      domains: [entry.service, ...this.#registry.aliasesOf(entry.host)]
        .flatMap((service) => this.#domainsOf(service, client)),
      routes: this.routesOf(entry, client),
    }));
    return [...this.#serviceless(client, port), ...ofServices];
  }

  /** Virtual hosts for names in VirtualServices that no Service has. */
  *#serviceless(
    client: Client,
    port: number,
  ): Generator<VirtualHost<Upstream>> {
    for (const service of this.#services) {
      if (!reachesClient(service, client.namespace)) continue;
      const routes = compileHttpRoutes(service, {
        client,
        port,
        registry: this.#registry,
      });
      const domains = service.hosts.filter((host) => !this.#isServed(host));
      if (routes.length === 0 || domains.length === 0) continue;
      const ports = this.#httpPortsOf(service);
      if (ports.size === 0 ? port === SERVICELESS_PORT : ports.has(port)) {
        yield { name: domains[0]!, domains, routes };
      }
    }
  }

  /** HTTP ports of the Services that a VirtualService names. */
  #httpPortsOf(service: VirtualService): ReadonlySet<number> {
    return new Set(
      service.hosts.flatMap((host) => {
        const found = this.#registry.serviceOf(host);
        return (found?.ports ?? [])
          .map(({ port }) => this.#registry.portOf(host, port))
          .flatMap((entry) =>
            entry?.protocol === "http" || entry?.protocol === "auto"
              ? [entry.port.port]
              : []
          );
      }),
    );
  }

  #isServed(host: string): boolean {
    return host.includes("*")
      ? this.#registry.hosts.some((served) => inDomain(host, served))
      : this.#registry.serviceOf(host) !== undefined;
  }

  /** Every name and address by which a client may ask for a Service (generateVirtualHostDomains). */
  #domainsOf(service: Service, client: Client): string[] {
    const { name, namespace } = service;
    const names = [
      `${name}.${namespace}.svc.${this.#clusterDomain}`,
      `${name}.${namespace}.svc`,
      `${name}.${namespace}`,
      ...(namespace === client.namespace ? [name] : []),
    ];
    return [
      ...names,
      ...(service.headless ? names.map((domain) => `*.${domain}`) : []),
      ...service.clusterIps.map((ip) =>
        formatEndpoint(ip, 0).replace(/:0$/, "")
      ),
    ];
  }
}

/** Whether a match block of a VirtualService is for clients with certain labels. */
function selectsSources({ http }: VirtualService): boolean {
  return http.some((route) =>
    records(record(route).match).some(({ sourceLabels }) =>
      sourceLabels !== undefined
    )
  );
}

/** Which of the two wins is nowhere written. */
function contested(route: Route<Upstream>): Route<Upstream> {
  const reason =
    "a VirtualService and a route of Gateway API claim the Service";
  return { ...route, action: { kind: "unknown", reason } };
}

function defaultRoute({ service, port, host }: MeshPort): Route<Upstream> {
  const rule: Rule = {
    name: `Service ${service.namespace}/${service.name} port ${port.port}`,
    source: service.source,
  };
  return {
    name: "default",
    matches: [routeMatch(rule)],
    rule,
    action: {
      kind: "forward",
      emptyStatus: 503,
      filters: NO_FILTERS,
      mirrors: [],
      patience: NO_PATIENCE,
      targets: [{
        weight: 1,
        target: {
          kind: "backend",
          backend: { host, port: port.port, subset: null },
        },
        filters: NO_FILTERS,
        rule,
      }],
    },
  };
}

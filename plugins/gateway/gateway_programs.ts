import { compareDomains } from "../../core/l7/host.ts";
import { compileGrpcRoute, GRPC_ORDER } from "../../core/l7/grpc_route.ts";
import { compileHttpRoute, compileTargets } from "../../core/l7/http_route.ts";
import { record, records, text } from "../../core/l7/json.ts";
import {
  compareAge,
  orderRoutes,
  type RankedRoute,
} from "../../core/l7/ranked_route.ts";
import { routeTable, type VirtualHost } from "../../core/l7/route_table.ts";
import { partPosition } from "../../core/cluster/model.ts";
import type { Rule } from "../../core/source.ts";
import { type Attached, attachedRoutes } from "./attachment.ts";
import { type ReferenceScope, resolveBackend } from "./backend_reference.ts";
import {
  compileListeners,
  type Listener,
  type ListenerScope,
} from "./listeners.ts";
import type { Profile } from "./options.ts";
import type {
  HttpListener,
  PortProgram,
  ServerNameRoute,
  ServiceBackend,
  StreamRoute,
  TlsListener,
} from "./program.ts";
import { ageOf, type Applied, namespaceOf } from "./state.ts";

/** What the programs of a Gateway are compiled from. */
export interface GatewayScope extends ListenerScope {
  readonly profile: Profile;
  readonly references: ReferenceScope;
  /** Routes of every kind. */
  readonly routes: readonly Applied[];
}

/** Programs of a Gateway, one for each port and protocol that its listeners open. */
export function compileGateway(
  gateway: Applied,
  scope: GatewayScope,
): readonly PortProgram[] {
  const listeners = compileListeners(gateway.object, scope);
  const ports = new Map<string, Listener[]>();
  for (const listener of listeners) {
    const key = `${
      listener.protocol === "UDP" ? "udp" : "tcp"
    } ${listener.port}`;
    ports.set(key, [...(ports.get(key) ?? []), listener]);
  }
  const { object } = gateway;
  const owner = `Gateway ${namespaceOf(object)}/${object.metadata.name}`;
  return [...ports.values()].map((group) => compilePort(owner, group, scope));
}

function compilePort(
  owner: string,
  listeners: readonly Listener[],
  scope: GatewayScope,
): PortProgram {
  const first = listeners[0]!;
  const attached = new Map(
    listeners.map((listener) =>
      [listener, attachedRoutes(listener, scope.routes)] as const
    ),
  );
  const http = (protocol: string) =>
    mergeUnlessIsolated(
      listeners
        .filter((listener) => listener.protocol === protocol)
        .map((listener) =>
          compileHttp(listener, attached.get(listener)!, scope)
        ),
      protocol === "HTTP" && !scope.profile.listenerIsolation,
    ).map(({ listener, hosts }) => httpListener(listener, hosts, scope));
  const stream = listeners.find(({ protocol }) =>
    protocol === "TCP" || protocol === "UDP"
  );
  return {
    owner,
    port: first.port,
    protocol: first.protocol === "UDP" ? "udp" : "tcp",
    plain: http("HTTP"),
    secure: [
      ...http("HTTPS"),
      ...listeners
        .filter(({ protocol }) => protocol === "TLS")
        .map((listener) =>
          compileTls(listener, attached.get(listener)!, scope)
        ),
    ],
    stream: stream === undefined
      ? null
      : compileStream(attached.get(stream)!, scope),
    unmodelled: listeners.find(({ unmodelled }) => unmodelled !== null)
      ?.unmodelled ?? null,
    rule: first.rule,
    profile: scope.profile,
  };
}

interface CompiledHttp {
  readonly listener: Listener;
  readonly hosts: readonly HostRoutes[];
}

/** Routes of one domain, with the host name their route wrote. */
interface HostRoutes {
  readonly domain: string;
  readonly original: string;
  readonly grpc: boolean;
  readonly routes: readonly RankedRoute<ServiceBackend>[];
}

function compileHttp(
  listener: Listener,
  attached: readonly Attached[],
  scope: GatewayScope,
): CompiledHttp {
  const hosts = attached.flatMap(({ route, hostnames }) => {
    const { object } = route;
    const grpc = object.kind === "GRPCRoute";
    const from = { kind: object.kind, namespace: namespaceOf(object) };
    const compile = grpc ? compileGrpcRoute : compileHttpRoute;
    const routes = compile<ServiceBackend>(object, {
      age: ageOf(route),
      regexPaths: scope.profile.regex,
      resolve: (reference) =>
        resolveBackend(reference, { scope: scope.references, from }),
    });
    return hostnames.map((share) => ({ ...share, grpc, routes }));
  });
  return { listener, hosts };
}

/** Without isolation the listeners of a port act as one. */
function mergeUnlessIsolated(
  listeners: readonly CompiledHttp[],
  merge: boolean,
): readonly CompiledHttp[] {
  const [first] = listeners;
  if (!merge || first === undefined) return listeners;
  return [{
    listener: { ...first.listener, domain: "*" },
    hosts: listeners.flatMap(({ hosts }) => hosts),
  }];
}

function httpListener(
  listener: Listener,
  hosts: readonly HostRoutes[],
  { profile }: GatewayScope,
): HttpListener {
  const byDomain = new Map<string, HostRoutes[]>();
  for (const host of hosts) {
    const group = byDomain.get(host.domain);
    if (group === undefined) byDomain.set(host.domain, [host]);
    else group.push(host);
  }
  const virtualHosts = [...byDomain].map((
    [domain, group],
  ): VirtualHost<ServiceBackend> => ({
    name: domain,
    domains: [domain],
    routes: orderHosts(group, profile),
  }));
  return {
    kind: "http",
    name: listener.name,
    domain: listener.domain,
    table: routeTable(listener.rule.name, virtualHosts, {
      fallThrough: profile.hostnameFallThrough,
    }),
    rule: listener.rule,
  };
}

/** Routes of one domain in their order: where it counts, those of the more specific original host name first. */
function orderHosts(hosts: readonly HostRoutes[], profile: Profile) {
  const originals = profile.hostnamePrecedence === "original"
    ? [...new Set(hosts.map(({ original }) => original))].sort(compareDomains)
    : [null];
  return originals.flatMap((original) => {
    const group = hosts.filter((host) =>
      original === null || host.original === original
    );
    const grpc = group.filter((host) => host.grpc);
    const http = group.filter((host) => !host.grpc);
    return [
      ...orderRoutes(unique(grpc), GRPC_ORDER),
      ...orderRoutes(unique(http), profile.order),
    ].map(({ route }) => route);
  });
}

/** Two host names of one route may narrow to one domain; its routes count once. */
function unique(hosts: readonly HostRoutes[]) {
  return [...new Set(hosts.flatMap(({ routes }) => routes))];
}

function compileTls(
  listener: Listener,
  attached: readonly Attached[],
  scope: GatewayScope,
): TlsListener {
  const routes = attached.flatMap(({ route, hostnames }) =>
    hostnames.map(({ domain }): ServerNameRoute => ({
      domain,
      ...firstRule(route, scope),
    }))
  );
  return {
    kind: "tls",
    name: listener.name,
    domain: listener.domain,
    terminates: listener.terminates,
    // The sort is stable: of routes with one name the oldest stays first.
    routes: routes.sort((a, b) => compareDomains(a.domain, b.domain)),
    rule: listener.rule,
  };
}

/** Of several TCPRoutes or UDPRoutes on a listener only the oldest carries traffic. */
function compileStream(
  attached: readonly Attached[],
  scope: GatewayScope,
): StreamRoute | null {
  const [oldest] = attached
    .map(({ route }) => route)
    .sort((a, b) => compareAge(ageOf(a), ageOf(b)));
  return oldest === undefined ? null : firstRule(oldest, scope);
}

/** TLSRoutes, TCPRoutes and UDPRoutes have one rule without matches. */
function firstRule(route: Applied, scope: GatewayScope): StreamRoute {
  const { object } = route;
  const rule = record(records(record(object.spec).rules)[0]);
  const at = ["spec", "rules", 0];
  const from = { kind: object.kind, namespace: namespaceOf(object) };
  const own = text(rule.name);
  const name = `${object.kind} ${from.namespace}/${object.metadata.name}${
    own === undefined ? "" : ` (${own})`
  }`;
  const cited: Rule = { name, source: partPosition(object, at) };
  return {
    name,
    targets: compileTargets<ServiceBackend>(object, {
      rule,
      at,
      resolve: (reference) =>
        resolveBackend(reference, { scope: scope.references, from }),
    }),
    rule: cited,
  };
}

import { routeTable, type VirtualHost } from "../../core/l7/route_table.ts";
import { NO_FILTERS, routeMatch } from "../../core/l7/route.ts";
import { resolveIngressBackend } from "./ingress_backend.ts";
import { citeIngress, type IngressScope } from "./ingress_scope.ts";
import { compileServers, type Server, serverRoutes } from "./nginx_servers.ts";
import type {
  HttpListener,
  PortProgram,
  ServiceBackend,
  TlsListener,
} from "./program.ts";
import type { Applied } from "./state.ts";

/**
 * Programs of the ingress-nginx controller. It listens on 80 and 443 whatever
 * the Ingresses say; a host without a certificate gets the default one.
 */
export function compileNginxIngress(
  ingresses: readonly Applied[],
  scope: IngressScope,
): readonly PortProgram[] {
  const [first] = ingresses;
  if (first === undefined) return [];
  const rule = citeIngress(first.object, ["spec"]);
  const servers = compileServers(ingresses);
  const listener: HttpListener = {
    kind: "http",
    name: "nginx",
    domain: "*",
    table: routeTable("nginx", virtualHosts(servers, scope), {
      wildcards: "one",
    }),
    rule,
  };
  const shared = {
    owner: "Ingresses",
    protocol: "tcp",
    stream: null,
    unmodelled: null,
    rule,
    profile: { ...scope.profile, misdirectedRequests: false },
  } as const;
  const passthrough = scope.options.sslPassthrough
    ? servers.flatMap((server) => passthroughListener(server, scope))
    : [];
  return [
    { ...shared, port: 80, plain: [listener], secure: [] },
    { ...shared, port: 443, plain: [], secure: [...passthrough, listener] },
  ];
}

/** Hosts of Ingresses first: an alias or a redirect never takes the place of one. */
function virtualHosts(
  servers: readonly Server[],
  scope: IngressScope,
): readonly VirtualHost<ServiceBackend>[] {
  const named = servers.map((server) => ({
    name: server.host,
    domains: [server.host],
    routes: serverRoutes(server, scope),
  }));
  const aliases = servers.map((server, index) => ({
    ...named[index]!,
    domains: server.locations.flatMap(({ annotations }) =>
      (annotations.text("server-alias") ?? "").split(",")
        .map((alias) => alias.trim()).filter((alias) => alias !== "")
    ),
  }));
  return [...named, ...aliases, ...servers.flatMap(wwwHosts)];
}

/** `www.x` is sent to `x`, or the other way round. */
function wwwHosts(server: Server): readonly VirtualHost<ServiceBackend>[] {
  const location = server.locations.find(({ annotations }) =>
    annotations.flag("from-to-www-redirect")
  );
  if (location === undefined || server.host.startsWith("*")) return [];
  const other = server.host.startsWith("www.")
    ? server.host.slice("www.".length)
    : `www.${server.host}`;
  const rule = citeIngress(location.path.ingress, location.path.at);
  const redirect = {
    scheme: null,
    host: server.host,
    port: null,
    path: null,
    keepQuery: true,
    status: 308,
  };
  return [{
    name: other,
    domains: [other],
    routes: [{
      name: rule.name,
      matches: [routeMatch(rule)],
      action: { kind: "redirect", redirect },
      rule,
    }],
  }];
}

/** TLS of a host with ssl-passthrough goes to the backend of its root path as it is. */
function passthroughListener(
  server: Server,
  scope: IngressScope,
): readonly TlsListener[] {
  const root = server.locations.find(({ path, annotations }) =>
    path.path === "/" && annotations.flag("ssl-passthrough")
  );
  if (root === undefined) return [];
  const { ingress, backend, at } = root.path;
  const rule = citeIngress(ingress, at);
  const target = resolveIngressBackend(ingress, backend, scope.references);
  return [{
    kind: "tls",
    name: server.host,
    domain: server.host,
    terminates: false,
    routes: [{
      name: rule.name,
      domain: server.host,
      targets: [{ weight: 1, target, filters: NO_FILTERS, rule }],
      rule,
    }],
    rule,
  }];
}

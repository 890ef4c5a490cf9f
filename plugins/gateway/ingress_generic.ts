import { compileRegex } from "../../core/l7/_regex.ts";
import { record } from "../../core/l7/json.ts";
import { orderRoutes, type RankedRoute } from "../../core/l7/ranked_route.ts";
import {
  NO_FILTERS,
  NO_PATIENCE,
  type PathMatch,
  type Redirect,
  type Route,
  type RouteMatch,
  routeMatch,
  type Target,
} from "../../core/l7/route.ts";
import { routeTable } from "../../core/l7/route_table.ts";
import type { IngressReading } from "./options.ts";
import { resolveIngressBackend } from "./ingress_backend.ts";
import {
  citeIngress,
  type IngressPath,
  type IngressScope,
  pathsOf,
  tlsHosts,
} from "./ingress_scope.ts";
import type { HttpListener, PortProgram, ServiceBackend } from "./program.ts";
import { ageOf, type Applied } from "./state.ts";

/** What Ingresses of this kind are compiled from. */
export interface GenericScope extends IngressScope {
  readonly reading: IngressReading;
}

/**
 * Programs for Ingresses as their API describes them: exact before prefix,
 * longer before shorter, prefixes by element, a star for one label, the
 * default backend for the rest.
 */
export function compileGenericIngress(
  ingresses: readonly Applied[],
  scope: GenericScope,
): readonly PortProgram[] {
  const [first] = ingresses;
  if (first === undefined) return [];
  const rule = citeIngress(first.object, ["spec"]);
  const hosts = [
    ...new Set(ingresses.flatMap(({ object }) => [...tlsHosts(object)])),
  ];
  const routes = compileHosts(ingresses, scope);
  const listener = (domain: string, plain: boolean): HttpListener => ({
    kind: "http",
    name: domain,
    domain,
    table: routeTable(
      "Ingresses",
      [...routes].map(([host, ranked]) => ({
        name: host,
        domains: [host],
        routes: orderRoutes(ranked, scope.profile.order).map(({ route }) =>
          plain && hosts.includes(host) ? toHttps(route, scope.reading) : route
        ),
      })),
      { wildcards: "one" },
    ),
    rule,
  });
  const shared = {
    owner: "Ingresses",
    protocol: "tcp",
    stream: null,
    unmodelled: null,
    rule,
    profile: { ...scope.profile, misdirectedRequests: false },
  } as const;
  return [
    { ...shared, port: 80, plain: [listener("*", true)], secure: [] },
    ...(hosts.length === 0 ? [] : [{
      ...shared,
      port: 443,
      plain: [],
      secure: hosts.map((host) => listener(host, false)),
    }]),
  ];
}

/** Routes of every host, `*` for all others. */
function compileHosts(
  ingresses: readonly Applied[],
  scope: GenericScope,
): ReadonlyMap<string, readonly RankedRoute<ServiceBackend>[]> {
  const byHost = new Map<string, RankedRoute<ServiceBackend>[]>();
  const add = (host: string, route: RankedRoute<ServiceBackend>) => {
    const routes = byHost.get(host);
    if (routes === undefined) byHost.set(host, [route]);
    else routes.push(route);
  };
  for (const applied of ingresses) {
    const paths = pathsOf(applied.object);
    for (const [index, path] of paths.entries()) {
      add(path.host, pathRoute(applied, path, { index, scope }));
    }
    const fallback = defaultRoute(applied, scope);
    if (fallback === undefined) continue;
    const known = scope.reading.defaultForKnownHosts
      ? paths.map(({ host }) => host)
      : [];
    for (const host of new Set(["*", ...known])) add(host, fallback);
  }
  return byHost;
}

/** The same requests, sent to https instead. */
function toHttps(
  route: Route<ServiceBackend>,
  { httpsRedirect }: IngressReading,
): Route<ServiceBackend> {
  if (httpsRedirect === null) return route;
  const redirect: Redirect = {
    scheme: "https",
    host: null,
    port: 443,
    path: null,
    keepQuery: true,
    status: httpsRedirect,
  };
  return { ...route, action: { kind: "redirect", redirect } };
}

function pathRoute(
  applied: Applied,
  path: IngressPath,
  { index, scope }: { index: number; scope: GenericScope },
): RankedRoute<ServiceBackend> {
  const rule = citeIngress(path.ingress, path.at);
  const { specificPaths } = scope.reading;
  const match = routeMatch(rule, {
    path: genericPath(path, specificPaths),
    unmodelled:
      path.pathType === "ImplementationSpecific" && specificPaths === null
        ? "what a path of type ImplementationSpecific matches is not modelled"
        : null,
  });
  const target = resolveIngressBackend(
    path.ingress,
    path.backend,
    scope.references,
  );
  return forwardRoute(applied, { match, target, index });
}

function genericPath(
  { path, pathType }: IngressPath,
  specific: IngressReading["specificPaths"],
): PathMatch | null {
  switch (pathType) {
    case "Exact":
      return { kind: "exact", value: path, ignoreCase: false };
    case "Prefix":
      return { kind: "element-prefix", value: path };
    default:
      return specific === null ? null : {
        kind: "regex",
        pattern: path,
        regex: compileRegex(path, specific),
      };
  }
}

/** The default backend is the last resort: no path at all ranks below every path. */
function defaultRoute(
  applied: Applied,
  scope: GenericScope,
): RankedRoute<ServiceBackend> | undefined {
  const { object } = applied;
  const { defaultBackend } = record(object.spec);
  if (defaultBackend === undefined) return undefined;
  const match = routeMatch(citeIngress(object, ["spec", "defaultBackend"]));
  const target = resolveIngressBackend(
    object,
    defaultBackend,
    scope.references,
  );
  return forwardRoute(applied, { match, target, index: 1_000_000 });
}

function forwardRoute(
  applied: Applied,
  { match, target, index }: {
    readonly match: RouteMatch;
    readonly target: Target<ServiceBackend>;
    readonly index: number;
  },
): RankedRoute<ServiceBackend> {
  const { rule } = match;
  return {
    route: {
      name: rule.name,
      matches: [match],
      action: {
        kind: "forward",
        targets: [{ weight: 1, target, filters: NO_FILTERS, rule }],
        emptyStatus: 503,
        filters: NO_FILTERS,
        mirrors: [],
        patience: NO_PATIENCE,
      },
      rule,
    },
    match,
    age: ageOf(applied),
    ruleIndex: index,
    matchIndex: 0,
  };
}

import { record, records, texts } from "../../core/l7/json.ts";
import { parseSubstitution } from "../../core/l7/rewrite.ts";
import {
  type HeaderChange,
  NO_FILTERS,
  NO_PATIENCE,
  type PathMatch,
  type PathRewrite,
  type Redirect,
  type Route,
  type RouteAction,
  type RouteFilters,
  routeMatch,
  type WeightedTarget,
} from "../../core/l7/route.ts";
import { regexText } from "../../core/l7/text_match.ts";
import type { Rule } from "../../core/source.ts";
import { compareText } from "./_age.ts";
import { readLabels, readNumber, readText } from "./_read.ts";
import { citeObject } from "./_rule.ts";
import { withFault } from "./fault.ts";
import { ANY_PATH, compileMatch, isCatchAll } from "./http_route_match.ts";
import type { ServiceRegistry } from "./service_registry.ts";
import { readDestination, type Upstream } from "./upstream.ts";
import {
  type Client,
  isForClient,
  type VirtualService,
} from "./virtual_service.ts";

/** For whom, and on which port, routes are built. */
export interface RouteScope {
  readonly client: Client;
  readonly port: number;
  readonly registry: ServiceRegistry;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The routes of a VirtualService on a port, in their order; what follows a
 * route that matches everything is left out
 * (istio/istio pilot/pkg/networking/core/route/route.go,
 * BuildHTTPRoutesForVirtualService).
 */
export function compileHttpRoutes(
  service: VirtualService,
  scope: RouteScope,
): readonly Route<Upstream>[] {
  const routes: Route<Upstream>[] = [];
  for (const [index, item] of service.http.entries()) {
    const http = record(item);
    const rule = citeObject(service.object, ["http", index]);
    const blocks = records(http.match);
    if (blocks.length === 0) {
      routes.push(compileRoute(http, { match: null, service, scope, rule }));
      break;
    }
    for (const match of blocks) {
      const port = readNumber(match.port);
      if (port !== null && port !== scope.port) continue;
      if (!isForClient(match, scope.client)) continue;
      const route = compileRoute(http, { match, service, scope, rule });
      routes.push(route);
      if (isCatchAll(route.matches[0]!)) return routes;
    }
  }
  return routes;
}

interface RouteInput {
  readonly match: Fields | null;
  readonly service: VirtualService;
  readonly scope: RouteScope;
  readonly rule: Rule;
}

function compileRoute(http: Fields, input: RouteInput): Route<Upstream> {
  const { match, rule } = input;
  const written = readText(http.name);
  const suffix = match === null ? null : readText(match.name);
  const compiled = match === null
    ? routeMatch(rule, { path: ANY_PATH })
    : compileMatch(match, rule);
  return {
    name: written === null
      ? rule.name
      : suffix === null
      ? written
      : `${written}.${suffix}`,
    matches: [compiled],
    action: compileAction(http, compiled.path, input),
    rule,
  };
}

function compileAction(
  http: Fields,
  path: PathMatch | null,
  { service, scope, rule }: RouteInput,
): RouteAction<Upstream> {
  if (http.delegate !== undefined) {
    return { kind: "unknown", reason: "routes delegated to another object" };
  }
  if (http.redirect !== undefined) {
    const redirect = compileRedirect(record(http.redirect), scope.port);
    return { kind: "redirect", redirect };
  }
  if (http.directResponse !== undefined) {
    const status = readNumber(record(http.directResponse).status) ?? 200;
    return { kind: "respond", status, reason: "direct response" };
  }
  return {
    kind: "forward",
    targets: withFault(compileTargets(http, { service, scope, rule }), {
      fault: http.fault,
      rule: { ...rule, name: `${rule.name} fault` },
    }),
    emptyStatus: 503,
    filters: routeFilters(http, path),
    mirrors: [],
    patience: NO_PATIENCE,
  };
}

function compileTargets(
  http: Fields,
  { service, scope, rule }: Omit<RouteInput, "match">,
): WeightedTarget<Upstream>[] {
  const routes = records(http.route);
  return routes.map((route, index) => ({
    // The weight of a sole destination does not count.
    weight: routes.length === 1 ? 1 : readNumber(route.weight) ?? 0,
    target: {
      kind: "backend",
      backend: readDestination(route.destination, {
        namespace: service.namespace,
        port: scope.port,
        registry: scope.registry,
      }),
    },
    filters: headerFilters(route.headers),
    rule: {
      ...rule,
      name: `${rule.name} route[${index}]`,
    },
  }));
}

function routeFilters(http: Fields, path: PathMatch | null): RouteFilters {
  const filters = headerFilters(http.headers);
  const rewrite = record(http.rewrite);
  return {
    ...filters,
    host: readText(rewrite.authority) ?? filters.host,
    path: compileRewrite(rewrite, path),
  };
}

/** Envoy replaces the matched prefix; a path matched by a pattern is replaced as a whole. */
function compileRewrite(
  rewrite: Fields,
  path: PathMatch | null,
): PathRewrite | null {
  const regex = record(rewrite.uriRegexRewrite);
  const pattern = readText(regex.match);
  if (pattern !== null) {
    const text = regexText(pattern, { full: false });
    return text.kind !== "regex" ? null : {
      kind: "regex",
      pattern,
      regex: text.regex,
      substitution: parseSubstitution(readText(regex.rewrite) ?? "", "\\"),
      whole: false,
    };
  }
  const uri = readText(rewrite.uri);
  if (uri === null || uri === "") return null;
  return {
    kind: path?.kind === "regex" ? "full" : "string-prefix",
    value: uri,
  };
}

/** Header operations; a change of `Host` changes the authority instead. */
function headerFilters(value: unknown): RouteFilters {
  const { request, response } = record(value);
  const asked = record(request);
  const set = readLabels(asked.set);
  const add = readLabels(asked.add);
  return {
    ...NO_FILTERS,
    host: authorityIn(set) ?? authorityIn(add),
    requestHeaders: headerChange(asked),
    responseHeaders: headerChange(record(response)),
  };
}

function headerChange(operations: Fields): readonly HeaderChange[] {
  const change: HeaderChange = {
    set: headerList(operations.set),
    add: headerList(operations.add),
    remove: texts(operations.remove).filter((name) => !isInternal(name)),
  };
  const empty = change.set.length + change.add.length + change.remove.length;
  return empty === 0 ? [] : [change];
}

function headerList(value: unknown): (readonly [string, string])[] {
  return Object.entries(readLabels(value))
    .filter(([name]) => !isInternal(name))
    .sort(([a], [b]) => compareText(a, b));
}

function authorityIn(headers: Readonly<Record<string, string>>): string | null {
  const found = Object.entries(headers).find(([name]) =>
    /^(:authority|host)$/i.test(name)
  );
  return found?.[1] ?? null;
}

/** Headers that Envoy does not let anybody change. */
function isInternal(name: string): boolean {
  return name.startsWith(":") || name.toLowerCase() === "host";
}

function compileRedirect(redirect: Fields, listenPort: number): Redirect {
  const scheme = readText(redirect.scheme);
  const uri = readText(redirect.uri);
  return {
    scheme: scheme === "http" || scheme === "https" ? scheme : null,
    host: readText(redirect.authority),
    port: redirect.derivePort === "FROM_REQUEST_PORT"
      ? listenPort
      : readNumber(redirect.port),
    path: uri === null || uri === "" ? null : { kind: "full", value: uri },
    keepQuery: uri === null || !uri.includes("?"),
    status: readNumber(redirect.redirectCode) ?? 301,
  };
}

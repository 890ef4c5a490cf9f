import { compileRegex } from "../../core/l7/_regex.ts";
import { parseSubstitution } from "../../core/l7/rewrite.ts";
import {
  NO_FILTERS,
  NO_PATIENCE,
  type PathMatch,
  type PathRewrite,
  type Redirect,
  type Route,
  type RouteAction,
  type RouteFilters,
  type RouteMatch,
  routeMatch,
  type Target,
  type WeightedTarget,
} from "../../core/l7/route.ts";
import { exactText, type TextMatch } from "../../core/l7/text_match.ts";
import type { Rule } from "../../core/source.ts";
import { resolveIngressBackend } from "./ingress_backend.ts";
import {
  citeIngress,
  type IngressPath,
  type IngressScope,
} from "./ingress_scope.ts";
import { NginxAnnotations } from "./nginx_annotations.ts";
import type { ServiceBackend } from "./program.ts";

/** One path of a server, with the canary that shares it. */
export interface Location {
  readonly path: IngressPath;
  readonly annotations: NginxAnnotations;
  readonly canary: IngressPath | null;
}

type Action = RouteAction<ServiceBackend>;

/** What a location does with requests of its path, in order: each route narrows by what its annotation asks for. */
export function locationRoutes(
  location: Location,
  { path, tls, scope }: {
    readonly path: PathMatch;
    readonly tls: boolean;
    readonly scope: IngressScope;
  },
): readonly Route<ServiceBackend>[] {
  const { annotations } = location;
  const rule = citeIngress(location.path.ingress, location.path.at);
  const route = (action: Action, parts: Partial<RouteMatch> = {}) =>
    makeRoute(rule, action, { path, ...parts });
  const unmodelled = annotations.unmodelled();
  if (unmodelled !== undefined) {
    return [route({ kind: "unknown", reason: unmodelled })];
  }
  const elsewhere = redirectAnnotation(annotations);
  if (elsewhere !== undefined) return [route(elsewhere)];
  return [
    ...httpsRoutes(annotations, tls).map((action) =>
      route(action, { scheme: exactText("http") })
    ),
    ...(annotations.flag("enable-cors")
      ? [route({ kind: "respond", status: 204, reason: "CORS preflight" }, {
        method: exactText("OPTIONS"),
      })]
      : []),
    ...forwardRoutes(location, { route, scope }),
  ];
}

/** `/` of a server with app-root is sent to the application's own root. */
export function appRootRoute(
  { annotations, path }: Location,
): readonly Route<ServiceBackend>[] {
  const root = annotations.text("app-root");
  if (root === undefined) return [];
  const rule = citeIngress(path.ingress, path.at);
  return [makeRoute(rule, {
    kind: "redirect",
    redirect: { ...STAY, path: { kind: "full", value: root }, status: 302 },
  }, { path: { kind: "exact", value: "/", ignoreCase: false } })];
}

/**
 * A location that ends in a slash answers its own name without the slash
 * with 301, before any shorter location is asked (nginx auto_redirect in
 * ngx_http_core_find_static_location).
 */
export function trailingSlashRoute(
  { path }: Location,
): readonly Route<ServiceBackend>[] {
  const value = path.path;
  if (value === "/" || !value.endsWith("/")) return [];
  const rule = citeIngress(path.ingress, path.at);
  return [makeRoute(rule, {
    kind: "redirect",
    redirect: { ...STAY, path: { kind: "full", value }, status: 301 },
  }, {
    path: { kind: "exact", value: value.slice(0, -1), ignoreCase: false },
  })];
}

/** To another path of the same host; ports stay out of it (port_in_redirect off). */
const STAY: Redirect = {
  scheme: null,
  host: null,
  port: null,
  path: null,
  keepQuery: true,
  status: 301,
};

function makeRoute(
  rule: Rule,
  action: Action,
  parts: Partial<RouteMatch>,
): Route<ServiceBackend> {
  return { name: rule.name, matches: [routeMatch(rule, parts)], action, rule };
}

/** With TLS for the host, plain requests are sent to https unless ssl-redirect says no (redirect_to_https in the controller). */
function httpsRoutes(
  annotations: NginxAnnotations,
  tls: boolean,
): readonly Action[] {
  const redirects = annotations.flag("force-ssl-redirect") ||
    (tls && annotations.text("ssl-redirect") !== "false");
  const redirect: Redirect = {
    ...STAY,
    scheme: "https",
    port: 443,
    status: 308,
  };
  return redirects ? [{ kind: "redirect", redirect }] : [];
}

/** temporal-redirect comes before permanent-redirect. */
function redirectAnnotation(annotations: NginxAnnotations): Action | undefined {
  const temporal = annotations.text("temporal-redirect");
  const location = temporal ?? annotations.text("permanent-redirect");
  if (location === undefined) return undefined;
  const status = temporal === undefined
    ? annotations.count("permanent-redirect-code") ?? 301
    : annotations.count("temporal-redirect-code") ?? 302;
  return location.includes("$")
    ? { kind: "unknown", reason: "nginx variables are not modelled" }
    : { kind: "redirect", redirect: { ...STAY, location, status } };
}

/** The share of the canary by header, by cookie and by weight, in that order (route_to_alternative_balancer). */
function forwardRoutes(
  location: Location,
  { route, scope }: {
    route(action: Action, parts?: Partial<RouteMatch>): Route<ServiceBackend>;
    readonly scope: IngressScope;
  },
): readonly Route<ServiceBackend>[] {
  const { canary } = location;
  const forward = (targets: readonly WeightedTarget<ServiceBackend>[]) =>
    forwardAction(location, targets);
  const main = shareOf(location.path, { location, scope, weight: 1 });
  const routes = [...affinityRoutes(location, route)];
  if (canary === null) return [...routes, route(forward([main]))];
  const own = new NginxAnnotations(canary.ingress);
  const total = own.count("canary-weight-total") ?? 100;
  const weight = Math.min(own.count("canary-weight") ?? 0, total);
  const share = shareOf(canary, { location, scope, weight: 1 });
  const header = own.text("canary-by-header");
  if (header !== undefined) {
    const when = (value: string) => ({
      headers: [{ name: header, value: exactText(value), invert: false }],
    });
    const wanted = own.text("canary-by-header-value");
    if (wanted !== undefined) {
      routes.push(route(forward([share]), when(wanted)));
    } else if (own.text("canary-by-header-pattern") !== undefined) {
      const present = { name: header, value: PRESENT, invert: false };
      const reason = "canary-by-header-pattern is not modelled";
      routes.push(route({ kind: "unknown", reason }, { headers: [present] }));
    } else {
      routes.push(route(forward([share]), when("always")));
      routes.push(route(forward([main]), when("never")));
    }
  }
  routes.push(...cookieRoutes(own.text("canary-by-cookie"), route));
  return [
    ...routes,
    route(forward([
      { ...main, weight: total - weight },
      { ...share, weight },
    ])),
  ];
}

const PRESENT: TextMatch = { kind: "present" };

/** A session begun earlier pins the endpoint of requests that carry its cookie. */
function affinityRoutes(
  { annotations }: Location,
  route: (action: Action, parts: Partial<RouteMatch>) => Route<ServiceBackend>,
): readonly Route<ServiceBackend>[] {
  return annotations.text("affinity") === "cookie"
    ? cookieRoutes(
      annotations.text("session-cookie-name") ?? "INGRESSCOOKIE",
      route,
    )
    : [];
}

function cookieRoutes(
  name: string | undefined,
  route: (action: Action, parts: Partial<RouteMatch>) => Route<ServiceBackend>,
): readonly Route<ServiceBackend>[] {
  if (name === undefined) return [];
  const value = `${name}=`;
  return [route({
    kind: "unknown",
    reason: `what the cookie ${name} leads to is not modelled`,
  }, {
    headers: [{
      name: "cookie",
      value: { kind: "contains", value, ignoreCase: false },
      invert: false,
    }],
  })];
}

function shareOf(
  path: IngressPath,
  { location, scope, weight }: {
    readonly location: Location;
    readonly scope: IngressScope;
    readonly weight: number;
  },
): WeightedTarget<ServiceBackend> {
  const { annotations } = location;
  const resolved = resolveIngressBackend(
    path.ingress,
    path.backend,
    scope.references,
  );
  const protocol = annotations.text("backend-protocol")?.toUpperCase();
  const target: Target<ServiceBackend> = resolved.kind === "backend"
    ? {
      kind: "backend",
      backend: {
        ...resolved.backend,
        viaService: annotations.flag("service-upstream"),
        tls: protocol === "HTTPS" || protocol === "GRPCS",
      },
    }
    : resolved;
  const rule = citeIngress(path.ingress, path.at);
  return { weight, target, filters: NO_FILTERS, rule };
}

function forwardAction(
  location: Location,
  targets: readonly WeightedTarget<ServiceBackend>[],
): Action {
  return {
    kind: "forward",
    targets,
    emptyStatus: 503,
    filters: filtersOf(location),
    mirrors: [],
    patience: NO_PATIENCE,
  };
}

function filtersOf({ annotations, path }: Location): RouteFilters {
  const rewrite = annotations.rewriteTarget(path.path);
  const prefix = annotations.text("x-forwarded-prefix");
  const set = rewrite === undefined || prefix === undefined
    ? []
    : [["X-Forwarded-Prefix", prefix] as const];
  return {
    ...NO_FILTERS,
    host: annotations.text("upstream-vhost") ?? null,
    path: rewrite === undefined ? null : rewriteTo(path.path, rewrite),
    requestHeaders: set.length === 0 ? [] : [{ set, add: [], remove: [] }],
  };
}

/** `rewrite "(?i)<path>" <target> break`: the target takes the place of the whole path (buildProxyPass). */
function rewriteTo(path: string, target: string): PathRewrite {
  return {
    kind: "regex",
    pattern: path,
    regex: compileRegex(path, { full: false, caseInsensitive: true }),
    substitution: parseSubstitution(target, "$"),
    whole: true,
  };
}

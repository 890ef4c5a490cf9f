import { compileRegex } from "../../core/l7/_regex.ts";
import { record } from "../../core/l7/json.ts";
import { compareAge } from "../../core/l7/ranked_route.ts";
import type { PathMatch, Route } from "../../core/l7/route.ts";
import type { KubeObject } from "../../core/cluster/model.ts";
import {
  type IngressPath,
  type IngressScope,
  pathsOf,
  tlsHosts,
} from "./ingress_scope.ts";
import { NginxAnnotations } from "./nginx_annotations.ts";
import {
  appRootRoute,
  type Location,
  locationRoutes,
  trailingSlashRoute,
} from "./nginx_location.ts";
import type { ServiceBackend } from "./program.ts";
import { ageOf, type Applied } from "./state.ts";

/** An nginx server: all that the Ingresses say of one host name. */
export interface Server {
  readonly host: string;
  readonly locations: readonly Location[];
  /** Whether a certificate was given for the host. */
  readonly tls: boolean;
}

/**
 * Servers as the controller builds them: Ingresses from the oldest on, those
 * of one age in reverse order of `namespace/name` (sortIngressSlice); of
 * equal paths the first stays; a canary joins the location it shares host,
 * path and type with.
 */
export function compileServers(
  ingresses: readonly Applied[],
): readonly Server[] {
  const sorted = [...ingresses].sort(compareIngresses).map((one) => one.object);
  const mains = sorted.filter((one) =>
    !new NginxAnnotations(one).flag("canary")
  );
  const canaries = sorted.filter((one) =>
    new NginxAnnotations(one).flag("canary")
  ).flatMap(pathsOf);
  const hosts = new Map<string, IngressPath[]>();
  for (const path of mains.flatMap(withDefaultBackend)) {
    const paths = hosts.get(path.host) ?? [];
    const taken = paths.some((other) => samePath(other, path));
    if (!taken) hosts.set(path.host, [...paths, path]);
  }
  return [...hosts].map(([host, paths]) => ({
    host,
    locations: paths.map((path) => ({
      path,
      annotations: new NginxAnnotations(path.ingress),
      canary:
        canaries.find((canary) =>
          canary.host === host && samePath(canary, path)
        ) ?? null,
    })),
    tls: mains.some((one) => tlsHosts(one).has(host)),
  }));
}

/** Routes of a server, in the order in which nginx finds its locations. */
export function serverRoutes(
  server: Server,
  scope: IngressScope,
): readonly Route<ServiceBackend>[] {
  const routes = (location: Location, path: PathMatch) =>
    locationRoutes(location, { path, tls: server.tls, scope });
  const sorted = [...server.locations].sort(compareLocations);
  const roots = sorted.flatMap((location) => appRootRoute(location));
  if (usesRegex(server)) {
    return [
      ...roots,
      ...sorted.flatMap((location) =>
        routes(location, regexPath(location.path.path))
      ),
    ];
  }
  const exact = sorted.flatMap((location) => exactPaths(location, sorted));
  return [
    ...roots,
    ...exact.flatMap(({ location, value }) =>
      routes(location, { kind: "exact", value, ignoreCase: false })
    ),
    ...sorted.flatMap((location) =>
      exact.some(({ value }) => `${value}/` === location.path.path)
        ? []
        : trailingSlashRoute(location)
    ),
    ...sorted.flatMap((location) =>
      location.path.pathType === "Exact" ? [] : routes(location, {
        kind: "string-prefix",
        value: prefixOf(location),
        ignoreCase: false,
      })
    ),
  ];
}

/** One annotation makes every path of the host an expression, those of other Ingresses too (enforceRegexModifier). */
export function usesRegex({ locations }: Server): boolean {
  return locations.some(({ annotations, path }) =>
    annotations.flag("use-regex") ||
    annotations.rewriteTarget(path.path) !== undefined
  );
}

/** A Prefix path stands for its own name exactly and for all below it (updateServerLocations). */
function exactPaths(
  location: Location,
  all: readonly Location[],
): readonly { readonly location: Location; readonly value: string }[] {
  const { path, pathType } = location.path;
  const taken = pathType === "Prefix" &&
    (path === "/" ||
      all.some((other) =>
        other.path.pathType === "Exact" && other.path.path === path
      ));
  return pathType === "ImplementationSpecific" || taken
    ? []
    : [{ location, value: path }];
}

function prefixOf({ path: { path, pathType } }: Location): string {
  return pathType === "Prefix" && !path.endsWith("/") ? `${path}/` : path;
}

function regexPath(path: string): PathMatch {
  const pattern = `^${path}`;
  return {
    kind: "regex",
    pattern,
    regex: compileRegex(pattern, { full: false, caseInsensitive: true }),
  };
}

/** The default backend of an Ingress answers what no path of its hosts does. */
function withDefaultBackend(ingress: KubeObject): readonly IngressPath[] {
  const paths = pathsOf(ingress);
  const { defaultBackend } = record(ingress.spec);
  if (defaultBackend === undefined) return paths;
  const hosts = paths.length === 0 ? ["*"] : paths.map(({ host }) => host);
  return [
    ...paths,
    ...[...new Set(hosts)].map((host) => ({
      ingress,
      host,
      path: "/",
      pathType: "Prefix",
      backend: defaultBackend,
      at: ["spec", "defaultBackend"],
    })),
  ];
}

function samePath(a: IngressPath, b: IngressPath): boolean {
  return a.path === b.path && a.pathType === b.pathType;
}

/** Longest first, then in reverse order of the text (getBackendServers). */
function compareLocations(a: Location, b: Location): number {
  const left = a.path.path;
  const right = b.path.path;
  return right.length - left.length ||
    (left < right ? 1 : left > right ? -1 : 0);
}

function compareIngresses(a: Applied, b: Applied): number {
  const left = ageOf(a);
  const right = ageOf(b);
  const nameless = { namespace: "", name: "" };
  return compareAge({ ...left, ...nameless }, { ...right, ...nameless }) ||
    compareAge(
        { ...left, createdAt: null, appliedNs: 0 },
        { ...right, createdAt: null, appliedNs: 0 },
      ) * -1;
}

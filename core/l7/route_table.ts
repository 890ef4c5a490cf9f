import type { HttpRequest } from "../packet/packet.ts";
import type { Rule } from "../source.ts";
import { compareDomains, inDomain, type WildcardReach } from "./host.ts";
import { matchRequest } from "./match_request.ts";
import { type RequestView, viewRequest } from "./request.ts";
import { type Route, type RouteMatch, routeMatch } from "./route.ts";

/** Routes of some host names, in the order in which they are tried. */
export interface VirtualHost<Backend> {
  readonly name: string;
  /** `a.example.com`, `*.example.com`, `example.*`, `*`; in lower case. */
  readonly domains: readonly string[];
  readonly routes: readonly Route<Backend>[];
}

/** What Gateway API routes, Ingress paths and VirtualServices compile to. */
export interface RouteTable<Backend> {
  readonly name: string;
  /** The most specific domain first. */
  readonly hosts: readonly HostEntry<Backend>[];
  /** Domains without a star, which need no search. */
  readonly exact: ReadonlyMap<string, HostEntry<Backend>>;
  /** The other domains, the most specific first. */
  readonly wildcard: readonly HostEntry<Backend>[];
  readonly fallThrough: boolean;
  readonly wildcards: WildcardReach;
}

/** One domain of a virtual host; a table keeps them the most specific first. */
export interface HostEntry<Backend> {
  readonly domain: string;
  readonly host: VirtualHost<Backend>;
}

/** How a table is read. */
export interface RouteTableOptions {
  /** When no route of the most specific host matches, try the next less specific one. Envoy and nginx do not. */
  readonly fallThrough?: boolean;
  /** What the star of `*.example.com` stands for. */
  readonly wildcards?: WildcardReach;
}

/** What a table says to a request. */
export type RouteResult<Backend> =
  | {
    readonly kind: "route";
    readonly domain: string;
    readonly route: Route<Backend>;
    readonly match: RouteMatch;
    readonly rule: Rule;
  }
  /** No virtual host has the name, or none of its routes matches. */
  | { readonly kind: "none"; readonly missing: "host" | "route" }
  /** A route that would come first depends on something not modelled. */
  | {
    readonly kind: "unknown";
    readonly reason: string;
    readonly rule: Rule;
  };

/** A route that was looked at, and what became of it. */
export interface Candidate {
  readonly domain: string;
  readonly route: string;
  readonly rule: Rule;
  /** Null: it matched. */
  readonly rejected: string | null;
}

/**
 * Makes a table of virtual hosts. A domain that two hosts claim stays with
 * the first of them.
 *
 * @example
 * ```ts
 * import { routeTable } from "./route_table.ts";
 *
 * const table = routeTable("gateway", [
 *   { name: "all", domains: ["*"], routes: [] },
 * ]);
 * ```
 */
export function routeTable<Backend>(
  name: string,
  hosts: readonly VirtualHost<Backend>[],
  { fallThrough = false, wildcards = "any" }: RouteTableOptions = {},
): RouteTable<Backend> {
  const entries = new Map<string, HostEntry<Backend>>();
  for (const host of hosts) {
    for (const domain of host.domains) {
      const key = domain.toLowerCase();
      if (!entries.has(key)) entries.set(key, { domain: key, host });
    }
  }
  const sorted = [...entries.values()]
    .sort((a, b) => compareDomains(a.domain, b.domain));
  const isExact = ({ domain }: HostEntry<Backend>) => !domain.includes("*");
  return {
    name,
    hosts: sorted,
    exact: new Map(
      sorted.filter(isExact).map((entry) => [entry.domain, entry] as const),
    ),
    wildcard: sorted.filter((entry) => !isExact(entry)),
    fallThrough,
    wildcards,
  };
}

/** The route that a request takes: of the most specific host, the first match in its order. */
export function matchRoute<Backend>(
  table: RouteTable<Backend>,
  request: HttpRequest,
): RouteResult<Backend> {
  const view = viewRequest(request);
  let missing: "host" | "route" = "host";
  for (const { domain, host } of hostsOf(table, view)) {
    missing = "route";
    for (const route of host.routes) {
      for (const match of matchesOf(route)) {
        const result = matchRequest(match, view);
        if (result.holds === true) {
          return { kind: "route", domain, route, match, rule: match.rule };
        }
        if (result.holds === "unknown") {
          return { kind: "unknown", reason: result.because, rule: match.rule };
        }
      }
    }
  }
  return { kind: "none", missing };
}

/** Every route that was looked at for a request, the one that matched last. */
export function explainRoute<Backend>(
  table: RouteTable<Backend>,
  request: HttpRequest,
): readonly Candidate[] {
  const view = viewRequest(request);
  const candidates: Candidate[] = [];
  for (const { domain, host } of hostsOf(table, view)) {
    for (const route of host.routes) {
      for (const match of matchesOf(route)) {
        const result = matchRequest(match, view);
        candidates.push({
          domain,
          route: route.name,
          rule: match.rule,
          rejected: result.holds === true ? null : result.because,
        });
        if (result.holds !== false) return candidates;
      }
    }
  }
  return candidates;
}

function* hostsOf<Backend>(
  table: RouteTable<Backend>,
  view: RequestView,
): Generator<HostEntry<Backend>> {
  const exact = table.exact.get(view.host);
  if (exact !== undefined) {
    yield exact;
    if (!table.fallThrough) return;
  }
  for (const entry of table.wildcard) {
    if (!inDomain(entry.domain, view.host, table.wildcards)) continue;
    yield entry;
    if (!table.fallThrough) return;
  }
}

function matchesOf<Backend>(route: Route<Backend>): readonly RouteMatch[] {
  return route.matches.length > 0 ? route.matches : [routeMatch(route.rule)];
}

/** How many labels the star of `*.example.com` stands for. */
export type WildcardReach = "any" | "one";

/**
 * Whether a host name, in lower case and without port, lies in a domain:
 * `a.example.com`, `*.example.com`, `example.*`, or `*` for all. A star never
 * stands for nothing.
 */
export function inDomain(
  domain: string,
  host: string,
  reach: WildcardReach = "any",
): boolean {
  if (domain === "*") return true;
  if (domain.startsWith("*")) {
    const suffix = domain.slice(1);
    return host.length > suffix.length && host.endsWith(suffix) &&
      (reach === "any" ||
        !host.slice(0, host.length - suffix.length).includes("."));
  }
  if (domain.endsWith("*")) {
    const prefix = domain.slice(0, -1);
    return host.length > prefix.length && host.startsWith(prefix);
  }
  return domain === host;
}

/**
 * Order of domains, the most specific first: exact, then `*.x` by length,
 * then `x.*` by length, then `*`; as Envoy looks up virtual hosts
 * (route_components.proto, VirtualHost.domains) and as Gateway API counts the
 * characters of host names (HTTPRouteSpec.Hostnames).
 */
export function compareDomains(a: string, b: string): number {
  return domainRank(a) - domainRank(b) || b.length - a.length ||
    (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * What two domains have in common, undefined when nothing: of
 * `*.example.com` and `a.example.com` the latter. Undefined stands for no
 * host name at all when it is an argument, which is `*`.
 */
export function intersectDomains(a: string, b: string): string | undefined {
  if (a === b || b === "*") return a;
  if (a === "*") return b;
  if (!a.startsWith("*")) return inDomain(b, a) ? a : undefined;
  if (!b.startsWith("*")) return inDomain(a, b) ? b : undefined;
  if (a.endsWith(b.slice(1))) return a;
  return b.endsWith(a.slice(1)) ? b : undefined;
}

function domainRank(domain: string): number {
  if (domain === "*") return 3;
  if (domain.startsWith("*")) return 1;
  return domain.endsWith("*") ? 2 : 0;
}

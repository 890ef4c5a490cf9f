import type { KubeObject } from "../../core/cluster/model.ts";
import { intersectDomains } from "../../core/l7/host.ts";
import { routeHostnames } from "../../core/l7/http_route.ts";
import { number, record, records, text } from "../../core/l7/json.ts";
import { compareAge } from "../../core/l7/ranked_route.ts";
import type { Listener } from "./listeners.ts";
import { ageOf, type Applied, KINDS, namespaceOf } from "./state.ts";

/** A route that a listener takes, with the host names it serves there. */
export interface Attached {
  readonly route: Applied;
  /** Host names of the route, each with what the listener leaves of it. */
  readonly hostnames: readonly HostnameShare[];
}

/** A host name as the route wrote it, and its intersection with the listener's. */
export interface HostnameShare {
  readonly original: string;
  readonly domain: string;
}

/** Kinds that are routed by a name in the request, and so share a listener by it. */
const BY_HOSTNAME = new Set(["HTTPRoute", "GRPCRoute", "TLSRoute"]);

/**
 * Routes of a listener, oldest first: those that name its owner as parent,
 * that it admits, and whose host names meet its own
 * (CommonRouteSpec.ParentRefs, Listener.AllowedRoutes).
 */
export function attachedRoutes(
  listener: Listener,
  routes: readonly Applied[],
): readonly Attached[] {
  const attached: Attached[] = [];
  const byAge = [...routes].sort((a, b) => compareAge(ageOf(a), ageOf(b)));
  for (const route of byAge) {
    const { object } = route;
    const admitted = listener.admits({
      group: KINDS[object.kind] ?? "",
      kind: object.kind,
      namespace: namespaceOf(object),
    });
    if (!admitted || !namesParent(object, listener)) continue;
    const hostnames = sharedHostnames(object, listener);
    if (hostnames.length === 0) continue;
    const candidate = { route, hostnames };
    if (!attached.some((other) => excludes(other, candidate))) {
      attached.push(candidate);
    }
  }
  return attached;
}

function namesParent(route: KubeObject, listener: Listener): boolean {
  return records(record(route.spec).parentRefs).some((parent) => {
    const kind = text(parent.kind) ?? "Gateway";
    return kind.replace(/^X/, "") === listener.owner.kind &&
      parent.name === listener.owner.name &&
      (text(parent.namespace) ?? namespaceOf(route)) ===
        listener.owner.namespace &&
      (parent.sectionName === undefined ||
        parent.sectionName === listener.name) &&
      (number(parent.port) ?? listener.port) === listener.port;
  });
}

function sharedHostnames(
  route: KubeObject,
  listener: Listener,
): readonly HostnameShare[] {
  if (!BY_HOSTNAME.has(route.kind)) return [{ original: "*", domain: "*" }];
  return routeHostnames(route).flatMap((original) => {
    const domain = intersectDomains(original, listener.domain);
    return domain === undefined ? [] : [{ original, domain }];
  });
}

/** HTTPRoutes and GRPCRoutes are never merged: with host names in common the older one stays (GRPCRouteSpec.Hostnames). */
function excludes(older: Attached, younger: Attached): boolean {
  return older.route.object.kind !== younger.route.object.kind &&
    older.hostnames.some((a) =>
      younger.hostnames.some((b) =>
        intersectDomains(a.domain, b.domain) !== undefined
      )
    );
}

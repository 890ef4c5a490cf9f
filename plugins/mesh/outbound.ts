import type { Pod } from "../../core/cluster/model.ts";
import { inDomain } from "../../core/l7/host.ts";
import { matchRoute } from "../../core/l7/route_table.ts";
import type { RouteTable } from "../../core/l7/route_table.ts";
import type { HttpRequest, Packet, Payload } from "../../core/packet/packet.ts";
import type {
  Exchange,
  HookContext,
  ProxyDecision,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { answer, forward, reset, unknown } from "./decision.ts";
import { followRoute } from "./follow_route.ts";
import type { Mesh } from "./mesh.ts";
import { openUpstream } from "./open_upstream.ts";
import { normalizeRequest } from "./request_path.ts";
import type { MeshPort } from "./service_registry.ts";
import { tcpRouteOf } from "./tcp_route.ts";
import { hostOf } from "./unmodelled.ts";
import type { Upstream } from "./upstream.ts";

/** One connection that left the application and was redirected to its sidecar. */
export interface Outgoing {
  readonly mesh: Mesh;
  readonly client: Pod;
  readonly packet: Packet;
  readonly payload: Payload;
  readonly context: HookContext;
}

const PASSTHROUGH: Rule = { name: "PassthroughCluster" };
const BLACK_HOLE: Rule = { name: "BlackHoleCluster" };

/** Ports that virtualOutbound and virtualInbound listen on themselves. */
const LOOP_PORTS: readonly number[] = [15001, 15006];

/**
 * What a sidecar does with a connection of its application. Envoy looks for a
 * listener at the original destination: one of the Service's own address
 * (TCP, TLS and undeclared ports), else the one that all HTTP Services of the
 * port share, else none (istio/istio pilot/pkg/networking/core/listener.go,
 * buildSidecarOutboundListeners). An address that something translated before
 * the sidecar saw it is no Service's, so such a connection finds an HTTP
 * listener at best.
 */
export function handleOutbound(
  { packet, payload }: Exchange,
  { mesh, client, context }: {
    readonly mesh: Mesh;
    readonly client: Pod;
    readonly context: HookContext;
  },
): ProxyDecision {
  const outgoing = { mesh, client, packet, payload, context };
  const filter = mesh.unmodelled.filterOf(client, "outbound");
  if (filter !== undefined) return unknown(filter);
  const { destination, destinationPort } = packet;
  if (LOOP_PORTS.includes(destinationPort)) {
    const reason = "the proxy's own port would be a loop";
    return reset("rejected", { reason, rule: BLACK_HOLE });
  }
  const own = mesh.registry.portAtAddress(destination, destinationPort);
  if (own !== undefined && own.protocol !== "http") {
    return toService(own, outgoing);
  }
  const shared = mesh.registry.portsAt(destinationPort).some(({ protocol }) =>
    protocol === "http"
  );
  if (shared && payload.kind === "http") {
    const table = mesh.routes.tableOf(client, destinationPort);
    return byTable(table, payload.request, outgoing);
  }
  return passThrough(outgoing, own);
}

/** The listener of one Service port. */
function toService(port: MeshPort, outgoing: Outgoing): ProxyDecision {
  const { mesh, client, payload } = outgoing;
  const doubt = mesh.unmodelled.sidecarHides(client, port.host);
  if (doubt !== undefined) return unknown(doubt);
  if (port.protocol === "auto" && payload.kind === "http") {
    const table = mesh.routes.tableOfService(port, client);
    return byTable(table, payload.request, outgoing);
  }
  const route = tcpRouteOf(port, { mesh, client, payload });
  return route === null
    ? passThrough(outgoing, port)
    : openUpstream(route, outgoing);
}

/** Takes the route of a table that a request matches. */
function byTable(
  table: RouteTable<Upstream>,
  request: HttpRequest,
  outgoing: Outgoing,
): ProxyDecision {
  const { mesh, client } = outgoing;
  const { pathNormalization } = mesh.options;
  const normal = normalizeRequest(request, pathNormalization);
  if (normal === undefined) {
    return answer(400, { reason: "path cannot be normalised", rule: null });
  }
  const host = virtualHostOf(table, normal);
  const doubt = mesh.unmodelled.sidecarHides(
    client,
    host?.name ?? hostOf(request),
  );
  if (doubt !== undefined) return unknown(doubt);
  const found = matchRoute(table, normal);
  switch (found.kind) {
    case "unknown":
      return unknown(found);
    case "route":
      return followRoute(found, normal, outgoing);
    case "none":
      return host === undefined
        ? passThrough(outgoing, undefined)
        : answer(404, {
          reason: "NR: no route matched",
          rule: host.routes[0]?.rule ?? null,
        });
  }
}

/** The virtual host that a request's host name picks. */
function virtualHostOf(table: RouteTable<Upstream>, request: HttpRequest) {
  const name = hostOf(request);
  return table.hosts.find(({ domain }) => inDomain(domain, name))?.host;
}

/** PassthroughCluster: the connection goes on to where it was sent, as it is. */
function passThrough(
  { mesh, client, packet, payload }: Outgoing,
  own: MeshPort | undefined,
): ProxyDecision {
  const doubt = own === undefined
    ? mesh.unmodelled.entryFor({
      host: askedHost(payload),
      ip: packet.destination,
      port: packet.destinationPort,
    }) ?? mesh.unmodelled.sidecarHides(client, "")
    : undefined;
  if (doubt !== undefined) return unknown(doubt);
  if (mesh.options.outboundTrafficPolicy === "REGISTRY_ONLY") {
    const reason = "destination is not in the registry";
    return payload.kind === "http"
      ? answer(502, { reason, rule: BLACK_HOLE, route: "block_all" })
      : reset("rejected", { reason, rule: BLACK_HOLE });
  }
  return forward({
    destination: packet.destination,
    destinationPort: packet.destinationPort,
    payload,
    rule: PASSTHROUGH,
  });
}

function askedHost(payload: Payload): string | null {
  return payload.kind === "http"
    ? hostOf(payload.request)
    : payload.kind === "tls"
    ? payload.serverName
    : null;
}

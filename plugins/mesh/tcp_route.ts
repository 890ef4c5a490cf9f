import type { Pod } from "../../core/cluster/model.ts";
import { inDomain } from "../../core/l7/host.ts";
import { list, record, records, texts } from "../../core/l7/json.ts";
import type { Payload } from "../../core/packet/packet.ts";
import type { Rule } from "../../core/source.ts";
import { readNumber } from "./_read.ts";
import { citeObject } from "./_rule.ts";
import type { Mesh } from "./mesh.ts";
import type { UpstreamRoute } from "./open_upstream.ts";
import type { MeshPort } from "./service_registry.ts";
import { readDestination } from "./upstream.ts";
import { isForClient, type VirtualService } from "./virtual_service.ts";

interface Input {
  readonly mesh: Mesh;
  readonly client: Pod;
  readonly payload: Payload;
}

/**
 * Where a Service port sends connections whose bytes are not looked into:
 * what `tls` routes of its VirtualService say of the server name, else its
 * `tcp` routes, else the Service itself. Null: there are `tls` routes for the
 * port and none has the name, so no filter chain is left for it (istio/istio
 * pilot/pkg/networking/core/tls.go).
 */
export function tcpRouteOf(
  port: MeshPort,
  { mesh, client, payload }: Input,
): UpstreamRoute | null {
  const owner = mesh.routes.ownerOf(port.host, client);
  const tls = (owner?.tls ?? []).map((item, index) => ({
    path: ["tls", index],
    route: record(item),
  })).filter(({ route }) => blocksFor(route, port, client).length > 0);
  if (owner !== undefined && port.protocol !== "tcp" && tls.length > 0) {
    const name = payload.kind === "tls" ? payload.serverName : null;
    const found = tls.find(({ route }) =>
      blocksFor(route, port, client).some((match) =>
        texts(match.sniHosts).some((host) =>
          name !== null && inDomain(host.toLowerCase(), name.toLowerCase())
        )
      )
    );
    return found === undefined
      ? null
      : compile(owner, { ...found, port, mesh, payload });
  }
  const tcp = (owner?.tcp ?? []).map((item, index) => ({
    path: ["tcp", index],
    route: record(item),
  })).find(({ route }) =>
    list(route.match).length === 0 ||
    blocksFor(route, port, client).length > 0
  );
  return owner === undefined || tcp === undefined
    ? toServiceItself(port, payload)
    : compile(owner, { ...tcp, port, mesh, payload });
}

/** Match blocks of a route that are for this port and this proxy. */
function blocksFor(
  route: Readonly<Record<string, unknown>>,
  port: MeshPort,
  client: Pod,
) {
  return records(route.match).filter((match) =>
    (readNumber(match.port) ?? port.port.port) === port.port.port &&
    isForClient(match, client)
  );
}

function compile(
  owner: VirtualService,
  { path, route, port, mesh, payload }: {
    readonly path: readonly (string | number)[];
    readonly route: Readonly<Record<string, unknown>>;
    readonly port: MeshPort;
    readonly mesh: Mesh;
    readonly payload: Payload;
  },
): UpstreamRoute {
  const rule = citeObject(owner.object, path);
  const shares = records(route.route);
  return {
    route: null,
    rule,
    emptyStatus: 503,
    targets: shares.map((share) => ({
      weight: shares.length === 1 ? 1 : readNumber(share.weight) ?? 0,
      upstream: readDestination(share.destination, {
        namespace: owner.namespace,
        port: port.port.port,
        registry: mesh.registry,
      }),
      answer: null,
      payload,
      rule,
    })),
  };
}

function toServiceItself(
  { service, port, host }: MeshPort,
  payload: Payload,
): UpstreamRoute {
  const rule: Rule = {
    name: `Service ${service.namespace}/${service.name} port ${port.port}`,
    source: service.source,
  };
  return {
    route: null,
    rule,
    emptyStatus: 503,
    targets: [{
      weight: 1,
      upstream: { host, port: port.port, subset: null },
      answer: null,
      payload,
      rule,
    }],
  };
}

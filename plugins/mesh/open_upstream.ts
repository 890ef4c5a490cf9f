import type { Ip } from "../../core/packet/ip.ts";
import type { Payload } from "../../core/packet/packet.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import { pickIndex } from "../../core/replay/draw.ts";
import type { ProxyDecision } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import {
  HBONE_PORT,
  hboneTunnel,
  mutualTls,
  transportTo,
} from "./client_tls.ts";
import { answer, forward, reset, unknown } from "./decision.ts";
import {
  type Cluster,
  findCluster,
  type FoundCluster,
  weighChoices,
} from "./endpoint_choice.ts";
import type { Outgoing } from "./outbound.ts";
import type { Doubt } from "./unmodelled.ts";
import { clusterName, type Upstream } from "./upstream.ts";

/** One share of a route. */
export interface UpstreamTarget {
  readonly weight: number;
  /** Null: nothing behind it. */
  readonly upstream: Upstream | null;
  /** What the proxy answers itself, where it does. */
  readonly answer: { readonly status: number; readonly reason: string } | null;
  readonly payload: Payload;
  readonly rule: Rule;
}

/** What a connection or a request was routed to. */
export interface UpstreamRoute {
  readonly targets: readonly UpstreamTarget[];
  /** Null for connections without HTTP. */
  readonly route: string | null;
  readonly rule: Rule;
  /** Answer to a request when no share has a weight. */
  readonly emptyStatus: number;
}

interface Share {
  readonly target: UpstreamTarget;
  readonly found: FoundCluster;
}

/** Picks an endpoint of what a route leads to and opens the connection there. */
export function openUpstream(
  route: UpstreamRoute,
  outgoing: Outgoing,
): ProxyDecision {
  const shares = route.targets
    .filter(({ weight }) => weight > 0)
    .map((target) => ({ target, found: clusterOf(target, outgoing) }));
  const doubt = doubtAbout(shares, outgoing);
  if (doubt !== undefined) return unknown(doubt);
  const own = ownAnswer(shares, route, outgoing);
  if (own !== null) return own;
  const live = shares.flatMap(({ target, found }) =>
    found.kind === "cluster"
      ? [{ target, weight: target.weight, cluster: found.cluster }]
      : []
  );
  const kept = live.find(({ cluster }) => cluster.keepsDestination);
  if (kept !== undefined) {
    const { destination, destinationPort } = outgoing.packet;
    const at = { ...kept, ip: destination, port: destinationPort };
    return connect(at, { target: kept.target, route, outgoing });
  }
  const { set, choices } = weighChoices(live);
  const choice = choices[outgoing.context.pick(set)];
  if (choice === undefined) {
    return failure("UH: no healthy endpoint", route, outgoing);
  }
  const { cluster, endpoint } = choice;
  return connect(
    { cluster, ip: endpoint.ip, port: endpoint.port },
    { target: live[choice.target]!.target, route, outgoing },
  );
}

/** A ServiceEntry that defines one of the destinations. */
function doubtAbout(
  shares: readonly Share[],
  { mesh }: Outgoing,
): Doubt | undefined {
  for (const { target: { upstream } } of shares) {
    if (upstream === null) continue;
    const { host } = upstream;
    const doubt = mesh.unmodelled.entryFor({ host, ip: null, port: null });
    if (doubt !== undefined) return doubt;
  }
  return undefined;
}

function clusterOf(target: UpstreamTarget, outgoing: Outgoing): FoundCluster {
  if (target.upstream === null) {
    const reason = "NC: no destination";
    return { kind: "missing", reason, rule: target.rule };
  }
  return findCluster(target.upstream, {
    mesh: outgoing.mesh,
    client: outgoing.client,
    family: outgoing.packet.destination.family,
  });
}

/**
 * What the proxy says itself when the pick falls on a share that leads to
 * nobody; null when it falls on another. Shares with somebody behind them are
 * then picked from as one set.
 */
function ownAnswer(
  shares: readonly Share[],
  route: UpstreamRoute,
  outgoing: Outgoing,
): ProxyDecision | null {
  if (shares.length > 0 && !shares.some(isDead)) return null;
  const targets = shares.map(({ target }) => target);
  const share = shares[pickIndex(outgoing.context.draw("cluster"), targets)];
  if (share === undefined) {
    const reason = "NC: no destination has a weight";
    return outgoing.payload.kind === "http"
      ? answer(route.emptyStatus, { ...route, reason })
      : reset("error", { ...route, reason });
  }
  const { found, target } = share;
  if (!isDead(share)) return null;
  if (target.answer !== null) {
    const { status, reason } = target.answer;
    return answer(status, { reason, rule: target.rule, route: route.route });
  }
  const reason = found.kind === "missing"
    ? found.reason
    : `UH: no healthy endpoint of ${found.cluster.upstream.host}`;
  return failure(reason, { ...route, rule: citeCluster(target) }, outgoing);
}

function isDead({ found }: Share): boolean {
  return found.kind === "missing" ||
    (found.cluster.endpoints.length === 0 && !found.cluster.keepsDestination);
}

function failure(
  reason: string,
  { route, rule }: UpstreamRoute,
  { payload }: Outgoing,
): ProxyDecision {
  return payload.kind === "http"
    ? answer(503, { reason, rule, route })
    : reset("error", { reason, rule });
}

/** What sent here, and the name that Envoy logs for where. */
function citeCluster({ rule, upstream }: UpstreamTarget): Rule {
  return upstream === null ? rule : { ...rule, text: clusterName(upstream) };
}

function connect(
  at: { readonly cluster: Cluster; readonly ip: Ip; readonly port: number },
  { target, route, outgoing }: {
    readonly target: UpstreamTarget;
    readonly route: UpstreamRoute;
    readonly outgoing: Outgoing;
  },
): ProxyDecision {
  const { mesh, client } = outgoing;
  const { trustDomain } = mesh.options;
  const inside = target.payload;
  const rule = citeCluster(target);
  const onward = { destination: at.ip, route: route.route, rule };
  switch (transportTo(at, mesh)) {
    case "own-tls":
      return unknown({
        reason: "TLS that a DestinationRule originates is not modelled",
        rule: at.cluster.policy?.rule ?? target.rule,
      });
    case "plaintext":
      return forward({ ...onward, destinationPort: at.port, payload: inside });
    case "mtls":
      return forward({
        ...onward,
        destinationPort: at.port,
        payload: mutualTls(inside, {
          cluster: at.cluster,
          client,
          trustDomain,
        }),
      });
    case "hbone":
      return forward({
        ...onward,
        destinationPort: HBONE_PORT,
        payload: hboneTunnel(inside, {
          client,
          authority: formatEndpoint(at.ip, at.port),
          trustDomain,
        }),
      });
  }
}

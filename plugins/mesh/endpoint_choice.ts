import type { Labels, PortEndpoint } from "../../core/cluster/model.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { Rule } from "../../core/source.ts";
import { compareText } from "./_age.ts";
import type { DestinationPolicy } from "./destination_rule.ts";
import type { Mesh } from "./mesh.ts";
import { selects } from "./peer_authentication.ts";
import type { MeshPort } from "./service_registry.ts";
import type { Upstream } from "./upstream.ts";
import type { Client } from "./virtual_service.ts";

/** A cluster of Envoy's with its endpoints. */
export interface Cluster {
  readonly upstream: Upstream;
  readonly port: MeshPort;
  readonly policy: DestinationPolicy | undefined;
  /** Connections keep the address they were sent to: headless Services and PASSTHROUGH load balancing. */
  readonly keepsDestination: boolean;
  readonly endpoints: readonly PortEndpoint[];
}

/** A cluster, or why Envoy has none: its response flags NC and UH. */
export type FoundCluster =
  | { readonly kind: "cluster"; readonly cluster: Cluster }
  | {
    readonly kind: "missing";
    readonly reason: string;
    readonly rule: Rule | null;
  };

/** An endpoint that may be picked, and for which share of a route. */
export interface Choice {
  readonly cluster: Cluster;
  readonly endpoint: PortEndpoint;
  readonly target: number;
}

/** Looks a cluster up as a client knows it. */
export function findCluster(
  upstream: Upstream,
  { mesh, client, family }: {
    readonly mesh: Mesh;
    readonly client: Client;
    readonly family: 4 | 6;
  },
): FoundCluster {
  const port = mesh.registry.portOf(upstream.host, upstream.port);
  if (port === undefined) {
    const reason = `NC: no service ${upstream.host} port ${upstream.port}`;
    return { kind: "missing", reason, rule: null };
  }
  const policy = mesh.destinationRules.find(upstream.host, {
    client,
    service: port.service,
  });
  const labels = upstream.subset === null
    ? {}
    : policy?.subset(upstream.subset);
  if (labels === undefined) {
    return {
      kind: "missing",
      reason: `NC: no subset ${upstream.subset} of ${upstream.host}`,
      rule: policy?.rule ?? null,
    };
  }
  const endpoints = mesh.registry.endpointsOf(port, family).filter((endpoint) =>
    selects(labels, podLabels(endpoint, mesh))
  );
  return {
    kind: "cluster",
    cluster: {
      upstream,
      port,
      policy,
      endpoints,
      keepsDestination: port.service.headless || policy?.passthrough === true,
    },
  };
}

/**
 * The weighted set of endpoints behind weighted clusters, sorted by address:
 * each cluster's weight is shared evenly among its endpoints. Weights are
 * scaled to whole numbers, so that every share is exact.
 */
export function weighChoices(
  clusters: readonly { readonly weight: number; readonly cluster: Cluster }[],
): { readonly set: readonly WeightedBackend[]; readonly choices: Choice[] } {
  const scale = clusters.reduce(
    (product, { cluster }) =>
      leastCommonMultiple(product, Math.max(1, cluster.endpoints.length)),
    1,
  );
  const entries = clusters.flatMap(({ weight, cluster }, target) =>
    cluster.endpoints.map((endpoint) => ({
      choice: { cluster, endpoint, target },
      backend: formatEndpoint(endpoint.ip, endpoint.port),
      weight: weight * scale / cluster.endpoints.length,
    }))
  ).sort((a, b) =>
    compareText(a.backend, b.backend) || a.choice.target - b.choice.target
  );
  const divisor = entries.reduce(
    (common, { weight }) => greatestCommonDivisor(common, weight),
    0,
  );
  return {
    set: entries.map(({ backend, weight }) => ({
      backend,
      weight: divisor === 0 ? 0 : weight / divisor,
    })),
    choices: entries.map(({ choice }) => choice),
  };
}

function podLabels(endpoint: PortEndpoint, mesh: Mesh): Labels {
  const pod = endpoint.pod === null
    ? undefined
    : mesh.cluster.pods.get(endpoint.pod);
  return pod?.labels ?? {};
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function leastCommonMultiple(a: number, b: number): number {
  return a / greatestCommonDivisor(a, b) * b;
}

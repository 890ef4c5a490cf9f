import type { ClusterView } from "../../core/cluster/view.ts";
import type { PortEndpoint, Service } from "../../core/cluster/model.ts";
import type { WeightedTarget } from "../../core/l7/route.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { Profile } from "./options.ts";
import type { ServiceBackend } from "./program.ts";

/** Address and port that a proxy connects to. */
export interface Address {
  readonly ip: Ip;
  readonly port: number;
}

/** One address of a weighted set, or an answer in its place, with its exact share. */
export interface Share {
  readonly target: WeightedTarget<ServiceBackend>;
  /** Null when the target is no backend, or one without a ready endpoint. */
  readonly address: Address | null;
  /** Whole number; the shares of a set compare by it. */
  readonly weight: number;
}

/**
 * Spreads the weights of backends evenly over their endpoints, in whole
 * numbers, so that shares are exact.
 */
export function sharesOf(
  targets: readonly WeightedTarget<ServiceBackend>[],
  { cluster, profile }: {
    readonly cluster: ClusterView;
    readonly profile: Profile;
  },
): readonly Share[] {
  const spread = targets
    .filter(({ weight }) => weight > 0)
    .map((target) => ({
      target,
      addresses: addressesOf(target, { cluster, profile }),
      whole: Math.min(Math.ceil(target.weight), MOST_WEIGHT),
    }));
  const common = spread.reduce(
    (product, { addresses }) => {
      const multiple = leastMultiple(product, addresses.length);
      return multiple <= MOST_COMMON ? multiple : product;
    },
    1,
  );
  return spread.flatMap(({ target, addresses, whole }) =>
    addresses.map((address) => ({
      target,
      address,
      weight: Math.ceil(whole * common / addresses.length),
    }))
  );
}

/** The largest weight that Gateway API admits (BackendRef.Weight). */
const MOST_WEIGHT = 1_000_000;

/** Beyond this common multiple of endpoint counts, shares are rounded so that they stay whole numbers. */
const MOST_COMMON = 2 ** 32;

/** The set as outcomes show it, in lowest terms; an answer of the proxy itself stands for its share. */
export function weightedBackends(
  shares: readonly Share[],
): readonly WeightedBackend[] {
  const weights = new Map<string, number>();
  for (const { target, address, weight } of shares) {
    const backend = address === null
      ? answerOf(target)
      : formatAddress(address);
    weights.set(backend, (weights.get(backend) ?? 0) + weight);
  }
  const divisor = [...weights.values()].reduce(divide, 0);
  return [...weights].map(([backend, weight]) => ({
    backend,
    weight: weight / divisor,
  }));
}

function answerOf({ target }: WeightedTarget<ServiceBackend>): string {
  switch (target.kind) {
    case "backend":
      return "status 503";
    case "respond":
      return `status ${target.status}`;
    case "redirect":
      return `status ${target.redirect.status}`;
    case "unknown":
      return "unknown";
  }
}

function formatAddress({ ip, port }: Address): string {
  return ip.family === 6 ? `[${ip.text}]:${port}` : `${ip.text}:${port}`;
}

function addressesOf(
  { target }: WeightedTarget<ServiceBackend>,
  { cluster, profile }: { cluster: ClusterView; profile: Profile },
): readonly (Address | null)[] {
  if (target.kind !== "backend") return [null];
  const { namespace, name, port, viaService } = target.backend;
  const service = cluster.services.get(`${namespace}/${name}`);
  if (service === undefined) return [null];
  const [clusterIp] = service.clusterIps;
  if ((viaService || profile.backends === "service") && clusterIp) {
    return [{ ip: clusterIp, port }];
  }
  const ready = readyEndpoints(service, port, cluster);
  return ready.length > 0 ? ready : [null];
}

/** Ready endpoints in the Service's first family that has any. */
function readyEndpoints(
  service: Service,
  port: number,
  cluster: ClusterView,
): readonly PortEndpoint[] {
  const entry = service.ports.find((one) =>
    one.port === port && one.protocol !== "SCTP"
  );
  if (entry === undefined) return [];
  const families = service.clusterIps[0]?.family === 6
    ? [6, 4] as const
    : [4, 6] as const;
  for (const family of families) {
    const ready = cluster.endpointsOf(service, entry, family)
      .filter((endpoint) => endpoint.ready);
    if (ready.length > 0) return ready;
  }
  return [];
}

function leastMultiple(a: number, b: number): number {
  return a / divide(a, b) * b;
}

/** Greatest common divisor. */
function divide(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

import type { Labels, Service } from "../../../../core/cluster/model.ts";
import type { Cidr } from "../../../../core/packet/ip.ts";
import type { LbAddress } from "./lb_address.ts";
import type { LbType } from "./service_flags.ts";

/** A service as load balancing sees it; redirects and host ports have services of their own. */
export interface LbService {
  /** `shop/web`, `kube-system/nodelocaldns:local-redirect`. */
  readonly name: string;
  /** Who says that it exists: `k8s`, or `api` for a file. */
  readonly source: string;
  readonly annotations: Labels;
  /** Numbers of ports by name, in the Service's order. */
  readonly portNames: readonly (readonly [name: string, port: number])[];
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  readonly affinityTimeoutS: number | null;
  readonly sourceRanges: readonly Cidr[];
  readonly sourceRangesDeny: boolean;
  /** The algorithm that its annotation asks for. */
  readonly algorithm: "random" | "maglev" | null;
  /** The forwarding that its annotation asks for. */
  readonly forwarding: "snat" | "dsr" | null;
  /** Which endpoints it prefers. */
  readonly distribution:
    | "PreferClose"
    | "PreferSameZone"
    | "PreferSameNode"
    | null;
}

/** A backend of one service. */
export interface LbBackend {
  readonly service: string;
  readonly address: LbAddress;
  /** Names of service ports it is behind; none: all of them. */
  readonly portNames: readonly string[];
  readonly state: LbBackendState;
  readonly node: string | null;
  readonly zone: string | null;
  readonly zoneHints: readonly string[];
  readonly weight: number;
  /** What a health checker found. */
  readonly unhealthy: boolean;
}

/** States in the order in which backends are sorted; the third is in the map what the second is. */
export type LbBackendState =
  | "active"
  | "terminating"
  | "terminating-not-serving"
  | "quarantined"
  | "maintenance";

/** One address of a service. */
export interface LbFrontend {
  readonly type: LbType;
  readonly address: LbAddress;
  readonly service: LbService;
  readonly portName: string | null;
  /** The pseudo-service of a redirect that answers in its place. */
  readonly redirectTo: string | null;
  readonly backends: readonly LbBackend[];
}

/** What a Service says of itself alone. */
export function lbServiceOf(
  service: Service,
  { source }: { readonly source: string },
): LbService {
  const { annotations } = service;
  return {
    ...PLAIN_SERVICE,
    name: `${service.namespace}/${service.name}`,
    source,
    annotations,
    portNames: service.ports.map(({ name, port }) => [name ?? "", port]),
    externalLocal: service.externalTrafficPolicy === "Local",
    internalLocal: service.internalTrafficPolicy === "Local",
    affinityTimeoutS: service.affinityTimeoutS,
    sourceRanges: service.loadBalancerSourceRanges,
    sourceRangesDeny: annotation(annotations, "src-ranges-policy") === "deny",
    algorithm: oneOf(annotation(annotations, "lb-algorithm"), [
      "random",
      "maglev",
    ]),
    forwarding: oneOf(annotation(annotations, "forwarding-mode"), [
      "snat",
      "dsr",
    ]),
    distribution: distributionOf(service),
  };
}

/** A service with nothing special to it. */
export const PLAIN_SERVICE: Omit<LbService, "name"> = {
  source: "k8s",
  annotations: {},
  portNames: [],
  externalLocal: false,
  internalLocal: false,
  affinityTimeoutS: null,
  sourceRanges: [],
  sourceRangesDeny: false,
  algorithm: null,
  forwarding: null,
  distribution: null,
};

/** The value of an annotation of Cilium's on services. */
export function annotation(
  annotations: Labels,
  name: string,
): string | undefined {
  return annotations[`service.cilium.io/${name}`]?.toLowerCase();
}

function oneOf<Word extends string>(
  text: string | undefined,
  words: readonly Word[],
): Word | null {
  return words.find((word) => word === text) ?? null;
}

function distributionOf(service: Service): LbService["distribution"] {
  if (service.internalTrafficPolicy === "Local") return null;
  const known = oneOf(service.trafficDistribution ?? undefined, [
    "PreferClose",
    "PreferSameZone",
    "PreferSameNode",
  ]);
  if (known !== null) return known;
  const hints =
    service.annotations["service.kubernetes.io/topology-aware-hints"] ??
      service.annotations["service.kubernetes.io/topology-mode"] ?? "";
  return hints === "" || hints.toLowerCase() === "disabled"
    ? null
    : "PreferClose";
}

import type { KubeObject } from "../../core/cluster/model.ts";
import type { Event } from "../../core/event.ts";
import type { ObjectAge } from "../../core/l7/ranked_route.ts";

/** An object with the time at which it was first applied. */
export interface Applied {
  readonly object: KubeObject;
  readonly appliedNs: number;
}

/** Every object of the kinds served, by `Kind namespace/name`. */
export interface GatewayState {
  readonly objects: Record<string, Applied>;
}

/** Kinds that this plugin reads, by kind: the group they must be of. */
export const KINDS: Readonly<Record<string, string>> = {
  Gateway: "gateway.networking.k8s.io",
  GatewayClass: "gateway.networking.k8s.io",
  ListenerSet: "gateway.networking.k8s.io",
  HTTPRoute: "gateway.networking.k8s.io",
  GRPCRoute: "gateway.networking.k8s.io",
  TLSRoute: "gateway.networking.k8s.io",
  TCPRoute: "gateway.networking.k8s.io",
  UDPRoute: "gateway.networking.k8s.io",
  ReferenceGrant: "gateway.networking.k8s.io",
  BackendTLSPolicy: "gateway.networking.k8s.io",
  Ingress: "networking.k8s.io",
  IngressClass: "networking.k8s.io",
};

/** Folds one event: an object applied or deleted. */
export function evolve(state: GatewayState, event: Event): GatewayState {
  if (event.type === "policy.applied") {
    const { object } = event.data;
    const { namespace = null, name } = object.metadata;
    const key = keyOf({ ...object, namespace, name });
    if (key === undefined) return state;
    const appliedNs = state.objects[key]?.appliedNs ?? event.timeNs;
    state.objects[key] = { object, appliedNs };
  } else if (event.type === "policy.deleted") {
    const key = keyOf(event.data);
    if (key !== undefined) delete state.objects[key];
  }
  return state;
}

/** Objects of one kind, by namespace and name. */
export function objectsOf(
  state: GatewayState,
  kind: string,
): readonly Applied[] {
  return Object.keys(state.objects)
    .filter((key) => key.startsWith(`${kind} `))
    .sort()
    .map((key) => state.objects[key]!);
}

/** The age of an object among others. */
export function ageOf({ object, appliedNs }: Applied): ObjectAge {
  return {
    createdAt: object.metadata.creationTimestamp ?? null,
    appliedNs,
    namespace: namespaceOf(object),
    name: object.metadata.name,
  };
}

/** Namespace of an object; `default` when none is written. */
export function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? "default";
}

function keyOf(
  { apiVersion, kind, namespace, name }: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string | null;
    readonly name: string;
  },
): string | undefined {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const experimental = group === "gateway.networking.x-k8s.io" &&
    kind === "XListenerSet";
  if (experimental) return `ListenerSet ${namespace ?? "default"}/${name}`;
  return KINDS[kind] === group
    ? `${kind} ${namespace ?? "default"}/${name}`
    : undefined;
}

import type { KubeObject } from "../../core/cluster/model.ts";
import type { Event } from "../../core/event.ts";
import { type Applied, compareAge } from "./_age.ts";

/** Every object of the kinds that the plugin understands, by `Kind/namespace/name`. */
export interface MeshState {
  readonly objects: Record<string, Applied>;
}

/** Kinds that shape what proxies do, each modelled or answered with unknown. */
export const MESH_KINDS: readonly string[] = [
  "security.istio.io/PeerAuthentication",
  "security.istio.io/AuthorizationPolicy",
  "security.istio.io/RequestAuthentication",
  "networking.istio.io/VirtualService",
  "networking.istio.io/DestinationRule",
  "networking.istio.io/ServiceEntry",
  "networking.istio.io/Sidecar",
  "networking.istio.io/EnvoyFilter",
  "networking.istio.io/ProxyConfig",
  "networking.istio.io/WorkloadEntry",
  "networking.istio.io/WorkloadGroup",
  "extensions.istio.io/WasmPlugin",
  "telemetry.istio.io/Telemetry",
  "gateway.networking.k8s.io/Gateway",
  "gateway.networking.k8s.io/HTTPRoute",
  "gateway.networking.k8s.io/GRPCRoute",
];

/** Folds one policy event; objects of other kinds are left out. */
export function evolve(state: MeshState, event: Event): MeshState {
  if (event.type === "policy.applied") {
    const { object } = event.data;
    if (isOfMesh(object.apiVersion, object.kind)) {
      const key = keyOf(object.kind, object.metadata);
      const appliedNs = state.objects[key]?.appliedNs ?? event.timeNs;
      state.objects[key] = { object, appliedNs };
    }
  } else if (event.type === "policy.deleted") {
    const { kind, namespace, name, apiVersion } = event.data;
    if (isOfMesh(apiVersion, kind)) {
      delete state.objects[keyOf(kind, { namespace, name })];
    }
  }
  return state;
}

/** Objects of one kind, the oldest first. */
export function objectsOf(
  state: MeshState,
  kind: string,
): readonly KubeObject[] {
  return appliedOf(state, kind).map(({ object }) => object);
}

/** Objects of one kind with the time of their application, the oldest first. */
export function appliedOf(state: MeshState, kind: string): readonly Applied[] {
  return Object.values(state.objects)
    .filter(({ object }) => object.kind === kind)
    .sort(compareAge);
}

function isOfMesh(apiVersion: string, kind: string): boolean {
  return MESH_KINDS.includes(`${apiVersion.split("/", 1)[0]}/${kind}`);
}

/** An object without namespace is of `default`, as kubectl would have it. */
function keyOf(
  kind: string,
  { namespace, name }: {
    readonly namespace?: string | null;
    readonly name: string;
  },
): string {
  return `${kind}/${namespace ?? "default"}/${name}`;
}

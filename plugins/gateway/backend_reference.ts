import type { ClusterView } from "../../core/cluster/view.ts";
import type { BackendReference } from "../../core/l7/http_route.ts";
import type { Target } from "../../core/l7/route.ts";
import type { ServiceBackend } from "./program.ts";
import type { GrantCheck } from "./reference_grant.ts";

/** Kinds that some implementation sends traffic to, and that are not modelled. */
const EXTENSION_KINDS = new Set([
  "gateway.envoyproxy.io/Backend",
  "multicluster.x-k8s.io/ServiceImport",
  "networking.istio.io/Hostname",
  "inference.networking.k8s.io/InferencePool",
  "inference.networking.x-k8s.io/InferencePool",
]);

/** What references are resolved against. */
export interface ReferenceScope {
  readonly cluster: ClusterView;
  readonly grants: GrantCheck;
  /** Why connections to a Service port cannot be judged, null when they can. */
  unmodelled(backend: ServiceBackend): string | null;
}

/**
 * What a backendRef leads to. A reference that is not valid (unknown kind,
 * missing Service or port, no ReferenceGrant) keeps its weight and is
 * answered with 500 (HTTPRouteRule.BackendRefs).
 */
export function resolveBackend(
  reference: BackendReference,
  { scope, from }: {
    readonly scope: ReferenceScope;
    /** The route that refers. */
    readonly from: { readonly kind: string; readonly namespace: string };
  },
): Target<ServiceBackend> {
  const { group, kind, namespace, name, port } = reference;
  if (group !== "" || kind !== "Service") {
    const full = `${group}/${kind}`;
    return EXTENSION_KINDS.has(full)
      ? { kind: "unknown", reason: `backends of kind ${full} are not modelled` }
      : invalid(`${full} is not a kind of backend`);
  }
  const allowed = scope.grants({
    from: { group: "gateway.networking.k8s.io", ...from },
    to: { group, kind, namespace, name },
  });
  if (!allowed) {
    return invalid(`no ReferenceGrant for Service ${namespace}/${name}`);
  }
  return resolveService({ namespace, name, port }, scope);
}

/** What a Service port leads to, when it exists. */
export function resolveService(
  { namespace, name, port }: {
    readonly namespace: string;
    readonly name: string;
    readonly port: number | null;
  },
  scope: ReferenceScope,
): Target<ServiceBackend> {
  const service = scope.cluster.services.get(`${namespace}/${name}`);
  if (service === undefined) {
    return invalid(`Service ${namespace}/${name} not found`);
  }
  if (port === null || !service.ports.some((entry) => entry.port === port)) {
    return invalid(`Service ${namespace}/${name} has no port ${port ?? ""}`);
  }
  if (service.type === "ExternalName") {
    return {
      kind: "unknown",
      reason: "ExternalName backends are not modelled",
    };
  }
  const backend = { namespace, name, port, viaService: false, tls: false };
  const reason = scope.unmodelled(backend);
  return reason === null
    ? { kind: "backend", backend }
    : { kind: "unknown", reason };
}

function invalid(reason: string): Target<ServiceBackend> {
  return { kind: "respond", status: 500, reason: `invalid backend: ${reason}` };
}

import type { Labels, Namespace, Pod } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { MeshOptions } from "./options.ts";

/** How a pod takes part in the mesh. */
export type DataPlane = "sidecar" | "ambient" | "none";

/** Namespaces that the injection webhook leaves alone (istio/istio pkg/kube/inject/inject.go, IgnoredNamespaces). */
const IGNORED_NAMESPACES: readonly string[] = [
  "kube-system",
  "kube-public",
  "kube-node-lease",
  "local-path-storage",
];

/**
 * The data plane that serves a pod. A pod in the node's network namespace is
 * never in the mesh, and a sidecar wins over ambient, as the CNI agent leaves
 * injected pods alone (istio/istio cni/pkg/util/podutil.go, PodRedirectionEnabled).
 */
export function dataPlaneOf(
  pod: Pod,
  cluster: ClusterView,
  options: MeshOptions,
): DataPlane {
  if (pod.hostNetwork) return "none";
  const namespace = cluster.namespaces.get(pod.namespace);
  const labelled = hasSidecar(pod, namespace, options)
    ? "sidecar"
    : isAmbient(pod, namespace)
    ? "ambient"
    : "none";
  return labelled === "none" || options.mode === "auto"
    ? labelled
    : options.mode;
}

function hasSidecar(
  pod: Pod,
  namespace: Namespace | undefined,
  options: MeshOptions,
): boolean {
  if (pod.containers.includes("istio-proxy")) return true;
  if (
    options.inject === "none" || IGNORED_NAMESPACES.includes(pod.namespace)
  ) {
    return false;
  }
  const wish = pod.labels["sidecar.istio.io/inject"] ??
    pod.annotations["sidecar.istio.io/inject"];
  if (wish === "false") return false;
  if (options.inject === "all") {
    return pod.namespace !== options.rootNamespace;
  }
  return asksForInjection(namespace?.labels ?? {}, pod, wish);
}

/** The namespace and object selectors of the injection webhook, which has one entry for each line here. */
function asksForInjection(
  namespace: Labels,
  pod: Pod,
  wish: string | undefined,
): boolean {
  const injection = namespace["istio-injection"];
  if (injection === "enabled") return true;
  if (injection !== undefined) return false;
  if (namespace["istio.io/rev"] !== undefined) return true;
  return wish === "true" || pod.labels["istio.io/rev"] !== undefined;
}

function isAmbient(pod: Pod, namespace: Namespace | undefined): boolean {
  const mode = pod.labels["istio.io/dataplane-mode"] ??
    namespace?.labels["istio.io/dataplane-mode"];
  return mode === "ambient";
}

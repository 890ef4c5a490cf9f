import type { Labels, Pod } from "../../core/cluster/model.ts";
import { compareText } from "../../core/policy/compare_text.ts";
import type { Party } from "../../core/policy/party.ts";

/** Labels with a meaning of their own (pkg/k8s/apis/cilium.io/const.go). */
export const LABEL = {
  namespace: "io.kubernetes.pod.namespace",
  namespaceLabels: "io.cilium.k8s.namespace.labels",
  serviceAccount: "io.cilium.k8s.policy.serviceaccount",
  cluster: "io.cilium.k8s.policy.cluster",
} as const;

/** Where labels come from, as a prefix of their keys (pkg/labels). */
const SOURCES = ["k8s", "reserved", "cidr", "fqdn", "container", "unspec"];

/**
 * Labels that do not count towards an identity by default, so that no policy
 * can select by them (Documentation/operations/performance/scalability/
 * identity-relevant-labels.rst; each is matched from the start of the key).
 */
const EXCLUDED = [
  "io.kubernetes",
  "kubernetes.io",
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
  "batch.kubernetes.io/job-completion-index",
  "batch.kubernetes.io/controller-uid",
  "k8s.io",
  "pod-template-generation",
  "pod-template-hash",
  "controller-revision-hash",
  "annotation",
  "controller-uid",
  "etcd_node",
];

/** Whether a pod label counts towards the identity. */
export function countsForIdentity(key: string): boolean {
  return !EXCLUDED.some((start) => key.startsWith(start)) &&
    !key.includes("beta.kubernetes.io");
}

/**
 * The labels of a pod's identity as selectors see them: each under its own key
 * and under its key with the source in front.
 */
export function identityLabels(
  pod: Pod,
  { namespaceLabels, cluster }: {
    readonly namespaceLabels: Labels;
    readonly cluster: string;
  },
): Labels {
  const labels: Record<string, string> = {};
  const add = (key: string, value: string) => {
    labels[key] = value;
    labels[`k8s:${key}`] = value;
  };
  for (const [key, value] of Object.entries(pod.labels)) {
    if (countsForIdentity(key)) add(key, value);
  }
  for (const [key, value] of Object.entries(namespaceLabels)) {
    add(`${LABEL.namespaceLabels}.${key}`, value);
  }
  add(LABEL.namespace, pod.namespace);
  add(LABEL.serviceAccount, pod.serviceAccount);
  // A pod of another cluster of the mesh says so.
  add(LABEL.cluster, pod.labels[LABEL.cluster] ?? cluster);
  return labels;
}

/** Reserved labels as selectors see them. */
export function reservedAsLabels(reserved: readonly string[]): Labels {
  return Object.fromEntries(
    reserved.flatMap((name) => [[name, ""], [`reserved:${name}`, ""]]),
  );
}

/** A selector's key as {@link identityLabels} spells it: `any:` means whatever source. */
export function selectorKey(key: string): string {
  return key.startsWith("any:") ? key.slice(4) : key;
}

/** A key without its source. */
export function bareKey(key: string): string {
  const colon = key.indexOf(":");
  const source = key.slice(0, colon);
  return colon > 0 && (source === "any" || SOURCES.includes(source))
    ? key.slice(colon + 1)
    : key;
}

/** How an identity is written in flows: `k8s:app=web,k8s:io.kubernetes.pod.namespace=shop`. */
export function identityText(
  { kind, example, namespace }: Party,
  reserved: readonly string[],
): string {
  if (kind !== "pod" || example === null) {
    return reserved.map((name) => `reserved:${name}`).join(",");
  }
  const own = Object.entries(example.labels)
    .filter(([key]) => countsForIdentity(key))
    .map(([key, value]) => `k8s:${key}=${value}`)
    .sort(compareText);
  return [...own, `k8s:${LABEL.namespace}=${namespace}`].join(",");
}

import type { Cluster } from "../cluster/cluster.ts";
import { type NewEvent, newEvent } from "../event.ts";
import { nearest } from "../errors.ts";
import { groupOf, type ManifestObject } from "./_manifest_object.ts";
import { WORKLOAD_KINDS } from "./_manifest_workload.ts";

/** The events of deleting one object; what the cluster does not have is a problem, as for kubectl. */
export function deletionsOf(
  object: ManifestObject,
  cluster: Cluster,
): NewEvent[] {
  const { apiVersion, kind, name } = object;
  const namespace = object.namespace ?? "default";
  const group = groupOf(apiVersion);
  if (WORKLOAD_KINDS[kind]?.includes(group)) {
    return deleteWorkload(object, cluster);
  }
  if (group === "discovery.k8s.io" && kind === "EndpointSlice") {
    // It may have given way to what its Service's pods say by now.
    return [newEvent("endpoints.deleted", { namespace, name })];
  }
  if (group !== "") return deletePolicy(object);
  switch (kind) {
    case "Namespace":
      return deleteNamespace(object, cluster);
    case "Node":
      return known(object, [...cluster.nodes.keys()])
        ? [newEvent("node.deleted", { name })]
        : [];
    case "Pod":
      return known(object, [...cluster.pods.keys()])
        ? [newEvent("pod.deleted", { namespace, name })]
        : [];
    case "Service":
      return known(object, [...cluster.services.keys()])
        ? [newEvent("service.deleted", { namespace, name })]
        : [];
    case "Endpoints":
      return deleteEndpoints(object, cluster);
    case "Secret":
      return [];
    default:
      return deletePolicy(object);
  }
}

function deletePolicy(object: ManifestObject): NewEvent[] {
  const { apiVersion, kind, namespace, name } = object;
  return [newEvent("policy.deleted", { apiVersion, kind, namespace, name })];
}

function deleteWorkload(
  { kind, name, namespace, root }: ManifestObject,
  cluster: Cluster,
): NewEvent[] {
  const pods = [...cluster.pods.values()].filter((pod) =>
    pod.namespace === namespace && pod.workload.kind === kind &&
    pod.workload.name === name
  );
  if (pods.length === 0) {
    root.warn("it has no pods to delete");
  }
  return pods.map((pod) =>
    newEvent("pod.deleted", { namespace: pod.namespace, name: pod.name })
  );
}

/** All slices that an Endpoints object was read as. */
function deleteEndpoints(
  { name, namespace }: ManifestObject,
  cluster: Cluster,
): NewEvent[] {
  return [...cluster.slices.values()]
    .filter((slice) => slice.namespace === namespace && slice.service === name)
    .map((slice) =>
      newEvent("endpoints.deleted", {
        namespace: slice.namespace,
        name: slice.name,
      })
    );
}

function deleteNamespace(
  object: ManifestObject,
  cluster: Cluster,
): NewEvent[] {
  const { name } = object;
  if (!known(object, [...cluster.namespaces.keys()])) return [];
  const within = <T extends { namespace: string; name: string }>(
    all: ReadonlyMap<string, T>,
  ) =>
    [...all.values()].filter(({ namespace }) => namespace === name)
      .map(({ namespace, name }) => ({ namespace, name }));
  return [
    ...within(cluster.slices).map((key) => newEvent("endpoints.deleted", key)),
    ...within(cluster.services).map((key) => newEvent("service.deleted", key)),
    ...within(cluster.pods).map((key) => newEvent("pod.deleted", key)),
    newEvent("namespace.deleted", { name }),
  ];
}

function known(
  { namespace, name, root }: ManifestObject,
  keys: readonly string[],
): boolean {
  const key = namespace === null ? name : `${namespace}/${name}`;
  if (keys.includes(key)) return true;
  const near = nearest(key, keys);
  root.get("metadata").get("name").fail("the cluster has none of that name", {
    expected: "an object that exists",
    didYouMean: near,
  });
  return false;
}

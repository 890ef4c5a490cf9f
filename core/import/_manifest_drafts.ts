import type {
  EndpointSlice,
  KubeObject,
  Namespace,
  Node,
} from "../cluster/model.ts";
import type { Field } from "./_field.ts";
import { readEndpoints, readEndpointSlice } from "./_manifest_endpoints.ts";
import { readNode } from "./_manifest_node.ts";
import {
  groupOf,
  isClientSide,
  type ManifestObject,
  readKubeObject,
  readMeta,
} from "./_manifest_object.ts";
import { type PodDraft, readPod } from "./_manifest_pod.ts";
import { readService, type ServiceDraft } from "./_manifest_service.ts";
import {
  readWorkload,
  type Workload,
  WORKLOAD_KINDS,
} from "./_manifest_workload.ts";

/** Objects read, by what becomes of them. */
export interface Drafts {
  readonly namespaces: Namespace[];
  readonly nodes: Node[];
  readonly pods: PodDraft[];
  readonly workloads: Workload[];
  readonly services: ServiceDraft[];
  readonly slices: SliceDraft[];
  readonly policies: KubeObject[];
  readonly ignored: Map<string, number>;
  /** Every namespace mentioned, with the first place that does. */
  readonly mentioned: Map<string, Field>;
}

/** A slice, and whether it was an Endpoints object. */
export interface SliceDraft {
  readonly slice: EndpointSlice;
  readonly legacy: boolean;
  readonly field: Field;
}

/** Reads every object into the draft of its kind. */
export function readDrafts(objects: readonly ManifestObject[]): Drafts {
  const drafts: Drafts = {
    namespaces: [],
    nodes: [],
    pods: [],
    workloads: [],
    services: [],
    slices: [],
    policies: [],
    ignored: new Map(),
    mentioned: new Map(),
  };
  for (const object of lastOfEach(objects)) {
    const { namespace, root } = object;
    if (namespace !== null && !drafts.mentioned.has(namespace)) {
      drafts.mentioned.set(namespace, root);
    }
    readObject(object, drafts);
  }
  return { ...drafts, slices: withoutDoubles(drafts.slices) };
}

/** A namespace with the label that the API server gives every one. */
export function withNameLabel(namespace: Namespace): Namespace {
  const { name, labels } = namespace;
  return {
    ...namespace,
    labels: { ...labels, "kubernetes.io/metadata.name": name },
  };
}

/** Of objects given more than once the last counts, as when files are applied in turn. */
function lastOfEach(objects: readonly ManifestObject[]): ManifestObject[] {
  const last = new Map<string, ManifestObject>();
  for (const object of objects) {
    const { apiVersion, kind, namespace, name, root } = object;
    const parts = [groupOf(apiVersion), kind, namespace ?? "", name];
    if (isClientSide(apiVersion)) parts.push(`${last.size}`);
    const key = parts.join("\n");
    const before = last.get(key)?.root;
    const differs = before !== undefined &&
      JSON.stringify(before.value) !== JSON.stringify(root.value);
    if (differs) {
      const { file, line } = before.at;
      root.warn("it is given twice, and this one counts", {
        expected: `one object of the name; the other is at ${file}:${line}`,
      });
    }
    last.set(key, object);
  }
  // In order of the keys, so that the order of documents plays no part.
  return [...last].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, object]) => object);
}

function readObject(object: ManifestObject, into: Drafts): void {
  const { kind, apiVersion, root } = object;
  const group = groupOf(apiVersion);
  if (isLeftOut(object)) {
    into.ignored.set(kind, (into.ignored.get(kind) ?? 0) + 1);
  } else if (WORKLOAD_KINDS[kind]?.includes(group)) {
    const workload = readWorkload(object);
    if (workload !== null) into.workloads.push(workload);
  } else if (group === "discovery.k8s.io" && kind === "EndpointSlice") {
    const slice = readEndpointSlice(object);
    if (slice !== null) into.slices.push({ slice, legacy: false, field: root });
  } else if (group !== "") {
    into.policies.push(readKubeObject(object));
  } else {
    readCoreObject(object, into);
  }
}

/** The kinds of the group without a name: `apiVersion: v1`. */
function readCoreObject(object: ManifestObject, into: Drafts): void {
  switch (object.kind) {
    case "Namespace":
      into.namespaces.push(withNameLabel(readMeta(object)));
      break;
    case "Node":
      into.nodes.push(readNode(object));
      break;
    case "Pod":
      into.pods.push(readPod(object));
      break;
    case "Service":
      into.services.push(readService(object));
      break;
    case "Endpoints":
      for (const slice of readEndpoints(object)) {
        into.slices.push({ slice, legacy: true, field: object.root });
      }
      break;
    default:
      into.policies.push(readKubeObject(object));
  }
}

/** Secrets never reach a tape; files for kustomize never reach a cluster. */
function isLeftOut({ kind, apiVersion }: ManifestObject): boolean {
  return (kind === "Secret" && groupOf(apiVersion) === "") ||
    isClientSide(apiVersion);
}

/** A dump has the endpoints of a Service twice, as Endpoints and as slices, which say more. */
function withoutDoubles(slices: readonly SliceDraft[]): SliceDraft[] {
  const serviceOf = ({ slice }: SliceDraft) =>
    `${slice.namespace}/${slice.service}`;
  const sliced = new Set(
    slices.filter(({ legacy }) => !legacy).map(serviceOf),
  );
  return slices.filter((draft) =>
    !draft.legacy || !sliced.has(serviceOf(draft))
  );
}

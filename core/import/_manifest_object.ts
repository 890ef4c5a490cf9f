import { readDocuments, type YamlDocument } from "../_yaml.ts";
import type { KubeObject, ObjectMeta } from "../cluster/model.ts";
import { InputError, nearest, type Problem } from "../errors.ts";
import { Field, type FieldContext } from "./_field.ts";

/** One manifest file: its name for messages, and its text. */
export interface ManifestFile {
  readonly file: string;
  readonly text: string;
}

/** One object of a file, named but not yet read. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Null for kinds that have no namespace. */
  readonly namespace: string | null;
  readonly root: Field;
}

/** Where what is found wrong is collected. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** All objects of all files; `*List` objects are taken apart. */
export function readObjects(
  files: readonly ManifestFile[],
  findings: Findings,
): ManifestObject[] {
  const objects: ManifestObject[] = [];
  for (const { file, text } of files) {
    for (const document of documentsOf({ file, text }, findings)) {
      if (document.value === null) continue;
      const context = { ...findings, document, subject: "object" };
      const start = document.at();
      const root = Field.root(document.value, { context, start });
      collect(root, { into: objects, inherited: {} });
    }
  }
  return objects;
}

/** What every modelled object carries. */
export function readMeta({ name, root }: ManifestObject): ObjectMeta {
  const metadata = root.get("metadata");
  return {
    name,
    labels: metadata.get("labels").labels(),
    annotations: withoutCopy(metadata.get("annotations").labels()),
    source: root.at,
  };
}

/** An object that the core does not model, as plugins get it. */
export function readKubeObject(object: ManifestObject): KubeObject {
  const { apiVersion, kind, namespace, root } = object;
  const { name, labels, annotations, source } = readMeta(object);
  const created = root.get("metadata").get("creationTimestamp").text();
  const fields = root.mapping() ?? {};
  const { spec, specs, status, data } = fields;
  const securityLabels = fields["security-labels"];
  const parts = root.context.document.parts(root.value as object, {
    skip: ["metadata.managedFields", "status"],
  });
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === null ? {} : { namespace }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(created === null ? {} : { creationTimestamp: created }),
    },
    ...(spec === undefined ? {} : { spec }),
    ...(specs === undefined ? {} : { specs }),
    ...(status === undefined ? {} : { status }),
    ...(data === undefined ? {} : { data }),
    ...(securityLabels === undefined
      ? {}
      : { "security-labels": securityLabels }),
    source: { ...source, parts },
  };
}

/** kubectl keeps a copy of the whole object in an annotation: noise, and at times secrets. */
function withoutCopy(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { "kubectl.kubernetes.io/last-applied-configuration": _, ...rest } =
    annotations;
  return rest;
}

function documentsOf(
  { file, text }: ManifestFile,
  { problems }: Findings,
): YamlDocument[] {
  try {
    const read = readDocuments(text, { file });
    problems.push(...read.problems);
    return read.documents;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.push(...error.problems);
    return [];
  }
}

/** Kind and version that an item of a typed list takes from it. */
interface Inherited {
  readonly apiVersion?: string;
  readonly kind?: string;
}

function collect(
  root: Field,
  { into, inherited }: { into: ManifestObject[]; inherited: Inherited },
): void {
  if (root.mapping() === null) {
    if (!root.present) root.fail("it is empty", { expected: "an object" });
    return;
  }
  const kind = root.get("kind").text() ?? inherited.kind;
  const apiVersion = root.get("apiVersion").text() ?? inherited.apiVersion;
  if (kind === undefined || kind === "") return failKey(root, "kind");
  if (apiVersion === undefined) return failKey(root, "apiVersion");
  if (kind.endsWith("List") && root.get("items").present) {
    const item = kind.slice(0, -"List".length);
    const inherited = item === "" ? {} : { kind: item, apiVersion };
    for (const field of root.get("items").items()) {
      collect(atItem(field), { into, inherited });
    }
    return;
  }
  // An empty list of kubectl get: `items: null` and nothing else.
  if (kind.endsWith("List") && Object.hasOwn(root.value as object, "items")) {
    return;
  }
  const object = named(root, { kind, apiVersion });
  if (object !== null) into.push(object);
}

/** An item of a list begins a path of its own. */
function atItem(item: Field): Field {
  return Field.root(item.value, { context: item.context, start: item.at });
}

function failKey(root: Field, key: string): void {
  const keys = Object.keys(root.value as object);
  const near = nearest(key, keys);
  (near === undefined ? root : root.get(near)).fail(`it has no ${key}`, {
    expected: "apiVersion, kind and metadata.name of a Kubernetes object",
    didYouMean: near === undefined ? undefined : `${key}, not ${near}`,
  });
}

function named(
  root: Field,
  { kind, apiVersion }: { kind: string; apiVersion: string },
): ManifestObject | null {
  const context: FieldContext = { ...root.context, subject: kind };
  const unnamed = Field.root(root.value, { context, start: root.at });
  const metadata = unnamed.get("metadata");
  const name = metadata.get("name").text();
  if (isClientSide(apiVersion)) {
    return { apiVersion, kind, name: name ?? "", namespace: null, root };
  }
  if (name === null || name === "") {
    if (!metadata.get("name").present || name === "") {
      const near = metadata.present ? undefined : nearest(
        "metadata",
        Object.keys(root.value as object),
      );
      metadata.fail("it has no metadata.name", {
        expected: "a name",
        didYouMean: near === undefined ? undefined : `metadata, not ${near}`,
      });
    }
    return null;
  }
  const written = metadata.get("namespace").text();
  const namespace = written || (isClusterWide(kind) ? null : "default");
  const subject = namespace === null
    ? `${kind} ${name}`
    : `${kind} ${namespace}/${name}`;
  return {
    apiVersion,
    kind,
    name,
    namespace,
    root: Field.root(root.value, {
      context: { ...root.context, subject },
      start: root.at,
    }),
  };
}

/** The API group: empty for `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** Files for kustomize, which never reach a cluster and need no name. */
export function isClientSide(apiVersion: string): boolean {
  return apiVersion.startsWith("kustomize.config.k8s.io/");
}

/** Whether a kind has no namespaces. Custom kinds tell it by their names, or are listed. */
function isClusterWide(kind: string): boolean {
  return /^(?:Cluster|Global)[A-Z]/.test(kind) ||
    /Clusterwide|^(?:Baseline)?AdminNetworkPolicy$/.test(kind) ||
    CLUSTER_KINDS.has(kind);
}

const CLUSTER_KINDS: ReadonlySet<string> = new Set([
  "APIService",
  "BGPConfiguration",
  "BGPPeer",
  "CSIDriver",
  "CSINode",
  "CertificateSigningRequest",
  "CiliumBGPClusterConfig",
  "CiliumCIDRGroup",
  "CiliumEgressGatewayPolicy",
  "CiliumExternalWorkload",
  "CiliumIdentity",
  "CiliumL2AnnouncementPolicy",
  "CiliumLoadBalancerIPPool",
  "CiliumNode",
  "CiliumPodIPPool",
  "CustomResourceDefinition",
  "FelixConfiguration",
  "GatewayClass",
  "HostEndpoint",
  "IPAddress",
  "IPPool",
  "IngressClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "RuntimeClass",
  "ServiceCIDR",
  "StorageClass",
  "Tier",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "ValidatingWebhookConfiguration",
  "VolumeAttachment",
]);

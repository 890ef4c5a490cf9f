import type { Labels, Node } from "../cluster/model.ts";
import { LIMITS } from "../limits.ts";
import type { Field } from "./_field.ts";
import type { ManifestObject } from "./_manifest_object.ts";
import {
  type Owner,
  type PodDraft,
  type PodSpec,
  readOwner,
  readPodSpec,
} from "./_manifest_pod.ts";

/** A controller of pods. */
export interface Workload {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly owner: Owner | null;
  /** Null: one on every node that its node selector fits. */
  readonly replicas: number | null;
  readonly template: PodTemplate;
  readonly field: Field;
}

interface PodTemplate {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: PodSpec;
  readonly value: unknown;
}

/** The API group of each kind of controller. */
export const WORKLOAD_KINDS: Readonly<Record<string, readonly string[]>> = {
  CronJob: ["batch"],
  DaemonSet: ["apps", "extensions"],
  Deployment: ["apps", "extensions"],
  Job: ["batch"],
  ReplicaSet: ["apps", "extensions"],
  ReplicationController: [""],
  StatefulSet: ["apps"],
};

/** Reads a controller; null when it cannot make pods for want of a template. */
export function readWorkload(object: ManifestObject): Workload | null {
  const { kind, root, name } = object;
  const spec = root.get("spec");
  spec.expectKeys(WORKLOAD_KEYS[kind] ?? []);
  const template =
    (kind === "CronJob" ? spec.get("jobTemplate").get("spec") : spec).get(
      "template",
    );
  if (!template.present || !template.get("spec").present) {
    template.fail("it has no pod template", {
      expected: `${template.path}.spec`,
    });
    return null;
  }
  const metadata = template.get("metadata");
  const labels = metadata.get("labels").labels();
  checkSelector(spec.get("selector"), { kind, labels });
  return {
    kind,
    namespace: object.namespace ?? "default",
    name,
    owner: readOwner(root.get("metadata")),
    replicas: readReplicas(spec, kind),
    template: {
      labels,
      annotations: metadata.get("annotations").labels(),
      spec: readPodSpec(template.get("spec")),
      value: template.value,
    },
    field: root,
  };
}

/**
 * The pods of a controller, named as it would name them but for the random
 * part: `web-<hash>-0` of a Deployment, `db-0` of a StatefulSet,
 * `agent-<node>` of a DaemonSet.
 */
export function podsOfWorkload(
  workload: Workload,
  { nodes }: { nodes: readonly Node[] },
): PodDraft[] {
  const { kind, name, template, replicas } = workload;
  if (replicas === null) {
    return nodes
      .filter((node) => fits(node, template.spec.nodeSelector))
      .map((node) =>
        podOf(workload, { name: `${name}-${node.name}`, node: node.name })
      );
  }
  const hash = kind === "Deployment" ? templateHash(template.value) : null;
  const prefix = hash === null ? name : `${name}-${hash}`;
  return Array.from(
    { length: replicas },
    (_, index) => podOf(workload, { name: `${prefix}-${index}`, index, hash }),
  );
}

/** Whether a node has every label that a node selector asks for. */
export function fits(node: Node, nodeSelector: Labels): boolean {
  return Object.entries(nodeSelector).every(([key, value]) =>
    Object.hasOwn(node.labels, key)
      ? node.labels[key] === value
      // A node that nobody described has no labels, but it has its name.
      : key === "kubernetes.io/hostname" && node.name === value
  );
}

function podOf(
  workload: Workload,
  { name, node = null, index = null, hash = null }: {
    name: string;
    node?: string | null;
    index?: number | null;
    hash?: string | null;
  },
): PodDraft {
  const { template, field, kind } = workload;
  const nodeName = node ?? template.spec.nodeName;
  const serviceName = field.get("spec").get("serviceName").text();
  return {
    name,
    namespace: workload.namespace,
    labels: {
      ...template.labels,
      ...(hash === null ? {} : { "pod-template-hash": hash }),
      ...(kind === "StatefulSet"
        ? {
          "apps.kubernetes.io/pod-index": `${index}`,
          "statefulset.kubernetes.io/pod-name": name,
        }
        : {}),
      ...(kind === "Job"
        ? {
          "batch.kubernetes.io/job-name": workload.name,
          "job-name": workload.name,
        }
        : {}),
    },
    annotations: template.annotations,
    source: field.at,
    spec: {
      ...template.spec,
      nodeName,
      // "hostname" and "subdomain" of the stateful set controller's identity.
      ...(kind === "StatefulSet"
        ? {
          hostname: name,
          ...(serviceName ? { subdomain: serviceName } : {}),
        }
        : {}),
    },
    state: { ready: true, running: true, pending: false, terminating: false },
    ips: [],
    hostIps: [],
    owner: workload.owner ?? { kind, name: workload.name },
    field,
  };
}

function readReplicas(spec: Field, kind: string): number | null {
  if (kind === "DaemonSet") return null;
  if (kind === "CronJob") return spec.get("suspend").flag() ? 0 : 1;
  const count = spec.get(kind === "Job" ? "parallelism" : "replicas");
  return count.integer({ least: 0, most: LIMITS.workloadReplicas }) ?? 1;
}

/** The API server refuses a controller that would not own its pods; here it makes them all the same. */
function checkSelector(
  selector: Field,
  { kind, labels }: { kind: string; labels: Labels },
): void {
  if (!selector.present || kind === "Job" || kind === "CronJob") return;
  if (kind === "ReplicationController") {
    selector.labels();
    return;
  }
  const before = selector.context.problems.length;
  const compiled = selector.selector();
  const broken = selector.context.problems.length > before;
  if (compiled === null || broken || compiled.matches(labels)) return;
  selector.warn("its selector does not match its pod template's labels", {
    expected: `a selector for ${JSON.stringify(labels)}`,
  });
}

/**
 * As `rand.SafeEncodeString(fmt.Sprint(hash))` of the deployment controller:
 * a 32-bit FNV-1a in digits, each digit a letter that makes no words. The
 * hash is over the manifest, so the value is not the real one.
 */
function templateHash(template: unknown): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(canonical(template))) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  const alphabet = "bcdfghjklmnpqrstvwxz2456789";
  return [...`${hash >>> 0}`]
    .map((digit) => alphabet[digit.charCodeAt(0) % alphabet.length])
    .join("");
}

function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(
          Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1),
        )
        : part,
  );
}

const COMMON_KEYS = ["replicas", "selector", "template", "minReadySeconds"];

const WORKLOAD_KEYS: Readonly<Record<string, readonly string[]>> = {
  Deployment: [
    ...COMMON_KEYS,
    "paused",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
    "rollbackTo",
    "strategy",
  ],
  ReplicaSet: COMMON_KEYS,
  ReplicationController: COMMON_KEYS,
  DaemonSet: [...COMMON_KEYS, "revisionHistoryLimit", "updateStrategy"],
  StatefulSet: [
    ...COMMON_KEYS,
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "podManagementPolicy",
    "revisionHistoryLimit",
    "serviceName",
    "updateStrategy",
    "volumeClaimTemplates",
  ],
};

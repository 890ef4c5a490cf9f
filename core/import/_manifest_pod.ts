import type {
  ContainerPort,
  Labels,
  ObjectMeta,
  Pod,
  Protocol,
} from "../cluster/model.ts";
import type { Ip } from "../packet/ip.ts";
import type { Field } from "./_field.ts";
import { type ManifestObject, readMeta } from "./_manifest_object.ts";

/** What its controller calls a pod's maker. */
export interface Owner {
  readonly kind: string;
  readonly name: string;
}

/** What a pod or a pod template says of the pod. */
export type PodSpec =
  & Pick<
    Pod,
    | "hostNetwork"
    | "ports"
    | "serviceAccount"
    | "containers"
    | "hostname"
    | "subdomain"
  >
  & {
    readonly nodeName: string | null;
    readonly nodeSelector: Labels;
  };

/** What the status says; null where it is silent. */
export interface PodState {
  readonly ready: boolean | null;
  readonly running: boolean | null;
  /** Waiting for its node or its containers: it has no address yet. */
  readonly pending: boolean;
  readonly terminating: boolean;
}

/** A pod that is yet to get what its manifest leaves open: its node and its addresses. */
export interface PodDraft extends ObjectMeta {
  readonly namespace: string;
  readonly spec: PodSpec;
  readonly state: PodState;
  readonly ips: readonly Ip[];
  readonly hostIps: readonly Ip[];
  readonly owner: Owner | null;
  readonly field: Field;
}

export const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

/** Reads a Pod. */
export function readPod(object: ManifestObject): PodDraft {
  const { root } = object;
  const metadata = root.get("metadata");
  const status = root.get("status");
  if (!root.get("spec").present) {
    root.get("spec").fail("it has no spec", { expected: "spec.containers" });
  }
  return {
    ...readMeta(object),
    namespace: object.namespace ?? "default",
    spec: readPodSpec(root.get("spec")),
    state: {
      ...readState(status),
      terminating: metadata.get("deletionTimestamp").present,
    },
    ips: addressesOf(status, { list: "podIPs", one: "podIP" }),
    hostIps: addressesOf(status, { list: "hostIPs", one: "hostIP" }),
    owner: readOwner(metadata),
    field: root,
  };
}

/** The controller among the owners; dumps made by hand leave its mark out. */
export function readOwner(metadata: Field): Owner | null {
  const owners = metadata.get("ownerReferences").items();
  const owner = owners.find((one) => one.get("controller").flag()) ?? owners[0];
  const kind = owner?.get("kind").text() ?? null;
  const name = owner?.get("name").text() ?? null;
  return kind === null || name === null ? null : { kind, name };
}

/** Reads `spec` of a pod or of a pod template. */
export function readPodSpec(spec: Field): PodSpec {
  spec.expectKeys(POD_KEYS);
  const containers = spec.get("containers").items();
  const initContainers = spec.get("initContainers").items();
  const hostNetwork = spec.get("hostNetwork").flag() ?? false;
  const sidecars = initContainers.filter((container) =>
    container.get("restartPolicy").value === "Always"
  );
  const hostname = spec.get("hostname").text();
  const subdomain = spec.get("subdomain").text();
  return {
    hostNetwork,
    ports: [...containers, ...sidecars].flatMap((container) =>
      readPorts(container, hostNetwork)
    ),
    serviceAccount: spec.get("serviceAccountName").text() ||
      spec.get("serviceAccount").text() || "default",
    containers: [...initContainers, ...containers]
      .map((container) => container.get("name").text())
      .filter((name) => name !== null),
    ...(hostname ? { hostname } : {}),
    ...(subdomain ? { subdomain } : {}),
    nodeName: spec.get("nodeName").text() || null,
    nodeSelector: spec.get("nodeSelector").labels(),
  };
}

function readPorts(container: Field, hostNetwork: boolean): ContainerPort[] {
  container.expectKeys(CONTAINER_KEYS);
  return container.get("ports").items().flatMap((field) => {
    field.expectKeys(PORT_KEYS);
    const number = field.get("containerPort");
    const port = number.port();
    const hostPort = field.get("hostPort")
      .integer({ least: 0, most: 65_535, what: "a port" });
    const rest = {
      name: field.get("name").text() || null,
      protocol: field.get("protocol").choice(PROTOCOLS) ?? "TCP",
      // The API server fills hostPort in for hostNetwork pods; it maps nothing there.
      hostPort: hostNetwork ? null : hostPort || null,
      hostIp: field.get("hostIP").ip()?.text ?? null,
    };
    if (port !== null) return [{ ...rest, port }];
    if (!number.present) {
      const expected = "containerPort, from 1 to 65535";
      field.fail(`${field.path} has no containerPort`, { expected });
    }
    return [];
  });
}

function readState(status: Field): Omit<PodState, "terminating"> {
  const phase = status.get("phase").text();
  const condition = status.get("conditions").items()
    .find((one) => one.get("type").value === "Ready");
  const containers = status.get("containerStatuses").items();
  const ready = condition !== undefined
    ? condition.get("status").value === "True"
    : containers.length > 0
    ? containers.every((one) => one.get("ready").flag() ?? false)
    : phase === "Pending"
    ? false
    : null;
  const ended = phase === "Succeeded" || phase === "Failed";
  return {
    ready: ended ? false : ready,
    running: phase === null ? null : !ended,
    pending: phase === "Pending",
  };
}

/** The newer list, or the older single address. */
function addressesOf(
  status: Field,
  { list, one }: { list: string; one: string },
): Ip[] {
  const items = status.get(list).items().map((item) => item.get("ip"));
  const fields = items.length > 0 ? items : [status.get(one)];
  return fields.filter((field) => field.value !== "")
    .map((field) => field.ip()).filter((ip) => ip !== null);
}

const PORT_KEYS = ["name", "containerPort", "protocol", "hostPort", "hostIP"];

const CONTAINER_KEYS = [
  "args",
  "command",
  "env",
  "envFrom",
  "image",
  "imagePullPolicy",
  "lifecycle",
  "livenessProbe",
  "name",
  "ports",
  "readinessProbe",
  "resizePolicy",
  "resources",
  "restartPolicy",
  "restartPolicyRules",
  "securityContext",
  "startupProbe",
  "stdin",
  "stdinOnce",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "tty",
  "volumeDevices",
  "volumeMounts",
  "workingDir",
];

const POD_KEYS = [
  "activeDeadlineSeconds",
  "affinity",
  "automountServiceAccountToken",
  "containers",
  "dnsConfig",
  "dnsPolicy",
  "enableServiceLinks",
  "ephemeralContainers",
  "hostAliases",
  "hostIPC",
  "hostNetwork",
  "hostPID",
  "hostUsers",
  "hostname",
  "hostnameOverride",
  "imagePullSecrets",
  "initContainers",
  "nodeName",
  "nodeSelector",
  "os",
  "overhead",
  "preemptionPolicy",
  "priority",
  "priorityClassName",
  "readinessGates",
  "resourceClaims",
  "resources",
  "restartPolicy",
  "runtimeClassName",
  "schedulerName",
  "schedulingGates",
  "securityContext",
  "serviceAccount",
  "serviceAccountName",
  "setHostnameAsFQDN",
  "shareProcessNamespace",
  "subdomain",
  "terminationGracePeriodSeconds",
  "tolerations",
  "topologySpreadConstraints",
  "volumes",
  "workloadRef",
];

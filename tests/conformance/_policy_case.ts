import { Cluster } from "../../core/cluster/cluster.ts";
import type { KubeObject, Pod } from "../../core/cluster/model.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { PolicyIndex } from "../../core/policy/policy_index.ts";
import {
  PLAIN_PROFILE,
  type PolicyProfile,
} from "../../core/policy/profile.ts";
import { ADMIN_POLICY_KINDS } from "../../core/policy/admin_policy.ts";
import { compilePolicies } from "../../plugins/ebpf/compile_policies.ts";
import { settingsFrom } from "../../plugins/ebpf/options.ts";

/** A cluster with its policies compiled, the way the plugin compiles them. */
export interface PolicyWorld {
  readonly cluster: Cluster;
  readonly objects: readonly KubeObject[];
  readonly index: PolicyIndex;
}

/** Applies manifests and compiles the policies among them. */
export function policyWorld(
  files: readonly { readonly file: string; readonly text: string }[],
  profile: PolicyProfile = PLAIN_PROFILE,
): PolicyWorld {
  const { events } = importManifests(files);
  const cluster = new Cluster();
  const objects: KubeObject[] = [];
  for (const event of events) {
    cluster.apply(event);
    if (event.type === "policy.applied") objects.push(event.data.object);
  }
  const { index } = compilePolicies(objects, {
    cluster,
    profile,
    settings: settingsFrom({ version: "1.20" }),
    adminKinds: ADMIN_POLICY_KINDS,
  });
  return { cluster, objects, index };
}

/** One end of a probe. */
export interface Peer {
  readonly name: string;
  readonly end: Pod | Ip;
  /** How the other side knows it, where that is not the same. */
  readonly peer?: Pod | Ip;
}

/** Whether source and destination both let a connection through; undefined where that is unknown. */
export function allowed(
  index: PolicyIndex,
  { from, to, protocol, port }: {
    readonly from: Peer;
    readonly to: Peer;
    readonly protocol: number;
    readonly port: number;
  },
): boolean | undefined {
  let known = true;
  for (const direction of ["egress", "ingress"] as const) {
    const [self, other] = direction === "egress" ? [from, to] : [to, from];
    if (self.end instanceof Ip) continue;
    const question = {
      direction,
      subject: self.end,
      peer: other.peer ?? other.end,
      protocol,
      port,
    };
    const { verdict } = index.judge(question);
    if (verdict === "deny") return false;
    known &&= verdict === "allow";
  }
  return known ? true : undefined;
}

/** A pod as a manifest. */
export function podManifest(pod: {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
  readonly node?: string;
  readonly hostNetwork?: boolean;
  readonly serviceAccount?: string;
  readonly ports: readonly {
    readonly name: string | null;
    readonly port: number;
    readonly protocol: string;
  }[];
}): unknown {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: pod.namespace,
      name: pod.name,
      labels: pod.labels,
    },
    spec: {
      nodeName: pod.node ?? "node",
      hostNetwork: pod.hostNetwork ?? false,
      serviceAccountName: pod.serviceAccount ?? "default",
      containers: [{
        name: "main",
        ports: pod.ports.map(({ name, port, protocol }) => ({
          ...(name === null ? {} : { name }),
          containerPort: port,
          protocol,
        })),
      }],
    },
    status: { phase: "Running", podIPs: [{ ip: pod.ip }] },
  };
}

/** A namespace as a manifest. */
export function namespaceManifest(
  { name, labels }: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  },
): unknown {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** A node as a manifest. */
export function nodeManifest(
  { name, labels = {}, addresses }: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly addresses: readonly string[];
  },
): unknown {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    status: {
      addresses: addresses.map((address) => ({ type: "InternalIP", address })),
    },
  };
}

/** Several manifests as one document. */
export function listOf(items: readonly unknown[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

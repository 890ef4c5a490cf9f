import type { Pod } from "../../../core/cluster/model.ts";
import type { ClusterView } from "../../../core/cluster/view.ts";
import type { Ip } from "../../../core/packet/ip.ts";
import { compareText } from "../../../core/policy/compare_text.ts";
import { IDENTITY } from "../identity.ts";
import { countsForIdentity, LABEL } from "../labels.ts";

/** One end of a flow, as flow.proto's Endpoint has it. */
export interface FlowEndpoint {
  readonly identity: number;
  readonly labels: readonly string[];
  readonly namespace?: string;
  readonly pod_name?: string;
  readonly workloads?: readonly {
    readonly name: string;
    readonly kind: string;
  }[];
}

const HOST: FlowEndpoint = {
  identity: IDENTITY.host,
  labels: ["reserved:host"],
};
const REMOTE_NODE: FlowEndpoint = {
  identity: IDENTITY.remoteNode,
  labels: ["reserved:remote-node"],
};
const WORLD: FlowEndpoint = {
  identity: IDENTITY.world,
  labels: ["reserved:world"],
};

/**
 * Names the ends of flows. Pods with the same labels have one identity;
 * numbers are given in the order of the labels' text, so that they are the
 * same in every run.
 */
export class FlowEndpoints {
  readonly #cluster: ClusterView;
  readonly #numbers = new Map<string, number>();

  constructor(cluster: ClusterView) {
    this.#cluster = cluster;
    const sets = new Set(
      [...cluster.pods.values()].map((pod) => labelsOf(pod).join(",")),
    );
    for (const [at, text] of [...sets].sort(compareText).entries()) {
      this.#numbers.set(text, IDENTITY.firstPod + at);
    }
  }

  /** Who has an address, to an observer on a node. */
  of(ip: Ip, observer: string): FlowEndpoint {
    const pod = this.#cluster.podAt(ip);
    if (pod !== undefined) return this.#ofPod(pod);
    const node = this.#cluster.nodeAt(ip);
    if (node === undefined) return WORLD;
    return node.name === observer ? HOST : REMOTE_NODE;
  }

  #ofPod(pod: Pod): FlowEndpoint {
    const labels = labelsOf(pod);
    return {
      identity: this.#numbers.get(labels.join(",")) ?? 0,
      labels,
      namespace: pod.namespace,
      pod_name: pod.name,
      workloads: [pod.workload],
    };
  }
}

function labelsOf(pod: Pod): string[] {
  const own = Object.entries(pod.labels)
    .filter(([key]) => countsForIdentity(key))
    .map(([key, value]) => `k8s:${key}=${value}`);
  return [
    ...own,
    `k8s:${LABEL.serviceAccount}=${pod.serviceAccount}`,
    `k8s:${LABEL.namespace}=${pod.namespace}`,
  ].sort(compareText);
}

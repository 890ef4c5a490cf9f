import type { Cluster } from "../cluster/cluster.ts";
import { objectKey, type Pod } from "../cluster/model.ts";
import { LIMITS } from "../limits.ts";
import type { Ip } from "../packet/ip.ts";
import type { NodeTable } from "./_complete_nodes.ts";
import type { Owner, PodDraft } from "./_manifest_pod.ts";
import { fits, podsOfWorkload, type Workload } from "./_manifest_workload.ts";

/** What pods are made of: those listed, and controllers that may want more. */
export interface PodEvidence {
  readonly pods: readonly PodDraft[];
  readonly workloads: readonly Workload[];
  readonly cluster: Cluster | null;
}

/** The pods that an import leads to. */
export interface CompletedPods {
  readonly pods: readonly Pod[];
  /** Pods of a controller that was applied anew, which its new pods replace. */
  readonly replaced: readonly Pod[];
}

/** Listed pods and the pods of controllers that have none listed, each with a node and addresses. */
export function completePods(
  nodes: NodeTable,
  { pods, workloads, cluster }: PodEvidence,
): CompletedPods {
  const owners = new OwnerTable(workloads);
  const listed = pods.map((draft) => ({ draft, workload: owners.top(draft) }));
  const owned = new Set(
    listed.map(({ draft, workload }) => ownerKey(draft.namespace, workload)),
  );
  const making = workloads.filter((workload) => {
    const top = owners.resolve(workload.namespace, workload);
    if (owned.has(ownerKey(workload.namespace, top))) return false;
    // A ReplicaSet of a listed Deployment: the Deployment makes the pods.
    return top === workload || !owners.knows(workload.namespace, top);
  });
  const made = withinLimit(making, nodes).flatMap((workload) => {
    const { kind, name } = owners.resolve(workload.namespace, workload);
    return podsOfWorkload(workload, { nodes: nodes.all })
      .map((draft) => ({ draft, workload: { kind, name } }));
  });
  const drafts = [...listed, ...made].sort((a, b) =>
    objectKey(a.draft) < objectKey(b.draft) ? -1 : 1
  );
  return {
    pods: settle(drafts, { nodes, cluster }),
    replaced: replacedPods({ workloads, owners, drafts, cluster }),
  };
}

/** No controllers at all when together they ask for too much. */
function withinLimit(
  workloads: readonly Workload[],
  nodes: NodeTable,
): readonly Workload[] {
  let count = 0;
  for (const { replicas, field } of workloads) {
    count += replicas ?? nodes.all.length;
    if (count <= LIMITS.synthesisedPods) continue;
    field.fail("it asks for too many pods", {
      expected: `at most ${LIMITS.synthesisedPods} pods in one import`,
    });
    return [];
  }
  return workloads;
}

/** Finds the controller that a user knows: the Deployment of a ReplicaSet, the CronJob of a Job. */
class OwnerTable {
  readonly #workloads = new Map<string, Workload>();

  constructor(workloads: readonly Workload[]) {
    for (const workload of workloads) {
      this.#workloads.set(ownerKey(workload.namespace, workload), workload);
    }
  }

  knows(namespace: string, owner: Owner): boolean {
    return this.#workloads.has(ownerKey(namespace, owner));
  }

  /** The topmost controller; itself when nothing owns it. */
  resolve(namespace: string, owner: Owner): Owner {
    const above = this.#workloads.get(ownerKey(namespace, owner))?.owner;
    return above === undefined || above === null ? owner : above;
  }

  top(draft: PodDraft): Owner {
    const { owner, namespace, labels } = draft;
    // A static pod is owned by its Node, which made nothing.
    if (owner === null || owner.kind === "Node") {
      return { kind: "Pod", name: draft.name };
    }
    const top = this.resolve(namespace, owner);
    const listed = top !== owner || this.knows(namespace, owner);
    if (listed || owner.kind !== "ReplicaSet") return top;
    // Without the ReplicaSet at hand its name tells: `<deployment>-<hash>`.
    const hash = labels["pod-template-hash"];
    const name = owner.name.slice(0, owner.name.lastIndexOf("-"));
    const deployment = { kind: "Deployment", name };
    const known = owner.name === `${name}-${hash}` ||
      this.knows(namespace, deployment);
    return known && name !== "" ? deployment : top;
  }
}

interface Drafted {
  readonly draft: PodDraft;
  readonly workload: Owner;
}

function settle(
  drafts: readonly Drafted[],
  { nodes, cluster }: { nodes: NodeTable; cluster: Cluster | null },
): Pod[] {
  for (const { draft } of drafts) {
    const known = draft.spec.nodeName ?? previous(draft, cluster)?.node;
    if (known !== undefined) nodes.load(known);
  }
  return drafts.map(({ draft, workload }) => {
    const before = previous(draft, cluster);
    const node = draft.spec.nodeName ?? before?.node ?? place(draft, nodes);
    const { nodeName: _, nodeSelector: __, ...spec } = draft.spec;
    const { name, namespace, labels, annotations, source, state } = draft;
    return {
      name,
      namespace,
      labels,
      annotations,
      source,
      ...spec,
      node,
      ips: addresses(draft, { node, nodes, before }),
      workload: { kind: workload.kind, name: workload.name },
      ready: state.ready ?? before?.ready ?? true,
      terminating: state.terminating,
      running: state.running ?? before?.running ?? true,
    };
  });
}

/** The pod as it was, when it is the same one: on the same node or free to stay there. */
function previous(draft: PodDraft, cluster: Cluster | null): Pod | undefined {
  const before = cluster?.pods.get(objectKey(draft));
  const { nodeName, hostNetwork } = draft.spec;
  const stays = before !== undefined && hostNetwork === before.hostNetwork &&
    (nodeName === null || nodeName === before.node);
  return stays ? before : undefined;
}

function place(draft: PodDraft, nodes: NodeTable): string {
  const { nodeSelector } = draft.spec;
  // An address tells the node that its pod is on.
  const home = draft.ips.length === 0
    ? undefined
    : nodes.all.find((node) =>
      node.podCidrs.some((cidr) => draft.ips.some((ip) => cidr.contains(ip)))
    );
  if (home !== undefined) return home.name;
  const fitting = nodes.all.filter((node) => fits(node, nodeSelector));
  if (fitting.length === 0) {
    draft.field.warn(`no node has the labels that ${draft.name} asks for`, {
      expected: JSON.stringify(nodeSelector),
    });
  }
  return nodes.place(fitting.length > 0 ? fitting : nodes.all).name;
}

function addresses(
  { spec, ips, state }: PodDraft,
  { node, nodes, before }: {
    node: string;
    nodes: NodeTable;
    before: Pod | undefined;
  },
): readonly Ip[] {
  if (ips.length > 0) return ips;
  if (spec.hostNetwork) return nodes.get(node)!.internalIps;
  if (state.pending || state.running === false) return [];
  if (before !== undefined && before.ips.length > 0) return before.ips;
  return nodes.families.map((family) => nodes.allotPodIp(node, family));
}

/** Pods that an applied controller had and does not have any more. */
function replacedPods(
  { workloads, owners, drafts, cluster }: {
    workloads: readonly Workload[];
    owners: OwnerTable;
    drafts: readonly Drafted[];
    cluster: Cluster | null;
  },
): Pod[] {
  if (cluster === null) return [];
  const applied = new Set(
    workloads.map((workload) =>
      ownerKey(
        workload.namespace,
        owners.resolve(workload.namespace, workload),
      )
    ),
  );
  const kept = new Set(drafts.map(({ draft }) => objectKey(draft)));
  return [...cluster.pods.values()].filter((pod) =>
    applied.has(ownerKey(pod.namespace, pod.workload)) &&
    !kept.has(objectKey(pod))
  );
}

function ownerKey(namespace: string, { kind, name }: Owner): string {
  return `${kind} ${namespace}/${name}`;
}

import type { ClusterView } from "../../../core/cluster/view.ts";
import type { FlowIntent, Place } from "../../../core/replay/flow.ts";
import { SERVER_LIMITS } from "../limits.ts";
import type { Edge, FlowRow } from "../schemas.ts";

interface StackEdge {
  readonly stack: string;
  forwarded: number;
  failed: number;
  unknown: number;
  readonly encryption: Set<string>;
  readonly receivers: Set<string>;
}

interface Counted {
  readonly from: string;
  readonly to: string;
  flows: number;
  changed: number;
  readonly stacks: Map<string, StackEdge>;
}

/** Receivers named of one edge in one stack. */
const RECEIVERS = 20;

/** Who talks to whom, added up over all flows. */
export class EdgeTally {
  readonly #edges = new Map<string, Counted>();
  #more = 0;

  add({ flow, outcomes, differs }: FlowRow, cluster: ClusterView): void {
    const edge = this.#edgeOf(flow, cluster);
    if (edge === undefined) return;
    edge.flows++;
    if (differs.length > 0) edge.changed++;
    for (const { stack, outcome } of outcomes) {
      let counts = edge.stacks.get(stack);
      if (counts === undefined) {
        counts = {
          stack,
          forwarded: 0,
          failed: 0,
          unknown: 0,
          encryption: new Set(),
          receivers: new Set(),
        };
        edge.stacks.set(stack, counts);
      }
      const { verdict, encryption, receiver } = outcome;
      if (verdict === "forwarded") counts.forwarded++;
      else if (verdict === "unknown") counts.unknown++;
      else counts.failed++;
      for (const kind of encryption) counts.encryption.add(kind);
      if (receiver !== null && counts.receivers.size < RECEIVERS) {
        counts.receivers.add(receiverText(receiver, cluster));
      }
    }
  }

  /** The edges with most changes first. */
  list(): { readonly edges: readonly Edge[]; readonly more: number } {
    const edges = [...this.#edges.values()].sort((a, b) =>
      b.changed - a.changed || b.flows - a.flows
    );
    return {
      edges: edges.map((edge) => ({
        ...edge,
        stacks: [...edge.stacks.values()].map((counts) => ({
          ...counts,
          encryption: [...counts.encryption].sort(),
          receivers: [...counts.receivers].sort(),
        })),
      })),
      more: this.#more,
    };
  }

  #edgeOf(flow: FlowIntent, cluster: ClusterView): Counted | undefined {
    const from = senderText(flow.from, cluster);
    const to = `${flow.protocol}://${flow.to.host}:${flow.to.port}`;
    const key = `${from}\n${to}`;
    let edge = this.#edges.get(key);
    if (edge !== undefined) return edge;
    if (this.#edges.size >= SERVER_LIMITS.edges) {
      this.#more++;
      return undefined;
    }
    edge = { from, to, flows: 0, changed: 0, stacks: new Map() };
    this.#edges.set(key, edge);
    return edge;
  }
}

function senderText(place: Place, cluster: ClusterView): string {
  switch (place.kind) {
    case "pod":
      return receiverText(`${place.namespace}/${place.name}`, cluster);
    case "node":
      return `node ${place.name}`;
    case "outside":
      return `ip ${place.ip}`;
  }
}

/** The workload of a pod: pods of one are one end of an edge. */
function receiverText(receiver: string, cluster: ClusterView): string {
  const pod = cluster.pods.get(receiver);
  if (pod === undefined) return receiver;
  return `${pod.workload.kind} ${pod.namespace}/${pod.workload.name}`;
}

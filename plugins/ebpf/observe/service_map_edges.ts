import type { ClusterView } from "../../../core/cluster/view.ts";
import { compareText } from "../../../core/policy/compare_text.ts";
import type { FlowResult } from "../../../core/replay/engine.ts";
import type { Place } from "../../../core/replay/flow.ts";
import type { Verdict } from "../../../core/replay/outcome.ts";

/** Someone on the map: a workload, a node, or everyone outside. */
export interface MapNode {
  readonly kind: "workload" | "node" | "world" | "address";
  /** `shop/web`, `n1`, `world`, or the address that was asked for in vain. */
  readonly name: string;
}

/** Who talks to whom, and what becomes of it. JSON-safe. */
export interface MapEdge {
  readonly from: MapNode;
  readonly to: MapNode;
  readonly protocol: string;
  /** The receiver's port, or the one asked for where nobody received. */
  readonly port: number;
  readonly verdict: Verdict;
  /** The weakest protection of any wire it crossed; null when it crossed none. */
  readonly encryption: string | null;
  readonly flows: number;
}

/** The edges of the service map that flows draw, sorted, equal ones counted. */
export function serviceMapEdges(
  results: Iterable<FlowResult>,
  cluster: ClusterView,
): MapEdge[] {
  const edges = new Map<string, MapEdge>();
  for (const result of results) {
    const edge = edgeOf(result, cluster);
    const { flows: _, ...same } = edge;
    const key = JSON.stringify(same);
    edges.set(key, { ...edge, flows: (edges.get(key)?.flows ?? 0) + 1 });
  }
  return [...edges].sort(([a], [b]) => compareText(a, b)).map(([, one]) => one);
}

function edgeOf(
  { flow, outcome }: FlowResult,
  cluster: ClusterView,
): MapEdge {
  const { backend, receiver, verdict, encryption } = outcome;
  const port = Number(/:(\d+)$/.exec(backend ?? "")?.[1] ?? flow.to.port);
  return {
    from: nodeOf(flow.from, cluster),
    to: receiver === null
      ? { kind: "address", name: flow.to.host }
      : receiverNode(receiver, cluster),
    protocol: flow.protocol,
    port,
    verdict,
    encryption: encryption.includes("none")
      ? "none"
      : [...encryption].sort(compareText)[0] ?? null,
    flows: 1,
  };
}

function nodeOf(place: Place, cluster: ClusterView): MapNode {
  switch (place.kind) {
    case "pod":
      return receiverNode(`pod ${place.namespace}/${place.name}`, cluster);
    case "node":
      return receiverNode(`node ${place.name}`, cluster);
    case "outside":
      return { kind: "world", name: "world" };
  }
}

/** From `pod shop/web`, `node n1`, or words for someone outside. */
function receiverNode(receiver: string, cluster: ClusterView): MapNode {
  const [kind = "", name = ""] = receiver.split(" ");
  if (kind === "node") return { kind, name };
  const pod = kind === "pod" ? cluster.pods.get(name) : undefined;
  return pod === undefined
    ? { kind: "world", name: "world" }
    : { kind: "workload", name: `${pod.namespace}/${pod.workload.name}` };
}

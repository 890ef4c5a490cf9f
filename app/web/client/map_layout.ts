import type { Edge } from "../../server/schemas.ts";

/** What becomes of an edge from the baseline to another stack. */
export const EDGE_CHANGES = ["removed", "added", "changed", "same"] as const;

/** One of {@link EDGE_CHANGES}. */
export type EdgeChange = typeof EDGE_CHANGES[number];

/** One end of edges. */
export interface MapNode {
  readonly id: string;
  readonly column: 0 | 1;
  readonly name: string;
  /** Namespace, or what else it belongs to. */
  readonly group: string;
  readonly x: number;
  readonly y: number;
}

/** Who talks to whom, with what differs in one stack. */
export interface MapEdge {
  readonly edge: Edge;
  readonly change: EdgeChange;
  readonly from: MapNode;
  readonly to: MapNode;
  /** What differs, in words: `encryption none, wireguard`. */
  readonly differences: readonly string[];
}

/** A namespace's box. */
export interface MapGroup {
  readonly name: string;
  readonly column: 0 | 1;
  readonly y: number;
  readonly height: number;
}

/** Places for everything on the map. */
export interface MapLayout {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly groups: readonly MapGroup[];
  readonly width: number;
  readonly height: number;
}

export const NODE_WIDTH = 280;
export const NODE_HEIGHT = 26;
const NODE_GAP = 6;
const GROUP_TITLE = 20;
const GROUP_GAP = 12;
const COLUMN_X = [8, 712] as const;
const WIDTH = 1_000;

/**
 * Two layers, senders and what they ask for, each by namespace. Within a
 * namespace receivers stand near the middle of their senders, so that few
 * lines cross.
 */
export function mapLayout(
  edges: readonly Edge[],
  { baseline, stack }: { readonly baseline: string; readonly stack: string },
): MapLayout {
  const senders = layer([...new Set(edges.map(({ from }) => from))].sort(), 0);
  const heights = new Map<string, number>();
  for (const { from, to } of edges) {
    const y = senders.nodes.get(from)!.y;
    heights.set(to, heights.has(to) ? (heights.get(to)! + y) / 2 : y);
  }
  const targets = [...heights].sort(([a, aY], [b, bY]) =>
    aY - bY || (a < b ? -1 : 1)
  ).map(([name]) => name);
  const receivers = layer(targets, 1);
  return {
    nodes: [...senders.nodes.values(), ...receivers.nodes.values()],
    groups: [...senders.groups, ...receivers.groups],
    edges: edges.map((edge) => ({
      edge,
      ...changeOf(edge, { baseline, stack }),
      from: senders.nodes.get(edge.from)!,
      to: receivers.nodes.get(edge.to)!,
    })),
    width: WIDTH,
    height: Math.max(senders.height, receivers.height) + 8,
  };
}

function layer(names: readonly string[], column: 0 | 1) {
  const byGroup = new Map<string, string[]>();
  for (const name of names) {
    const group = groupOf(name, column);
    byGroup.set(group, [...byGroup.get(group) ?? [], name]);
  }
  const nodes = new Map<string, MapNode>();
  const groups: MapGroup[] = [];
  let y = 4;
  for (const [group, members] of byGroup) {
    const top = y;
    y += GROUP_TITLE;
    for (const id of members) {
      const x = COLUMN_X[column];
      nodes.set(id, { id, column, name: shortName(id), group, x, y });
      y += NODE_HEIGHT + NODE_GAP;
    }
    groups.push({ name: group, column, y: top, height: y - top });
    y += GROUP_GAP;
  }
  return { nodes, groups, height: y };
}

function groupOf(id: string, column: 0 | 1): string {
  if (column === 0) {
    const [, namespace] = /^\S+ ([^/\s]+)\//.exec(id) ?? [];
    if (namespace !== undefined) return namespace;
    return id.startsWith("node ") ? "nodes" : "outside the cluster";
  }
  const host = hostOf(id);
  if (/^[\d.]+$|:/.test(host)) return "addresses";
  const [, namespace] = host.split(".");
  return namespace ?? "names without a namespace";
}

function shortName(id: string): string {
  return id.replace(/^(\S+) [^/\s]+\//, "$1 ");
}

function hostOf(target: string): string {
  const authority = target.replace(/^\w+:\/\//, "");
  return authority.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}

/** How an edge fares in a stack, and in which words it differs. */
function changeOf(
  edge: Edge,
  { baseline, stack }: { readonly baseline: string; readonly stack: string },
): { readonly change: EdgeChange; readonly differences: readonly string[] } {
  const left = edge.stacks.find((one) => one.stack === baseline);
  const right = edge.stacks.find((one) => one.stack === stack);
  if (left === undefined || right === undefined || stack === baseline) {
    return { change: "same", differences: [] };
  }
  const differences: string[] = [];
  const say = (what: string, a: string, b: string) => {
    if (a !== b) differences.push(`${what} ${a} → ${b}`);
  };
  say("forwarded", `${left.forwarded}`, `${right.forwarded}`);
  if (left.unknown + right.unknown > 0) {
    say("unknown", `${left.unknown}`, `${right.unknown}`);
  }
  if (left.forwarded > 0 && right.forwarded > 0) {
    say("encryption", listed(left.encryption), listed(right.encryption));
    say("received by", listed(left.receivers), listed(right.receivers));
  }
  if (left.forwarded > 0 && right.forwarded === 0) {
    return { change: "removed", differences };
  }
  if (left.forwarded === 0 && right.forwarded > 0) {
    return { change: "added", differences };
  }
  if (differences.length > 0) return { change: "changed", differences };
  // Outcomes of single flows may differ where the sums of all do not.
  return edge.changed > 0
    ? { change: "changed", differences: [`${edge.changed} flows differ`] }
    : { change: "same", differences };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

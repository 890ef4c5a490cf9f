import type { PortEndpoint } from "../../core/cluster/model.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import { compareText } from "../../core/policy/compare_text.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";

/** Where a frontend sends a connection. */
export interface Backend {
  readonly ip: Ip;
  readonly port: number;
}

/** The slots of a frontend, as one node's service map has them. */
export interface BackendSet {
  readonly backends: readonly Backend[];
  /** The same, in the same order, for the outcome. */
  readonly weighted: readonly WeightedBackend[];
  /** A Maglev table that was dumped: the index of a backend, counted from one, in each place; 0 where there is none. */
  readonly table?: Uint32Array;
}

const NONE: BackendSet = { backends: [], weighted: [] };

/**
 * The backends that count: those that are ready, and when there is none those
 * that end but still serve. A local policy leaves out other nodes' first, so
 * that a node falls back to what ends there though another has a ready one
 * (pkg/loadbalancer/writer, DefaultSelectBackends, then
 * pkg/loadbalancer/reconciler, updateFrontend; KEP-1669).
 */
export function backendSet(
  endpoints: readonly PortEndpoint[],
  { onlyNode, publishNotReady }: {
    /** Null: of every node. */
    readonly onlyNode: string | null;
    readonly publishNotReady: boolean;
  },
): BackendSet {
  const here = onlyNode === null
    ? endpoints
    : endpoints.filter(({ node }) => node === null || node === onlyNode);
  const ready = here.filter((one) => one.ready || publishNotReady);
  const usable = ready.length > 0
    ? ready
    : here.filter((one) => one.serving && one.terminating);
  if (usable.length === 0) return NONE;
  const sorted = usable
    .map(({ ip, port }) => ({ ip, port, text: formatEndpoint(ip, port) }))
    .sort((a, b) => compareText(a.text, b.text));
  return {
    backends: sorted.map(({ ip, port }) => ({ ip, port })),
    weighted: sorted.map(({ text }) => ({ backend: text, weight: 1 })),
  };
}

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
 * that end but still serve. Which of the two is settled before a local policy
 * leaves out other nodes' (cilium/cilium issue 37613: a local endpoint that
 * ends is not used while another node has a ready one).
 */
export function backendSet(
  endpoints: readonly PortEndpoint[],
  { onlyNode, publishNotReady }: {
    /** Null: of every node. */
    readonly onlyNode: string | null;
    readonly publishNotReady: boolean;
  },
): BackendSet {
  const ready = endpoints.filter((one) => one.ready || publishNotReady);
  const usable = ready.length > 0
    ? ready
    : endpoints.filter((one) => one.serving && one.terminating);
  const here = onlyNode === null
    ? usable
    : usable.filter((one) => one.node === onlyNode);
  if (here.length === 0) return NONE;
  const sorted = here
    .map(({ ip, port }) => ({ ip, port, text: formatEndpoint(ip, port) }))
    .sort((a, b) => compareText(a.text, b.text));
  return {
    backends: sorted.map(({ ip, port }) => ({ ip, port })),
    weighted: sorted.map(({ text }) => ({ backend: text, weight: 1 })),
  };
}

import type { RecordedFlow } from "./recorded_flow.ts";

/** What a capture says of a connection. */
export interface CaptureRecord {
  /** Number of its first packet, as Wireshark numbers them. */
  readonly firstPacket: number;
  /** Packets either way, copies from other interfaces included. */
  readonly packets: number;
  readonly replies: number;
  /** How its direction is known. `first packet`: it was open before the capture began, so the direction is a guess. */
  readonly opening: "request" | "answer" | "first packet";
  readonly ending: "open" | "closed" | "reset";
  readonly interface: string | null;
  /** The tunnel that its first packet was in. */
  readonly tunnel: {
    readonly kind: "vxlan" | "geneve" | "ipip";
    readonly vni: number | null;
    readonly source: string;
    readonly destination: string;
  } | null;
  /** `address:port` of the other receiver when the capture shows the connection after a destination NAT too. */
  readonly translatedTo: string | null;
}

/** A flow of a capture. */
export type CaptureFlow = RecordedFlow<CaptureRecord>;

/** How much of a capture the flows stand for. JSON-safe. */
export interface CaptureStats {
  readonly packets: number;
  /** Packets that belong to a flow. */
  readonly folded: number;
  readonly flows: number;
  /** Packets left out, by what they are. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Packets that the capture holds only a part of. */
  readonly truncated: number;
  /** Flows closed early because too many were open: what came of them later counts as another flow. */
  readonly evicted: number;
  /** Time of the first packet, where the tape begins. */
  readonly start: string | null;
  /** Why there may be more than what was read; empty when all is well. */
  readonly incomplete: readonly string[];
}

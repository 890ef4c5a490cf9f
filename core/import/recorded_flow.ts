import type { Ip } from "../packet/ip.ts";
import type { FlowIntent, Place } from "../replay/flow.ts";
import type { SourcePosition } from "../source.ts";

/**
 * One flow of a recording: what its sender meant, and what the recording says
 * became of it. JSON-safe.
 */
export interface RecordedFlow<Recorded> {
  readonly flow: FlowIntent;
  /** Since the first time in the recording; 0 for what a recording out of order has before it. */
  readonly timeNs: number;
  /** The line or record that it begins with. */
  readonly source: SourcePosition;
  readonly recorded: Recorded;
}

/** Says who has an address. */
export type PlaceOf = (ip: Ip) => Place;

/** A {@link PlaceOf} that knows no cluster. */
export function outsidePlace(ip: Ip): Place {
  return { kind: "outside", ip: ip.text, via: null };
}

/** nf_conntrack_udp_timeout_stream and nf_conntrack_icmp_timeout. */
const IDLE_NS: Readonly<Partial<Record<FlowIntent["protocol"], bigint>>> = {
  udp: 120_000_000_000n,
  icmp: 30_000_000_000n,
};

/** Whether what comes after so much silence is another flow; never so where packets say where a connection begins. */
export function isIdle(
  protocol: FlowIntent["protocol"],
  silenceNs: bigint,
): boolean {
  const idleNs = IDLE_NS[protocol];
  return idleNs !== undefined && silenceNs > idleNs;
}

/** `address:port`, IPv6 in brackets. */
export function addressText(ip: Ip, port: number): string {
  return ip.family === 4 ? `${ip.text}:${port}` : `[${ip.text}]:${port}`;
}

/** Turns times of day into times of a tape, which begins with the first it sees. */
export class RecordingClock {
  #startNs: bigint | undefined;
  #lastNs = 0n;

  /** The time, or the last one where a record has none. */
  see(timeNs: bigint | null): bigint {
    if (timeNs === null) return this.#lastNs;
    this.#startNs ??= timeNs;
    this.#lastNs = timeNs;
    return timeNs;
  }

  /** Of the first record with a time. */
  get startNs(): bigint | null {
    return this.#startNs ?? null;
  }

  /** Time on the tape, exact for 104 days. */
  tapeNs(timeNs: bigint): number {
    const sinceStart = Number(timeNs - (this.#startNs ?? timeNs));
    return Math.min(Math.max(0, sinceStart), Number.MAX_SAFE_INTEGER);
  }
}

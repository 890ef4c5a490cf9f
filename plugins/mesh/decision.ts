import type { Ip } from "../../core/packet/ip.ts";
import type { Payload } from "../../core/packet/packet.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { ProxyDecision } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { Doubt } from "./unmodelled.ts";

/** User id of Envoy in a sidecar, which its redirect rules leave alone. */
export const PROXY_UID = 1337;

/** Mark on ztunnel's packets, which its redirect rules leave alone (0x539). */
export const ZTUNNEL_MARK = 0x539;

/** A connection that a proxy opens. */
export interface Onward {
  readonly destination: Ip;
  readonly destinationPort: number;
  readonly payload: Payload;
  readonly source?: Ip;
  readonly mark?: number;
  readonly uid?: number;
  readonly route?: string | null;
  readonly rule: Rule | null;
  readonly backends?: readonly WeightedBackend[];
}

/** Opens a connection. */
export function forward(onward: Onward): ProxyDecision {
  return {
    kind: "forward",
    destination: onward.destination,
    destinationPort: onward.destinationPort,
    source: onward.source ?? null,
    uid: onward.uid ?? PROXY_UID,
    mark: onward.mark ?? 0,
    payload: onward.payload,
    route: onward.route ?? null,
    rule: onward.rule,
    backends: onward.backends ?? [],
  };
}

/** Cuts the connection. */
export function reset(
  verdict: "rejected" | "error",
  { reason, rule }: { readonly reason: string; readonly rule: Rule | null },
): ProxyDecision {
  return { kind: "reset", verdict, reason, rule };
}

/** Leaves the outcome open. */
export function unknown({ reason, rule }: Doubt): ProxyDecision {
  return { kind: "unknown", reason, rule };
}

/** Answers a request with an error of the proxy's own. */
export function answer(
  status: number,
  said: {
    readonly reason: string;
    readonly rule: Rule | null;
    readonly route?: string | null;
    readonly verdict?: "rejected" | "error" | "forwarded";
    readonly location?: string;
  },
): ProxyDecision {
  return {
    kind: "respond",
    status,
    verdict: said.verdict ?? "error",
    reason: said.reason,
    location: said.location ?? null,
    route: said.route ?? null,
    rule: said.rule,
  };
}

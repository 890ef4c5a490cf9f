import type { Rule } from "../source.ts";
import type { Hook } from "./hook.ts";

/** One visible thing that happened to a packet on its way. JSON-safe. */
export interface Hop {
  /** 0 for the sender's own flow, one more for each proxy in between. */
  readonly depth: number;
  /** Way there, or way back. */
  readonly direction: "original" | "reply";
  /** Null outside the cluster. */
  readonly node: string | null;
  /** `namespace/name` when the hook is in or at a pod. */
  readonly pod: string | null;
  /** Where it happened; the four that are no hooks are the engine's own steps. */
  readonly hook: Hook | "wire" | "proxy" | "delivered" | "routing";
  /** Who acted; null for the engine itself. */
  readonly plugin: string | null;
  /** What was done. */
  readonly action: HopAction;
  /** The change or the reason in words: `10.96.0.10:53 -> 10.0.1.5:5353`. */
  readonly detail: string;
  /** What decided; null where nothing had to. */
  readonly rule: Rule | null;
  /** The packet as it left the hop: `tcp 10.0.0.5:41000 > 10.0.1.5:8080`. */
  readonly packet: string;
}

/** What can happen to a packet: what handlers return, and what the engine itself does on the way. */
export type HopAction =
  | "accept"
  | "rewrite"
  | "drop"
  | "reject"
  | "encapsulate"
  | "decapsulate"
  | "encrypt"
  | "decrypt"
  | "proxy"
  | "answer"
  | "bypass"
  | "cross"
  | "deliver"
  | "route"
  | "unknown";

/** All hops of one flow through one stack, those of its child flows in their place. */
export type Journey = readonly Hop[];

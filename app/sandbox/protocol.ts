import type { Event } from "../../core/event.ts";
import type { FlowResult } from "../../core/replay/engine.ts";
import type { SyncOutcome } from "../../core/replay/sync.ts";

/** One plugin of a stack: one of ours by name, or a bundle by its place in the list. */
export type SandboxUse =
  | { readonly plugin: string; readonly options: unknown }
  | { readonly bundle: number; readonly options: unknown };

/** What the host says to start with. One JSON document a line, both ways. */
export interface SandboxStart {
  readonly kind: "start";
  readonly name: string;
  readonly plugins: readonly SandboxUse[];
  /** Nodes that run something else, by name. */
  readonly nodes: Readonly<Record<string, readonly SandboxUse[]>>;
  /** Code of the bundles. */
  readonly bundles: readonly string[];
  readonly seed: number;
  readonly trace: "full" | "outcome";
}

/** Events to apply, in tape order; answered by {@link SandboxResults}. */
export interface SandboxEvents {
  readonly kind: "events";
  readonly events: readonly Event[];
}

/** Asks what the control events since the last question make the stack write; answered by {@link SandboxSynced}. */
export interface SandboxSync {
  readonly kind: "sync";
}

/** What a plugin that was loaded says of itself. */
export interface LoadedPlugin {
  readonly name: string;
  readonly version: string;
  /** Object kinds it understands, under its options. */
  readonly kinds: readonly string[];
  /** Its place in the list of bundles; null for one of ours. */
  readonly bundle: number | null;
}

/** The plugins are loaded. */
export interface SandboxReady {
  readonly kind: "ready";
  /** Those of the stack, then those of single nodes. */
  readonly plugins: readonly LoadedPlugin[];
}

/** What became of the flows among the events. */
export interface SandboxResults {
  readonly kind: "results";
  readonly results: readonly FlowResult[];
}

/** What the stack writes; null when none of its plugins says. */
export interface SandboxSynced {
  readonly kind: "synced";
  readonly outcome: SyncOutcome | null;
}

/** A plugin threw, or could not be loaded; the sandbox ends. */
export interface SandboxFailure {
  readonly kind: "failed";
  readonly message: string;
}

export type ToSandbox = SandboxStart | SandboxEvents | SandboxSync;
export type FromSandbox =
  | SandboxReady
  | SandboxResults
  | SandboxSynced
  | SandboxFailure;

/**
 * Plumbline replays the same traffic through several Kubernetes datapaths and
 * says where they part. This module is what a plugin author, or a program
 * that embeds the engine, needs: the plugin contract, the replay, and the
 * comparison of what came out.
 *
 * @module
 */
export * from "./core/plugin_api.ts";
export {
  type FlowResult,
  mergeShards,
  Replay,
  replay,
  type ReplayOptions,
  type ReplayResult,
} from "./core/replay/engine.ts";
export type { Hop, HopAction, Journey } from "./core/replay/hop.ts";
export {
  type CostKind,
  COSTS,
  type HttpOutcome,
  type Outcome,
  type Verdict,
  type WeightedBackend,
} from "./core/replay/outcome.ts";
export type { Application, FlowIntent, Place } from "./core/replay/flow.ts";
export {
  Connection,
  Conntrack,
  type ConntrackTimeouts,
  type Found,
  NETFILTER_TIMEOUTS,
  type PortRange,
  type Tuple,
} from "./core/replay/conntrack.ts";
export {
  type Programmed,
  type ProgrammedPart,
  type SyncOutcome,
  type WriteKind,
  WRITES,
  type Writes,
} from "./core/replay/sync.ts";
export { checkPlugin, type LawCheck } from "./core/replay/check_plugin.ts";
export { standardTape } from "./core/replay/standard_tape.ts";
export {
  type AnyPlugin,
  flowIntent,
  runFlows,
  type ShortFlow,
  stackOf,
  type TestUse,
  use,
} from "./core/replay/testing.ts";
export {
  type IdentityEvents,
  makeTape,
  type NewEvent,
  newEvent,
  type PacketEvents,
  type PolicyEvents,
  type Tape,
} from "./core/event.ts";
export { InputError, type Problem } from "./core/errors.ts";
export {
  compareResults,
  type StackResult,
} from "./core/diff/compare_results.ts";
export {
  COMPARED_FIELDS,
  type ComparedField,
  type Divergence,
  type DivergenceSide,
  type FieldDifference,
} from "./core/diff/divergence.ts";
export { type Cause, groupByCause } from "./core/diff/causes.ts";

/**
 * Plumbline replays the same traffic through several Kubernetes datapaths and
 * says where they part. This module is what a plugin author, or a program
 * that embeds the engine, needs: the plugin contract, the replay, and the
 * comparison of what came out.
 *
 * @module
 */
export {
  type Action,
  type Checked,
  definePlugin,
  type Exchange,
  type Handled,
  type Handler,
  type HookContext,
  type Manifest,
  type ModelClaim,
  noOptions,
  type OptionsSchema,
  type Plugin,
  type PluginUse,
  type Proxy,
  type ProxyDecision,
  type Route,
  type SocketOwner,
  type Stack,
} from "./core/replay/plugin.ts";
export {
  type FlowResult,
  mergeShards,
  Replay,
  replay,
  type ReplayOptions,
  type ReplayResult,
} from "./core/replay/engine.ts";
export { type Hook, HOOKS, PRIORITY } from "./core/replay/hook.ts";
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
  type Tuple,
} from "./core/replay/conntrack.ts";
export { checkPlugin, type LawCheck } from "./core/replay/check_plugin.ts";
export { standardTape } from "./core/replay/standard_tape.ts";
export { flowIntent, runFlows, stackOf, use } from "./core/replay/testing.ts";
export type { ShortFlow, TestUse } from "./core/replay/testing.ts";
export {
  type Event,
  type EventType,
  type EventTypes,
  type IdentityEvents,
  makeTape,
  type NewEvent,
  newEvent,
  type PacketEvents,
  type PolicyEvents,
  type Tape,
} from "./core/event.ts";
export { Cidr, compareIp, Ip } from "./core/packet/ip.ts";
export {
  type HttpRequest,
  type Packet,
  type PacketChange,
  type Payload,
  PROTOCOL,
  TCP_FLAG,
} from "./core/packet/packet.ts";
export type { ClusterView, Resolution } from "./core/cluster/view.ts";
export {
  type ContainerPort,
  type Endpoint,
  type EndpointSlice,
  type KubeObject,
  type Labels,
  type LoadBalancerIp,
  type Namespace,
  type Node,
  objectKey,
  type ObjectMeta,
  type ObjectSource,
  partPosition,
  type Pod,
  type PortEndpoint,
  type Protocol,
  type Service,
  type ServicePort,
} from "./core/cluster/model.ts";
export {
  type Basis,
  formatPosition,
  type Rule,
  type SourcePosition,
} from "./core/source.ts";
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

/**
 * What a plugin's own code may import as `plumbline`: the contract, and the
 * small values that handlers work with. `mod.ts` exports all of it too.
 *
 * @module
 */
export { definePlugin, noOptions } from "./replay/plugin.ts";
export type {
  Action,
  Checked,
  Exchange,
  Handled,
  Handler,
  HookContext,
  Manifest,
  ModelClaim,
  OptionsSchema,
  Overlay,
  Plugin,
  PluginUse,
  Proxy,
  ProxyDecision,
  Route,
  SocketOwner,
  Stack,
} from "./replay/plugin.ts";
export { type Hook, HOOKS, PRIORITY } from "./replay/hook.ts";
export { Cidr, compareIp, Ip } from "./packet/ip.ts";
export {
  type HttpRequest,
  type Packet,
  type PacketChange,
  type PacketDetail,
  type PacketFragment,
  type PacketOption,
  type Payload,
  PROTOCOL,
  TCP_FLAG,
} from "./packet/packet.ts";
export { objectKey, partPosition } from "./cluster/model.ts";
export type {
  ContainerPort,
  Endpoint,
  EndpointSlice,
  KubeObject,
  Labels,
  LoadBalancerIp,
  Namespace,
  Node,
  ObjectMeta,
  ObjectSource,
  Pod,
  PortEndpoint,
  Protocol,
  Service,
  ServicePort,
} from "./cluster/model.ts";
export type { ClusterView, Resolution } from "./cluster/view.ts";
export {
  type Basis,
  formatPosition,
  type Rule,
  type SourcePosition,
} from "./source.ts";
export type { Event, EventType, EventTypes } from "./event.ts";

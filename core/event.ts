import type {
  EndpointSlice,
  KubeObject,
  Namespace,
  Node,
  Pod,
  Service,
} from "./cluster/model.ts";
import type { FlowIntent } from "./replay/flow.ts";
import type { Outcome } from "./replay/outcome.ts";
import type { Hop } from "./replay/hop.ts";
import type { SourcePosition } from "./source.ts";

/** Identity events: who exists. Addresses are objects in memory and text in a log. */
export interface IdentityEvents {
  "namespace.applied": { readonly namespace: Namespace };
  "namespace.deleted": { readonly name: string };
  "node.applied": { readonly node: Node };
  "node.deleted": { readonly name: string };
  "pod.applied": { readonly pod: Pod };
  "pod.deleted": { readonly namespace: string; readonly name: string };
  "service.applied": { readonly service: Service };
  "service.deleted": { readonly namespace: string; readonly name: string };
  "endpoints.applied": { readonly slice: EndpointSlice };
  "endpoints.deleted": { readonly namespace: string; readonly name: string };
  /** A DNS record from outside the cluster: an address list or an alias. */
  "record.applied": {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly alias: string | null;
  };
}

/** Policy events: what governs. */
export interface PolicyEvents {
  "policy.applied": { readonly object: KubeObject };
  "policy.deleted": {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string | null;
    readonly name: string;
  };
  /** A dump of one node's rules or maps, to be run in place of what a plugin would compute. */
  "dump.loaded": {
    /** Null: every node. */
    readonly node: string | null;
    /** `iptables-save`, `ipset-save`, ... */
    readonly format: string;
    readonly text: string;
    readonly source: SourcePosition;
  };
}

/** Packet events: what moves. `flow.opened` is on the tape; the others are derived. */
export interface PacketEvents {
  "flow.opened": { readonly flow: FlowIntent };
  "hop.taken": { readonly flow: string; readonly hop: Hop };
  "flow.closed": { readonly outcome: Outcome };
}

/** Every event there is, by type. */
export interface EventTypes
  extends IdentityEvents, PolicyEvents, PacketEvents {}

export type EventType = keyof EventTypes & string;

/** An event not yet placed on a tape. */
export type NewEvent<T extends EventType = EventType> = T extends EventType ? {
    readonly type: T;
    /** Version of the shape of `data`; bumped, with an upcast, when a field changes its meaning. */
    readonly version: 1;
    readonly data: EventTypes[T];
  }
  : never;

/** An event in its place. Positions count from 0 without gaps; time never goes back. */
export type Event<T extends EventType = EventType> = T extends EventType
  ? NewEvent<T> & {
    readonly position: number;
    /** Virtual time in ns since the start of the tape; exact for 104 days. */
    readonly timeNs: number;
  }
  : never;

/** The input part of a log: everything a scenario or an import says happened, in order. */
export type Tape = readonly Event[];

/** Makes an event; keeps callers free of the version field. */
export function newEvent<T extends EventType>(
  type: T,
  data: EventTypes[T],
): NewEvent<T> {
  return { type, version: 1, data } as unknown as NewEvent<T>;
}

/** Places events on a tape, each at its time; the order within one time is kept. */
export function makeTape(
  entries: readonly { readonly timeNs: number; readonly event: NewEvent }[],
): Tape {
  return entries
    .map((entry, index) => ({ ...entry, index }))
    .sort((a, b) => a.timeNs - b.timeNs || a.index - b.index)
    .map(({ timeNs, event }, position) =>
      ({ ...event, position, timeNs }) as Event
    );
}

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
  /** Made or replaced, as with all `applied` events. */
  "namespace.applied": { readonly namespace: Namespace };
  /** Takes out the namespace alone: what lies in it has events of its own. */
  "namespace.deleted": { readonly name: string };
  /** A node with its addresses; routes lead to it from here on. */
  "node.applied": { readonly node: Node };
  /** Pods on it stay until they are deleted themselves. */
  "node.deleted": { readonly name: string };
  /** A pod with its node and addresses settled. */
  "pod.applied": { readonly pod: Pod };
  /** Its addresses are free for another pod. */
  "pod.deleted": { readonly namespace: string; readonly name: string };
  /** A Service with its cluster addresses and node ports settled. */
  "service.applied": { readonly service: Service };
  /** The slices given for it go with it. */
  "service.deleted": { readonly namespace: string; readonly name: string };
  /** A slice given from outside, in place of derived endpoints until the pods behind change. */
  "endpoints.applied": { readonly slice: EndpointSlice };
  /** Names the slice, not the Service. */
  "endpoints.deleted": { readonly namespace: string; readonly name: string };
  /** A DNS record from outside the cluster: an address list or an alias. */
  "record.applied": {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly alias: string | null;
    /** How long an answer may be kept, in seconds; absent: as long as the tape. */
    readonly ttlS?: number;
  };
}

/** Policy events: what governs. */
export interface PolicyEvents {
  /** An object for plugins to understand: each takes the kinds it knows. */
  "policy.applied": { readonly object: KubeObject };
  /** Names the object; `namespace` is null for kinds without one. */
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
  /** A sender starts a connection, or sends on one that it named before. */
  "flow.opened": { readonly flow: FlowIntent };
  /** One hop of the flow called `flow`, in order; kept in full traces only. */
  "hop.taken": { readonly flow: string; readonly hop: Hop };
  /** The one end every flow has. */
  "flow.closed": { readonly outcome: Outcome };
}

/** Every event there is, by type. */
export interface EventTypes
  extends IdentityEvents, PolicyEvents, PacketEvents {}

/** Name of an event: `noun.participle`. */
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

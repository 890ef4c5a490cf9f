import { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Connection, Tuple } from "../../core/replay/conntrack.ts";
import type { HookContext } from "../../core/replay/plugin.ts";

/** What a connection has been through, as bits of its mark; CT_EGRESS, CT_INGRESS and the flags of struct ct_entry. */
export const PASSED = {
  /** Left its pod. */
  egress: 1,
  /** Entered its pod. */
  ingress: 2,
  /** Came to a frontend on this node off the wire. */
  nodePort: 4,
  /** A pod that meets itself behind its Service. */
  loopback: 8,
  /** Its backend answers the client itself, past the node that it came in by; on both nodes. */
  direct: 32,
  /** Opened by this node's proxy with an address that is not its own. */
  proxied: 16,
} as const;

/** How a packet relates to what the node has seen. */
export interface Track {
  /** Null for the first packet of a connection. */
  readonly connection: Connection | null;
  /**
   * `new`; `forward`, seen before translation; `translated`, the same after
   * it; `reply`, before its translation back; `returned`, the same after it.
   */
  readonly state: "new" | "forward" | "translated" | "reply" | "returned";
}

/** Connections that a dump has. */
export interface Loaded {
  /** Puts them into the node's table, unless they are in it. */
  plant(context: HookContext): void;
}

const NEW: Track = { connection: null, state: "new" };

const NOWHERE = Ip.v4(0);

/** Mutable, as one is reused for every lookup. */
type Scratch = { -readonly [Field in keyof Tuple]: Tuple[Field] };

/**
 * Looks packets up in the node's connection tracking. One connection stands
 * for the entries Cilium makes of it (service, egress, ingress), so a packet is
 * looked up as it is and, where asked, as the mirror image of itself: that
 * finds it on the far side of a translation.
 */
export class Tracker {
  readonly #loaded: Loaded | null;
  readonly #scratch: Scratch = {
    protocol: 0,
    source: NOWHERE,
    destination: NOWHERE,
    sourcePort: 0,
    destinationPort: 0,
  };

  /** Connections of a dump are there before any that packets open. */
  constructor(loaded: Loaded | null = null) {
    this.#loaded = loaded;
  }

  /** The connection of a packet as it is here. */
  look(packet: Packet, context: HookContext): Track {
    if (this.#loaded !== null) this.#loaded.plant(context);
    context.charge("conntrack", 1);
    const found = context.conntrack.find(this.#tuple(packet), context.nowNs);
    if (found === undefined) return NEW;
    context.conntrack.see(found, packet, context.nowNs);
    const state = found.direction === "reply" ? "reply" : "forward";
    return { connection: found.connection, state };
  }

  /** The same, and when there is none the connection it is of after a translation. */
  lookBoth(packet: Packet, context: HookContext): Track {
    const seen = this.look(packet, context);
    if (seen.connection !== null) return seen;
    context.charge("conntrack", 1);
    const tuple = this.#tuple(packet);
    const { source, sourcePort } = tuple;
    tuple.source = tuple.destination;
    tuple.sourcePort = tuple.destinationPort;
    tuple.destination = source;
    tuple.destinationPort = sourcePort;
    const found = context.conntrack.find(tuple, context.nowNs);
    if (found === undefined) return NEW;
    const state = found.direction === "reply" ? "translated" : "returned";
    return { connection: found.connection, state };
  }

  /** The connection of a packet whose destination has just been translated back. */
  lookTo(
    packet: Packet,
    { destination, port, context }: {
      readonly destination: Ip;
      readonly port: number;
      readonly context: HookContext;
    },
  ): Track {
    const tuple = this.#tuple(packet);
    tuple.destination = destination;
    tuple.destinationPort = port;
    context.charge("conntrack", 1);
    const found = context.conntrack.find(tuple, context.nowNs);
    if (found === undefined) return NEW;
    const state = found.direction === "reply" ? "reply" : "forward";
    return { connection: found.connection, state };
  }

  /** A new connection, to be bound and confirmed. */
  open(packet: Packet, context: HookContext): Connection {
    context.charge("conntrack", 1);
    return context.conntrack.open(this.#tuple(packet));
  }

  /** An echo has one identifier, which stands for both ports, so that the mirror image is the answer's. */
  #tuple(packet: Packet): Scratch {
    const tuple = this.#scratch;
    const echo = packet.protocol === PROTOCOL.icmp ||
      packet.protocol === PROTOCOL.icmpv6;
    tuple.protocol = packet.protocol;
    tuple.source = packet.source;
    tuple.destination = packet.destination;
    const identifier = packet.sourcePort | packet.destinationPort;
    tuple.sourcePort = echo ? identifier : packet.sourcePort;
    tuple.destinationPort = echo ? identifier : packet.destinationPort;
    return tuple;
  }
}

/** What a policy calls a port: the ICMP type where there is none. */
export function policyPort(packet: Packet): number {
  return packet.protocol === PROTOCOL.icmp ||
      packet.protocol === PROTOCOL.icmpv6
    ? packet.icmpType
    : packet.destinationPort;
}

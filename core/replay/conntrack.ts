import { LIMITS } from "../limits.ts";
import { PROTOCOL, TCP_FLAG } from "../packet/packet.ts";
import type { Packet } from "../packet/packet.ts";
import type { Rule } from "../source.ts";
import type { Ip } from "../packet/ip.ts";

/** Addresses and ports of one direction of a connection. */
export interface Tuple {
  /** IANA number: 6 is TCP. */
  readonly protocol: number;
  /** Of the packet as the namespace sees it. */
  readonly source: Ip;
  /** Of the same family as the source. */
  readonly destination: Ip;
  /** Identifier for ICMP echo, 0 for protocols without ports. */
  readonly sourcePort: number;
  /** 0 for protocols without ports. */
  readonly destinationPort: number;
  /** Connections of different zones are not each other's, whatever their addresses; 0 when left out. */
  readonly zone?: number;
}

/** Ports in a row. */
export interface PortRange {
  /** The lowest one. */
  readonly first: number;
  /** How many there are; none when 0. */
  readonly count: number;
}

/** How long a connection is remembered without traffic, in ns of virtual time. */
export interface ConntrackTimeouts {
  /** TCP without an answer; netfilter's SYN_SENT. */
  readonly tcpNewNs: number;
  /** TCP once a reply was seen. */
  readonly tcpEstablishedNs: number;
  /** TCP after FIN or RST. */
  readonly tcpClosedNs: number;
  /** Other protocols until a reply, and after one. */
  readonly otherNewNs: number;
  /** Other protocols after a reply. */
  readonly otherEstablishedNs: number;
}

const SECOND_NS = 1_000_000_000;

/** Ports that translation takes when it cannot keep the one there is: those no privileged service has. */
const TRANSLATED_PORTS: PortRange = { first: 1_024, count: 65_536 - 1_024 };
const MOST_PORT_TRIES = 1_024;

/** Hash chains of an empty table. */
const FEWEST_CHAINS = 64;

/** Defaults of nf_conntrack (net/netfilter/nf_conntrack_proto_*.c). */
export const NETFILTER_TIMEOUTS: ConntrackTimeouts = {
  tcpNewNs: 120 * SECOND_NS,
  tcpEstablishedNs: 432_000 * SECOND_NS,
  tcpClosedNs: 10 * SECOND_NS,
  otherNewNs: 30 * SECOND_NS,
  otherEstablishedNs: 120 * SECOND_NS,
};

/** One connection. The reply tuple differs from the mirrored original where addresses are translated. */
export class Connection {
  /** Of the packet that opened it, before any translation. */
  readonly original: Tuple;
  /** What a packet of the reply direction looks like where it enters the namespace. */
  reply: Tuple;
  /** A packet of the reply direction was seen. */
  replied = false;
  /** A FIN or RST was seen. */
  closed = false;
  /** How far TCP is, in whatever terms the owner keeps it; 0 until it does. */
  tcpState = 0;
  /** In the table; until then the connection is forgotten with its packet. */
  confirmed = false;
  /** The connection's own mark, not the packets'; 0 until somebody sets it. */
  mark = 0;
  /** Which bindings were made, null ones included: a nat table is consulted once. */
  destinationBound = false;
  /** The same for the source. */
  sourceBound = false;
  /** A balancer beside nat gave it its destination: nat leaves the way there alone, and translates the answers. */
  balanced = false;
  /** Virtual time from which it is not found any more; moved on by every packet. */
  expiresNs = 0;
  /** The rule that gave it another destination, for its later packets to cite. */
  destinationRule: Rule | null = null;
  /** The rule that gave it another source. */
  sourceRule: Rule | null = null;
  /** No free port was found: another connection has the same replies. */
  clashes = false;
  /** The table it is in once confirmed. */
  table: Conntrack | null = null;
  /** Hashes of its tuples as they are in the table. */
  originalHash = 0;
  /** The same of the reply tuple. */
  replyHash = 0;
  /** Next in its hash chain, per direction. */
  nextOriginal: Connection | null = null;
  /** The same in the chain of its reply tuple. */
  nextReply: Connection | null = null;

  /** Untranslated: the reply tuple is the original one mirrored. */
  constructor(original: Tuple) {
    this.original = original;
    this.reply = mirrored(original);
  }

  /** Whether a destination other than the original one answers. */
  get destinationTranslated(): boolean {
    return !this.reply.source.equals(this.original.destination) ||
      this.reply.sourcePort !== this.original.destinationPort;
  }

  /** Whether the answer goes to another address than the original source. */
  get sourceTranslated(): boolean {
    return !this.reply.destination.equals(this.original.source) ||
      this.reply.destinationPort !== this.original.sourcePort;
  }
}

/** A connection with the direction in which a packet travels it. */
export interface Found {
  /** The live entry: what is changed on it stays. */
  readonly connection: Connection;
  /** `reply` when the packet matched the reply tuple. */
  readonly direction: "original" | "reply";
}

/**
 * Connection tracking of one network namespace, as nf_conntrack keeps it:
 * both tuples of each confirmed connection in a hash table, bindings made at
 * the first packet, timeouts on the virtual clock.
 *
 * @example
 * ```ts
 * import { Ip } from "../packet/ip.ts";
 *
 * const toService: Tuple = {
 *   protocol: 6,
 *   source: Ip.of("10.0.1.5"),
 *   sourcePort: 41_000,
 *   destination: Ip.of("10.96.0.10"),
 *   destinationPort: 80,
 * };
 * const table = new Conntrack();
 * const connection = table.open(toService);
 * table.bindDestination(connection, { ip: Ip.of("10.0.2.7"), port: 8080 });
 * table.confirm(connection, 0);
 * const found = table.find(connection.reply, 1_000_000);
 * console.assert(found?.direction === "reply");
 * ```
 */
export class Conntrack {
  readonly #timeouts: ConntrackTimeouts;
  readonly #limit: number;
  /** Heads of hash chains; their number is a power of two and grows with the table. */
  #chains = emptyChains(FEWEST_CHAINS);
  #replyChains = emptyChains(FEWEST_CHAINS);
  #size = 0;
  #sweepAt = 4_096;
  /** When a connection was last looked for. */
  #nowNs = 0;
  /** Where connections are noted as they are taken in, for whoever closes them. */
  opened: Connection[] | null = null;

  /** An empty table; past `limit` entries the ones nearest to their end make room. */
  constructor(
    timeouts: ConntrackTimeouts = NETFILTER_TIMEOUTS,
    limit: number = LIMITS.conntrackEntries,
  ) {
    this.#timeouts = timeouts;
    this.#limit = limit;
  }

  /** Confirmed connections, expired ones that nobody asked for included. */
  get size(): number {
    return this.#size;
  }

  /** The connection a packet belongs to, in either direction. */
  find(packet: Tuple, nowNs: number): Found | undefined {
    this.#nowNs = nowNs;
    const hash = tupleHash(packet);
    for (
      let entry = headOf(this.#chains, hash);
      entry !== null;
      entry = entry.nextOriginal
    ) {
      if (entry.originalHash === hash && sameTuple(entry.original, packet)) {
        if (entry.expiresNs > nowNs) {
          return { connection: entry, direction: "original" };
        }
        this.remove(entry);
        break;
      }
    }
    for (
      let entry = headOf(this.#replyChains, hash);
      entry !== null;
      entry = entry.nextReply
    ) {
      if (entry.replyHash === hash && sameTuple(entry.reply, packet)) {
        if (entry.expiresNs > nowNs) {
          return { connection: entry, direction: "reply" };
        }
        this.remove(entry);
        break;
      }
    }
    return undefined;
  }

  /** A new connection, not yet in the table. */
  open(packet: Tuple): Connection {
    return new Connection({
      protocol: packet.protocol,
      source: packet.source,
      destination: packet.destination,
      sourcePort: packet.sourcePort,
      destinationPort: packet.destinationPort,
      zone: packet.zone ?? 0,
    });
  }

  /** Sends the connection to another destination; a null binding leaves it. */
  bindDestination(
    connection: Connection,
    to: { readonly ip: Ip; readonly port: number } | null,
  ): void {
    connection.destinationBound = true;
    if (to === null) return;
    const { protocol, destination, destinationPort, zone } = connection.reply;
    connection.reply = {
      protocol,
      source: to.ip,
      destination,
      sourcePort: to.port,
      destinationPort,
      zone: zone ?? 0,
    };
  }

  /**
   * Gives the connection another source. The port is kept unless its replies
   * would be mistaken for packets of another connection; then a free one of
   * `range` is looked for from a place that depends on the connection (the
   * kernel starts at a random one: compare ports modulo this), and when none
   * is found in a bounded number of tries, as in
   * nf_nat_l4proto_unique_tuple(), the port is kept all the same and the
   * connection clashes. Returns the port.
   */
  bindSource(
    connection: Connection,
    to: {
      readonly ip: Ip;
      readonly port: number;
      /** Ports to choose from; those that no privileged service has, when left out. An empty one: the port must stay. */
      readonly range?: PortRange;
    } | null,
  ): number {
    connection.sourceBound = true;
    if (to === null) return connection.reply.destinationPort;
    const at = (port: number) => ({
      ...connection.reply,
      destination: to.ip,
      destinationPort: port,
    });
    let reply = at(to.port);
    if (this.isTaken(reply)) {
      const { first, count } = to.range ?? TRANSLATED_PORTS;
      const start = count === 0 ? 0 : tupleHash(connection.original) % count;
      connection.clashes = true;
      for (let tries = 0; tries < Math.min(count, MOST_PORT_TRIES); tries++) {
        const other = at(first + (start + tries) % count);
        if (this.isTaken(other)) continue;
        reply = other;
        connection.clashes = false;
        break;
      }
    }
    connection.reply = reply;
    return reply.destinationPort;
  }

  /** Puts a new connection into the table, or refreshes one that is in it. */
  confirm(connection: Connection, nowNs: number): void {
    if (!connection.confirmed) {
      if (this.#size >= this.#sweepAt) this.#sweep(nowNs);
      connection.confirmed = true;
      connection.table = this;
      this.#insert(connection);
      this.opened?.push(connection);
    }
    this.#refresh(connection, nowNs);
  }

  /** Notes a packet of a tracked connection: replies, closing, timeouts. */
  see(found: Found, packet: Packet, nowNs: number): void {
    const { connection } = found;
    if (found.direction === "reply") connection.replied = true;
    if (
      packet.protocol === PROTOCOL.tcp &&
      (packet.tcpFlags & (TCP_FLAG.fin | TCP_FLAG.rst)) !== 0
    ) {
      connection.closed = true;
    }
    if (connection.confirmed) this.#refresh(connection, nowNs);
  }

  /** Takes a connection out of the table. */
  remove(connection: Connection): void {
    if (!connection.confirmed) return;
    connection.confirmed = false;
    this.#size--;
    unlinkOriginal(this.#chains, connection);
    unlinkReply(this.#replyChains, connection);
  }

  /** Every confirmed connection, chain by chain. */
  *connections(): Generator<Connection> {
    for (const head of this.#chains) {
      for (
        let entry = head;
        entry !== null;
        entry = entry.nextOriginal
      ) {
        yield entry;
      }
    }
  }

  #insert(connection: Connection): void {
    if (++this.#size > this.#chains.length) this.#grow();
    connection.originalHash = tupleHash(connection.original);
    connection.replyHash = tupleHash(connection.reply);
    this.#link(connection);
  }

  #link(connection: Connection): void {
    const original = chainOf(this.#chains, connection.originalHash);
    connection.nextOriginal = this.#chains[original]!;
    this.#chains[original] = connection;
    const reply = chainOf(this.#replyChains, connection.replyHash);
    connection.nextReply = this.#replyChains[reply]!;
    this.#replyChains[reply] = connection;
  }

  #grow(): void {
    const all = [...this.connections()];
    const length = this.#chains.length * 4;
    this.#chains = emptyChains(length);
    this.#replyChains = emptyChains(length);
    for (const connection of all) this.#link(connection);
  }

  #refresh(connection: Connection, nowNs: number): void {
    const timeouts = this.#timeouts;
    const tcp = connection.original.protocol === PROTOCOL.tcp;
    const kept = tcp
      ? connection.closed
        ? timeouts.tcpClosedNs
        : connection.replied
        ? timeouts.tcpEstablishedNs
        : timeouts.tcpNewNs
      : connection.replied
      ? timeouts.otherEstablishedNs
      : timeouts.otherNewNs;
    connection.expiresNs = nowNs + kept;
  }

  /** Whether packets like these belong to a connection that is there already, in either direction (nf_conntrack_tuple_taken). */
  isTaken(tuple: Tuple): boolean {
    const hash = tupleHash(tuple);
    for (
      let entry = headOf(this.#replyChains, hash);
      entry !== null;
      entry = entry.nextReply
    ) {
      if (
        entry.replyHash === hash && entry.expiresNs > this.#nowNs &&
        sameTuple(entry.reply, tuple)
      ) return true;
    }
    for (
      let entry = headOf(this.#chains, hash);
      entry !== null;
      entry = entry.nextOriginal
    ) {
      if (
        entry.originalHash === hash && entry.expiresNs > this.#nowNs &&
        sameTuple(entry.original, tuple)
      ) return true;
    }
    return false;
  }

  /**
   * Drops what has expired; when that is not enough, the oldest sixteenth, as
   * early_drop makes room. Runs when the table has doubled, so its cost is
   * spread over the inserts.
   */
  #sweep(nowNs: number): void {
    for (const entry of [...this.connections()]) {
      if (entry.expiresNs <= nowNs) this.remove(entry);
    }
    if (this.#size >= this.#limit) {
      const oldest = [...this.connections()]
        .sort((a, b) => a.expiresNs - b.expiresNs)
        .slice(0, Math.ceil(this.#limit / 16));
      for (const entry of oldest) this.remove(entry);
    }
    this.#sweepAt = Math.min(this.#limit, Math.max(4_096, this.#size * 2));
  }
}

/** The tuple of the other direction. */
export function mirrored(tuple: Tuple): Tuple {
  return {
    protocol: tuple.protocol,
    source: tuple.destination,
    destination: tuple.source,
    sourcePort: tuple.destinationPort,
    destinationPort: tuple.sourcePort,
    zone: tuple.zone ?? 0,
  };
}

function sameTuple(a: Tuple, b: Tuple): boolean {
  return a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort && a.protocol === b.protocol &&
    a.source.equals(b.source) && a.destination.equals(b.destination) &&
    (a.zone ?? 0) === (b.zone ?? 0);
}

function tupleHash(tuple: Tuple): number {
  let hash = Math.imul(tuple.source.w3 ^ tuple.protocol, 0x9e3779b1);
  hash = Math.imul(hash ^ tuple.destination.w3, 0x85ebca6b);
  if (tuple.source.family === 6) {
    hash = Math.imul(hash ^ tuple.source.w2 ^ tuple.source.w1, 0xc2b2ae35);
    hash = Math.imul(hash ^ tuple.destination.w2, 0x27d4eb2f);
  }
  hash = Math.imul(
    hash ^ (tuple.sourcePort << 16) ^ tuple.destinationPort,
    0x165667b1,
  );
  // 30 bits keep the key a small integer in V8.
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}

type Chains = (Connection | null)[];

function emptyChains(length: number): Chains {
  return new Array<Connection | null>(length).fill(null);
}

function chainOf(chains: Chains, hash: number): number {
  return hash & (chains.length - 1);
}

function headOf(chains: Chains, hash: number): Connection | null {
  return chains[chainOf(chains, hash)]!;
}

function unlinkOriginal(chains: Chains, connection: Connection): void {
  const chain = chainOf(chains, connection.originalHash);
  let entry = chains[chain]!;
  if (entry === connection) chains[chain] = connection.nextOriginal;
  while (entry !== null) {
    if (entry.nextOriginal === connection) {
      entry.nextOriginal = connection.nextOriginal;
      break;
    }
    entry = entry.nextOriginal!;
  }
  connection.nextOriginal = null;
}

function unlinkReply(chains: Chains, connection: Connection): void {
  const chain = chainOf(chains, connection.replyHash);
  let entry = chains[chain]!;
  if (entry === connection) chains[chain] = connection.nextReply;
  while (entry !== null) {
    if (entry.nextReply === connection) {
      entry.nextReply = connection.nextReply;
      break;
    }
    entry = entry.nextReply!;
  }
  connection.nextReply = null;
}

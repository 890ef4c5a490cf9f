import type { Ip } from "../../../core/packet/ip.ts";
import { PROTOCOL } from "../../../core/packet/packet.ts";
import type { Conntrack, Tuple } from "../../../core/replay/conntrack.ts";
import type { HookContext } from "../../../core/replay/plugin.ts";
import type { Rule, SourcePosition } from "../../../core/source.ts";
import { formatEndpoint } from "../../../core/packet/walking_packet.ts";
import type { Backend } from "../backend_set.ts";
import { placeOf } from "../dumps/entry_places.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import {
  CT4_TUPLE,
  CT6_TUPLE,
  CT_ENTRY,
  TUPLE_FLAG,
} from "../maps/conntrack_layouts.ts";
import type { Values } from "../maps/layout.ts";
import { AFFINITY, type Affinity, remember } from "../pick_backend.ts";
import { PASSED } from "../tracking.ts";
import type { KeptAffinity } from "./live_affinity.ts";

/** What of a node decides what its entries stand for. */
export interface ConnectionGround {
  /** In name's order. */
  readonly maps: readonly BpfMap[];
  /** Clients that are kept at a backend. */
  affinities(): readonly KeptAffinity[];
  /** When they were loaded, in ns of the tape. */
  readonly loadedNs: number;
  /** Tells this load from those before it on the same node. */
  readonly load: number;
  isLocalPod(ip: Ip): boolean;
  /** The backend of an id; undefined when no map has it. */
  backendOf(family: 4 | 6, id: number): Backend | undefined;
  /** The address that a reverse translation gives back. */
  frontendOf(family: 4 | 6, id: number): Backend | undefined;
  /** What node ports are forwarded to other nodes under. */
  forwardingAddress(family: 4 | 6): Ip | undefined;
  /** What a pod that meets itself is seen as. */
  readonly loopback: Readonly<Record<4 | 6, Ip>>;
}

const SECOND_NS = 1_000_000_000;

/** What has run out stays until the agent next collects (defaults.ConntrackGCMinInterval). */
const COLLECTED_AFTER_S = 10;

/** The table in which a namespace notes what was planted in it. */
const PLANTED = "loaded connections";

/** One entry of a map, its addresses and ports the right way round. */
interface Entry {
  readonly kind: "service" | "out" | "in";
  readonly protocol: number;
  readonly client: Backend;
  readonly server: Backend;
  readonly value: Values<typeof CT_ENTRY.fields>;
  readonly rule: Rule;
}

/** A connection to be put into the engine's table. */
interface Seed {
  readonly original: Tuple;
  readonly backend: Backend | null;
  readonly source: Backend | null;
  mark: number;
  readonly rule: Rule;
  /** Seconds that are left of it. */
  leftS: number;
}

/**
 * The connections of a node's dumped tables. The agent's three entries of one
 * connection, service, egress and ingress, become the one that the engine has.
 */
export class LiveConnections {
  readonly #ground: ConnectionGround;
  #seeds: readonly Seed[] | null = null;

  constructor(ground: ConnectionGround) {
    this.#ground = ground;
  }

  /** Puts the connections into the node's table, the first time that a packet asks for any. */
  plant(context: HookContext): void {
    const planted = context.table<number>(PLANTED);
    if (planted.get("load") === this.#ground.load) return;
    planted.set("load", this.#ground.load);
    const { conntrack } = context;
    const { opened } = conntrack;
    // They are no flow's, so none takes them along when it ends.
    conntrack.opened = null;
    this.#seeds ??= seedsOf(this.#ground);
    for (const seed of this.#seeds) this.#put(seed, conntrack, context.nowNs);
    conntrack.opened = opened;
    const affinities = context.table<Affinity>(AFFINITY);
    for (const { key, backend, ageNs } of this.#ground.affinities()) {
      const usedNs = this.#ground.loadedNs - ageNs;
      remember(affinities, key, { backend, usedNs });
    }
  }

  #put(
    { original, backend, source, mark, rule, leftS }: Seed,
    conntrack: Conntrack,
    nowNs: number,
  ): void {
    const expiresNs = this.#ground.loadedNs + leftS * SECOND_NS;
    if (expiresNs <= nowNs) return;
    const connection = conntrack.open(original);
    if (backend !== null) conntrack.bindDestination(connection, backend);
    if (source !== null) conntrack.bindSource(connection, source);
    connection.mark = mark;
    connection.replied = true;
    connection.destinationRule = rule;
    conntrack.confirm(connection, nowNs);
    connection.expiresNs = expiresNs;
  }
}

function seedsOf(ground: ConnectionGround): Seed[] {
  const entries = ground.maps.flatMap(entriesOf);
  const seeds = new Map<string, Seed>();
  const now = Math.max(
    0,
    ...chunked(
      entries.map(({ value }) =>
        Math.max(value.last_tx_report, value.last_rx_report)
      ),
    ),
  );
  const leftOf = ({ lifetime }: Entry["value"]) =>
    Math.max(lifetime - now, COLLECTED_AFTER_S);
  const order = { service: 0, out: 1, in: 2 } as const;
  const sorted = entries.toSorted((a, b) => order[a.kind] - order[b.kind]);
  for (const entry of sorted) {
    const leftS = leftOf(entry.value);
    const made = seedOf(entry, { ground, leftS });
    if (made === undefined) continue;
    const key = keyOf(made);
    const known = seeds.get(key);
    if (known === undefined) seeds.set(key, made);
    else {
      known.mark |= made.mark;
      known.leftS = Math.max(known.leftS, leftS);
    }
  }
  return [...seeds.values()];
}

/** Largest numbers of slices, as not every number can be an argument at once. */
function chunked(numbers: readonly number[]): number[] {
  const most: number[] = [];
  for (let at = 0; at < numbers.length; at += 10_000) {
    most.push(Math.max(...numbers.slice(at, at + 10_000)));
  }
  return most;
}

function seedOf(
  { kind, protocol, client, server, value, rule }: Entry,
  { ground, leftS }: {
    readonly ground: ConnectionGround;
    readonly leftS: number;
  },
): Seed | undefined {
  const { family } = client.ip;
  const base = { source: null, rule, leftS };
  const tuple = (from: Backend, to: Backend): Tuple => ({
    protocol,
    source: from.ip,
    sourcePort: from.port,
    destination: to.ip,
    destinationPort: to.port,
  });
  if (kind === "in") {
    const original = tuple(client, server);
    return { ...base, original, backend: null, mark: PASSED.ingress };
  }
  if (kind === "service") {
    const backend = ground.backendOf(family, Number(value.backend_id));
    if (backend === undefined) return undefined;
    const local = ground.isLocalPod(client.ip);
    return {
      ...base,
      original: tuple(client, server),
      backend,
      source: local ? null : forwardedFrom(client, backend, ground),
      mark: local ? PASSED.egress : PASSED.nodePort,
    };
  }
  const frontend = value.rev_nat_index === 0
    ? undefined
    : ground.frontendOf(family, value.rev_nat_index);
  if (value.lb_loopback === 1) {
    if (frontend === undefined) return undefined;
    return {
      ...base,
      original: tuple({ ip: server.ip, port: client.port }, frontend),
      backend: server,
      source: { ip: ground.loopback[family], port: client.port },
      mark: PASSED.egress | PASSED.loopback,
    };
  }
  const nodePort = value.node_port === 1;
  return {
    ...base,
    original: tuple(client, frontend ?? server),
    backend: frontend === undefined ? null : server,
    source: nodePort ? forwardedFrom(client, server, ground) : null,
    mark: nodePort ? PASSED.nodePort : PASSED.egress,
  };
}

/** What a connection to a backend on another node is sent from; its port is the client's, as no dump of translations is read. */
function forwardedFrom(
  client: Backend,
  backend: Backend,
  { isLocalPod, forwardingAddress }: ConnectionGround,
): Backend | null {
  const ip = forwardingAddress(client.ip.family);
  return isLocalPod(backend.ip) || ip === undefined
    ? null
    : { ip, port: client.port };
}

/** Entries of one connection have the same client and, behind any Service, the same server. */
function keyOf({ original, backend }: Seed): string {
  const { protocol, source, sourcePort, destination, destinationPort } =
    original;
  const server = backend ?? { ip: destination, port: destinationPort };
  return `${protocol} ${source.text} ${sourcePort} ${server.ip.text} ${server.port}`;
}

/**
 * Entries of one map. Those of egress and ingress have the addresses the other
 * way round and the ports not, those of services the ports and not the
 * addresses (bpf/lib/conntrack.h).
 */
function entriesOf(map: BpfMap): Entry[] {
  const layout = map.spec.keyBytes === CT6_TUPLE.size ? CT6_TUPLE : CT4_TUPLE;
  return [...map.entries()].flatMap(({ key: bytes, value }): Entry[] => {
    const key = layout.decode(bytes);
    const echo = key.nexthdr === PROTOCOL.icmp ||
      key.nexthdr === PROTOCOL.icmpv6;
    if ((key.flags & TUPLE_FLAG.related) !== 0) return [];
    const service = (key.flags & TUPLE_FLAG.service) !== 0;
    const kind = service
      ? "service"
      : (key.flags & TUPLE_FLAG.in) !== 0
      ? "in"
      : "out";
    const identifier = key.sport | key.dport;
    const client = service
      ? { ip: key.saddr, port: key.dport }
      : { ip: key.daddr, port: echo ? identifier : key.sport };
    const server = service
      ? { ip: key.daddr, port: key.sport }
      : { ip: key.saddr, port: echo ? identifier : key.dport };
    return [{
      kind,
      protocol: key.nexthdr,
      client,
      server,
      value: CT_ENTRY.decode(value),
      rule: ruleOf(map, {
        kind,
        ends: `${formatEndpoint(client.ip, client.port)} -> ${
          formatEndpoint(server.ip, server.port)
        }`,
        source: placeOf(map, bytes),
      }),
    }];
  });
}

function ruleOf(
  { spec }: BpfMap,
  { kind, ends, source }: {
    readonly kind: Entry["kind"];
    readonly ends: string;
    readonly source: SourcePosition | undefined;
  },
): Rule {
  return {
    name: `${spec.name} ${kind.toUpperCase()} ${ends}`,
    text: "a connection that was there when the map was dumped",
    ...(source === undefined ? {} : { source }),
  };
}

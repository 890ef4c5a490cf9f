import type { HitObserver } from "./traversal.ts";
import { cutUp, Datagrams } from "./datagrams.ts";
import { HANDLERS } from "./handler_names.ts";
import { type Host, namedInterface } from "./host.ts";
import { type IpSets, NO_SETS } from "./ip_sets.ts";
import { NodeNetfilter } from "./node_handlers.ts";
import type { NftRuleSet } from "./nft_rule_set.ts";
import { type HostTables, RuleSet } from "./rule_set.ts";
import { Cluster } from "../../core/cluster/cluster.ts";
import type { Node } from "../../core/cluster/model.ts";
import { Cidr, Ip } from "../../core/packet/ip.ts";
import { IpTable } from "../../core/packet/ip_table.ts";
import { WalkingPacket } from "../../core/packet/walking_packet.ts";
import { Conntrack } from "../../core/replay/conntrack.ts";
import { drawUint32, pickIndex } from "../../core/replay/draw.ts";
import type { Hook } from "../../core/replay/hook.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type {
  Action,
  Handler,
  HookContext,
  SocketOwner,
} from "../../core/replay/plugin.ts";

/** An interface of the host with its addresses and what is behind it. */
export interface Link {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Prefixes behind it; `default` for all others. */
  readonly routes: readonly string[];
}

/** What became of a packet. */
export type Sent =
  | {
    readonly kind: "sent";
    readonly link: string;
    readonly packet: WalkingPacket;
    /** What it leaves as, if it came in pieces and was put together. */
    readonly pieces?: readonly WalkingPacket[];
  }
  | { readonly kind: "delivered"; readonly packet: WalkingPacket }
  | {
    readonly kind: "stopped";
    readonly hook: Hook;
    readonly action: Action;
    readonly packet: WalkingPacket;
  };

/** A host with the rules under test: routing round the plugin's own handlers. */
export class NetfilterHost {
  readonly #links: readonly Link[];
  readonly #handlers: Readonly<Record<Hook, readonly Handler[]>>;
  readonly #routes: ReturnType<typeof routesOf>;
  readonly #own: IpTable<string>;
  readonly conntrack = new Conntrack();
  readonly #tables = new Map<string, Map<string, unknown>>();
  /** Backends of the last pick. */
  picked: readonly WeightedBackend[] = [];
  /** Rules charged for the last packet. */
  rules = 0;
  readonly #routesLoopback: boolean;
  readonly #netfilter: NodeNetfilter;
  readonly #datagrams = new Datagrams();
  readonly #defragments: boolean;
  #seed = 1;

  constructor(tables: HostTables, init: {
    readonly links: readonly Link[];
    /** net.netfilter.nf_conntrack_tcp_loose. */
    readonly tracksMidstream?: boolean;
    /** net.ipv4.conf.all.route_localnet. */
    readonly routesLoopback?: boolean;
    readonly sets?: IpSets;
    /** A table of kube-proxy's nftables mode beside. */
    readonly nft?: NftRuleSet | null;
    readonly onHit?: HitObserver;
  }) {
    this.#links = init.links;
    this.#routes = routesOf(init.links);
    this.#own = ownAddresses(init.links);
    this.#routesLoopback = init.routesLoopback ?? true;
    const rules = new RuleSet(tables, {
      host: {
        ...linkHost(init.links),
        linkTo: (ip: Ip) => this.#route(ip) || null,
        listens: () => false,
        bare: true,
        tracksMidstream: init.tracksMidstream ?? true,
      },
      sets: init.sets ?? NO_SETS,
      nft: { 4: init.nft ?? null, 6: null },
    });
    this.#defragments = rules.defragments(4);
    this.#netfilter = new NodeNetfilter(rules, {
      onHit: init.onHit ?? null,
    });
    const named = this.#netfilter.handlers();
    const ordered = Object.entries(HANDLERS)
      .sort(([, a], [, b]) => a.priority - b.priority);
    const at = (hook: Hook) =>
      ordered.flatMap(([name, place]) => {
        const handler = named[name as keyof typeof named];
        return place.hook === hook && handler !== undefined ? [handler] : [];
      });
    this.#handlers = {
      prerouting: at("prerouting"),
      input: at("input"),
      forward: at("forward"),
      output: at("output"),
      postrouting: at("postrouting"),
    } as unknown as Readonly<Record<Hook, readonly Handler[]>>;
  }

  /** Sends a packet in by a link, or from a process of the host when `link` is null. */
  send(
    packet: WalkingPacket,
    { link, owner = null, atNs = 0 }: {
      readonly link: string | null;
      readonly owner?: SocketOwner | null;
      readonly atNs?: number;
    },
  ): Sent {
    this.picked = [];
    this.rules = 0;
    this.#seed++;
    const fragment = packet.detail?.fragment ?? null;
    const walk = new Walk(this, { packet, owner, atNs, seed: this.#seed });
    if (fragment !== null && this.#defragments) {
      const whole = this.#datagrams.add(packet, fragment);
      if (whole === null) return waits(packet);
      walk.packet = whole.packet;
      const sent = this.#walk(walk, link);
      return sent.kind === "sent"
        ? { ...sent, pieces: cutUp(sent.packet, whole.pieceBytes) }
        : sent;
    }
    return this.#walk(walk, link);
  }

  #walk(walk: Walk, link: string | null): Sent {
    return link === null ? this.#fromHost(walk) : this.#fromLink(walk, link);
  }

  /** What the host sends next is its answer to the packet that it was given last. */
  answerNext(): void {
    this.#netfilter.answerNext();
  }

  /** The interface that an address is routed to. */
  linkTo(destination: Ip): string {
    return this.#route(destination);
  }

  table(name: string): Map<string, unknown> {
    let table = this.#tables.get(name);
    if (table === undefined) this.#tables.set(name, table = new Map());
    return table;
  }

  /** inet_select_addr(): of the link, else of the first one that has any. */
  addressFor(link: string, family: 4 | 6): Ip | undefined {
    const ips = (name: string | null) =>
      this.#links.filter((one) => name === null || one.name === name)
        .flatMap(({ addresses }) => addresses)
        .map((text) => Ip.of(text.split("/")[0]!));
    const own = (ip: Ip) => ip.family === family;
    return ips(link).find(own) ?? ips(null).find(own);
  }

  #fromLink(walk: Walk, link: string): Sent {
    walk.through(link, "");
    const stopped = this.#run("prerouting", walk);
    if (stopped !== null) return stopped;
    // Addresses of 127/8 off a wire die in routing, after prerouting.
    const { source, destination } = walk.packet;
    if (
      source.isLoopback || (destination.isLoopback && !this.#routesLoopback)
    ) {
      return this.#stop("prerouting", walk);
    }
    if (this.#isLocal(destination)) return this.#deliver(walk);
    if (walk.packet.ttl <= 1) {
      return {
        kind: "stopped",
        hook: "prerouting",
        action: {
          kind: "drop",
          reason: "time to live exceeded",
          rule: null,
        },
        packet: walk.packet,
      };
    }
    walk.packet = walk.packet.with({ ttl: walk.packet.ttl - 1 });
    const out = this.#route(walk.packet.destination);
    walk.through(link, out);
    return this.#run("forward", walk) ?? this.#leave(walk, link, out);
  }

  /** The host itself wants whole datagrams (ip_local_deliver). */
  #deliver(walk: Walk): Sent {
    const fragment = walk.packet.detail?.fragment ?? null;
    if (fragment !== null) {
      const whole = this.#datagrams.add(walk.packet, fragment);
      if (whole === null) return waits(walk.packet);
      walk.packet = whole.packet;
    }
    return this.#run("input", walk) ??
      { kind: "delivered", packet: walk.packet };
  }

  #fromHost(walk: Walk): Sent {
    walk.through("", this.#route(walk.packet.destination));
    const stopped = this.#run("output", walk);
    if (stopped !== null) return stopped;
    const out = this.#route(walk.packet.destination);
    return this.#leave(walk, "", out);
  }

  #leave(walk: Walk, from: string, out: string): Sent {
    walk.through(from, out);
    const stopped = this.#run("postrouting", walk);
    if (stopped !== null) return stopped;
    if (out === "lo") {
      walk.through("lo", "");
      return this.#run("prerouting", walk) ?? this.#deliver(walk);
    }
    return { kind: "sent", link: out, packet: walk.packet };
  }

  #run(hook: Hook, walk: Walk): Sent | null {
    walk.hook = hook;
    for (const handler of this.#handlers[hook]) {
      const handled = handler(walk.packet, walk);
      if (handled === undefined) continue;
      const actions = Array.isArray(handled)
        ? handled as readonly Action[]
        : [handled as Action];
      for (const action of actions) {
        if (action.kind === "rewrite") {
          walk.packet = walk.packet.with(action.change);
        } else if (action.kind !== "accept") {
          return { kind: "stopped", hook, action, packet: walk.packet };
        }
      }
    }
    return null;
  }

  #stop(hook: Hook, { packet }: Walk): Sent {
    return {
      kind: "stopped",
      hook,
      action: { kind: "drop", reason: "martian address", rule: null },
      packet,
    };
  }

  #isLocal(ip: Ip): boolean {
    return ip.isLoopback || this.#own.get(ip) !== undefined;
  }

  /** The longest prefix that has the address. */
  #route(destination: Ip): string {
    if (this.#isLocal(destination)) return "lo";
    for (const { range, link } of this.#routes) {
      if (range.contains(destination)) return link;
    }
    return "";
  }
}

/** Where addresses are sent, longest prefixes first; of equal ones the first counts. */
function routesOf(links: readonly Link[]) {
  return links.flatMap(({ name, addresses, routes }) =>
    [...addresses, ...routes].map((text) => ({
      range: text === "default" ? EVERYWHERE : Cidr.of(text),
      link: name,
    }))
  ).sort((a, b) => b.range.length - a.range.length);
}

/** Addresses with their links. */
function ownAddresses(links: readonly Link[]): IpTable<string> {
  const own = new IpTable<string>();
  for (const { name, addresses } of links) {
    for (const text of addresses) own.set(Ip.of(text.split("/")[0]!), name);
  }
  return own;
}

/** A fragment is kept until the others are there. */
function waits(packet: WalkingPacket): Sent {
  return {
    kind: "stopped",
    hook: "prerouting",
    action: { kind: "drop", reason: "waits for fragments", rule: null },
    packet,
  };
}

const EVERYWHERE = Cidr.of("0.0.0.0/0");

/** The host as a node: rule sets name no labels, and its addresses are those of its links. */
const HOST: Node = {
  name: "host",
  labels: {},
  annotations: {},
  source: { file: "host", line: 1, column: 1 },
  internalIps: [],
  externalIps: [],
  podCidrs: [],
  zone: null,
};

/** A host by itself is in no cluster. */
const NOBODY = new Cluster();

/** One packet's way through the host. */
class Walk implements HookContext {
  readonly #host: NetfilterHost;
  readonly #seed: number;
  packet: WalkingPacket;
  hook: Hook = "prerouting";
  readonly node = HOST;
  readonly pod = null;
  readonly cluster = NOBODY;
  readonly direction = "original";
  readonly nowNs: number;
  inInterface = "";
  outInterface = "";
  readonly route = null;
  readonly owner: SocketOwner | null;
  readonly conntrack: Conntrack;
  readonly tunnelId = null;

  constructor(host: NetfilterHost, init: {
    readonly packet: WalkingPacket;
    readonly owner: SocketOwner | null;
    readonly atNs: number;
    readonly seed: number;
  }) {
    this.#host = host;
    this.#seed = init.seed;
    this.packet = init.packet;
    this.nowNs = init.atNs;
    this.owner = init.owner;
    this.conntrack = host.conntrack;
  }

  through(inInterface: string, outInterface: string): void {
    this.inInterface = inInterface;
    this.outInterface = outInterface;
  }

  outAddress(family: 4 | 6): Ip | undefined {
    return this.#host.addressFor(this.outInterface, family);
  }

  table<Value>(name: string): Map<string, Value> {
    return this.#host.table(name) as Map<string, Value>;
  }

  draw(site: string): number {
    return drawUint32(this.#seed, site);
  }

  charge(kind: string, count: number): void {
    if (kind === "rules") this.#host.rules += count;
  }

  sawIdentity(): void {}

  remark(): void {}

  pick(backends: readonly WeightedBackend[]): number {
    this.pickedFrom(backends);
    const weights = backends.map(({ weight }) => weight) as unknown;
    return pickIndex(
      this.draw("pick"),
      weights as Parameters<typeof pickIndex>[1],
    );
  }

  pickedFrom(backends: readonly WeightedBackend[]): void {
    this.#host.picked = backends;
  }
}

function linkHost(links: readonly Link[]): Omit<Host, "linkTo"> {
  const addressesOf = (name: string) =>
    name === "lo"
      ? ["127.0.0.1"]
      : links.find((link) => link.name === name)?.addresses ?? [];
  const ips = (name: string) =>
    addressesOf(name).map((text) => Ip.of(text.split("/")[0]!));
  const all = links.flatMap(({ name }) => ips(name));
  const first = (name: string, family: 4 | 6) =>
    ips(name).find((ip) => ip.family === family) ?? null;
  return {
    isLocal: (ip) => ip.isLoopback || all.some((own) => own.equals(ip)),
    isLocalTo: (ip, name) => ips(name).some((own) => own.equals(ip)),
    interfaces: (pattern) => ({ test: namedInterface(pattern), unknown: null }),
    addressOf: first,
  };
}

import { type Packet, PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import { protocolName } from "../../core/packet/walking_packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type {
  Action,
  Handled,
  Handler,
  HookContext,
} from "../../core/replay/plugin.ts";
import { backendText } from "./choice.ts";
import { type RealServer, serverKey, VirtualServer } from "./ipvs_server.ts";
import type { NodeHandlers, NodeNetfilter } from "./node_handlers.ts";
import { CT_STATE, type TrackedPacket } from "./tracked_packet.ts";

const SECOND_NS = 1_000_000_000;

/** How long IPVS knows a datagram's connection without traffic (tcp_timeouts' twin in ip_vs_proto_udp.c). */
const DATAGRAM_NS = 300 * SECOND_NS;

/** Schedulers that give real servers of one weight equal shares, in turn. */
const ROUND_ROBIN = new Set(["rr", "wrr"]);

/** A real server that a client keeps, and until when. */
interface Kept {
  readonly backend: string;
  readonly expiresNs: number;
}

/** Virtual servers by {@link serverKey}. */
export type VirtualServers = ReadonlyMap<string, VirtualServer>;

/**
 * IPVS of one node (net/netfilter/ipvs/ip_vs_core.c), with real servers
 * reached by NAT: what comes to a virtual server gets a real one's address and
 * is sent on by the node. Answers are translated by the connection that
 * conntrack keeps (net.ipv4.vs.conntrack, which kube-proxy sets).
 */
export class IpvsHooks {
  readonly #servers: VirtualServers;
  readonly #netfilter: NodeNetfilter;

  constructor(servers: VirtualServers, netfilter: NodeNetfilter) {
    this.#servers = servers;
    this.#netfilter = netfilter;
  }

  handlers(): NodeHandlers {
    const handle = (packet: Packet, context: HookContext) =>
      this.#handle(packet, context);
    return { ipvsInput: handle, ipvsOutput: handle };
  }

  /**
   * What IPVS takes in at input is not the node's: an engine for policies asks
   * about it once it has a backend, where it leaves by output
   * (projectcalico/calico felix/rules/static.go, cali-forward-endpoint-mark).
   */
  policies(filter: Handler | null): NodeHandlers {
    if (filter === null) return {};
    return {
      policyInput: (packet, context) =>
        this.#isServed(packet) ? undefined : filter(packet, context),
      policyOutput: (packet, context) => {
        const { virtualServer, local } = this.#netfilter
          .packetAt(packet, context);
        return virtualServer === null || local
          ? undefined
          : filter(packet, context);
      },
    };
  }

  #isServed({ protocol, destination, destinationPort }: Packet): boolean {
    return this.#servers.has(serverKey(protocol, destination, destinationPort));
  }

  /** ip_vs_in_hook() */
  #handle(packet: Packet, context: HookContext): Handled {
    const tracked = this.#netfilter.packetAt(packet, context);
    if (tracked.virtualServer !== null || tracked.reply) return undefined;
    if (tracked.state === CT_STATE.related) return undefined;
    context.charge("hashLookups", 1);
    const { connection } = tracked;
    if (connection?.balanced === true) {
      return this.#continue(tracked, connection);
    }
    const server = this.#serverOf(tracked);
    if (server === undefined || !schedules(tracked)) return undefined;
    if (connection === null || connection.confirmed) {
      return {
        kind: "unknown",
        reason: connection === null
          ? "IPVS without connection tracking is not modelled"
          : "IPVS is not modelled for a connection that the node answered before",
        rule: server.rule,
      };
    }
    return this.#schedule(tracked, { connection, server });
  }

  #serverOf(
    { protocol, destination, destinationPort, context }: TrackedPacket,
  ) {
    context.charge("hashLookups", 1);
    return this.#servers.get(serverKey(protocol, destination, destinationPort));
  }

  /**
   * kube-proxy ends TCP connections gently: their real server stays, with
   * weight 0. Those of datagrams go at once, and the next packet finds that out
   * (expire_nodest_conn): it is lost, and the one after it scheduled anew.
   */
  #continue(tracked: TrackedPacket, connection: Connection): Handled {
    const server = this.#serverOf(tracked);
    const { source: ip, sourcePort: port } = connection.reply;
    const index = server === undefined
      ? -1
      : indexOf(server, backendText(ip.text, port));
    if (index < 0 && tracked.protocol !== PROTOCOL.tcp) {
      tracked.context.conntrack.remove(connection);
      this.#keeper(tracked).delete(clientKey(tracked));
      return {
        kind: "drop",
        reason: "IPVS: real server gone",
        rule: connection.destinationRule,
      };
    }
    if (tracked.protocol !== PROTOCOL.tcp) this.#keep(tracked, { ip, port });
    return this.#send(tracked, {
      server: server ?? formerServer(connection),
      to: { ip, port },
      rule: connection.destinationRule,
    });
  }

  /** ip_vs_schedule() */
  #schedule(
    tracked: TrackedPacket,
    { connection, server }: {
      readonly connection: Connection;
      readonly server: VirtualServer;
    },
  ): Handled {
    const { context } = tracked;
    const count = server.servers.length;
    // ip_vs_leave()
    if (count === 0) {
      return {
        kind: "reject",
        with: "icmp-unreachable",
        reason: "IPVS: no real server",
        rule: server.rule,
      };
    }
    const index = this.#index(tracked, server);
    if (index === null) {
      return {
        kind: "unknown",
        reason: `scheduler ${server.scheduler} is not modelled`,
        rule: server.rule,
      };
    }
    const to = server.servers[index]!;
    const rule = server.ruleOf(index);
    context.conntrack.bindDestination(connection, to);
    connection.balanced = true;
    connection.destinationRule = rule;
    if (tracked.protocol !== PROTOCOL.tcp) this.#keep(tracked, to);
    return this.#send(tracked, { server, to, rule });
  }

  /** Which real server; null: nobody can say. */
  #index(tracked: TrackedPacket, server: VirtualServer): number | null {
    const { context } = tracked;
    const kept = this.#keeper(tracked).get(clientKey(tracked));
    if (kept !== undefined && kept.expiresNs > context.nowNs) {
      const index = indexOf(server, kept.backend);
      if (index >= 0) {
        context.pickedFrom(server.backends);
        return index;
      }
    }
    if (server.persistentS === null) return pickIndex(server, context);
    const clients = context.table<Kept>("ipvs persistence");
    const key = `${server.name} ${tracked.source.text}`;
    const before = clients.get(key);
    const known = before !== undefined && before.expiresNs > context.nowNs
      ? indexOf(server, before.backend)
      : -1;
    if (known >= 0) context.pickedFrom(server.backends);
    const index = known >= 0 ? known : pickIndex(server, context);
    if (index !== null) {
      const { backend } = server.backends[index]!;
      const expiresNs = context.nowNs + server.persistentS * SECOND_NS;
      clients.set(key, { backend, expiresNs });
    }
    return index;
  }

  /** ip_vs_nat_xmit(): to a process of this node the packet just goes on. */
  #send(
    tracked: TrackedPacket,
    { server, to, rule }: {
      readonly server: VirtualServer;
      readonly to: RealServer;
      readonly rule: VirtualServer["rule"] | null;
    },
  ): Handled {
    tracked.virtualServer = server;
    const rewrite: Action = {
      kind: "rewrite",
      change: { destination: to.ip, destinationPort: to.port },
      rule,
    };
    if (tracked.host.isLocal(to.ip)) return rewrite;
    this.#netfilter.sendOn();
    return [rewrite, { kind: "route", rule: null }];
  }

  /** Datagrams of one client and port keep their real server longer than conntrack knows them. */
  #keep(tracked: TrackedPacket, { ip, port }: RealServer): void {
    this.#keeper(tracked).set(clientKey(tracked), {
      backend: backendText(ip.text, port),
      expiresNs: tracked.context.nowNs + DATAGRAM_NS,
    });
  }

  #keeper({ context }: TrackedPacket): Map<string, Kept> {
    return context.table<Kept>("ipvs connections");
  }
}

/** The virtual server of a connection that outlived it. */
function formerServer({ original }: Connection): VirtualServer {
  return new VirtualServer({
    ip: original.destination,
    port: original.destinationPort,
    protocol: protocolName(original.protocol),
    scheduler: "rr",
    persistentS: null,
    servers: [],
    at: null,
  });
}

/** A stream is taken in by its first packet only (tcp_conn_schedule()). */
function schedules({ protocol, tcpFlags }: TrackedPacket): boolean {
  return protocol !== PROTOCOL.tcp || (tcpFlags & TCP_FLAG.syn) !== 0;
}

/** Equal shares, whoever is next in the round: that depends on all traffic before. */
function pickIndex(
  { scheduler, backends }: VirtualServer,
  context: HookContext,
): number | null {
  if (backends.length > 1 && !ROUND_ROBIN.has(scheduler)) return null;
  return context.pick(backends);
}

function indexOf({ backends }: VirtualServer, wanted: string): number {
  return backends.findIndex(({ backend }) => backend === wanted);
}

/** A client's socket and what it asks for. */
function clientKey(packet: TrackedPacket): string {
  const { protocol, source, sourcePort, destination, destinationPort } = packet;
  return `${protocol} ${source.text} ${sourcePort} ${destination.text} ${destinationPort}`;
}

import { echoPort } from "./echo_ports.ts";
import type { Ip } from "../../core/packet/ip.ts";
import {
  type Packet,
  type PacketDetail,
  PROTOCOL,
} from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type { HookContext, SocketOwner } from "../../core/replay/plugin.ts";
import type { CompiledRule } from "./compiled_rule.ts";
import type { Host } from "./host.ts";
import type { VirtualServer } from "./ipvs_server.ts";

/** Bits of `--ctstate`, as in include/uapi/linux/netfilter/xt_conntrack.h. */
export const CT_STATE = {
  invalid: 1,
  new: 2,
  related: 4,
  established: 8,
  untracked: 16,
} as const;

/**
 * The packet as rules read and change it, with what travels on the skb beside
 * it: mark, connection, owner. One object a node, filled anew for each packet,
 * so that a traversal allocates nothing.
 */
export class TrackedPacket {
  /** The host that the packet is on: several may share their rules. */
  readonly host: Host;
  protocol = 0;
  source!: Ip;
  destination!: Ip;
  sourcePort = 0;
  destinationPort = 0;
  tcpFlags = 0;
  icmpType = 0;
  icmpCode = 0;
  ttl = 0;
  lengthBytes = 0;
  mark = 0;
  typeOfService = 0;
  /** A fragment that does not have the transport header. */
  laterFragment = false;
  /** What an ordinary packet does not have. */
  detail: PacketDetail | null = null;
  /** The packet that an ICMP error is about. */
  inner: Packet | null = null;
  /** A rule has written to a header. */
  rewritten = false;
  context!: HookContext;
  /** Null when invalid or untracked. */
  connection: Connection | null = null;
  /** Travels its connection against the direction of the first packet. */
  reply = false;
  state: number = CT_STATE.invalid;
  /** The zone that its connection is looked for in. */
  zone = 0;
  /** Its connection ends with it, and is not taken in again. */
  last = false;
  /** Made on this host, by a process or by the kernel itself. */
  local = false;
  /** The process; null where there is none. */
  owner: SocketOwner | null = null;
  /** The virtual server of IPVS that gave it its destination; null: none (`skb->ipvs_property`). */
  virtualServer: VirtualServer | null = null;
  /** The rule that decided, or that changed the packet last. */
  rule: CompiledRule | null = null;
  /** The rule that changed the mark, or a header, last. */
  markRule: CompiledRule | null = null;
  /** Why the outcome is not known. */
  unknown = "";

  #loaded: Packet | null = null;

  constructor(host: Host) {
    this.host = host;
  }

  /** Takes in the packet as it is at a hook; mark and addresses may have changed since the last. */
  load(packet: Packet, context: HookContext): void {
    this.context = context;
    this.rule = null;
    this.markRule = null;
    this.mark = packet.mark;
    // Most hooks change nothing: the packet is the one that was taken in last.
    if (packet === this.#loaded && !this.rewritten) return;
    this.#loaded = packet;
    this.rewritten = false;
    this.protocol = packet.protocol;
    this.source = packet.source;
    this.destination = packet.destination;
    this.sourcePort = packet.sourcePort;
    this.destinationPort = packet.destinationPort;
    if (
      packet.protocol === PROTOCOL.icmp || packet.protocol === PROTOCOL.icmpv6
    ) {
      this.sourcePort = echoPort(packet, "source");
      this.destinationPort = echoPort(packet, "destination");
    }
    this.tcpFlags = packet.tcpFlags;
    this.icmpType = packet.icmpType;
    this.icmpCode = packet.icmpCode;
    this.ttl = packet.ttl;
    this.lengthBytes = packet.lengthBytes;
    this.#loadDetail(packet);
  }

  #loadDetail({ detail, inner }: Packet): void {
    this.inner = inner ?? null;
    this.detail = detail ?? null;
    this.laterFragment = false;
    if (this.detail === null) {
      this.typeOfService = 0;
      return;
    }
    const { typeOfService, fragment } = this.detail;
    this.typeOfService = typeOfService;
    if (fragment === null || fragment.offsetBytes === 0) return;
    this.laterFragment = true;
    // No port that a rule may name.
    this.sourcePort = -1;
    this.destinationPort = -1;
  }

  /** Forgets the connection of the packet before. */
  detach(local: boolean, owner: SocketOwner | null): void {
    this.local = local;
    this.connection = null;
    this.reply = false;
    this.state = CT_STATE.invalid;
    this.zone = 0;
    this.last = false;
    this.virtualServer = null;
    this.owner = owner;
  }
}

import type { RuleTableName } from "../../core/import/iptables_rules.ts";
import type { Packet } from "../../core/packet/packet.ts";
import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type {
  Action,
  Handled,
  Handler,
  HookContext,
} from "../../core/replay/plugin.ts";
import { type CompiledRule, VERDICT } from "./compiled_rule.ts";
import {
  isIcmpError,
  isMalformed,
  isUntracked,
  opensConnection,
  reopens,
} from "./connection_state.ts";
import { headerChange } from "./header_targets.ts";
import { invertedTuple } from "./icmp_error.ts";
import type { HandlerName } from "./handler_names.ts";
import type { BaseChain, RuleSet } from "./rule_set.ts";
import { NodeNat } from "./node_nat.ts";
import { markRewrite, refusal } from "./verdict_action.ts";
import { hasEnded, nextTcpState, NO_TCP_STATE } from "./tcp_state.ts";
import { CT_STATE, TrackedPacket } from "./tracked_packet.ts";
import { type HitObserver, Traversal } from "./traversal.ts";

/** The handlers of one node. */
export type NodeHandlers = Partial<Record<HandlerName, Handler>>;

/**
 * Netfilter of one node's own network namespace: the tables at their hooks,
 * connection tracking, and translation. What belongs to the packet between two
 * hooks (its connection, its mark) is kept here, as the skb keeps it.
 */
export class NodeNetfilter {
  readonly #rules: RuleSet;
  readonly #packet: TrackedPacket;
  readonly #traversal: Traversal;
  readonly #nat: NodeNat;
  /** The walk that the packet is on; another one has no connection here yet. */
  #walk: HookContext | null = null;
  /** The connection of the packet that the host answers next. */
  #answered:
    | { readonly connection: Connection; readonly reply: boolean }
    | null = null;

  /** The packet was taken out of a hook, and comes by `output` next. */
  #sentOn = false;
  readonly #tracks: Readonly<Record<4 | 6, boolean>>;
  /** Hooks where the raw table comes before tracking, and meets the packet first. */
  readonly #rawRuns: { readonly prerouting: boolean; readonly output: boolean };

  constructor(
    rules: RuleSet,
    { onHit = null, tracks = false }: {
      readonly onHit?: HitObserver | null;
      /** Somebody beside the rules needs connection tracking. */
      readonly tracks?: boolean;
    } = {},
  ) {
    this.#rules = rules;
    this.#packet = new TrackedPacket(rules.host);
    this.#traversal = new Traversal(onHit);
    this.#nat = new NodeNat({
      rules,
      packet: this.#packet,
      traversal: this.#traversal,
      resume: (context) => this.#resume(context),
    });
    this.#tracks = {
      4: tracks || rules.tracks(4),
      6: tracks || rules.tracks(6),
    };
    this.#rawRuns = {
      prerouting: rules.base("raw", "PREROUTING") !== undefined,
      output: rules.base("raw", "OUTPUT") !== undefined,
    };
  }

  /** Handlers for every hook that has something to do. */
  handlers(): NodeHandlers {
    const handlers: NodeHandlers = {
      trackPrerouting: (packet, context) => this.#track(packet, context),
      natPrerouting: this.#nat.handler("PREROUTING"),
      natInput: this.#nat.handler("INPUT"),
      confirmInput: (_, context) => this.#confirm(context),
      trackOutput: (packet, context) => this.#track(packet, context),
      natOutput: this.#nat.handler("OUTPUT"),
      natPostrouting: this.#nat.handler("POSTROUTING"),
      confirmPostrouting: (_, context) => this.#confirm(context),
    };
    this.#install(handlers, "raw", {
      rawPrerouting: "PREROUTING",
      rawOutput: "OUTPUT",
    });
    this.#install(handlers, "mangle", {
      manglePrerouting: "PREROUTING",
      mangleInput: "INPUT",
      mangleForward: "FORWARD",
      mangleOutput: "OUTPUT",
      manglePostrouting: "POSTROUTING",
    });
    this.#install(handlers, "filter", {
      filterInput: "INPUT",
      filterForward: "FORWARD",
      filterOutput: "OUTPUT",
    });
    this.#install(handlers, "security", {
      securityInput: "INPUT",
      securityForward: "FORWARD",
      securityOutput: "OUTPUT",
    });
    this.#installPreDnat(handlers);
    return handlers;
  }

  /** nftables mode asks for source ranges before it translates. */
  #installPreDnat(handlers: NodeHandlers): void {
    for (
      const [name, chain] of [
        ["preDnatPrerouting", "filter-prerouting-pre-dnat"],
        ["preDnatOutput", "filter-output-pre-dnat"],
      ] as const
    ) {
      const base = this.#rules.nftBase(chain);
      if (base === undefined) continue;
      handlers[name] = (packet, context) => {
        this.#resume(context);
        return this.#runTable(base, packet, { context, says: false });
      };
    }
  }

  /** Bits of the state that the packet's connection gives it, as `--ctstate` reads them. */
  stateOf(context: HookContext): number {
    this.#resume(context);
    return this.#packet.state;
  }

  /** The packet with what is known of it at a hook of this node. */
  packetAt(packet: Packet, context: HookContext): TrackedPacket {
    this.#resume(context);
    this.#packet.load(packet, context);
    return this.#packet;
  }

  /** The packet leaves its hook and is sent by the node: what belongs to it goes with it. */
  sendOn(): void {
    this.#sentOn = true;
  }

  #install(
    handlers: NodeHandlers,
    table: RuleTableName,
    chains: Partial<Record<HandlerName, string>>,
  ): void {
    for (const [name, chain] of Object.entries(chains)) {
      const [base] = this.#rules.bases(table, chain);
      if (base === undefined) continue;
      const first = table === "raw";
      const says = table === "filter" || table === "security";
      handlers[name as HandlerName] = (packet, context) => {
        if (first) this.#begin(context);
        else this.#resume(context);
        return this.#runTable(base, packet, { context, says });
      };
    }
  }

  /** A packet comes to the first hook of this node. */
  #begin(context: HookContext): void {
    const { hook } = context;
    const sentOn = this.#sentOn;
    this.#sentOn = false;
    if (sentOn && this.#walk === context && hook === "output") return;
    // Over loopback the packet is the one that was sent: it has its connection already.
    if (
      this.#walk === context && hook === "prerouting" &&
      context.inInterface === "lo"
    ) {
      return;
    }
    this.#walk = context;
    const local = hook === "output";
    this.#packet.detach(local, local ? context.owner : null);
    if (local) this.#takeUpAnswer();
  }

  /**
   * nf_ct_attach(): what the host sends next is its own answer to the packet
   * at hand, an ICMP error or a reset, and belongs to the same connection.
   */
  answerNext(): void {
    const { connection, reply } = this.#packet;
    this.#answered = connection === null ? null : { connection, reply: !reply };
  }

  #takeUpAnswer(): void {
    const answered = this.#answered;
    if (answered === null) return;
    this.#answered = null;
    this.#packet.connection = answered.connection;
    this.#packet.reply = answered.reply;
    this.#packet.state = CT_STATE.related;
  }

  /** At a later hook: a packet that bypassed the first has no connection. */
  #resume(context: HookContext): void {
    if (this.#walk !== context) {
      this.#walk = context;
      this.#packet.detach(false, null);
    }
  }

  #runTable(
    base: BaseChain,
    packet: Packet,
    { context, says }: {
      readonly context: HookContext;
      /** Whether an ACCEPT is worth a hop. */
      readonly says: boolean;
    },
  ): Handled {
    const chain = base[packet.source.family];
    if (chain === null) return undefined;
    const tracked = this.#packet;
    tracked.load(packet, context);
    const verdict = this.#traversal.run(chain, tracked);
    const decision = verdict === VERDICT.accept
      ? says && tracked.rule !== null ? acceptOf(tracked.rule) : undefined
      : refusal(verdict, tracked, chain);
    if (tracked.mark === packet.mark && !tracked.rewritten) return decision;
    const written = tracked.rewritten
      ? headerRewrite(tracked, packet)
      : markRewrite(tracked);
    return decision === undefined ? written : [written, decision];
  }

  /** nf_conntrack_in(): which connection the packet belongs to. */
  #track(packet: Packet, context: HookContext): Handled {
    const tracked = this.#packet;
    if (!this.#rawRuns[context.hook === "output" ? "output" : "prerouting"]) {
      this.#begin(context);
    }
    if (tracked.connection !== null) return undefined;
    if (tracked.state === CT_STATE.untracked) return undefined;
    if (!this.#tracks[packet.source.family]) return undefined;
    if (isUntracked(packet)) {
      tracked.state = CT_STATE.untracked;
      return undefined;
    }
    context.charge("conntrack", 1);
    // Checksums of what the host itself sends are not looked at.
    if (packet.detail?.damaged === true && context.hook === "prerouting") {
      return undefined;
    }
    if (isIcmpError(packet)) return this.#relate(packet, context);
    if (isMalformed(packet)) return undefined;
    tracked.load(packet, context);
    this.#find(packet, context);
    return undefined;
  }

  /** nf_conntrack_inet_error(): the connection of the packet that an error is about. */
  #relate(packet: Packet, context: HookContext): Handled {
    const { inner } = packet;
    if (inner === undefined || inner === null) {
      return {
        kind: "unknown",
        reason: "the packet that an ICMP error is about is not modelled",
        rule: null,
      };
    }
    const found = context.conntrack.find(invertedTuple(inner), context.nowNs);
    if (found === undefined) return undefined;
    const tracked = this.#packet;
    const { connection, direction } = found;
    // An error that is not on its way to the inner packet's sender is none of its connection.
    const way = direction === "reply" ? connection.reply : connection.original;
    if (!packet.destination.equals(way.destination)) return undefined;
    tracked.connection = connection;
    tracked.reply = direction === "reply";
    tracked.state = CT_STATE.related;
    return undefined;
  }

  #find(packet: Packet, context: HookContext): void {
    const tracked = this.#packet;
    const { conntrack, nowNs } = context;
    let found = conntrack.find(tracked, nowNs);
    if (found !== undefined && hasEnded(found.connection) && reopens(packet)) {
      conntrack.remove(found.connection);
      found = undefined;
    }
    if (found === undefined) {
      if (!opensConnection(packet, tracked.host.tracksMidstream)) return;
      const opened = conntrack.open(tracked);
      if (packet.protocol === PROTOCOL.tcp) {
        opened.tcpState = nextTcpState(NO_TCP_STATE, {
          tcpFlags: packet.tcpFlags,
          reply: false,
        }) ?? NO_TCP_STATE;
      }
      tracked.connection = opened;
      tracked.state = CT_STATE.new;
      return;
    }
    const { connection } = found;
    const reply = found.direction === "reply";
    if (packet.protocol === PROTOCOL.tcp) {
      const next = nextTcpState(connection.tcpState, {
        tcpFlags: packet.tcpFlags,
        reply,
      });
      if (next === null) return;
      connection.tcpState = next;
    }
    const unanswered = !connection.replied;
    conntrack.see(found, packet, nowNs);
    // A connection whose only answer is a reset is forgotten at once (nf_conntrack_tcp_packet).
    if (unanswered && (packet.tcpFlags & TCP_FLAG.rst) !== 0) {
      conntrack.remove(connection);
      tracked.last = true;
    }
    tracked.connection = connection;
    tracked.reply = reply;
    tracked.state = connection.replied ? CT_STATE.established : CT_STATE.new;
  }

  /** nf_conntrack_confirm(): a connection whose first packet got this far is in the table. */
  #confirm(context: HookContext): Handled {
    const { connection } = this.#packet;
    if (
      this.#walk === context && connection !== null &&
      !connection.confirmed && !this.#packet.reply && !this.#packet.last
    ) {
      context.charge("conntrack", 1);
      if (connection.clashes && context.conntrack.isTaken(connection.reply)) {
        return CLASH;
      }
      context.conntrack.confirm(connection, context.nowNs);
    }
    return undefined;
  }
}

/** nf_conntrack_core.c, `nf_ct_resolve_clash`: of two connections with the same replies the second one is not taken in. */
const CLASH: Action = {
  kind: "drop",
  reason: "another connection has the same replies",
  rule: null,
};

function acceptOf(rule: CompiledRule): Action {
  return { kind: "accept", rule: rule.cited };
}

/** What rules have written to a packet: its headers, and the mark beside it. */
function headerRewrite(tracked: TrackedPacket, packet: Packet): Action {
  const { mark } = tracked;
  return {
    kind: "rewrite",
    change: {
      ...headerChange(tracked, packet),
      ...(mark === packet.mark ? {} : { mark }),
    },
    rule: tracked.markRule?.cited ?? null,
  };
}

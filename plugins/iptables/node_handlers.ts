import type { RuleTableName } from "../../core/import/iptables_rules.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Packet, PacketChange } from "../../core/packet/packet.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import type {
  Action,
  Handled,
  Handler,
  HookContext,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { CompiledChain } from "./compiled_chain.ts";
import { type CompiledRule, DOES, VERDICT } from "./compiled_rule.ts";
import {
  isIcmpError,
  isMalformed,
  isUntracked,
  opensConnection,
  reopens,
} from "./connection_state.ts";
import type { HandlerName } from "./handler_names.ts";
import type { BaseChain, RuleSet } from "./rule_set.ts";
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
  readonly #packet = new TrackedPacket();
  readonly #traversal: Traversal;
  /** The walk that the packet is on; another one has no connection here yet. */
  #walk: HookContext | null = null;
  /** Rules that bound connections, by their note. */
  readonly #bindings = new Map<string, CompiledRule>();

  /** Hooks where the raw table comes before tracking, and meets the packet first. */
  readonly #rawRuns: { readonly prerouting: boolean; readonly output: boolean };

  constructor(rules: RuleSet, onHit: HitObserver | null = null) {
    this.#rules = rules;
    this.#traversal = new Traversal(onHit);
    this.#rawRuns = {
      prerouting: rules.base("raw", "PREROUTING") !== undefined,
      output: rules.base("raw", "OUTPUT") !== undefined,
    };
  }

  /** Handlers for every hook that has something to do. */
  handlers(): NodeHandlers {
    const handlers: NodeHandlers = {
      trackPrerouting: (packet, context) => this.#track(packet, context),
      natPrerouting: this.#destinationNat("PREROUTING"),
      natInput: this.#sourceNat("INPUT"),
      confirmInput: (_, context) => this.#confirm(context),
      trackOutput: (packet, context) => this.#track(packet, context),
      natOutput: this.#destinationNat("OUTPUT"),
      natPostrouting: this.#sourceNat("POSTROUTING"),
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
    return handlers;
  }

  /** Bits of the state that the packet's connection gives it, as `--ctstate` reads them. */
  stateOf(context: HookContext): number {
    this.#resume(context);
    return this.#packet.state;
  }

  #install(
    handlers: NodeHandlers,
    table: RuleTableName,
    chains: Partial<Record<HandlerName, string>>,
  ): void {
    for (const [name, chain] of Object.entries(chains)) {
      const base = this.#rules.base(table, chain);
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
    if (tracked.mark === packet.mark) return decision;
    const marked = markRewrite(tracked);
    return decision === undefined ? marked : [marked, decision];
  }

  /** nf_conntrack_in(): which connection the packet belongs to. */
  #track(packet: Packet, context: HookContext): Handled {
    const tracked = this.#packet;
    if (!this.#rawRuns[context.hook === "output" ? "output" : "prerouting"]) {
      this.#begin(context);
    }
    if (tracked.connection !== null) return undefined;
    if (tracked.state === CT_STATE.untracked) return undefined;
    if (isUntracked(packet)) {
      tracked.state = CT_STATE.untracked;
      return undefined;
    }
    if (isIcmpError(packet)) {
      return {
        kind: "unknown",
        reason: "which connection an ICMP error belongs to is not modelled",
        rule: null,
      };
    }
    context.charge("conntrack", 1);
    if (isMalformed(packet)) return undefined;
    tracked.load(packet, context);
    this.#find(packet, context);
    return undefined;
  }

  #find(packet: Packet, context: HookContext): void {
    const tracked = this.#packet;
    const { conntrack, nowNs } = context;
    let found = conntrack.find(tracked, nowNs);
    if (found?.connection.closed === true && reopens(packet)) {
      conntrack.remove(found.connection);
      found = undefined;
    }
    if (found === undefined) {
      if (!opensConnection(packet)) return;
      tracked.connection = conntrack.open(tracked);
      tracked.state = CT_STATE.new;
      return;
    }
    conntrack.see(found, packet, nowNs);
    tracked.connection = found.connection;
    tracked.reply = found.direction === "reply";
    tracked.state = found.connection.replied
      ? CT_STATE.established
      : CT_STATE.new;
  }

  /** nf_nat_inet_fn() where destinations change: before routing. */
  #destinationNat(chain: "PREROUTING" | "OUTPUT"): Handler {
    const base = this.#rules.base("nat", chain);
    return (packet, context) => {
      this.#resume(context);
      const tracked = this.#packet;
      const { connection } = tracked;
      if (connection === null) return undefined;
      tracked.rule = null;
      tracked.mark = packet.mark;
      if (tracked.reply) {
        return connection.sourceTranslated
          ? this.#rewriteDestination(
            packet,
            connection.original.source,
            connection.original.sourcePort,
          )
          : undefined;
      }
      if (!connection.destinationBound) {
        const decided = this.#bind(packet, context, base);
        if (!connection.destinationBound) {
          context.conntrack.bindDestination(connection, null);
        }
        if (decided !== undefined) return decided;
      }
      if (!connection.destinationTranslated) return this.#markOnly(packet);
      const { reply } = connection;
      return this.#withMark(
        packet,
        this.#rewriteDestination(packet, reply.source, reply.sourcePort),
      );
    };
  }

  /** nf_nat_inet_fn() where sources change: after routing. */
  #sourceNat(chain: "POSTROUTING" | "INPUT"): Handler {
    const base = this.#rules.base("nat", chain);
    return (packet, context) => {
      this.#resume(context);
      const tracked = this.#packet;
      const { connection } = tracked;
      if (connection === null) return undefined;
      tracked.rule = null;
      tracked.mark = packet.mark;
      if (tracked.reply) {
        return connection.destinationTranslated
          ? this.#rewriteSource(
            packet,
            connection.original.destination,
            connection.original.destinationPort,
          )
          : undefined;
      }
      if (!connection.sourceBound) {
        const decided = this.#bind(packet, context, base);
        if (!connection.sourceBound) {
          context.conntrack.bindSource(connection, null);
        }
        if (decided !== undefined) return decided;
      }
      if (!connection.sourceTranslated) return this.#markOnly(packet);
      const { reply } = connection;
      return this.#withMark(
        packet,
        this.#rewriteSource(packet, reply.destination, reply.destinationPort),
      );
    };
  }

  /** Consults the nat table for a first packet; returns only what ends it. */
  #bind(
    packet: Packet,
    context: HookContext,
    base: BaseChain | undefined,
  ): Handled {
    const chain = base?.[packet.source.family] ?? null;
    const tracked = this.#packet;
    tracked.load(packet, context);
    if (chain === null) return undefined;
    const verdict = this.#traversal.run(chain, tracked);
    if (verdict !== VERDICT.accept) {
      return refusal(verdict, tracked, chain);
    }
    const { rule } = tracked;
    if (rule?.does === DOES.decide) this.#remember(tracked.connection!, rule);
    return undefined;
  }

  /** Notes which rules bound a connection, so that later packets cite them. */
  #remember(connection: Connection, rule: CompiledRule): void {
    const { name } = rule;
    this.#bindings.set(name, rule);
    connection.note = connection.note === null
      ? name
      : `${connection.note}\n${name}`;
  }

  #rewriteDestination(
    packet: Packet,
    destination: Ip,
    destinationPort: number,
  ): Action {
    const change: PacketChange = !hasPorts(packet) ||
        destinationPort === packet.destinationPort
      ? { destination }
      : { destination, destinationPort };
    return {
      kind: "rewrite",
      change,
      rule: this.#citation(!this.#packet.reply),
    };
  }

  #rewriteSource(packet: Packet, source: Ip, sourcePort: number): Action {
    const change: PacketChange = !hasPorts(packet) ||
        sourcePort === packet.sourcePort
      ? { source }
      : { source, sourcePort };
    return {
      kind: "rewrite",
      change,
      rule: this.#citation(this.#packet.reply),
    };
  }

  /** The rule behind a translation: of the destination, else of the source. */
  #citation(ofDestination: boolean): Rule | null {
    const tracked = this.#packet;
    if (tracked.rule !== null) return tracked.rule.cited;
    const note = tracked.connection!.note;
    if (note === null) return null;
    const line = note.indexOf("\n");
    const name = line < 0
      ? note
      : ofDestination
      ? note.slice(0, line)
      : note.slice(line + 1);
    return this.#bindings.get(name)?.cited ?? { name };
  }

  #withMark(packet: Packet, action: Action): Handled {
    return this.#packet.mark === packet.mark
      ? action
      : [markRewrite(this.#packet), action];
  }

  #markOnly(packet: Packet): Handled {
    return this.#packet.mark === packet.mark
      ? undefined
      : markRewrite(this.#packet);
  }

  /** nf_conntrack_confirm(): a connection whose first packet got this far is in the table. */
  #confirm(context: HookContext): Handled {
    const { connection } = this.#packet;
    if (
      this.#walk === context && connection !== null && !connection.confirmed
    ) {
      context.charge("conntrack", 1);
      context.conntrack.confirm(connection, context.nowNs);
    }
    return undefined;
  }
}

function hasPorts({ protocol }: Packet): boolean {
  return protocol !== PROTOCOL.icmp && protocol !== PROTOCOL.icmpv6;
}

function acceptOf(rule: CompiledRule): Action {
  return { kind: "accept", rule: rule.cited };
}

function markRewrite(packet: TrackedPacket): Action {
  return {
    kind: "rewrite",
    change: { mark: packet.mark },
    rule: packet.markRule?.cited ?? null,
  };
}

function refusal(
  verdict: number,
  { rule, unknown }: TrackedPacket,
  base: CompiledChain,
): Action {
  const cited = rule?.cited ?? base.policyRule;
  const chain = rule?.chain.name ?? `${base.name} policy`;
  switch (verdict) {
    case VERDICT.drop:
      return { kind: "drop", reason: chain, rule: cited };
    case VERDICT.reject:
      return {
        kind: "reject",
        with: rule?.target.rejectWith ?? "icmp-unreachable",
        reason: chain,
        rule: cited,
      };
    default:
      return {
        kind: "unknown",
        reason: `${rule?.name ?? base.name}: ${unknown} is not modelled`,
        rule: cited,
      };
  }
}

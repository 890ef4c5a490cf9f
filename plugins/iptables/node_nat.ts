import type { Packet, PacketChange } from "../../core/packet/packet.ts";
import { isAnswer } from "./echo_ports.ts";
import type { Connection, Tuple } from "../../core/replay/conntrack.ts";
import type {
  Action,
  Handled,
  Handler,
  HookContext,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { type CompiledRule, DOES, VERDICT } from "./compiled_rule.ts";
import { isIcmpError } from "./connection_state.ts";
import { hasPorts, translateError } from "./icmp_error.ts";
import type { BaseChain, RuleSet } from "./rule_set.ts";
import { bindSourceAsItIs } from "./source_ports.ts";
import { CT_STATE, type TrackedPacket } from "./tracked_packet.ts";
import type { Traversal } from "./traversal.ts";
import { markRewrite, refusal } from "./verdict_action.ts";

/** One of the two things that nat changes of a packet (enum nf_nat_manip_type). */
interface Manipulation {
  readonly side: "destination" | "source";
  isBound(connection: Connection): boolean;
  /** The null binding, where no rule translates. */
  leave(packet: TrackedPacket): void;
  /** Whether packets are changed at all, on this way or on the way back. */
  isTranslated(connection: Connection, reply: boolean): boolean;
  /** Notes the rule that bound the connection. */
  cite(connection: Connection, rule: Rule): void;
  cited(connection: Connection, reply: boolean): Rule | null;
  /** Gives a packet what packets of a tuple come from, or go to. */
  rewrite(packet: Packet, tuple: Tuple, rule: Rule | null): Action;
}

/** The asking side's identifier changes with its address: the source of a question, the destination of an answer. */
function identifier(
  packet: Packet,
  of: "question" | "answer",
  id: number,
): PacketChange {
  const asks = !isAnswer(packet);
  return asks === (of === "question") && id !== packet.sourcePort
    ? { sourcePort: id }
    : {};
}

const DESTINATION: Manipulation = {
  side: "destination",
  isBound: (connection) => connection.destinationBound,
  leave: ({ context, connection }) =>
    context.conntrack.bindDestination(connection!, null),
  isTranslated: (connection, reply) =>
    reply
      ? connection.sourceTranslated
      : connection.destinationTranslated && !connection.balanced,
  cite: (connection, rule) => connection.destinationRule = rule,
  cited: (connection, reply) =>
    reply ? connection.sourceRule : connection.destinationRule,
  rewrite: (packet, { source, sourcePort }, rule) => ({
    kind: "rewrite",
    change: !hasPorts(packet)
      ? { destination: source, ...identifier(packet, "answer", sourcePort) }
      : sourcePort === packet.destinationPort
      ? { destination: source }
      : { destination: source, destinationPort: sourcePort },
    rule,
  }),
};

const SOURCE: Manipulation = {
  side: "source",
  isBound: (connection) => connection.sourceBound,
  leave: bindSourceAsItIs,
  isTranslated: (connection, reply) =>
    reply ? connection.destinationTranslated : connection.sourceTranslated,
  cite: (connection, rule) => connection.sourceRule = rule,
  cited: (connection, reply) =>
    reply ? connection.destinationRule : connection.sourceRule,
  rewrite: (packet, { destination, destinationPort }, rule) => ({
    kind: "rewrite",
    change: !hasPorts(packet)
      ? {
        source: destination,
        ...identifier(packet, "question", destinationPort),
      }
      : destinationPort === packet.sourcePort
      ? { source: destination }
      : { source: destination, sourcePort: destinationPort },
    rule,
  }),
};

/** Destinations change before routing, sources after it. */
const MANIPULATIONS = {
  PREROUTING: DESTINATION,
  OUTPUT: DESTINATION,
  INPUT: SOURCE,
  POSTROUTING: SOURCE,
} as const;

/** Translation on one node (nf_nat_core.c, `nf_nat_inet_fn`). */
export class NodeNat {
  readonly #rules: RuleSet;
  readonly #packet: TrackedPacket;
  readonly #traversal: Traversal;
  readonly #resume: (context: HookContext) => void;

  constructor(node: {
    readonly rules: RuleSet;
    /** The packet that the node's hooks share. */
    readonly packet: TrackedPacket;
    readonly traversal: Traversal;
    /** Takes up the walk that a packet is on. */
    readonly resume: (context: HookContext) => void;
  }) {
    this.#rules = node.rules;
    this.#packet = node.packet;
    this.#traversal = node.traversal;
    this.#resume = node.resume;
  }

  /** The handler of one chain's hook. */
  handler(chain: keyof typeof MANIPULATIONS): Handler {
    const bases = this.#rules.bases("nat", chain);
    const manipulation = MANIPULATIONS[chain];
    return (packet, context) => {
      this.#resume(context);
      const tracked = this.#packet;
      const { connection } = tracked;
      if (connection === null) return undefined;
      tracked.rule = null;
      tracked.mark = packet.mark;
      if (tracked.state === CT_STATE.related) {
        if (isIcmpError(packet)) {
          return translateError(packet, tracked, manipulation.side);
        }
        // A reset of the host's own may be the first packet to get this far.
        if (!manipulation.isBound(connection)) {
          const decided = this.#bindIn(bases, packet, context);
          if (decided !== undefined) return decided;
        }
      }
      if (tracked.reply) {
        return manipulation.isTranslated(connection, true)
          ? manipulation.rewrite(
            packet,
            connection.original,
            manipulation.cited(connection, true),
          )
          : undefined;
      }
      if (!manipulation.isBound(connection)) {
        const decided = this.#bindIn(bases, packet, context);
        if (!manipulation.isBound(connection)) manipulation.leave(tracked);
        if (decided !== undefined) return decided;
        const rule = this.#boundBy();
        if (rule !== null) {
          manipulation.cite(connection, rule.cited);
          const rewrite = rule.rewriteFor(packet);
          if (rewrite !== null) return this.#withMark(packet, rewrite);
        }
      }
      if (!manipulation.isTranslated(connection, false)) {
        return tracked.mark === packet.mark ? undefined : markRewrite(tracked);
      }
      return this.#withMark(
        packet,
        manipulation.rewrite(
          packet,
          connection.reply,
          manipulation.cited(connection, false),
        ),
      );
    };
  }

  /** Several base chains are asked in turn, until one binds. */
  #bindIn(
    bases: readonly BaseChain[],
    packet: Packet,
    context: HookContext,
  ): Handled {
    if (bases.length < 2) return this.#bind(packet, context, bases[0]);
    for (const base of bases) {
      const decided = this.#bind(packet, context, base);
      if (decided !== undefined || this.#boundBy() !== null) return decided;
    }
    return undefined;
  }

  /** Consults a nat table for a first packet; returns only what ends it. */
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
    return verdict === VERDICT.accept
      ? undefined
      : refusal(verdict, tracked, chain);
  }

  /** The rule that the nat table ended with, if it translates. */
  #boundBy(): CompiledRule | null {
    const { rule } = this.#packet;
    return rule?.does === DOES.decide ? rule : null;
  }

  #withMark(packet: Packet, action: Action): Handled {
    return this.#packet.mark === packet.mark
      ? action
      : [markRewrite(this.#packet), action];
  }
}

import type { Node } from "../../core/cluster/model.ts";
import {
  type Packet,
  type PacketChange,
  PROTOCOL,
} from "../../core/packet/packet.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import type { Connection, Tuple } from "../../core/replay/conntrack.ts";
import type { Action, Handled, HookContext } from "../../core/replay/plugin.ts";
import type { Judged } from "./kernel_host.ts";
import type { NodeKernel } from "./node_kernel.ts";
import { packetBytes, type SeenPacket } from "./packet_bytes.ts";
import { ANY, ASKING, type RandomChoice } from "./random_choices.ts";
import { comesLater, type Refusal, refusalOn } from "./refusal.ts";
import { scannedRules } from "./rule_scan.ts";
import { CHANGES, translationOn } from "./rule_citation.ts";
import type { RuleHit } from "./rule_path.ts";
import { whereabouts } from "./whereabouts.ts";

/** Where the kernel took a packet, until the walk has come there too. */
interface Pending {
  readonly walk: HookContext;
  readonly packet: Pick<
    SeenPacket,
    "source" | "sourcePort" | "destination" | "destinationPort"
  >;
  /** Null: to a process of the node. */
  readonly link: string | null;
  readonly path: readonly RuleHit[];
  readonly refusal: Refusal | null;
}

/**
 * Asks a node's kernel where a packet of a walk goes. The kernel takes it all
 * the way at the first hook; what it did to the destination is said there,
 * what it did to the source after routing, as netfilter does it, and a
 * refusal where the refusing chain is called.
 */
export class KernelWalk {
  readonly #kernel: NodeKernel;
  readonly #node: Node;
  #pending: Pending | null = null;

  constructor(kernel: NodeKernel, node: Node) {
    this.#kernel = kernel;
    this.#node = node;
  }

  /** A packet arrives on a link. */
  prerouting(packet: Packet, context: HookContext): Handled {
    // Over loopback it is one that the kernel took all the way from `output`.
    const sent = this.#pending?.walk === context &&
      context.inInterface === "lo";
    if (sent) return this.#refused(context);
    if (packet.mark !== 0) {
      return unknown("a packet cannot arrive at the kernel with a mark on it");
    }
    return this.#take(
      packet,
      context,
      (bytes) => this.#kernel.host.inject(context.inInterface, bytes),
    );
  }

  /** A process of the node sends a packet. */
  output(packet: Packet, context: HookContext): Handled {
    const uid = context.owner?.uid ?? 0;
    return this.#take(
      packet,
      context,
      (bytes) => this.#kernel.host.send(bytes, { uid, mark: packet.mark }),
    );
  }

  /** The engine forwards it: the kernel must have, too. */
  forward(packet: Packet, context: HookContext): Handled {
    return this.#stopsAt(packet, context, context.outInterface);
  }

  postrouting(packet: Packet, context: HookContext): Handled {
    const { outInterface } = context;
    const link = outInterface === "lo" ? null : outInterface;
    return this.#stopsAt(packet, context, link) ?? this.#sourceChange(packet);
  }

  input(packet: Packet, context: HookContext): Handled {
    return this.#stopsAt(packet, context, null) ?? this.#sourceChange(packet);
  }

  #take(
    packet: Packet,
    context: HookContext,
    give: (bytes: Uint8Array<ArrayBuffer>) => Judged,
  ): Handled {
    this.#pending = null;
    if (packet.source.family !== 4) {
      return unknown("the kernel is asked about IPv4 only");
    }
    const { rules, host } = this.#kernel;
    if (rules.refusal !== null) return unknown(rules.refusal);
    const connection = this.#connection(packet, context);
    const send = (identification: number) =>
      give(packetBytes(packet, {
        direction: context.direction,
        identification,
      }));
    const asks = rules.choices && connection !== null;
    let judged = send(asks ? ASKING : ANY);
    const choice = asks ? this.#choiceMet(judged.path) : undefined;
    if (connection !== null && choice !== undefined) {
      host.forget(connection.original);
      judged = send(choice.identifications[context.pick(choice.backends)]!);
    }
    return this.#said(packet, { judged, context, connection });
  }

  /**
   * The connection that a first packet opens; null for later ones. Virtual
   * time and closed sockets are the engine's to know: what it has forgotten,
   * the kernel is made to forget.
   */
  #connection(packet: Packet, context: HookContext): Connection | null {
    const tuple = tupleOf(packet);
    const { conntrack, nowNs } = context;
    const found = conntrack.find(tuple, nowNs);
    if (found !== undefined) {
      conntrack.see(found, packet, nowNs);
      return null;
    }
    if (context.direction === "reply") return null;
    this.#kernel.host.forget(tuple);
    return conntrack.open(tuple);
  }

  #choiceMet(path: readonly RuleHit[]): RandomChoice | undefined {
    for (const hit of path) {
      const choice = this.#kernel.rules.choiceAt(hit);
      if (choice !== undefined) return choice;
    }
    return undefined;
  }

  #said(
    packet: Packet,
    { judged, context, connection }: {
      readonly judged: Judged;
      readonly context: HookContext;
      readonly connection: Connection | null;
    },
  ): Handled {
    const { rules, host } = this.#kernel;
    const path = judged.path.flatMap((hit) => rules.original(hit) ?? []);
    if (host.backend === "legacy") {
      context.charge("rules", scannedRules(path, rules));
    }
    const from = context.inInterface;
    const now = whereabouts(judged, { packet, from });
    if (now.kind === "refused") {
      const refusal = refusalOn(path, { rules, answered: now.answered });
      return this.#refuse(packet, { walk: context, path, refusal });
    }
    this.#pending = { ...now, walk: context, path, refusal: null };
    if (connection !== null) {
      remember(connection, now.packet, context);
      this.#reportSet(now.packet, path, context);
    }
    return this.#destinationChange(packet, now.packet, path);
  }

  /** Until it comes to the hook that refuses it, a packet goes on as the kernel had changed it. */
  #refuse(
    packet: Packet,
    { walk, path, refusal }: {
      readonly walk: HookContext;
      readonly path: readonly RuleHit[];
      readonly refusal: Refusal;
    },
  ): Handled {
    const moved = this.#translation(path, "destination") !== null;
    const there = refusal.packet ?? (moved ? null : packet);
    if (refusal.hook === walk.hook || there === null) return refusal.action;
    this.#pending = { walk, packet: there, link: null, path, refusal };
    return this.#destinationChange(packet, there, path);
  }

  /** The refusal that this walk has come to. */
  #refused(context: HookContext): Action | undefined {
    const refusal = this.#pending?.refusal ?? null;
    return refusal === null || comesLater(context.hook, refusal.hook)
      ? undefined
      : refusal.action;
  }

  /** What ends the walk here: a refusal, or that engine and kernel do not agree on the way. */
  #stopsAt(
    packet: Packet,
    context: HookContext,
    link: string | null,
  ): Action | undefined {
    const pending = this.#pending;
    if (pending === null || pending.walk !== context) {
      return unknown("the packet came here without the kernel having seen it");
    }
    const { destination, destinationPort } = pending.packet;
    const same = destination.equals(packet.destination) &&
      (!hasPorts(packet) || destinationPort === packet.destinationPort);
    if (!same) {
      return unknown(
        `the kernel was not asked about ${
          formatEndpoint(packet.destination, packet.destinationPort)
        }`,
      );
    }
    if (pending.refusal !== null) return this.#refused(context);
    if (pending.link === link) return undefined;
    return unknown(
      `the kernel of ${this.#node.name} sends ${destination} to ${
        pending.link ?? "itself"
      }, routing here sends it to ${link ?? "itself"}`,
    );
  }

  /** The set behind a destination that no draw chose: one of one, or the one that an affinity list remembers a member of. */
  #reportSet(
    seen: SeenPacket,
    path: readonly RuleHit[],
    context: HookContext,
  ): void {
    if (this.#translation(path, "destination") === null) return;
    const backend = formatEndpoint(seen.destination, seen.destinationPort);
    for (const hit of path) {
      for (const { backends } of this.#kernel.rules.choicesIn(hit)) {
        if (backends.some((one) => one.backend === backend)) {
          return context.pickedFrom(backends);
        }
      }
    }
    context.pickedFrom([{ backend, weight: 1 }]);
  }

  #destinationChange(
    packet: Packet,
    seen: Pending["packet"],
    path: readonly RuleHit[],
  ): Action | undefined {
    const { destination, destinationPort } = seen;
    const moved = !destination.equals(packet.destination);
    const portMoved = hasPorts(packet) &&
      destinationPort !== packet.destinationPort;
    if (!moved && !portMoved) return undefined;
    const change: PacketChange = portMoved
      ? { destination, destinationPort }
      : { destination };
    const rule = this.#translation(path, "destination");
    return { kind: "rewrite", change, rule };
  }

  #sourceChange(packet: Packet): Action | undefined {
    const pending = this.#pending;
    if (pending === null || pending.refusal !== null) return undefined;
    const { source, sourcePort } = pending.packet;
    const moved = !source.equals(packet.source);
    const portMoved = hasPorts(packet) && sourcePort !== packet.sourcePort;
    if (!moved && !portMoved) return undefined;
    const change: PacketChange = portMoved
      ? { source, sourcePort }
      : { source };
    const rule = this.#translation(pending.path, "source");
    return { kind: "rewrite", change, rule };
  }

  #translation(path: readonly RuleHit[], of: keyof typeof CHANGES) {
    const { rules } = this.#kernel;
    return translationOn(path, { rules, target: CHANGES[of] });
  }
}

/** The engine keeps the connection too: when it ends, by its clock, is its to say. */
function remember(
  connection: Connection,
  seen: SeenPacket,
  { conntrack, nowNs }: HookContext,
): void {
  const { source, sourcePort, destination, destinationPort } = tupleOf(seen);
  conntrack.bindDestination(connection, {
    ip: destination,
    port: destinationPort,
  });
  conntrack.bindSource(connection, { ip: source, port: sourcePort });
  conntrack.confirm(connection, nowNs);
}

/** Both directions of an echo are told apart by its identifier alone. */
function tupleOf(packet: Tuple): Tuple {
  const { protocol, source, destination, sourcePort, destinationPort } = packet;
  if (protocol !== PROTOCOL.icmp) {
    return { protocol, source, destination, sourcePort, destinationPort };
  }
  const port = sourcePort || destinationPort;
  return {
    protocol,
    source,
    destination,
    sourcePort: port,
    destinationPort: port,
  };
}

function hasPorts({ protocol }: Packet): boolean {
  return protocol !== PROTOCOL.icmp;
}

function unknown(reason: string): Action {
  return { kind: "unknown", reason, rule: null };
}

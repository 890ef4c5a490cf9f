import { LIMITS } from "../limits.ts";
import type { Ip } from "../packet/ip.ts";
import {
  formatEndpoint,
  openingPacket,
  type WalkingPacket,
} from "../packet/walking_packet.ts";
import {
  applicationPayload,
  applicationReads,
  carriesHttp,
} from "./application.ts";
import type { Connection } from "./conntrack.ts";
import { drawUint32, extend, finish } from "./draw.ts";
import { type Draw, entryNode } from "./entry_node.ts";
import type { FlowIntent } from "./flow.ts";
import type { Journey } from "./hop.ts";
import { decisionHop } from "./hop_text.ts";
import { WalkContext } from "./hook_context.ts";
import {
  decidedResult,
  failed,
  type LegResult,
  stoppedResult,
  upstreamFailed,
} from "./leg_result.ts";
import type { Outcome } from "./outcome.ts";
import type { ProxyDecision, SocketOwner } from "./plugin.ts";
import { resolveTarget } from "./resolve_target.ts";
import type { RunningNode } from "./stack_runtime.ts";
import {
  placeKey,
  placeOfPod,
  type Receiver,
  type Standing,
  standingOf,
  standingPlace,
} from "./standing.ts";
import { receiverName, sourceAddress, standAt } from "./sender.ts";
import { Tally } from "./tally.ts";
import { type WalkEnd, Walker } from "./walker.ts";
import type { World } from "./world.ts";

/** The range Linux takes ephemeral ports from (net.ipv4.ip_local_port_range). */
const FIRST_EPHEMERAL_PORT = 32_768;
const EPHEMERAL_PORTS = 28_232;

/** User id of an application that says nothing of its own. */
const APPLICATION_UID = 1_000;

/** One connection of a flow: the sender's own, or one that a proxy opens. */
interface Leg {
  readonly depth: number;
  readonly from: Standing;
  readonly owner: SocketOwner | null;
  readonly opening: WalkingPacket;
  /** The source address is the sender's own choice; else routing gives it. */
  readonly bound: boolean;
  /** Key of its random draws. */
  readonly key: string;
}

/** What a flow needs of the replay it is part of. */
export interface FlowEnvironment {
  readonly world: World;
  readonly seed: number;
  readonly nowNs: number;
  readonly trace: boolean;
}

/** Runs one flow through a stack: the way there, proxies and their child flows, and the way back. */
export function runFlow(
  flow: FlowIntent,
  environment: FlowEnvironment,
): { readonly outcome: Outcome; readonly journey: Journey } {
  return new FlowRun(flow, environment).run();
}

class FlowRun {
  readonly #flow: FlowIntent;
  readonly #environment: FlowEnvironment;
  readonly #world: World;
  readonly #tally: Tally;
  readonly #connection: string;
  readonly #opened: Connection[] = [];
  /** Draws that every stack makes alike. */
  readonly #draw: Draw;
  #route: string | null = null;

  constructor(flow: FlowIntent, environment: FlowEnvironment) {
    this.#flow = flow;
    this.#environment = environment;
    this.#world = environment.world;
    this.#tally = new Tally(environment.trace);
    this.#connection = flow.connection ?? flow.id;
    this.#draw = (site) =>
      drawUint32(environment.seed, `${this.#connection} ${site}`);
  }

  run(): { readonly outcome: Outcome; readonly journey: Journey } {
    const result = this.#send();
    if (this.#flow.connection === null) this.#close();
    return { outcome: this.#outcome(result), journey: this.#tally.journey };
  }

  #outcome(result: LegResult): Outcome {
    const tally = this.#tally;
    // What became of it comes before what might have.
    const { reason, rule, decidedAt } = result.verdict === "forwarded"
      ? tally.remark ?? result
      : result;
    return {
      flow: this.#flow.id,
      verdict: result.verdict,
      reason,
      rule,
      decidedAt,
      backend: result.backend,
      receiver: result.receiver,
      backends: tally.backends,
      source: result.source,
      identity: tally.identity,
      encryption: tally.encryption,
      http: result.http,
      reply: result.reply,
      cost: tally.cost(),
    };
  }

  #send(): LegResult {
    const { from, to, protocol } = this.#flow;
    const sender = standAt(this.#world, from);
    if (typeof sender === "string") return failed("error", sender);
    const target = resolveTarget(this.#world, sender, { to, draw: this.#draw });
    if (target.kind !== "address") return failed(target.kind, target.reason);
    this.#tally.backends = target.backends;
    const { ip } = target;
    const source = sourceAddress(this.#world, sender, ip);
    if (source === undefined) {
      return failed(
        "error",
        `sender has no IPv${ip.family} address to reach ${ip}`,
      );
    }
    const opening = openingPacket({
      protocol,
      source,
      sourcePort: this.#flow.sourcePort ?? this.#ephemeralPort(sender),
      destination: ip,
      destinationPort: to.port,
      mark: 0,
      payload: applicationPayload(this.#flow.application, to.host),
    });
    return this.#connect({
      depth: 0,
      from: sender,
      owner: sender.kind === "outside"
        ? null
        : { place: from, uid: APPLICATION_UID, connection: this.#connection },
      opening,
      bound: false,
      key: this.#connection,
    });
  }

  /** Ends the sender's sockets; TIME_WAIT is not modelled, a closed TCP connection is forgotten. */
  #close(): void {
    for (const connection of this.#opened) {
      if (connection.original.protocol === 6) {
        connection.table?.remove(connection);
      }
    }
  }

  #connect(leg: Leg): LegResult {
    if (leg.depth > LIMITS.childFlowDepth) {
      return failed("error", "proxies in a loop");
    }
    const walk = this.#startWalk(leg);
    if (typeof walk === "string") return failed("error", walk);
    const { walker, end } = walk;
    switch (end.kind) {
      case "stopped":
        return stoppedResult(end, end.verdict, end.reason);
      case "delivered":
        return this.#received(leg, walker, end.to);
      case "proxied":
        return this.#proxied(leg, walker, end);
    }
  }

  #startWalk(leg: Leg): { walker: Walker; end: WalkEnd } | string {
    const { from } = leg;
    const entry = from.kind === "outside"
      ? this.#entryNode(leg.opening.destination, from.via)
      : from.node;
    if (typeof entry === "string") return entry;
    const walker = this.#walker(leg, {
      packet: leg.opening,
      node: entry,
      direction: "original",
      owner: leg.owner,
    });
    if (from.kind === "outside") {
      this.#tally.encryption.push(
        leg.opening.payload.kind === "tls" ? "tls" : "none",
      );
      return { walker, end: walker.fromWire() };
    }
    const pod = from.kind === "pod" ? from.pod : null;
    const refused = walker.socket(pod);
    if (refused !== null) return { walker, end: refused };
    if (!leg.bound) {
      // The kernel routes, and so picks the source, after connect() hooks.
      const { destination } = walker.packet;
      if (destination !== leg.opening.destination) {
        walker.sendFrom(sourceAddress(this.#world, from, destination));
      }
    }
    return {
      walker,
      end: from.kind === "pod" ? walker.fromPod(from) : walker.fromNode(),
    };
  }

  /** The receiver reads what came, and answers. */
  #received(leg: Leg, walker: Walker, to: Receiver): LegResult {
    const { packet } = walker;
    const spoken = applicationReads(packet.payload);
    const result = spoken === null
      ? failed("error", "TLS not terminated: the receiver cannot read it")
      : this.#answer(leg, walker, to) ?? failed("forwarded", null);
    result.backend = packet.destinationPort === 0
      ? packet.destination.text
      : formatEndpoint(packet.destination, packet.destinationPort);
    result.receiver = receiverName(this.#world, to, packet);
    result.source = packet.source.text;
    if (result.verdict !== "forwarded") return result;
    result.reply = true;
    if (spoken?.kind === "http") {
      const { method, authority, path } = spoken.request;
      result.http = {
        status: 200,
        route: this.#route,
        request: `${method} ${authority} ${path}`,
        location: null,
      };
    }
    return result;
  }

  #proxied(
    leg: Leg,
    walker: Walker,
    end: Extract<WalkEnd, { kind: "proxied" }>,
  ): LegResult {
    this.#tally.charge("proxies", 1);
    this.#tally.charge("copies", 2);
    const { proxy, context } = end;
    const decision = proxy.handle({
      packet: walker.packet,
      payload: walker.packet.payload,
      from: standingPlace(leg.from),
    }, context);
    if (this.#tally.traced) this.#noteDecision(leg, walker, decision, end);
    const result = this.#decided(leg, walker.packet, decision, end);
    const answers = result.http !== null ||
      (decision.kind === "forward" && result.reply);
    if (!answers) return result;
    const place = standAt(this.#world, proxy.place);
    if (typeof place === "string") return failed("error", place);
    const broken = this.#answerFromProxy(leg, walker, end, place);
    if (broken === null) {
      result.reply = true;
      return result;
    }
    broken.backend = result.backend;
    broken.receiver = result.receiver;
    return broken;
  }

  #decided(
    leg: Leg,
    packet: WalkingPacket,
    decision: ProxyDecision,
    end: Extract<WalkEnd, { kind: "proxied" }>,
  ): LegResult {
    const decidedAt = `${end.context.node.name} ${end.hook}`;
    switch (decision.kind) {
      case "forward":
        return this.#forward(leg, packet, decision, end);
      case "respond": {
        this.#route = decision.route;
        const result = decidedResult(decision, decision.verdict, decidedAt);
        result.source = packet.source.text;
        if (carriesHttp(packet.payload)) {
          const { status, route, location } = decision;
          result.http = { status, route, request: null, location };
        }
        return result;
      }
      case "reset":
        return decidedResult(decision, decision.verdict, decidedAt);
      case "unknown":
        return decidedResult(decision, "unknown", decidedAt);
    }
  }

  #forward(
    leg: Leg,
    packet: WalkingPacket,
    decision: Extract<ProxyDecision, { kind: "forward" }>,
    end: Extract<WalkEnd, { kind: "proxied" }>,
  ): LegResult {
    const { proxy } = end;
    const place = standAt(this.#world, proxy.place);
    if (typeof place === "string") return failed("error", place);
    if (decision.route !== null) this.#route = decision.route;
    if (decision.backends.length > 0) {
      this.#tally.backends = decision.backends;
    }
    const key = `${leg.key}>${proxy.name}`;
    const source = decision.source ??
      sourceAddress(this.#world, place, decision.destination);
    if (source === undefined) {
      return failed(
        "error",
        `${proxy.name} has no IPv${decision.destination.family} address`,
      );
    }
    const result = this.#connect({
      depth: leg.depth + 1,
      from: place,
      owner: { place: proxy.place, uid: decision.uid, connection: key },
      opening: openingPacket({
        protocol: this.#flow.protocol,
        source,
        sourcePort: decision.source === null
          ? this.#ephemeralPort(place, key)
          : packet.sourcePort,
        destination: decision.destination,
        destinationPort: decision.destinationPort,
        mark: decision.mark,
        payload: decision.payload,
      }),
      bound: decision.source !== null,
      key,
    });
    return upstreamFailed(result, packet.payload, this.#route);
  }

  /** The receiver's answer on its way back; null when it got home. */
  #answer(leg: Leg, walker: Walker, to: Receiver): LegResult | null {
    const { packet } = walker;
    if (
      leg.from.kind === "pod" && to.kind === "pod" &&
      to.pod === leg.from.pod && packet === walker.connected
    ) {
      return null;
    }
    const standing = standingOf(to, packet);
    return this.#walkBack(leg, walker, { answer: packet.answer(), standing });
  }

  #answerFromProxy(
    leg: Leg,
    walker: Walker,
    end: Extract<WalkEnd, { kind: "proxied" }>,
    place: Standing,
  ): LegResult | null {
    // A proxy beside the sender answers over loopback: no hook sees it.
    if (
      end.hook === "pod-out" || end.hook === "socket" ||
      (end.hook === "output" && place.kind === "node")
    ) {
      return null;
    }
    return this.#walkBack(leg, walker, {
      answer: walker.packet.answer(),
      standing: place,
    });
  }

  #walkBack(
    leg: Leg,
    walker: Walker,
    back: { readonly answer: WalkingPacket; readonly standing: Standing },
  ): LegResult | null {
    const { answer, standing } = back;
    const entry = standing.kind === "outside"
      ? this.#entryNode(answer.destination, null)
      : standing.node;
    if (typeof entry === "string") return failed("error", entry);
    const returning = this.#walker(leg, {
      packet: answer,
      node: entry,
      direction: "reply",
      owner: replyOwner(standing),
    });
    const end = standing.kind === "outside"
      ? returning.fromWire()
      : standing.kind === "pod"
      ? returning.fromPod(standing)
      : returning.fromNode();
    if (end.kind === "stopped") {
      return stoppedResult(
        end,
        end.verdict === "unknown" ? "unknown" : "dropped",
        `reply lost: ${end.reason}`,
      );
    }
    if (end.kind === "proxied") {
      return failed("unknown", `the reply met ${end.proxy.name}`);
    }
    return this.#reachedHome(leg, walker, returning, end.to);
  }

  /** Null when the answer is one that the sender's socket waits for. */
  #reachedHome(
    leg: Leg,
    walker: Walker,
    returning: Walker,
    to: Receiver,
  ): LegResult | null {
    const got = returning.packet;
    const asked = walker.connected;
    const home = leg.from.kind === "pod"
      ? to === leg.from
      : leg.from.kind === "node"
      ? to.kind === "node" && to.node.node.name === leg.from.node.node.name
      : to.kind === "outside";
    if (home && isSame(got, asked.answer())) return null;
    return failed(
      "error",
      home
        ? `reply from another address: the sender waits for ${
          formatEndpoint(asked.destination, asked.destinationPort)
        } and gets ${formatEndpoint(got.source, got.sourcePort)}`
        : `reply went to ${
          receiverName(this.#world, to, got)
        } instead of the sender`,
    );
  }

  #walker(
    leg: Leg,
    init: {
      readonly packet: WalkingPacket;
      readonly node: RunningNode;
      readonly direction: "original" | "reply";
      readonly owner: SocketOwner | null;
    },
  ): Walker {
    const { world, nowNs, seed } = this.#environment;
    const context = new WalkContext({
      cluster: world.cluster,
      direction: init.direction,
      nowNs,
      owner: init.owner,
      node: init.node.node,
      tally: this.#tally,
      drawKeys: { seed, leg: leg.key, flow: this.#connection },
      opened: this.#opened,
    });
    return new Walker({
      world,
      tally: this.#tally,
      depth: leg.depth,
      packet: init.packet,
      node: init.node,
      context,
    });
  }

  #ephemeralPort(from: Standing, key = this.#connection): number {
    return FIRST_EPHEMERAL_PORT +
      finish(extend(this.#placeHash(from), key)) % EPHEMERAL_PORTS;
  }

  #placeHash(from: Standing): number {
    const { seed } = this.#environment;
    if (from.kind === "pod") {
      return from.placeHash ??= extend(seed, placeKey(from.place));
    }
    const place = from.kind === "node" && from.pod !== null
      ? placeOfPod(from.pod)
      : standingPlace(from);
    return extend(seed, placeKey(place));
  }

  #entryNode(destination: Ip, via: string | null): RunningNode | string {
    return entryNode(this.#world, destination, { via, draw: this.#draw });
  }

  #noteDecision(
    leg: Leg,
    walker: Walker,
    decision: ProxyDecision,
    end: Extract<WalkEnd, { kind: "proxied" }>,
  ): void {
    const hop = decisionHop(decision, end.proxy);
    const { depth } = leg;
    const node = end.context.node.name;
    const packet = walker.packet.toString();
    this.#tally.note({ ...hop, depth, direction: "original", node, packet });
  }
}

/** Whether a packet is the one that a socket waits for. */
function isSame(got: WalkingPacket, expected: WalkingPacket): boolean {
  return got.sourcePort === expected.sourcePort &&
    got.destinationPort === expected.destinationPort &&
    got.source.equals(expected.source) &&
    got.destination.equals(expected.destination);
}

function replyOwner(standing: Standing): SocketOwner | null {
  return standing.kind === "outside" ? null : {
    place: standingPlace(standing),
    uid: APPLICATION_UID,
    connection: "",
  };
}

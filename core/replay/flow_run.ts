import { objectKey, type Pod } from "../cluster/model.ts";
import { LIMITS } from "../limits.ts";
import { Ip } from "../packet/ip.ts";
import type { Payload } from "../packet/packet.ts";
import {
  formatEndpoint,
  openingPacket,
  type WalkingPacket,
} from "../packet/walking_packet.ts";
import type { Rule } from "../source.ts";
import type { Connection } from "./conntrack.ts";
import { drawUint32, extend, finish } from "./draw.ts";
import type { Application, FlowIntent, Place } from "./flow.ts";
import type { Journey } from "./hop.ts";
import { WalkContext } from "./hook_context.ts";
import type { HttpOutcome, Outcome, Verdict } from "./outcome.ts";
import type { ProxyDecision, SocketOwner } from "./plugin.ts";
import type { RunningNode } from "./stack_runtime.ts";
import { Tally } from "./tally.ts";
import { type Receiver, type WalkEnd, Walker } from "./walker.ts";
import type { World } from "./world.ts";

/** The range Linux takes ephemeral ports from (net.ipv4.ip_local_port_range). */
const FIRST_EPHEMERAL_PORT = 32_768;
const EPHEMERAL_PORTS = 28_232;

/** User id of an application that says nothing of its own. */
const APPLICATION_UID = 1_000;

/** Envoy's answer when it cannot reach the upstream (response flags UF, UH, UC). */
const UPSTREAM_FAILED_STATUS = 503;

/** A place looked up in the cluster. */
type Standing =
  | { readonly kind: "pod"; readonly pod: Pod; readonly node: RunningNode }
  | {
    readonly kind: "node";
    readonly node: RunningNode;
    /** The hostNetwork pod whose process it is, if it is one's. */
    readonly pod: Pod | null;
  }
  | { readonly kind: "outside"; readonly ip: Ip; readonly via: string | null };

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

/** What came of a leg and all legs behind it; filled in as it becomes known. */
interface LegResult {
  verdict: Verdict;
  reason: string | null;
  rule: Rule | null;
  decidedAt: string | null;
  backend: string | null;
  receiver: string | null;
  source: string | null;
  http: HttpOutcome | null;
  reply: boolean;
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
  #route: string | null = null;

  constructor(flow: FlowIntent, environment: FlowEnvironment) {
    this.#flow = flow;
    this.#environment = environment;
    this.#world = environment.world;
    this.#tally = new Tally(environment.trace);
    this.#connection = flow.connection ?? flow.id;
  }

  run(): { readonly outcome: Outcome; readonly journey: Journey } {
    const result = this.#send();
    if (this.#flow.connection === null) this.#close();
    return { outcome: this.#outcome(result), journey: this.#tally.journey };
  }

  #outcome(result: LegResult): Outcome {
    const tally = this.#tally;
    return {
      flow: this.#flow.id,
      verdict: result.verdict,
      reason: result.reason,
      rule: result.rule,
      decidedAt: result.decidedAt,
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
    const sender = this.#stand(from);
    if (typeof sender === "string") return failed("error", sender);
    const target = this.#resolve(sender);
    if (!(target instanceof Ip)) return target;
    const source = this.#sourceAddress(sender, target);
    if (source === undefined) {
      return failed(
        "error",
        `sender has no IPv${target.family} address to reach ${target}`,
      );
    }
    const opening = openingPacket({
      protocol,
      source,
      sourcePort: this.#flow.sourcePort ?? this.#ephemeralPort(from),
      destination: target,
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
      ? this.#entryNode(leg.opening, from.via)
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
        walker.sendFrom(this.#sourceAddress(from, destination));
      }
    }
    return {
      walker,
      end: pod === null ? walker.fromNode() : walker.fromPod(pod),
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
    result.receiver = this.#receiverName(to, packet);
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
    const place = this.#stand(proxy.place);
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
    const place = this.#stand(proxy.place);
    if (typeof place === "string") return failed("error", place);
    if (decision.route !== null) this.#route = decision.route;
    if (decision.backends.length > 0) {
      this.#tally.backends = decision.backends;
    }
    const key = `${leg.key}>${proxy.name}`;
    const source = decision.source ??
      this.#sourceAddress(place, decision.destination);
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
          ? this.#ephemeralPort(proxy.place, key)
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
    const standing = this.#standingOf(to, packet);
    if (typeof standing === "string") return failed("error", standing);
    return this.#walkBack(leg, walker, { answer: packet.answer(), standing });
  }

  #standingOf(to: Receiver, packet: WalkingPacket): Standing | string {
    switch (to.kind) {
      case "pod": {
        const node = this.#world.node(to.pod.node);
        return node === undefined
          ? `node ${to.pod.node} is missing`
          : { kind: "pod", pod: to.pod, node };
      }
      case "node":
        return { kind: "node", node: to.node, pod: null };
      case "outside":
        return { kind: "outside", ip: packet.destination, via: null };
    }
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
      ? this.#entryNode(answer, null)
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
      ? returning.fromPod(standing.pod)
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
      ? to.kind === "pod" && to.pod.namespace === leg.from.pod.namespace &&
        to.pod.name === leg.from.pod.name
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
        : `reply went to ${this.#receiverName(to, got)} instead of the sender`,
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
      drawHash: extend(seed ^ 0x811c9dc5, leg.key),
      pickHash: extend(seed ^ 0x811c9dc5, this.#connection),
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

  #stand(place: Place): Standing | string {
    if (place.kind === "outside") {
      const ip = Ip.parse(place.ip);
      return ip === undefined
        ? `no address: ${place.ip}`
        : { kind: "outside", ip, via: place.via };
    }
    if (place.kind === "node") {
      const node = this.#world.node(place.name);
      return node === undefined
        ? `node ${place.name} does not exist`
        : { kind: "node", node, pod: null };
    }
    const key = objectKey(place);
    const pod = this.#world.cluster.pods.get(key);
    if (pod === undefined || !pod.running) return `pod ${key} does not exist`;
    const node = this.#world.node(pod.node);
    if (node === undefined) return `node ${pod.node} of pod ${key} is missing`;
    return pod.hostNetwork
      ? { kind: "node", node, pod }
      : { kind: "pod", pod, node };
  }

  #resolve(sender: Standing): Ip | LegResult {
    const { host } = this.#flow.to;
    const literal = Ip.parse(host);
    if (literal !== undefined) return literal;
    const namespace = sender.kind === "outside"
      ? ""
      : sender.pod?.namespace ?? "";
    const answer = this.#world.cluster.resolve(host, namespace);
    if (answer.kind === "unknown") {
      return failed(
        "unknown",
        `no DNS record for ${answer.name}: give one under records`,
      );
    }
    if (answer.kind === "missing") {
      return failed("error", `name does not resolve: ${host}`);
    }
    const usable = answer.ips.filter((ip) =>
      this.#sourceAddress(sender, ip) !== undefined
    );
    const first = usable[0] ?? answer.ips[0];
    if (first === undefined) {
      return failed("error", `name has no addresses: ${host}`);
    }
    const sameFamily = usable.filter((ip) => ip.family === first.family);
    if (sameFamily.length < 2) return first;
    this.#tally.backends = sameFamily.map((ip) => ({
      backend: formatEndpoint(ip, this.#flow.to.port),
      weight: 1,
    }));
    const draw = drawUint32(
      this.#environment.seed,
      `${this.#connection} address of ${host}`,
    );
    return sameFamily[draw % sameFamily.length]!;
  }

  #sourceAddress(from: Standing, to: Ip): Ip | undefined {
    const { family } = to;
    if (from.kind === "outside") {
      return from.ip.family === family ? from.ip : undefined;
    }
    if (to.isLoopback) return to;
    const own = (ip: Ip) => ip.family === family;
    if (from.kind === "pod") return from.pod.ips.find(own);
    const { node, overlay } = from.node;
    if (overlay !== null) {
      const route = this.#world.route(node, to);
      const overlaid = route.kind === "wire" && route.overlaid;
      const source = overlaid ? overlay.addresses.find(own) : undefined;
      if (source !== undefined) return source;
    }
    return this.#world.nodeAddress(node, family);
  }

  #ephemeralPort(place: Place, key = this.#connection): number {
    const hash = extend(this.#environment.seed, placeKey(place));
    return FIRST_EPHEMERAL_PORT +
      finish(extend(hash, key)) % EPHEMERAL_PORTS;
  }

  /** Where a packet from outside reaches the cluster. */
  #entryNode(packet: WalkingPacket, via: string | null): RunningNode | string {
    const { cluster } = this.#world;
    const { destination } = packet;
    const owner = cluster.nodeAt(destination)?.name ??
      cluster.podAt(destination)?.node ?? via ??
      this.#balancedNode(destination);
    if (owner === null) {
      return `${destination} is outside the cluster: nothing says which node it reaches`;
    }
    return this.#world.node(owner) ?? `node ${owner} does not exist`;
  }

  /**
   * The node that a load balancer, or routing outside, hands a virtual
   * address to: with externalTrafficPolicy Local only nodes whose health
   * check passes, those with a ready endpoint of their own.
   */
  #balancedNode(destination: Ip): string | null {
    const { cluster } = this.#world;
    const found = this.#world.virtualAddress(destination);
    let names = [...cluster.nodes.keys()];
    if (found?.service.externalTrafficPolicy === "Local") {
      const { service } = found;
      const local = new Set(
        service.ports.flatMap((port) =>
          cluster.endpointsOf(service, port, destination.family)
            .filter((endpoint) => endpoint.ready)
            .map((endpoint) => endpoint.node)
        ),
      );
      const healthy = names.filter((name) => local.has(name));
      if (healthy.length > 0) names = healthy;
    }
    if (names.length === 0) return null;
    const draw = drawUint32(
      this.#environment.seed,
      `${this.#connection} entry node`,
    );
    return names[draw % names.length]!;
  }

  #receiverName(to: Receiver, packet: WalkingPacket): string {
    switch (to.kind) {
      case "pod":
        return `pod ${objectKey(to.pod)}`;
      case "node": {
        const { name } = to.node.node;
        const pod = this.#world.cluster.podsOn(name).find((candidate) =>
          candidate.hostNetwork &&
          candidate.ports.some((port) => port.port === packet.destinationPort)
        );
        return pod === undefined ? `node ${name}` : `pod ${objectKey(pod)}`;
      }
      case "outside":
        return `outside ${packet.destination}`;
    }
  }

  #noteDecision(
    leg: Leg,
    walker: Walker,
    decision: ProxyDecision,
    end: Extract<WalkEnd, { kind: "proxied" }>,
  ): void {
    const { place, name } = end.proxy;
    this.#tally.note({
      depth: leg.depth,
      direction: "original",
      node: end.context.node.name,
      pod: place.kind === "pod" ? `${place.namespace}/${place.name}` : null,
      hook: "proxy",
      plugin: null,
      action: decision.kind === "forward"
        ? "proxy"
        : decision.kind === "unknown"
        ? "unknown"
        : decision.kind === "respond"
        ? "answer"
        : "reject",
      detail: `${name}: ${decisionDetail(decision)}`,
      rule: decision.rule,
      packet: walker.packet.toString(),
    });
  }
}

/** Whether a packet is the one that a socket waits for. */
function isSame(got: WalkingPacket, expected: WalkingPacket): boolean {
  return got.sourcePort === expected.sourcePort &&
    got.destinationPort === expected.destinationPort &&
    got.source.equals(expected.source) &&
    got.destination.equals(expected.destination);
}

function decisionDetail(decision: ProxyDecision): string {
  switch (decision.kind) {
    case "forward":
      return `${
        decision.route === null ? "" : `route ${decision.route}, `
      }new connection to ${
        formatEndpoint(decision.destination, decision.destinationPort)
      }`;
    case "respond":
      return `answers ${decision.status}, ${decision.reason}`;
    default:
      return decision.reason;
  }
}

function failed(verdict: Verdict, reason: string | null): LegResult {
  return {
    verdict,
    reason,
    rule: null,
    decidedAt: null,
    backend: null,
    receiver: null,
    source: null,
    http: null,
    reply: false,
  };
}

function stoppedResult(
  end: Extract<WalkEnd, { kind: "stopped" }>,
  verdict: Verdict,
  reason: string,
): LegResult {
  const result = failed(verdict, reason);
  result.rule = end.rule;
  result.decidedAt = end.decidedAt;
  return result;
}

function decidedResult(
  decision: { readonly reason: string; readonly rule: Rule | null },
  verdict: Verdict,
  decidedAt: string,
): LegResult {
  const result = failed(verdict, decision.reason);
  result.rule = decision.rule;
  result.decidedAt = decidedAt;
  return result;
}

/** What the client of a proxy gets when the flow behind it failed: HTTP is answered, all else is cut. */
function upstreamFailed(
  result: LegResult,
  payload: Payload,
  route: string | null,
): LegResult {
  const answered = result.verdict === "forwarded" ||
    result.verdict === "unknown" || result.http !== null;
  if (!answered && payload.kind === "http") {
    result.http = {
      status: UPSTREAM_FAILED_STATUS,
      route,
      request: null,
      location: null,
    };
  }
  return result;
}

/** What an application reads from a connection; null when a proxy's wrapping is still round it. */
function applicationReads(
  payload: Payload,
): Exclude<Payload, { kind: "tls" | "connect" }> | null {
  switch (payload.kind) {
    case "opaque":
    case "http":
      return payload;
    case "tls":
      return payload.by === "proxy" ? null : applicationReads(payload.inside);
    case "connect":
      return null;
  }
}

/** Whether a request is in there for a proxy that holds the keys. */
function carriesHttp(payload: Payload): boolean {
  return payload.kind === "http" ||
    (payload.kind !== "opaque" && carriesHttp(payload.inside));
}

function applicationPayload(application: Application, host: string): Payload {
  switch (application.kind) {
    case "opaque":
      return application;
    case "tls":
      return {
        kind: "tls",
        serverName: application.serverName,
        alpn: [],
        by: "application",
        clientIdentity: null,
        inside: { kind: "opaque", lengthBytes: 0 },
      };
    case "http": {
      const plain: Payload = { kind: "http", request: application.request };
      if (!application.tls) return plain;
      return {
        kind: "tls",
        serverName: Ip.parse(host) === undefined
          ? host
          : application.request.authority.replace(/:\d+$/, ""),
        alpn: ["h2", "http/1.1"],
        by: "application",
        clientIdentity: null,
        inside: plain,
      };
    }
  }
}

function replyOwner(standing: Standing): SocketOwner | null {
  return standing.kind === "outside" ? null : {
    place: standingPlace(standing),
    uid: APPLICATION_UID,
    connection: "",
  };
}

function standingPlace(standing: Standing): Place {
  switch (standing.kind) {
    case "pod":
      return {
        kind: "pod",
        namespace: standing.pod.namespace,
        name: standing.pod.name,
      };
    case "node":
      return { kind: "node", name: standing.node.node.name };
    case "outside":
      return { kind: "outside", ip: standing.ip.text, via: standing.via };
  }
}

/** Text that names a place, the key of everything kept per sender. */
export function placeKey(place: Place): string {
  switch (place.kind) {
    case "pod":
      return `pod/${place.namespace}/${place.name}`;
    case "node":
      return `node/${place.name}`;
    case "outside":
      return `ip/${place.ip}`;
  }
}

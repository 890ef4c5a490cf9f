import type { Pod } from "../cluster/model.ts";
import { invariant } from "../errors.ts";
import type { Ip } from "../packet/ip.ts";
import type { WalkingPacket } from "../packet/walking_packet.ts";
import type { Rule } from "../source.ts";
import { WalkContext } from "./hook_context.ts";
import { type Hook, HOOKS } from "./hook.ts";
import { actionDetail, crossingProtection } from "./hop_text.ts";
import type { Hop } from "./hop.ts";
import type { Verdict } from "./outcome.ts";
import type { Action, Handled, Proxy } from "./plugin.ts";
import type { BoundHandler, RunningNode } from "./stack_runtime.ts";
import type { PodStanding, Receiver, Way } from "./standing.ts";
import type { Tally } from "./tally.ts";
import type { World } from "./world.ts";

/** Hooks by number: a lookup by name on every hop would show. */
const AT = Object.fromEntries(
  HOOKS.map((hook, index) => [hook, index]),
) as Readonly<Record<Hook, number>>;

/** Nodes a packet may cross to before its way is called a loop. */
const MOST_CROSSINGS = 8;

/** Times one packet may be sent anew before its way is called a loop. */
const MOST_RESENDS = 8;

/** How a walk ended. */
export type WalkEnd =
  | { readonly kind: "delivered"; readonly to: Receiver }
  | {
    readonly kind: "stopped";
    readonly verdict: Verdict;
    readonly reason: string;
    readonly rule: Rule | null;
    readonly decidedAt: string | null;
  }
  | {
    readonly kind: "proxied";
    readonly proxy: Proxy;
    readonly rule: Rule | null;
    readonly hook: Hook;
    readonly context: WalkContext;
  };

/**
 * Takes one packet from where it is made to where it ends, hook by hook. The
 * itinerary follows from where sender and destination live and from what the
 * handlers do to the packet on the way.
 */
export class Walker {
  packet: WalkingPacket;
  /** The packet after the `socket` hook: the peer that the sender's socket knows. */
  connected: WalkingPacket;
  readonly #world: World;
  readonly #tally: Tally;
  readonly #depth: number;
  readonly #context: WalkContext;
  #node: RunningNode;
  /** Hooks before this index are bypassed. */
  #bypassUntil = 0;
  /** On its way out past every other handler. */
  #sent = false;
  #encryptedBy: string | null = null;
  #wrapped: { readonly by: string; readonly id?: number } | null = null;
  #crossings = 0;
  #resends = 0;

  constructor(init: {
    readonly world: World;
    readonly tally: Tally;
    readonly depth: number;
    readonly packet: WalkingPacket;
    readonly node: RunningNode;
    readonly context: WalkContext;
  }) {
    this.#world = init.world;
    this.#tally = init.tally;
    this.#depth = init.depth;
    this.#context = init.context;
    this.#node = init.node;
    this.packet = init.packet;
    this.connected = init.packet;
  }

  /** connect() or sendmsg() in the pod, or on the node when `pod` is null. */
  socket(pod: Pod | null): WalkEnd | null {
    const end = this.#run(AT.socket, pod);
    this.connected = this.packet;
    return end;
  }

  /** Gives the socket its source address; undefined leaves it. */
  sendFrom(source: Ip | undefined): void {
    if (source === undefined || source.equals(this.packet.source)) return;
    this.packet = this.packet.with({ source });
    this.connected = this.packet;
  }

  /** From a process in a pod. */
  fromPod(from: PodStanding): WalkEnd {
    const { pod } = from;
    this.#interfaces("", "eth0");
    const left = this.#run(AT["pod-out"], pod);
    if (left !== null) return left;
    const { destination } = this.packet;
    const own = destination.family === 4 ? from.v4 : from.v6;
    if (destination.isLoopback || own?.equals(destination) === true) {
      return this.#deliver(from);
    }
    this.#context.owner = null;
    this.#interfaces(pod, "");
    return this.#run(AT["from-pod"], pod) ?? this.#enter(pod);
  }

  /** From a process in the node's own namespace. */
  fromNode(): WalkEnd {
    const context = this.#context;
    const way = this.#world.way(this.#node, this.packet.destination);
    context.way = way;
    this.#leaveBy("", way);
    const stopped = this.#run(AT.output, null);
    if (stopped !== null) return stopped;
    // ip_route_me_harder(): a destination changed in output is routed anew.
    const routed = this.#world.way(this.#node, this.packet.destination);
    context.way = routed;
    this.#leaveBy("", routed);
    if (routed.kind !== "local") return this.#leave(routed);
    const sent = this.#run(AT.postrouting, null);
    if (sent !== null) return sent;
    this.#interfaces("lo", "");
    return this.#run(AT.prerouting, null) ?? this.#input();
  }

  /** Out of `input` or `output`, and from the node's own hands again. */
  #resend({ plugin }: BoundHandler): WalkEnd {
    const { hook } = this.#context;
    invariant(
      hook === "input" || hook === "output",
      `${plugin} sends a packet on from ${hook}`,
    );
    if (++this.#resends > MOST_RESENDS) {
      return this.#stop("error", { hook, reason: "routing loop" });
    }
    if (hook === "input") this.#context.owner = null;
    return this.fromNode();
  }

  /** From the wire onto a node. */
  fromWire(): WalkEnd {
    this.#interfaces("eth0", "");
    this.#context.way = null;
    return this.#run(AT["from-wire"], null) ?? this.#enter("eth0");
  }

  #enter(inLink: Pod | string): WalkEnd {
    this.#context.way = null;
    this.#interfaces(inLink, "");
    const stopped = this.#run(AT.prerouting, null);
    if (stopped !== null) return stopped;
    const way = this.#world.way(this.#node, this.packet.destination);
    this.#context.way = way;
    if (way.kind === "local") return this.#input();
    this.#leaveBy(inLink, way);
    return this.#run(AT.forward, null) ?? this.#leave(way);
  }

  #input(): WalkEnd {
    const stopped = this.#run(AT.input, null);
    if (stopped !== null) return stopped;
    const service = this.#world.nodePortService(this.packet);
    if (service !== undefined && this.#context.direction === "original") {
      return this.#stop("refused", {
        hook: "input",
        reason:
          `nothing listens on port ${this.packet.destinationPort}: it is the node port of Service ${service.namespace}/${service.name}, and nothing translated it`,
      });
    }
    return this.#deliver({ kind: "node", node: this.#node });
  }

  /** Out of the node: postrouting, then a pod's link or the wire. */
  #leave(way: Exclude<Way, { kind: "local" }>): WalkEnd {
    const sent = this.#run(AT.postrouting, null);
    if (sent !== null) return sent;
    if (way.kind === "pod") return this.#toPod(way);
    const stopped = this.#run(AT["to-wire"], null);
    if (stopped !== null) return stopped;
    if (way.node === null && this.#nowhere()) {
      return this.#stop("dropped", {
        hook: "to-wire",
        reason: this.#nowhere()!,
      });
    }
    return this.#cross(way);
  }

  #toPod(to: PodStanding): WalkEnd {
    const { pod } = to;
    this.#interfaces(this.#context.inLink, pod);
    const stopped = this.#run(AT["to-pod"], pod);
    if (stopped !== null) return stopped;
    this.#clearMark();
    this.#context.owner = null;
    this.#context.tunnelId = null;
    this.#interfaces("eth0", "");
    return this.#run(AT["pod-in"], pod) ?? this.#deliver(to);
  }

  #cross(way: Extract<Way, { kind: "wire" }>): WalkEnd {
    if (this.#context.direction === "original") {
      this.#tally.encryption.push(
        crossingProtection(this.packet.payload, this.#encryptedBy),
      );
    }
    if (this.#tally.traced) {
      this.#note({
        hook: "wire",
        pod: null,
        plugin: null,
        action: "cross",
        detail: [
          `${this.#node.node.name} -> ${way.node?.name ?? "outside"}`,
          ...(this.#wrapped === null ? [] : [`in ${this.#wrapped.by}`]),
          crossingProtection(this.packet.payload, this.#encryptedBy),
        ].join(", "),
        rule: null,
      });
    }
    this.#clearMark();
    this.#bypassUntil = 0;
    this.#sent = false;
    this.#encryptedBy = null;
    this.#context.owner = null;
    this.#context.tunnelId = this.#wrapped?.id ?? null;
    this.#wrapped = null;
    if (way.node === null) return this.#deliver({ kind: "outside" });
    if (++this.#crossings > MOST_CROSSINGS) {
      return this.#stop("error", { hook: "to-wire", reason: "routing loop" });
    }
    const next = this.#world.node(way.node.name);
    invariant(next !== undefined, `route to missing node ${way.node.name}`);
    this.#node = next;
    this.#context.node = next.node;
    return this.fromWire();
  }

  /** Why the default route leads nowhere for this destination; null when it may lead somewhere. */
  #nowhere(): string | null {
    const { destination } = this.packet;
    const found = this.#world.virtualAddress(destination);
    if (found?.kind === "cluster") {
      return `no route: cluster IP ${destination} of Service ${found.service.namespace}/${found.service.name} left the node untranslated`;
    }
    return this.#world.cluster.isPodAddress(destination)
      ? `no route: no pod has address ${destination}`
      : null;
  }

  #run(at: number, pod: Pod | null): WalkEnd | null {
    const handlers = this.#node.hooks[at]!;
    const context = this.#context;
    const hook = HOOKS[at]!;
    context.hook = hook;
    context.pod = pod;
    if (at < this.#bypassUntil) {
      if (this.#tally.traced && handlers.length > 0) {
        this.#note({
          hook,
          pod,
          plugin: null,
          action: "bypass",
          detail: `${handlers.length} handlers not run`,
          rule: null,
        });
      }
      return null;
    }
    for (let index = 0; index < handlers.length; index++) {
      const handler = handlers[index]!;
      context.enter(handler);
      const handled = handler.handle(this.packet, context);
      if (handled === undefined) continue;
      const end = this.#actAll(handled, handler);
      if (end !== null || this.#sent) return end;
    }
    return null;
  }

  #actAll(handled: Exclude<Handled, undefined>, by: BoundHandler) {
    if (!isList(handled)) return this.#act(handled, by);
    for (const action of handled) {
      const end = this.#act(action, by);
      if (end !== null) return end;
    }
    return null;
  }

  #act(action: Action, by: BoundHandler): WalkEnd | null {
    const before = this.packet;
    const { hook, pod } = this.#context;
    if (action.kind === "rewrite") this.packet = before.with(action.change);
    if (this.#tally.traced) {
      this.#note({
        hook,
        pod,
        plugin: by.plugin,
        action: action.kind,
        detail: actionDetail(action, before, this.packet),
        rule: action.rule,
      });
    }
    switch (action.kind) {
      case "accept":
      case "rewrite":
        return null;
      case "bypass":
        this.#sent = action.to === "wire";
        // The next hook in the order of their names: a packet that is sent meets it on no node but the next.
        this.#bypassUntil = AT[action.to === "wire" ? "to-pod" : action.to];
        return null;
      case "route":
        return this.#resend(by);
      case "encrypt":
        this.#encryptedBy = action.by;
        this.#tally.charge("overheadBytes", action.overheadBytes);
        return null;
      case "encapsulate":
        this.#wrapped = action;
        this.#tally.charge("overheadBytes", action.overheadBytes);
        return null;
      case "proxy":
        return {
          kind: "proxied",
          proxy: action.proxy,
          rule: action.rule,
          hook,
          context: this.#context,
        };
      case "drop":
        return this.#stopped("dropped", action);
      case "reject":
        return this.#stopped("rejected", action);
      case "unknown":
        return this.#stopped("unknown", action);
    }
  }

  #stopped(
    verdict: Verdict,
    action: { readonly reason: string; readonly rule: Rule | null },
  ): WalkEnd {
    return {
      kind: "stopped",
      verdict,
      reason: action.reason,
      rule: action.rule,
      decidedAt: `${this.#node.node.name} ${this.#context.hook}`,
    };
  }

  /** The engine's own word, where no handler decided. */
  #stop(
    verdict: "dropped" | "refused" | "error",
    at: { readonly hook: Hook; readonly reason: string },
  ): WalkEnd {
    if (this.#tally.traced) {
      this.#note({
        hook: "routing",
        pod: null,
        plugin: null,
        action: verdict === "refused" ? "reject" : "drop",
        detail: at.reason,
        rule: null,
      });
    }
    return {
      kind: "stopped",
      verdict,
      reason: at.reason,
      rule: null,
      decidedAt: `${this.#node.node.name} ${at.hook}`,
    };
  }

  #deliver(to: Receiver): WalkEnd {
    if (this.#tally.traced) {
      this.#note({
        hook: "delivered",
        pod: to.kind === "pod" ? to.pod : null,
        plugin: null,
        action: "deliver",
        detail: to.kind === "pod"
          ? `pod ${to.pod.namespace}/${to.pod.name}`
          : to.kind === "node"
          ? `node ${to.node.node.name}`
          : `outside, ${this.packet.destination}`,
        rule: null,
      }, to.kind === "outside");
    }
    return { kind: "delivered", to };
  }

  #note(
    hop: Pick<Hop, "hook" | "plugin" | "action" | "detail" | "rule"> & {
      readonly pod: Pod | null;
    },
    outside = false,
  ): void {
    const { pod } = hop;
    this.#tally.note({
      depth: this.#depth,
      direction: this.#context.direction,
      node: outside ? null : this.#node.node.name,
      pod: pod === null ? null : `${pod.namespace}/${pod.name}`,
      hook: hop.hook,
      plugin: hop.plugin,
      action: hop.action,
      detail: hop.detail,
      rule: hop.rule,
      packet: this.packet.toString(),
    });
  }

  /** A mark belongs to the skb and does not leave the network namespace. */
  #clearMark(): void {
    if (this.packet.mark !== 0) this.packet = this.packet.with({ mark: 0 });
  }

  #interfaces(inLink: Pod | string, outLink: Pod | string): void {
    this.#context.inLink = inLink;
    this.#context.outLink = outLink;
    this.#context.outAddresses = null;
  }

  #leaveBy(inLink: Pod | string, way: Way): void {
    const { overlay } = this.#node;
    if (way.kind === "wire" && way.overlaid && overlay !== null) {
      this.#interfaces(inLink, overlay.interface);
      this.#context.outAddresses = overlay.addresses;
    } else {
      this.#interfaces(
        inLink,
        way.kind === "local" ? "lo" : way.kind === "pod" ? way.pod : "eth0",
      );
    }
  }
}

function isList(
  handled: Action | readonly Action[],
): handled is readonly Action[] {
  return Array.isArray(handled);
}

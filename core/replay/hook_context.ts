import type { ClusterView } from "../cluster/view.ts";
import type { Node, Pod } from "../cluster/model.ts";
import type { Ip } from "../packet/ip.ts";
import type { Rule } from "../source.ts";
import type { Connection, Conntrack } from "./conntrack.ts";
import { drawUint32, extend, finish, pickIndex } from "./draw.ts";
import type { Hook } from "./hook.ts";
import type { CostKind, WeightedBackend } from "./outcome.ts";
import type { HookContext, Route, SocketOwner } from "./plugin.ts";
import { type BoundHandler, NamespaceState } from "./stack_runtime.ts";
import type { Way } from "./standing.ts";
import type { Tally } from "./tally.ts";

/** What draws are keyed by. */
export interface DrawKeys {
  readonly seed: number;
  /** Of the leg: what one stack draws that another need not. */
  readonly leg: string;
  /** Of the flow: what all stacks pick alike. */
  readonly flow: string;
}

/**
 * The context handed to handlers. One object a walk, its fields set before
 * each call, so that a hop allocates nothing.
 */
export class WalkContext implements HookContext {
  readonly cluster: ClusterView;
  readonly direction: "original" | "reply";
  readonly nowNs: number;
  owner: SocketOwner | null;
  tunnelId: number | null = null;
  /** Addresses of the overlay's interface, while the packet leaves by it. */
  outAddresses: readonly Ip[] | null = null;
  hook: Hook = "socket";
  node: Node;
  pod: Pod | null = null;
  /** Links by name, or the pod at their other end; named only when asked for. */
  inLink: Pod | string = "";
  outLink: Pod | string = "";
  way: Way | null = null;
  readonly #tally: Tally;
  readonly #drawKeys: DrawKeys;
  readonly #opened: Connection[];
  #handler: BoundHandler | null = null;

  constructor(init: {
    readonly cluster: ClusterView;
    readonly direction: "original" | "reply";
    readonly nowNs: number;
    readonly owner: SocketOwner | null;
    readonly node: Node;
    readonly tally: Tally;
    readonly drawKeys: DrawKeys;
    /** Connections that tables take in while the flow lasts are put here. */
    readonly opened: Connection[];
  }) {
    this.cluster = init.cluster;
    this.direction = init.direction;
    this.nowNs = init.nowNs;
    this.owner = init.owner;
    this.node = init.node;
    this.#tally = init.tally;
    this.#drawKeys = init.drawKeys;
    this.#opened = init.opened;
  }

  get route(): Route | null {
    const { way } = this;
    return way?.kind === "pod" ? { kind: "pod", pod: way.pod } : way;
  }

  get inInterface(): string {
    return linkName(this.inLink);
  }

  get outInterface(): string {
    return linkName(this.outLink);
  }

  enter(handler: BoundHandler): void {
    this.#handler = handler;
  }

  get conntrack(): Conntrack {
    const { conntrack } = this.#state();
    conntrack.opened = this.#opened;
    return conntrack;
  }

  outAddress(family: 4 | 6): Ip | undefined {
    const { internalIps, externalIps } = this.node;
    const own = (ip: Ip) => ip.family === family;
    return this.outAddresses?.find(own) ?? internalIps.find(own) ??
      externalIps.find(own);
  }

  table<Value>(name: string): Map<string, Value> {
    return this.#state().table(name) as Map<string, Value>;
  }

  draw(site: string): number {
    const { seed, leg } = this.#drawKeys;
    const hash = extend(startOf(seed, leg), this.#handler!.plugin);
    return finish(extend(hash, site));
  }

  charge(kind: CostKind, count: number): void {
    this.#tally.charge(kind, count);
  }

  remark(reason: string, rule: Rule | null): void {
    if (this.direction === "reply") return;
    const decidedAt = `${this.node.name} ${this.hook}`;
    this.#tally.remark ??= { reason, rule, decidedAt };
  }

  sawIdentity(identity: string): void {
    if (this.direction === "original") this.#tally.identity = identity;
  }

  pick(backends: readonly WeightedBackend[]): number {
    this.pickedFrom(backends);
    if (backends.length < 2) return backends.length - 1;
    // Two words of the set stand for it: a joined key would have to be made.
    const { seed, flow } = this.#drawKeys;
    const start = startOf(seed, flow) ^ backends.length;
    const hash = extend(start, backends[0]!.backend);
    return pickIndex(finish(hash), backends);
  }

  pickedFrom(backends: readonly WeightedBackend[]): void {
    if (this.direction === "original") this.#tally.backends = backends;
  }

  #state(): NamespaceState {
    const handler = this.#handler!;
    const inPod = this.pod !== null &&
      (this.hook === "pod-out" || this.hook === "pod-in");
    if (!inPod) return handler.nodeState;
    const key = `${this.pod!.namespace}/${this.pod!.name}`;
    let state = handler.podStates.get(key);
    if (state === undefined) {
      handler.podStates.set(key, state = new NamespaceState());
    }
    return state;
  }
}

function startOf(seed: number, key: string): number {
  return extend(seed ^ 0x811c9dc5, key);
}

/** The host end of a pod's link is `veth` and eight hex digits of its name. */
export function linkName(
  link: Pick<Pod, "namespace" | "name"> | string,
): string {
  if (typeof link === "string") return link;
  const digits = drawUint32(0, `${link.namespace}/${link.name}`).toString(16);
  return `veth${digits.padStart(8, "0")}`;
}

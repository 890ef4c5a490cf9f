import type { Event, EventType } from "../event.ts";
import type { ClusterView } from "../cluster/view.ts";
import type { Node, Pod } from "../cluster/model.ts";
import type { Ip } from "../packet/ip.ts";
import type { Packet, PacketChange, Payload } from "../packet/packet.ts";
import type { Rule } from "../source.ts";
import type { Conntrack } from "./conntrack.ts";
import type { Place } from "./flow.ts";
import type { Hook } from "./hook.ts";
import type { CostKind, Verdict, WeightedBackend } from "./outcome.ts";
import type { Programmed } from "./sync.ts";

/** A claim about the real thing that a plugin makes, and where it is written. */
export interface ModelClaim {
  /** One sentence on what the real thing does. */
  readonly claim: string;
  /** Where that can be checked: a specification's section, a path in a repository. */
  readonly source: string;
}

/** What a plugin says of itself. */
export interface Manifest<HandlerName extends string = string> {
  /** Lower case, unique in a stack. */
  readonly name: string;
  /** Semantic version: `1.0.0`. */
  readonly version: string;
  /** The version of this contract that it was written for. */
  readonly apiVersion: "v1";
  /** Event types its control half folds. */
  readonly consumes: readonly EventType[];
  /** Object kinds it understands among `policy.applied`, as `group/Kind` without the version; core kinds as `Kind`. */
  readonly kinds: readonly string[];
  /** Its handlers: where each is attached, and its place among the others there; lower runs first. */
  readonly hooks: Readonly<
    Record<HandlerName, { readonly hook: Hook; readonly priority: number }>
  >;
  /**
   * The widest state it keeps between packets. `flow`: nothing that one
   * sender's flows share with another's; replay may be split by sender.
   * `node`, `cluster`: a counter or a limit that all share; one shard only.
   */
  readonly scope: "flow" | "node" | "cluster";
  /** Names of plugins it must run before, or after, where hook and priority are the same. */
  readonly before?: readonly string[];
  /** The same for after; in both, a name that is not in the stack is an error. */
  readonly after?: readonly string[];
  /** What it claims to model; may be empty for rules of one's own. */
  readonly models: readonly ModelClaim[];
}

/** Where a packet goes next, as the node's routing table says. */
export type Route =
  | { readonly kind: "local" }
  | { readonly kind: "pod"; readonly pod: Pod }
  /** Out of the node's wire; `node` is null when the destination is outside the cluster. */
  | {
    readonly kind: "wire";
    readonly node: Node | null;
    /** Over the overlay, where the node is on one. */
    readonly overlaid: boolean;
  };

/** The process that owns the sending socket, where the packet was made here. */
export interface SocketOwner {
  /** The pod, or the node, whose process it is. */
  readonly place: Place;
  /** User id; proxies run under one of their own so that their packets are told apart. */
  readonly uid: number;
  /** Primary group; the number of the user's own when left out. */
  readonly gid?: number;
  /** Names the socket across the flows sent on it. */
  readonly connection: string;
}

/** What a handler may know and touch besides the packet. */
export interface HookContext {
  /** Where the packet is; tells one function attached at several hooks apart. */
  readonly hook: Hook;
  /** The node that the hook belongs to; at a pod's hooks, the pod's. */
  readonly node: Node;
  /** The pod in whose namespace, or at whose link, the hook is; null at the node's own hooks. */
  readonly pod: Pod | null;
  /** Everything that exists at this moment of the tape. */
  readonly cluster: ClusterView;
  /** Way there, or way back. */
  readonly direction: "original" | "reply";
  /** Virtual time in ns since the start of the tape: the only clock there is. */
  readonly nowNs: number;
  /** `eth0`, `lo`, the pod's link; empty where the packet was made here or the hook is too early to know. */
  readonly inInterface: string;
  /** The same on the way out; empty before the routing decision. */
  readonly outInterface: string;
  /** Null before the routing decision. */
  readonly route: Route | null;
  /** Null on packets that were not made in this network namespace: the socket stays behind where a packet leaves one. */
  readonly owner: SocketOwner | null;
  /** What the tunnel header of a packet carried, for as long as it is on the node that it was unwrapped on; null without a tunnel. */
  readonly tunnelId: number | null;
  /** First address of the interface the packet leaves by, as inet_select_addr() gives it; pods' links borrow the node's. */
  outAddress(family: 4 | 6): Ip | undefined;
  /** This plugin's connection tracking in the network namespace of the hook: the node's, or the pod's at `pod-out` and `pod-in`. */
  readonly conntrack: Conntrack;
  /** Other state of this plugin in that namespace, kept between packets; values must be JSON-safe. */
  table<Value>(name: string): Map<string, Value>;
  /** A uniform draw in [0, 2^32) keyed by (seed, flow, plugin, site): the same for the same question, whoever else draws. */
  draw(site: string): number;
  /** Adds to what the flow costs this stack: `count` of one kind. */
  charge(kind: CostKind, count: number): void;
  /** Says of a flow that goes on what would have stopped it, had it been enforced; the first word counts. */
  remark(reason: string, rule: Rule | null): void;
  /** The identity that a policy took the source for. */
  sawIdentity(identity: string): void;
  /**
   * Picks a backend from a weighted set, reports the set, and gives the
   * index; -1 when no weight is above zero. The draw is keyed by seed, flow
   * and set, not by who asks: two stacks that pick from the same set, written
   * in the same order, pick the same member, so that they can be compared.
   * Write sets sorted by backend, code unit by code unit.
   */
  pick(backends: readonly WeightedBackend[]): number;
  /** The set that a backend was just picked from, where {@link pick} did not do it. */
  pickedFrom(backends: readonly WeightedBackend[]): void;
}

/** What a handler did to a packet. Nothing is visible unless it is said here. */
export type Action =
  /** Said yes, citing a rule; the packet goes on. */
  | { readonly kind: "accept"; readonly rule: Rule | null }
  | {
    readonly kind: "rewrite";
    readonly change: PacketChange;
    readonly rule: Rule | null;
  }
  | {
    readonly kind: "drop";
    readonly reason: string;
    readonly rule: Rule | null;
  }
  | {
    readonly kind: "reject";
    readonly with: "icmp-unreachable" | "tcp-reset" | "errno";
    readonly reason: string;
    readonly rule: Rule | null;
  }
  /** For the wire crossing ahead. */
  | {
    readonly kind: "encrypt";
    readonly by: "wireguard" | "ipsec";
    readonly overheadBytes: number;
    readonly rule: Rule | null;
  }
  | {
    readonly kind: "encapsulate";
    readonly by: "vxlan" | "geneve";
    /** Carried in the tunnel header to the other side's {@link HookContext.tunnelId}. */
    readonly id?: number;
    readonly overheadBytes: number;
    readonly rule: Rule | null;
  }
  /** Ends the flow here and may open a child flow. */
  | {
    readonly kind: "proxy";
    readonly proxy: Proxy;
    readonly rule: Rule | null;
  }
  /**
   * At `input` or `output`: the packet, as it is by now, is taken out of the
   * hook and sent from the node: routed anew, by `output` and `postrouting`,
   * as ip_vs_nat_xmit() does. Handlers left at this hook do not see it.
   */
  | { readonly kind: "route"; readonly rule: Rule | null }
  /**
   * Goes on at a later hook of the itinerary; those between see nothing.
   * `wire`: out at the node's device at once, past whoever else is at this
   * hook too, as XDP_TX does.
   */
  | {
    readonly kind: "bypass";
    readonly to: Hook | "wire";
    readonly rule: Rule | null;
  }
  /** Something not modelled decides: the flow's verdict is unknown. */
  | {
    readonly kind: "unknown";
    readonly reason: string;
    readonly rule: Rule | null;
  };

/** `undefined`: nothing visible happened. A list: several things, in order; the first final one ends it. */
export type Handled = Action | readonly Action[] | undefined;

/** The data half at one hook. */
export type Handler = (packet: Packet, context: HookContext) => Handled;

/** A process that ends flows. */
export interface Proxy {
  /** As its users call it: `istio-proxy of shop/web-1`. */
  readonly name: string;
  /** Whose network namespace its sockets are in. */
  readonly place: Place;
  /** Decides for one connection, or for one request on it. */
  handle(exchange: Exchange, context: HookContext): ProxyDecision;
}

/** What arrived at a proxy. */
export interface Exchange {
  /** The packet as it was intercepted: its destination is the one the sender's side had at that point. */
  readonly packet: Packet;
  /** What the proxy reads, layers that it may not open still closed. */
  readonly payload: Payload;
  /** Place the flow being ended came from; for a child flow, the proxy's. */
  readonly from: Place;
}

/** What a proxy does with it. */
export type ProxyDecision =
  | {
    readonly kind: "forward";
    readonly destination: Ip;
    readonly destinationPort: number;
    /** Source address that it keeps or takes; null: its namespace's own. */
    readonly source: Ip | null;
    readonly uid: number;
    /** Mark on the packets of the child flow. */
    readonly mark: number;
    readonly payload: Payload;
    readonly route: string | null;
    readonly rule: Rule | null;
    /** The set the destination was picked from; empty when there was no choice. */
    readonly backends: readonly WeightedBackend[];
  }
  | {
    readonly kind: "respond";
    readonly status: number;
    readonly verdict: Verdict;
    readonly reason: string;
    readonly location: string | null;
    readonly route: string | null;
    readonly rule: Rule | null;
  }
  /** Closes the connection without an answer. */
  | {
    readonly kind: "reset";
    readonly verdict: Verdict;
    readonly reason: string;
    readonly rule: Rule | null;
  }
  | {
    readonly kind: "unknown";
    readonly reason: string;
    readonly rule: Rule | null;
  };

/** What a schema library says of a value (Standard Schema v1). */
export type Checked<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | {
    readonly issues: readonly {
      readonly message: string;
      readonly path?:
        | readonly (PropertyKey | { readonly key: PropertyKey })[]
        | undefined;
    }[];
  };

/** Any Standard Schema: zod, valibot and arktype make them. */
export interface OptionsSchema<Options> {
  /** The interface that Standard Schema v1 prescribes; an asynchronous check is refused where the caller is synchronous. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): Checked<Options> | Promise<Checked<Options>>;
  };
}

/** How a node reaches pods of other nodes, where plain routes do not. */
export interface Overlay {
  /** Interface that packets for other nodes' pods leave by: `cilium_host`, `flannel.1`. */
  readonly interface: string;
  /** Its addresses: what masquerading towards those pods takes, and what the node itself sends from. */
  readonly addresses: readonly Ip[];
}

/**
 * A plugin: the control half folds events into state, `compile` turns state
 * and cluster into whatever makes the data half fast, `attach` gives a node
 * its handlers.
 */
export interface Plugin<
  Options = unknown,
  State = unknown,
  Compiled = unknown,
  HandlerName extends string = string,
> {
  /** What it says of itself before any of its code runs. */
  readonly manifest: Manifest<HandlerName>;
  /** Checks the options of a stack; problems are shown at their place in the file. */
  readonly options: OptionsSchema<Options>;
  /** State before the first event; JSON-safe, as what `evolve` makes of it. */
  initialState(options: Options): State;
  /**
   * Folds one event it consumes. Total and deterministic; takes ownership of
   * `state`, may change it in place, and returns it. JSON-safe, so that a
   * snapshot is the state.
   */
  evolve(state: State, event: Event): State;
  /** Called once per stack after a control change, before the next packet. */
  compile(state: State, cluster: ClusterView, options: Options): Compiled;
  /** Called once per node that a packet meets; a handler left out is not installed there. */
  attach(
    compiled: Compiled,
    node: Node,
  ): Partial<Readonly<Record<HandlerName, Handler>>>;
  /** The overlay that the node is on; null, or left out: plain routes. */
  overlay?(compiled: Compiled, node: Node): Overlay | null;
  /** Further addresses that lead to the node, over its overlay where it is on one; left out: none. */
  addresses?(compiled: Compiled, node: Node): readonly Ip[];
  /**
   * Addresses that are local to the node and lead nowhere else: what is sent
   * to one on this node is this node's own, on a dummy interface for example,
   * and nobody's way to it changes. Left out: none.
   */
  localAddresses?(compiled: Compiled, node: Node): readonly Ip[];
  /**
   * What it has programmed into the node, one entry a writer, for counting
   * what a control change makes it write. Asked round changes that are to be
   * counted, never for packets. Left out: it does not say.
   */
  programmed?(compiled: Compiled, node: Node): readonly Programmed[];
  /** Object kinds it understands beyond those of the manifest, under these options. */
  kindsOf?(options: Options): readonly string[];
  /** What of the policies it was given it does not enforce, and why; sentences for the user. */
  warnings?(compiled: Compiled): readonly string[];
  /** State that its handlers share beyond what the manifest says, once its rules are known. */
  scopeOf?(compiled: Compiled): "flow" | "node" | "cluster";
}

/**
 * Makes a plugin; the type parameters follow from the parts.
 *
 * @example
 * ```ts
 * import { definePlugin, noOptions } from "./plugin.ts";
 *
 * export default definePlugin({
 *   manifest: {
 *     name: "drop-smtp",
 *     version: "1.0.0",
 *     apiVersion: "v1",
 *     consumes: [],
 *     kinds: [],
 *     hooks: { smtp: { hook: "from-pod", priority: 0 } },
 *     scope: "flow",
 *     models: [],
 *   },
 *   options: noOptions,
 *   initialState: () => null,
 *   evolve: (state) => state,
 *   compile: () => ({ name: "no mail from pods" }),
 *   attach: (rule) => ({
 *     smtp: (packet) =>
 *       packet.destinationPort === 25
 *         ? { kind: "drop", reason: "no mail", rule }
 *         : undefined,
 *   }),
 * });
 * ```
 */
export function definePlugin<
  Options,
  State,
  Compiled,
  const HandlerName extends string,
>(
  plugin: Plugin<Options, State, Compiled, HandlerName>,
): Plugin<Options, State, Compiled, HandlerName> {
  return Object.freeze(plugin);
}

/** The schema of a plugin that has no options. */
export const noOptions: OptionsSchema<null> = {
  "~standard": {
    version: 1,
    vendor: "plumbline",
    validate: (value) =>
      value === undefined || value === null ||
        (typeof value === "object" && Object.keys(value).length === 0)
        ? { value: null }
        : { issues: [{ message: "takes no options" }] },
  },
};

/** A plugin with the options it is used with, already checked. */
export interface PluginUse {
  /** The plugin, its type parameters set aside: stacks hold plugins of all kinds. */
  readonly plugin: Plugin<never, never, never, string>;
  /** What the plugin's own schema made of the options as written. */
  readonly options: unknown;
}

/** An ordered list of configured plugins; `nodes` overrides it for single nodes of a half-migrated cluster. */
export interface Stack {
  /** What reports call it. */
  readonly name: string;
  /** Of every node without an entry in `nodes`; their order means nothing. */
  readonly plugins: readonly PluginUse[];
  /** By node name; the list replaces `plugins` there. */
  readonly nodes: Readonly<Record<string, readonly PluginUse[]>>;
}

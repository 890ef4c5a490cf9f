import type { ClusterView } from "../cluster/view.ts";
import type { Node } from "../cluster/model.ts";
import type { Event } from "../event.ts";
import type { Ip } from "../packet/ip.ts";
import { Conntrack } from "./conntrack.ts";
import { orderHandlers, sortedPlugins } from "./handler_order.ts";
import { HOOKS } from "./hook.ts";
import type {
  Handler,
  Overlay,
  Plugin,
  PluginUse,
  Route,
  Stack,
} from "./plugin.ts";
import {
  type NodePrograms,
  type Programmed,
  type SyncOutcome,
  SyncTally,
} from "./sync.ts";

/** One plugin of a running stack: its folded state and what was compiled from it. */
class RunningPlugin {
  readonly plugin: Plugin<unknown, unknown, unknown, string>;
  readonly options: unknown;
  readonly consumes: ReadonlySet<string>;
  #state: unknown;
  #compiled: { readonly value: unknown; readonly revision: number } | null =
    null;

  constructor(use: PluginUse) {
    this.plugin = use.plugin as unknown as Plugin;
    this.options = use.options;
    this.consumes = new Set(this.plugin.manifest.consumes);
    this.#state = this.plugin.initialState(this.options);
  }

  /** Folds the event; true when it is one the plugin consumes. */
  apply(event: Event): boolean {
    if (!this.consumes.has(event.type)) return false;
    this.#state = this.plugin.evolve(this.#state, event);
    this.#compiled = null;
    return true;
  }

  compiled(cluster: ClusterView): unknown {
    if (this.#compiled?.revision !== cluster.revision) {
      this.#compiled = {
        value: this.plugin.compile(this.#state, cluster, this.options),
        revision: cluster.revision,
      };
    }
    return this.#compiled!.value;
  }
}

/** What a plugin keeps between packets in one network namespace. */
export class NamespaceState {
  readonly conntrack = new Conntrack();
  readonly #tables = new Map<string, Map<string, unknown>>();

  table(name: string): Map<string, unknown> {
    let table = this.#tables.get(name);
    if (table === undefined) this.#tables.set(name, table = new Map());
    return table;
  }
}

/** A handler ready to run. */
export interface BoundHandler {
  readonly plugin: string;
  readonly handle: Handler;
  /** Its plugin's state in the node's own namespace. */
  readonly nodeState: NamespaceState;
  /** The same in the pods' namespaces, by pod. */
  readonly podStates: Map<string, NamespaceState>;
}

/** A node with its handlers at each hook. */
export interface RunningNode {
  readonly node: Node;
  readonly overlay: Overlay | null;
  /** Addresses that lead to it besides those the cluster knows it by. */
  readonly addresses: readonly Ip[];
  /** The way to its pods from all other nodes. */
  readonly away: Extract<Route, { kind: "wire" }>;
  /** Addresses, as text, that are local to it alone; null: none beyond those that others route to it. */
  readonly local: ReadonlySet<string> | null;
  /** By the index of the hook in {@link HOOKS}. */
  readonly hooks: readonly (readonly BoundHandler[])[];
}

/** State that outlives recompilation: per node and plugin. */
interface Kept {
  readonly nodeState: NamespaceState;
  readonly podStates: Map<string, NamespaceState>;
}

/**
 * A stack at work: folds control events into its plugins, and gives each node
 * its handlers, compiled when a packet first needs them after a change.
 */
export class StackRuntime {
  readonly #cluster: ClusterView;
  readonly #stack: Stack;
  readonly #running = new Map<PluginUse, RunningPlugin>();
  readonly #kept = new Map<string, Kept>();
  readonly #nodes = new Map<string, RunningNode>();
  /** What each node had when it was last synced; empty until somebody asks. */
  #programmed = new Map<string, NodePrograms>();
  #revision = -1;

  constructor(stack: Stack, cluster: ClusterView) {
    this.#stack = stack;
    this.#cluster = cluster;
    const lists = [stack.plugins, ...Object.values(stack.nodes)];
    for (const list of lists) {
      for (const use of sortedPlugins(list)) {
        if (!this.#running.has(use)) {
          this.#running.set(use, new RunningPlugin(use));
        }
      }
      orderHandlers(sortedPlugins(list));
    }
  }

  /** Folds a control event into every plugin that consumes it. */
  apply(event: Event): void {
    for (const running of this.#running.values()) {
      if (running.apply(event)) this.#nodes.clear();
    }
  }

  /** The widest scope of state that any plugin of the stack shares between flows. */
  scope(): "flow" | "node" | "cluster" {
    const scopes = [...this.#running.values()].map((running) =>
      running.plugin.scopeOf?.(running.compiled(this.#cluster)) ??
        running.plugin.manifest.scope
    );
    return scopes.includes("cluster")
      ? "cluster"
      : scopes.includes("node")
      ? "node"
      : "flow";
  }

  /** The node with its handlers as of now; undefined when it does not exist. */
  node(name: string): RunningNode | undefined {
    if (this.#revision !== this.#cluster.revision) {
      this.#nodes.clear();
      this.#revision = this.#cluster.revision;
    }
    let running = this.#nodes.get(name);
    if (running === undefined) {
      const node = this.#cluster.nodes.get(name);
      if (node === undefined) return undefined;
      this.#nodes.set(name, running = this.#attach(node));
    }
    return running;
  }

  /** What the stack's plugins do not enforce of what they were given. */
  warnings(): readonly string[] {
    return [...this.#running.values()].flatMap((running) =>
      running.plugin.warnings?.(running.compiled(this.#cluster)) ?? []
    );
  }

  /** What brings every node from what it had at the last call to what it has now; null when no plugin says. */
  sync(): SyncOutcome | null {
    const before = this.#programmed;
    const tally = new SyncTally();
    this.#programmed = new Map();
    for (const [name, node] of this.#cluster.nodes) {
      const now = this.#programsOf(node, tally);
      this.#programmed.set(name, now);
      tally.node(name, { before: before.get(name), now });
    }
    return tally.outcome();
  }

  /** Whether nodes of this stack can have addresses that the cluster does not know. */
  get mayAddress(): boolean {
    return [...this.#running.keys()].some(({ plugin }) =>
      plugin.overlay !== undefined || plugin.addresses !== undefined
    );
  }

  #usesOf(node: Node): readonly PluginUse[] {
    return sortedPlugins(this.#stack.nodes[node.name] ?? this.#stack.plugins);
  }

  #programsOf(node: Node, tally: SyncTally): NodePrograms {
    const programs = new Map<string, Programmed>();
    for (const use of this.#usesOf(node)) {
      const { plugin } = use;
      const { name } = plugin.manifest;
      if (plugin.programmed === undefined) {
        tally.writer(name, false);
        continue;
      }
      const running = this.#running.get(use)!;
      const compiled = running.compiled(this.#cluster);
      for (const one of running.plugin.programmed!(compiled, node)) {
        const writer = `${name} ${one.writer}`;
        tally.writer(writer, one.parts !== null);
        programs.set(writer, one);
      }
    }
    return programs;
  }

  #attach(node: Node): RunningNode {
    const uses = this.#usesOf(node);
    const attached = uses.map((use) => {
      const running = this.#running.get(use)!;
      const compiled = running.compiled(this.#cluster);
      return {
        name: use.plugin.manifest.name,
        handlers: running.plugin.attach(compiled, node),
        overlay: running.plugin.overlay?.(compiled, node) ?? null,
        addresses: running.plugin.addresses?.(compiled, node) ?? [],
        local: running.plugin.localAddresses?.(compiled, node) ?? [],
        kept: this.#keptFor(node.name, use.plugin.manifest.name),
      };
    });
    const overlay = attached.find((one) => one.overlay !== null)?.overlay ??
      null;
    const order = orderHandlers(uses);
    const hooks = HOOKS.map((hook) =>
      order[hook].flatMap(({ plugin, name }): BoundHandler[] => {
        const { handlers, kept, name: pluginName } = attached[plugin]!;
        const handle = handlers[name];
        return handle === undefined
          ? []
          : [{ plugin: pluginName, handle, ...kept }];
      })
    );
    const addresses = [
      ...overlay?.addresses ?? [],
      ...attached.flatMap((one) => one.addresses),
    ];
    const local = attached.flatMap((one) => one.local);
    return {
      node,
      overlay,
      addresses,
      local: local.length === 0 ? null : new Set(local.map(({ text }) => text)),
      away: { kind: "wire", node, overlaid: true },
      hooks,
    };
  }

  #keptFor(node: string, plugin: string): Kept {
    const key = `${node}/${plugin}`;
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = { nodeState: new NamespaceState(), podStates: new Map() };
      this.#kept.set(key, kept);
    }
    return kept;
  }
}

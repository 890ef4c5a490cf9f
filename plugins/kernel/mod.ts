import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { EventTypes } from "../../core/event.ts";
import { definePlugin, type Handler } from "../../core/replay/plugin.ts";
import { errorText } from "./error_text.ts";
import { kernelAvailable } from "./kernel_available.ts";
import type { Backend } from "./kernel_host.ts";
import { KernelWalk } from "./kernel_walk.ts";
import { type NodeDump, NodeKernel } from "./node_kernel.ts";
import { type KernelOptions, optionsSchema } from "./options.ts";

export { type Availability, kernelAvailable } from "./kernel_available.ts";
export {
  type Backend,
  type HostLink,
  type HostOptions,
  type Judged,
  KernelHost,
} from "./kernel_host.ts";

/** What the plugin remembers of events. JSON-safe. */
interface State {
  readonly dumps: EventTypes["dump.loaded"][];
}

interface Compiled {
  readonly state: State;
  readonly cluster: ClusterView;
  readonly options: KernelOptions;
}

const HOOKS = {
  prerouting: { hook: "prerouting", priority: 0 },
  input: { hook: "input", priority: 0 },
  forward: { hook: "forward", priority: 0 },
  output: { hook: "output", priority: 0 },
  postrouting: { hook: "postrouting", priority: 0 },
} as const;

/** Nodes of one replay that have a kernel each. */
const MOST_NODES = 200;

/** Kernels of one replay; they outlive a change of rules. */
class Kernels {
  readonly #backend: Backend;
  readonly #nodes = new Map<string, NodeKernel>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  of(node: string): NodeKernel {
    let kernel = this.#nodes.get(node);
    if (kernel === undefined) {
      if (this.#nodes.size >= MOST_NODES) {
        throw new RangeError(`no more than ${MOST_NODES} nodes have a kernel`);
      }
      this.#nodes.set(node, kernel = new NodeKernel(this.#backend));
    }
    return kernel;
  }

  close(): void {
    for (const kernel of this.#nodes.values()) kernel.close();
    this.#nodes.clear();
  }
}

const kernels = new Map<State, Kernels>();

/** Ends every kernel that replays so far have made. */
export function closeKernels(): void {
  for (const made of kernels.values()) made.close();
  kernels.clear();
}

/** Makes the rules of a node that no dump was loaded for, as iptables-save prints them. */
export type RulesOf = (
  cluster: ClusterView,
  node: Node,
  options: Readonly<Record<string, unknown>>,
) => string;

/**
 * The Linux kernel this program runs on, as a stack: every node is a network
 * namespace with a TUN device for each link, and its rules are those of its
 * dump, or of `rulesOf`. What comes out is what happened. Call
 * {@link closeKernels} after the replay.
 */
export function kernelPlugin(rulesOf: RulesOf | null = null) {
  return definePlugin({
    manifest: {
      name: "kernel",
      version: "0.1.0",
      apiVersion: "v1",
      consumes: ["dump.loaded"],
      kinds: [],
      hooks: HOOKS,
      scope: "node",
      models: [],
    },
    options: optionsSchema,
    initialState: (): State => ({ dumps: [] }),
    evolve(state, event) {
      if (event.type === "dump.loaded") state.dumps.push(event.data);
      return state;
    },
    compile: (state, cluster, options): Compiled => ({
      state,
      cluster,
      options,
    }),
    attach(compiled, node) {
      const { state, cluster, options } = compiled;
      const available = kernelAvailable(options.backend);
      if (!available.ok) return refusing(`kernel: not run: ${available.why}`);
      const dump = dumpOf(state, node.name);
      try {
        const rules = dump.rules ??
          rulesOf?.(cluster, node, options.rules) ?? "";
        const kernel = kernelsOf(compiled).of(node.name);
        kernel.update(cluster, node, { ...dump, rules });
        return handlers(new KernelWalk(kernel, node));
      } catch (error) {
        return refusing(`the kernel of ${node.name}: ${errorText(error)}`);
      }
    },
  });
}

export default kernelPlugin();

function kernelsOf({ state, options }: Compiled): Kernels {
  let made = kernels.get(state);
  if (made === undefined) {
    kernels.set(state, made = new Kernels(options.backend));
  }
  return made;
}

function handlers(walk: KernelWalk): Record<keyof typeof HOOKS, Handler> {
  return {
    prerouting: (packet, context) => walk.prerouting(packet, context),
    input: (packet, context) => walk.input(packet, context),
    forward: (packet, context) => walk.forward(packet, context),
    output: (packet, context) => walk.output(packet, context),
    postrouting: (packet, context) => walk.postrouting(packet, context),
  };
}

/** Every packet's fate is unknown, and why. */
function refusing(reason: string) {
  const refuse = () => ({ kind: "unknown", reason, rule: null }) as const;
  return { prerouting: refuse, output: refuse };
}

/** The last dump of the node, of each kind; null rules where there is none. */
function dumpOf(
  { dumps }: State,
  node: string,
): Omit<NodeDump, "rules"> & { readonly rules: string | null } {
  const dump = { rules: null as string | null, file: "rules", sets: "" };
  for (const { node: of, format, text, source } of dumps) {
    if (of !== null && of !== node) continue;
    if (format === "iptables-save") {
      dump.rules = text;
      dump.file = source.file;
    } else if (format === "ipset-save") {
      dump.sets = text;
    }
  }
  return dump;
}

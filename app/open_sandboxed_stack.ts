import { dirname, resolve, sep } from "node:path";
import { partPosition } from "../core/cluster/model.ts";
import { InputError, type Problem } from "../core/errors.ts";
import type { Event } from "../core/event.ts";
import type { FlowResult } from "../core/replay/engine.ts";
import type { SyncOutcome } from "../core/replay/sync.ts";
import type { StackChoice, StackUse } from "../core/scenario/scenario.ts";
import {
  COMMAND_LINE,
  expandAll,
  isPluginPath,
  loadStack,
  type StackLoading,
} from "./load_stack.ts";
import type {
  OpenStack,
  StackReplay,
  StackReplayOptions,
  UsedPlugin,
} from "./open_stack.ts";
import { describeUse } from "./presets.ts";
import { bundlePlugin, type PluginBundle } from "./sandbox/bundle_plugin.ts";
import type { SandboxUse } from "./sandbox/protocol.ts";
import {
  SandboxedRun,
  type SandboxedStack,
  SandboxError,
} from "./sandbox/sandboxed_replay.ts";

/**
 * Opens a stack that has plugins by path: bundles them, checks the options of
 * our own, and replays it all in a process without permissions.
 */
export async function openSandboxedStack(
  choice: StackChoice,
  loading: StackLoading,
): Promise<OpenStack> {
  const own = await loadStack(withoutPaths(choice), loading);
  const { excerpt = () => undefined } = loading;
  const guard = new Guard(excerpt);
  const bundles = new Bundles(guard);
  const plugins = await sandboxUses(choice.uses, bundles);
  const nodes: Record<string, readonly SandboxUse[]> = {};
  for (const { name, uses } of choice.nodes) {
    nodes[name] = await sandboxUses(uses, bundles);
  }
  const stack = { name: choice.name, plugins, nodes, bundles: bundles.all };
  const used = [own.plugins, ...Object.values(own.nodes)].flat();
  return {
    choice,
    warnings: (await Promise.all(used.map(describeUse))).flat(),
    missing: null,
    start: (options) => SandboxReplay.start(stack, { ...options, guard }),
  };
}

function withoutPaths(choice: StackChoice): StackChoice {
  const own = (uses: readonly StackUse[]) =>
    uses.filter(({ use }) => !isPluginPath(use));
  return {
    ...choice,
    uses: own(choice.uses),
    nodes: choice.nodes.map(({ name, uses }) => ({ name, uses: own(uses) })),
  };
}

async function sandboxUses(
  uses: readonly StackUse[],
  bundles: Bundles,
): Promise<SandboxUse[]> {
  const ours = uses.filter(({ use }) => !isPluginPath(use));
  // What is wrong with them was said when they were loaded.
  const found: SandboxUse[] = expandAll(ours, [])
    .map(({ plugin: { plugin, options } }) => ({ plugin, options }));
  for (const use of uses.filter(({ use }) => isPluginPath(use))) {
    found.push({ bundle: await bundles.add(use), options: use.options });
  }
  return found;
}

/** The third-party plugins of a stack, each bundled once. */
class Bundles {
  readonly all: PluginBundle[] = [];
  readonly #guard: Guard;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /** Gives its place in the list. */
  async add(use: StackUse): Promise<number> {
    const { path, roots } = this.#guard.placeOf(use);
    const before = this.all.findIndex((bundle) => bundle.path === path);
    if (before >= 0) return before;
    this.#guard.uses.push(use);
    return this.all.push(await bundlePlugin(path, { roots })) - 1;
  }
}

/** Says of third-party code that failed whose it is, at its place in the scenario. */
class Guard {
  readonly uses: StackUse[] = [];
  readonly #excerpt: (line: number) => string | undefined;

  constructor(excerpt: (line: number) => string | undefined) {
    this.#excerpt = excerpt;
  }

  /**
   * Where a plugin is. A scenario may come from anywhere: what it names has to
   * lie below its own directory or the one that the command runs in. A path on
   * the command line is its user's own.
   */
  placeOf(use: StackUse): { path: string; roots: readonly string[] } {
    const { file } = use.source;
    const typed = file === COMMAND_LINE;
    const directory = typed ? "." : dirname(file);
    const path = realPath(resolve(directory, use.use));
    if (path === undefined) {
      throw this.#error(use, {
        message: `Cannot use plugin ${use.use}: there is no such file`,
        expected: "a module, by its path from the scenario's own directory",
      });
    }
    const roots = [".", directory];
    if (typed || isBelow(path, roots)) return { path, roots };
    throw this.#error(use, {
      message: `Cannot use plugin ${use.use}: it lies outside of the ` +
        "scenario's directory",
      expected: "a path below the scenario's directory, or below the one " +
        "that the command runs in",
    });
  }

  async run<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error;
      throw this.#failure(error);
    }
  }

  #failure({ code, message }: SandboxError): InputError {
    const names = this.uses.map(({ use }) => use).join(" or ");
    const reason = message.replace(/^Plugin failed: /, "");
    const start = reason.slice(0, 1).toLowerCase() + reason.slice(1);
    return this.#error(this.uses[0]!, {
      message: `Cannot run plugin ${names}: ${start}`,
      expected: EXPECTED[code],
    });
  }

  #error(
    use: StackUse,
    about: Pick<Problem, "message" | "expected">,
  ): InputError {
    const at = partPosition(use, ["use"]);
    const excerpt = this.#excerpt(at.line);
    const shown = excerpt === undefined ? {} : { excerpt };
    return new InputError([{ ...about, at, ...shown }]);
  }
}

function realPath(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isBelow(path: string, directories: readonly string[]): boolean {
  return directories.map((one) => Deno.realPathSync(one))
    .some((root) => path.startsWith(root.endsWith(sep) ? root : root + sep));
}

const EXPECTED: Readonly<Record<SandboxError["code"], string>> = {
  timeout: "a plugin that comes to an end with every packet",
  memory: "a plugin that keeps little; see docs/plugins.md for the limits",
  flood: "a plugin with short reasons and names of rules",
  failed: "a plugin that takes every packet; docs/plugins.md says what it " +
    "may use",
};

class SandboxReplay implements StackReplay {
  readonly warnings: readonly string[] = [];
  readonly plugins: readonly UsedPlugin[];
  readonly kinds: ReadonlySet<string>;
  readonly #run: SandboxedRun;
  readonly #guard: Guard;

  private constructor(
    run: SandboxedRun,
    { bundles, guard }: {
      readonly bundles: readonly PluginBundle[];
      readonly guard: Guard;
    },
  ) {
    this.plugins = run.plugins.map(({ name, version, bundle }) =>
      bundle === null
        ? { name, version }
        : { name, version, sha256: bundles[bundle]!.sha256 }
    );
    this.kinds = new Set(run.plugins.flatMap(({ kinds }) => kinds));
    this.#run = run;
    this.#guard = guard;
  }

  static async start(
    stack: SandboxedStack,
    { guard, ...options }: StackReplayOptions & { readonly guard: Guard },
  ): Promise<SandboxReplay> {
    const run = await guard.run(() => SandboxedRun.start(stack, options));
    return new SandboxReplay(run, { bundles: stack.bundles, guard });
  }

  apply(events: readonly Event[]): Promise<readonly FlowResult[]> {
    return this.#guard.run(() => this.#run.apply(events));
  }

  sync(): Promise<SyncOutcome | null> {
    return this.#guard.run(() => this.#run.sync());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run[Symbol.asyncDispose]();
  }
}

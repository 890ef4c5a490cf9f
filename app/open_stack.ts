import { InputError, invariant } from "../core/errors.ts";
import type { Event, Tape } from "../core/event.ts";
import { type FlowResult, Replay } from "../core/replay/engine.ts";
import type { ReplayResult } from "../core/replay/engine.ts";
import { OutcomesHash } from "../core/replay/outcomes_hash.ts";
import type { PluginUse, Stack } from "../core/replay/plugin.ts";
import type { SyncOutcome } from "../core/replay/sync.ts";
import type { StackChoice, StackUse } from "../core/scenario/scenario.ts";
import type { TapeChange } from "../core/scenario/scenario_tape.ts";
import { isPluginPath, loadStack, type StackLoading } from "./load_stack.ts";
import { missingPermissions, withPermissions } from "./permissions.ts";
import { describeUse, type Machine, machineOf } from "./presets.ts";

/** A plugin that takes part in a run. JSON-safe. */
export interface UsedPlugin {
  readonly name: string;
  readonly version: string;
  /** Identity of a third party's plugin: sha256 of its bundle. */
  readonly sha256?: string;
}

/** How a stack is replayed. */
export interface StackReplayOptions {
  readonly seed: number;
  readonly trace: "full" | "outcome";
}

/** A stack whose plugins are loaded and whose options are checked. */
export interface OpenStack {
  readonly choice: StackChoice;
  /** Options that are taken and have no effect, a sentence each. */
  readonly warnings: readonly string[];
  /** What this machine lacks for it, in words; null when it can run. */
  readonly missing: string | null;
  start(options: StackReplayOptions): Promise<StackReplay>;
}

/** A replay in progress, in this process or in a sandbox. */
export interface StackReplay extends AsyncDisposable {
  readonly plugins: readonly UsedPlugin[];
  /** Kinds of objects that one of the plugins reads, as `group/Kind`. */
  readonly kinds: ReadonlySet<string>;
  /** What of the policies so far the stack does not enforce, and why; a sandbox does not tell. */
  readonly warnings: readonly string[];
  /** Applies events, in tape order; gives what became of the flows among them. */
  apply(events: readonly Event[]): Promise<readonly FlowResult[]>;
  /** What the control events since the last call make the stack write. */
  sync(): Promise<SyncOutcome | null>;
}

/**
 * Opens a stack. One with plugins by path runs in a sandbox as a whole; what
 * it takes for that is loaded only then.
 *
 * @example
 * ```ts ignore
 * const stack = await openStack(stackNamed("kube-proxy+./quarantine/mod.ts"));
 * await using replay = await stack.start({ seed: 0, trace: "full" });
 * const results = await replay.apply(tape);
 * ```
 */
export async function openStack(
  choice: StackChoice,
  loading: StackLoading = {},
): Promise<OpenStack> {
  const uses = [choice, ...choice.nodes].flatMap(({ uses }) => uses);
  const foreign = uses.find(({ use }) => isPluginPath(use));
  if (foreign !== undefined) {
    requirePermissions(foreign, loading);
    const { openSandboxedStack } = await import("./open_sandboxed_stack.ts");
    return await openSandboxedStack(choice, loading);
  }
  const stack = await loadStack(choice, loading);
  const loaded = [stack.plugins, ...Object.values(stack.nodes)].flat();
  const machines = await Promise.all(loaded.map(machineOf));
  return {
    choice,
    warnings: (await Promise.all(loaded.map(describeUse))).flat(),
    missing: machines.find(({ missing }) => missing !== null)?.missing ?? null,
    start: (options) =>
      Promise.resolve(new LocalReplay(stack, machines, options)),
  };
}

/** Bundling a plugin and running it take processes of their own. */
function requirePermissions(
  { use, source }: StackUse,
  { excerpt = () => undefined }: StackLoading,
): void {
  const missing = missingPermissions(["run", "env"]);
  if (missing.length === 0) return;
  const line = excerpt(source.line);
  throw new InputError([{
    message: `Cannot run plugin ${use}: it needs a process without ` +
      "permissions round it, and this command may start none",
    at: source,
    ...(line === undefined ? {} : { excerpt: line }),
    expected: withPermissions(missing),
  }]);
}

/** What becomes of a whole tape, and what its changes write. */
export interface TapeResult extends ReplayResult {
  /** One for each change that was asked about. */
  readonly syncs: readonly (SyncOutcome | null)[];
}

/** Replays a whole tape; asks what is written round the changes that are given, and only there. */
export async function replayTape(
  run: StackReplay,
  tape: Tape,
  changes: readonly Pick<TapeChange, "start" | "end">[] = [],
): Promise<TapeResult> {
  const results: FlowResult[] = [];
  const syncs: (SyncOutcome | null)[] = [];
  let done = 0;
  const applyTo = async (end: number) => {
    const more = await run.apply(
      done === 0 && end === tape.length ? tape : tape.slice(done, end),
    );
    for (const result of more) results.push(result);
    done = end;
  };
  for (const { start, end } of changes) {
    await applyTo(start);
    await run.sync();
    await applyTo(end);
    syncs.push(await run.sync());
  }
  await applyTo(tape.length);
  const hash = new OutcomesHash();
  for (const { outcome } of results) hash.add(outcome);
  const flows = tape.filter(({ type }) => type === "flow.opened").length;
  invariant(results.length === flows, "a stack lost flows");
  return { results, hash: hash.digest(), syncs };
}

class LocalReplay implements StackReplay {
  readonly plugins: readonly UsedPlugin[];
  readonly kinds: ReadonlySet<string>;
  readonly #machines: readonly Machine[];
  readonly #replay: Replay;

  constructor(
    stack: Stack,
    machines: readonly Machine[],
    options: StackReplayOptions,
  ) {
    this.#machines = machines;
    const loaded = [stack.plugins, ...Object.values(stack.nodes)].flat();
    this.plugins = loaded.map(({ plugin: { manifest } }) => ({
      name: manifest.name,
      version: manifest.version,
    }));
    this.kinds = new Set(loaded.flatMap(kindsOf));
    this.#replay = new Replay(stack, options);
  }

  get warnings(): readonly string[] {
    return this.#replay.warnings;
  }

  apply(events: readonly Event[]): Promise<readonly FlowResult[]> {
    const results: FlowResult[] = [];
    for (const event of events) {
      const result = this.#replay.apply(event);
      if (result !== undefined) results.push(result);
    }
    return Promise.resolve(results);
  }

  sync(): Promise<SyncOutcome | null> {
    return Promise.resolve(this.#replay.sync());
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines) machine.release();
    return Promise.resolve();
  }
}

function kindsOf({ plugin, options }: PluginUse): readonly string[] {
  const more = plugin.kindsOf?.(options as never) ?? [];
  return [...plugin.manifest.kinds, ...more];
}

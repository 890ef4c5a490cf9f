import type { Event, Tape } from "../event.ts";
import { canonicalJson } from "../log/mod.ts";
import { mergeShards, Replay, replay } from "./engine.ts";
import { HOOKS } from "./hook.ts";
import type { Action, Handled, Handler, Stack } from "./plugin.ts";
import { definePlugin, noOptions } from "./plugin.ts";
import { standardTape } from "./standard_tape.ts";
import { type AnyPlugin, stackOf, use } from "./testing.ts";

/** One law that every plugin must keep, and how this one breaks it. */
export interface LawCheck {
  /** One sentence, the same for every plugin. */
  readonly law: string;
  /** Null when the plugin keeps the law. */
  readonly broken: string | null;
}

/**
 * Checks a plugin against the laws of the engine on a standard tape: its
 * manifest, a total and JSON-safe fold, snapshots, determinism, packets left
 * alone, rules cited, and the scope it claims. Other tapes may be given.
 *
 * @example
 * ```ts
 * import { checkPlugin, definePlugin, noOptions } from "../../mod.ts";
 *
 * const inert = definePlugin({
 *   manifest: {
 *     name: "inert", version: "1.0.0", apiVersion: "v1", consumes: [],
 *     kinds: [], hooks: {}, scope: "flow", models: [],
 *   },
 *   options: noOptions,
 *   initialState: () => null,
 *   evolve: (state: null) => state,
 *   compile: () => null,
 *   attach: () => ({}),
 * });
 * const broken = checkPlugin(inert).filter((check) => check.broken !== null);
 * console.assert(broken.length === 0);
 * ```
 */
export function checkPlugin(
  plugin: AnyPlugin,
  { options = {}, tape = standardTape() }: {
    readonly options?: unknown;
    readonly tape?: Tape;
  } = {},
): LawCheck[] {
  const laws: readonly (readonly [string, () => string | null])[] = [
    ["the manifest is complete", () => manifestProblem(plugin)],
    [
      "the fold takes every event it consumes, and its state is JSON",
      () => foldProblem(plugin, options, tape),
    ],
    [
      "a snapshot continues as the fold itself",
      () => snapshotProblem(plugin, options, tape),
    ],
    [
      "packets are left alone, and every decision cites a rule",
      () => actionProblem(plugin, options, tape),
    ],
    [
      "the same inputs give the same outcomes, traced or not",
      () => determinismProblem(plugin, options, tape),
    ],
    [
      "another plugin in the stack shifts no draws",
      () => independenceProblem(plugin, options, tape),
    ],
    [
      "state is shared no wider than the scope says",
      () => scopeProblem(plugin, options, tape),
    ],
  ];
  return laws.map(([law, check]) => ({ law, broken: guarded(check) }));
}

function guarded(check: () => string | null): string | null {
  try {
    return check();
  } catch (error) {
    return `throws ${error instanceof Error ? error.message : String(error)}`;
  }
}

function manifestProblem({ manifest }: AnyPlugin): string | null {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(manifest.name)) {
    return `name ${manifest.name} is not lower case letters, digits and dashes`;
  }
  if (!/^\d+\.\d+\.\d+/.test(manifest.version)) {
    return `version ${manifest.version} is no semantic version`;
  }
  const hooks = Object.entries(manifest.hooks) as [string, { hook: string }][];
  const missing = hooks.find(([, { hook }]) =>
    !(HOOKS as readonly string[]).includes(hook)
  );
  return missing === undefined
    ? null
    : `handler ${missing[0]} names hook ${
      missing[1].hook
    }, which does not exist`;
}

/** The states after each consumed event, as canonical JSON; `restart` puts each through JSON first. */
function fold(
  plugin: AnyPlugin,
  options: unknown,
  { tape, restart }: { readonly tape: Tape; readonly restart: boolean },
): string[] {
  const consumes = new Set<string>(plugin.manifest.consumes);
  let state: unknown = plugin.initialState(use(plugin, options).options);
  return tape.filter((event) => consumes.has(event.type)).map((event) => {
    if (restart) state = JSON.parse(canonicalJson(state));
    state = plugin.evolve(state, event);
    return canonicalJson(state);
  });
}

function foldProblem(
  plugin: AnyPlugin,
  options: unknown,
  tape: Tape,
): string | null {
  fold(plugin, options, { tape, restart: false });
  return null;
}

function snapshotProblem(
  plugin: AnyPlugin,
  options: unknown,
  tape: Tape,
): string | null {
  const whole = fold(plugin, options, { tape, restart: false });
  const restarted = fold(plugin, options, { tape, restart: true });
  const first = whole.findIndex((state, index) => state !== restarted[index]);
  return first < 0
    ? null
    : `after ${first + 1} events a restored state differs from the folded one`;
}

function actionProblem(
  plugin: AnyPlugin,
  options: unknown,
  tape: Tape,
): string | null {
  const problems: string[] = [];
  const watched = watching(plugin, (name, handle) => (packet, context) => {
    const before = packet.toString();
    const handled = handle(Object.freeze(packet), context);
    if (packet.toString() !== before) problems.push(`${name} changes a packet`);
    for (const action of actionsOf(handled)) {
      const silent = ruleless(action);
      if (silent) {
        problems.push(`${name} returns ${action.kind} without a rule`);
      }
    }
    return handled;
  });
  replay(tape, stackOf([watched, options]), { seed: 1, trace: "full" });
  return problems[0] ?? null;
}

function ruleless(action: Action): boolean {
  const decides = action.kind === "drop" || action.kind === "reject" ||
    action.kind === "proxy" || action.kind === "rewrite";
  return decides && action.rule === null;
}

function actionsOf(handled: Handled): readonly Action[] {
  if (handled === undefined) return [];
  return Array.isArray(handled)
    ? handled as readonly Action[]
    : [handled as Action];
}

/** The plugin with its handlers wrapped. */
function watching(
  plugin: AnyPlugin,
  wrap: (name: string, handle: Handler) => Handler,
): AnyPlugin {
  return {
    ...plugin,
    attach: (compiled, node) =>
      Object.fromEntries(
        Object.entries(plugin.attach(compiled, node)).map(([name, handle]) => [
          name,
          handle === undefined ? undefined : wrap(name, handle as Handler),
        ]),
      ),
  };
}

function determinismProblem(
  plugin: AnyPlugin,
  options: unknown,
  tape: Tape,
): string | null {
  const stack = () => stackOf([plugin, options]);
  const first = replay(tape, stack(), { seed: 7, trace: "full" }).hash;
  const second = replay(tape, stack(), { seed: 7, trace: "full" }).hash;
  const untraced = replay(tape, stack(), { seed: 7, trace: "outcome" }).hash;
  if (first !== second) return "two replays differ";
  return first === untraced ? null : "outcomes differ without a trace";
}

function independenceProblem(
  plugin: AnyPlugin,
  options: unknown,
  tape: Tape,
): string | null {
  const alone = stackOf([plugin, options]);
  const beside: Stack = {
    ...alone,
    plugins: [
      ...alone.plugins,
      use(drawing("aa-draws")),
      use(drawing("zz-draws")),
    ],
  };
  const outcomes = (stack: Stack) =>
    replay(tape, stack, { seed: 7, trace: "outcome" }).hash;
  return outcomes(alone) === outcomes(beside)
    ? null
    : "outcomes change when plugins that only draw stand beside it";
}

/** A plugin that draws at every hook and does nothing else. */
function drawing(name: string): AnyPlugin {
  const draw: Handler = (_, context) => {
    context.draw("beside");
    return undefined;
  };
  return definePlugin({
    manifest: {
      name,
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: Object.fromEntries(
        HOOKS.map((hook) => [hook, { hook, priority: 0 }]),
      ),
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
    attach: () => Object.fromEntries(HOOKS.map((hook) => [hook, draw])),
  });
}

function scopeProblem(
  plugin: AnyPlugin,
  options: unknown,
  tape: Tape,
): string | null {
  const stack = stackOf([plugin, options]);
  if (scopeAfter(tape, stack) !== "flow") return null;
  const whole = replay(tape, stack, { seed: 7, trace: "outcome" });
  const shards = [0, 1, 2].map((index) =>
    replay(tape, stackOf([plugin, options]), {
      seed: 7,
      trace: "outcome",
      shard: { index, count: 3 },
    })
  );
  return mergeShards(shards).hash === whole.hash
    ? null
    : "scope is flow, yet outcomes change when senders are replayed apart";
}

function scopeAfter(tape: Tape, stack: Stack): "flow" | "node" | "cluster" {
  const run = new Replay(stack, { seed: 7, trace: "outcome" });
  for (const event of tape as readonly Event[]) {
    if (event.type !== "flow.opened") run.apply(event);
  }
  return run.scope;
}

import { partPosition } from "../core/cluster/model.ts";
import { InputError, nearest, type Problem } from "../core/errors.ts";
import type { OptionsSchema, PluginUse, Stack } from "../core/replay/plugin.ts";
import type { StackChoice, StackUse } from "../core/scenario/scenario.ts";
import { optionsAt } from "./_options_at.ts";
import {
  type Expansion,
  PLUGINS,
  type PresetPlugin,
  PRESETS,
} from "./presets.ts";

type PluginName = keyof typeof PLUGINS;

/** A plugin of ours that a stack uses, by a preset or by itself; options not yet checked. */
export interface ExpandedUse {
  readonly use: StackUse;
  readonly plugin: PresetPlugin;
}

/** How to load a stack. */
export interface StackLoading {
  /** A line of the file that the stack is written in, for excerpts. */
  readonly excerpt?: (line: number) => string | undefined;
}

/**
 * Loads the plugins of a stack and checks their options. Throws an
 * `InputError` with everything that is wrong with them.
 *
 * @example
 * ```ts
 * const stack = await loadStack(stackNamed("cilium"));
 * ```
 */
export async function loadStack(
  choice: StackChoice,
  { excerpt = () => undefined }: StackLoading = {},
): Promise<Stack> {
  const problems: Problem[] = [];
  const load = async (uses: readonly StackUse[]) => {
    const loaded: PluginUse[] = [];
    for (const { use, plugin } of expandAll(uses, problems)) {
      const ready = await loadPlugin(plugin, { use, problems });
      if (ready !== undefined) loaded.push(ready);
    }
    return loaded;
  };
  const plugins = await load(choice.uses);
  const nodes: Record<string, readonly PluginUse[]> = {};
  for (const { name, uses } of choice.nodes) nodes[name] = await load(uses);
  if (problems.length > 0) {
    throw new InputError(problems.map((problem) => {
      const line = excerpt(problem.at.line);
      return line === undefined ? problem : { ...problem, excerpt: line };
    }));
  }
  return { name: choice.name, plugins, nodes };
}

/** The stack that a preset or a plugin makes by itself, or several do, joined by `+`. */
export function stackNamed(name: string): StackChoice {
  const at = { file: COMMAND_LINE, line: 1, column: 1 };
  const uses = name.split("+")
    .map((use) => ({ use, options: {}, source: at }));
  return { name, at, uses, nodes: [] };
}

/** The file of positions on the command line. */
export const COMMAND_LINE = "--stack";

/** Whether a stack uses a plugin by the path of its module. */
export function isPluginPath(use: string): boolean {
  return /^\.{0,2}\/|\.[cm]?[jt]sx?$/.test(use);
}

/** The plugins of a stack; one that is used by itself is not brought along by a preset too. */
export function expandAll(
  uses: readonly StackUse[],
  problems: Problem[],
): ExpandedUse[] {
  const expanded = uses.map((use) => ({ use, found: expand(use, problems) }));
  const own = new Map<string, StackUse>();
  for (const { use, found } of expanded) {
    const [main] = found?.plugins ?? [];
    if (main === undefined) continue;
    if (own.has(main.plugin)) {
      problems.push({
        message: `Cannot use ${use.use}: the stack has plugin ${main.plugin} ` +
          `already, by ${own.get(main.plugin)!.use}`,
        at: use.source,
        expected: "each plugin once",
      });
    }
    own.set(main.plugin, use);
  }
  return expanded.flatMap(({ use, found }) =>
    (found?.plugins ?? [])
      .filter(({ plugin }, index) => index === 0 || !own.has(plugin))
      .map((plugin) => ({ use, plugin }))
  );
}

function expand(use: StackUse, problems: Problem[]): Expansion | undefined {
  const preset = Object.hasOwn(PRESETS, use.use) ? PRESETS[use.use] : undefined;
  if (preset !== undefined) {
    const expansion = preset.expand(use.options);
    for (const { path, ...about } of expansion.problems ?? []) {
      problems.push({ ...about, at: partPosition(use, path) });
    }
    return expansion;
  }
  const name = use.use.replace(/^plugins\//, "");
  if (Object.hasOwn(PLUGINS, name)) {
    return { plugins: [{ plugin: name, options: use.options, path: [] }] };
  }
  const known = [
    ...new Set([...Object.keys(PRESETS), ...Object.keys(PLUGINS)]),
  ];
  const near = nearest(use.use, known);
  const reason = isPluginPath(use.use)
    ? "plugins are not loaded by path here"
    : "there is no such preset or plugin";
  problems.push({
    message: `Cannot use ${use.use}: ${reason}`,
    at: partPosition(use, ["use"]),
    expected: `one of ${known.join(", ")}`,
    ...(near === undefined ? {} : { didYouMean: near }),
  });
}

async function loadPlugin(
  { plugin: name, options, path }: PresetPlugin,
  { use, problems }: { use: StackUse; problems: Problem[] },
): Promise<PluginUse | undefined> {
  const { default: plugin } = await PLUGINS[name as PluginName]();
  const schema: OptionsSchema<unknown> = plugin.options;
  const strange = (keys: readonly string[], within: readonly string[]) => {
    const { known } = optionsAt(schema, within);
    for (const key of keys) {
      const whole = [...path, ...within, key];
      const near = nearest(key, known);
      problems.push({
        message: `Cannot use ${use.use}: there is no option ${whole.join(".")}`,
        at: partPosition(use, whole),
        ...(known.length === 0
          ? {}
          : { expected: `one of ${known.join(", ")}` }),
        ...(near === undefined ? {} : { didYouMean: near }),
      });
    }
  };
  const before = problems.length;
  for (const { keys, within } of misspelt(options, schema)) {
    strange(keys, within);
  }
  const checked = await schema["~standard"].validate(options);
  for (const issue of checked.issues ?? []) {
    const within = (issue.path ?? []).map((part) =>
      String(typeof part === "object" ? part.key : part)
    );
    const whole = [...path, ...within];
    const keys = strangeKeys(issue);
    if (keys !== undefined) strange(keys, within);
    else {
      problems.push({
        message: `Cannot use ${
          whole.join(".")
        } of ${use.use}: ${issue.message}`,
        at: partPosition(use, whole),
      });
    }
  }
  if (checked.issues !== undefined || problems.length > before) {
    return undefined;
  }
  return {
    plugin: plugin as unknown as PluginUse["plugin"],
    options: checked.value,
  };
}

/**
 * Keys that a schema lets pass and that are likely slips of ones it knows: a
 * value that is meant to be set and is not must not go unseen.
 */
function* misspelt(
  options: Readonly<Record<string, unknown>>,
  schema: unknown,
  within: readonly string[] = [],
): Generator<{ keys: readonly string[]; within: readonly string[] }> {
  const { known, open } = optionsAt(schema, within);
  const strange = Object.keys(options).filter((key) => !known.includes(key));
  if (open) {
    yield {
      keys: strange.filter((key) => nearest(key, known) !== undefined),
      within,
    };
  }
  for (const key of known) {
    const part = options[key];
    if (typeof part !== "object" || part === null || Array.isArray(part)) {
      continue;
    }
    yield* misspelt(part as Record<string, unknown>, schema, [...within, key]);
  }
}

/** The keys that an issue is about, when it is about keys that there are not. */
function strangeKeys(issue: object): readonly string[] | undefined {
  const { code, keys } = issue as { code?: unknown; keys?: unknown };
  return code === "unrecognized_keys" && Array.isArray(keys)
    ? keys.map(String)
    : undefined;
}

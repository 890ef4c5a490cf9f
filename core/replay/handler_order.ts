import { InternalError } from "../errors.ts";
import { type Hook, HOOKS } from "./hook.ts";
import type { Manifest, PluginUse } from "./plugin.ts";

/** One handler of one plugin, in its place at its hook. */
export interface OrderedHandler {
  readonly hook: Hook;
  readonly name: string;
  /** Index of the plugin among those of the stack, sorted by name. */
  readonly plugin: number;
  readonly priority: number;
}

/** A stack that cannot be put together. Its message names both sides. */
export class StackError extends Error {
  override readonly name = "StackError";
  readonly code = "bad-stack";
}

/**
 * The plugins of a stack by name. Their place in the list means nothing, so
 * this order is the one everything else uses.
 */
export function sortedPlugins(uses: readonly PluginUse[]): PluginUse[] {
  const sorted = [...uses].sort((a, b) =>
    compareText(a.plugin.manifest.name, b.plugin.manifest.name)
  );
  for (const [index, use] of sorted.entries()) {
    const { name } = use.plugin.manifest;
    if (index > 0 && sorted[index - 1]!.plugin.manifest.name === name) {
      throw new StackError(
        `Cannot load the stack: plugin ${name} is in it twice`,
      );
    }
  }
  return sorted;
}

/**
 * The handlers of each hook in the order they run: by priority, then
 * `before` and `after`, then plugin name and handler name.
 */
export function orderHandlers(
  sorted: readonly PluginUse[],
): Readonly<Record<Hook, readonly OrderedHandler[]>> {
  const manifests = sorted.map((use) => use.plugin.manifest);
  const rank = pluginRanks(manifests);
  const byHook = Object.fromEntries(
    HOOKS.map((hook) => [hook, [] as OrderedHandler[]]),
  ) as Record<Hook, OrderedHandler[]>;
  for (const [plugin, manifest] of manifests.entries()) {
    for (const [name, { hook, priority }] of Object.entries(manifest.hooks)) {
      const list = byHook[hook];
      if (list === undefined) {
        throw new StackError(
          `Cannot load plugin ${manifest.name}: handler ${name} names hook ${hook}, which does not exist; the hooks are ${
            HOOKS.join(", ")
          }`,
        );
      }
      list.push({ hook, name, plugin, priority });
    }
  }
  for (const list of Object.values(byHook)) {
    list.sort((a, b) =>
      a.priority - b.priority || rank[a.plugin]! - rank[b.plugin]! ||
      compareText(a.name, b.name)
    );
  }
  return byHook;
}

/** Topological order of the plugins by `before` and `after`, by name where neither speaks. */
function pluginRanks(manifests: readonly Manifest[]): number[] {
  const indexOf = new Map(manifests.map((m, index) => [m.name, index]));
  const earlier = manifests.map(() => new Set<number>());
  for (const [index, manifest] of manifests.entries()) {
    for (const name of manifest.before ?? []) {
      earlier[target(manifest, name, "before")]!.add(index);
    }
    for (const name of manifest.after ?? []) {
      earlier[index]!.add(target(manifest, name, "after"));
    }
  }
  const rank = new Array<number>(manifests.length).fill(-1);
  for (let next = 0; next < manifests.length; next++) {
    const ready = manifests.findIndex((_, index) =>
      rank[index] === -1 &&
      [...earlier[index]!].every((other) => rank[other] !== -1)
    );
    if (ready < 0) throw cycleError(manifests, rank, earlier);
    rank[ready] = next;
  }
  return rank;

  function target(manifest: Manifest, name: string, word: string): number {
    const index = indexOf.get(name);
    if (index === undefined) {
      throw new StackError(
        `Cannot order plugin ${manifest.name}: it must run ${word} ${name}, which is not in the stack (${
          manifests.map((m) => m.name).join(", ")
        })`,
      );
    }
    return index;
  }
}

function cycleError(
  manifests: readonly Manifest[],
  rank: readonly number[],
  earlier: readonly ReadonlySet<number>[],
): StackError {
  for (const [index, waitsFor] of earlier.entries()) {
    if (rank[index] !== -1) continue;
    for (const other of waitsFor) {
      if (rank[other] === -1) {
        return new StackError(
          `Cannot order the plugins: ${manifests[index]!.name} must run after ${
            manifests[other]!.name
          }, and that one, by way of the others, after ${
            manifests[index]!.name
          }`,
        );
      }
    }
  }
  throw new InternalError("a cycle has two members");
}

/** Order by code unit, the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import { dirname, join } from "node:path";
import type { Scenario } from "../core/scenario/scenario.ts";
import { isPluginPath } from "./load_stack.ts";

/** Every file that running a scenario reads: itself, what it applies, recordings, plugins. */
export function scenarioFiles(
  { source, fixtures, steps, stacks }: Scenario,
): string[] {
  const beside = (path: string) => join(dirname(source.file), path);
  const ofSteps = steps.flatMap(({ action }): readonly string[] => {
    switch (action.kind) {
      case "apply":
      case "delete":
        return action.objects.flatMap((object) =>
          "files" in object ? object.files.map(({ file }) => file) : []
        );
      case "replay":
        return [beside(action.replay.file.path)];
      case "load":
        return action.load.file.files.map(({ file }) => file);
      case "send":
        return [];
    }
  });
  const uses = (stacks ?? [])
    .flatMap((stack) => [stack, ...stack.nodes])
    .flatMap(({ uses }) => uses.map(({ use }) => use));
  return [
    ...new Set([
      source.file,
      ...fixtures.flatMap(({ files }) => files.map(({ file }) => file)),
      ...ofSteps,
      ...pluginFolders(uses).map(beside),
    ]),
  ];
}

/** The folders of plugins by path among what stacks use: a plugin may import what lies beside it. */
export function pluginFolders(uses: readonly string[]): string[] {
  return uses.flatMap((use) => use.split("+")).filter(isPluginPath)
    .map((path) => dirname(path));
}

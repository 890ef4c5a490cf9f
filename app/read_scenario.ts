import { dirname, join } from "node:path";
import { InputError } from "../core/errors.ts";
import { parseScenario } from "../core/scenario/parse_scenario.ts";
import type { Scenario } from "../core/scenario/scenario.ts";
import { readManifests } from "./input/manifests.ts";

/** Reads a scenario and the files it names, which lie beside it. */
export function readScenario(file: string): Scenario {
  const [read] = readManifests([file]);
  const directory = dirname(file);
  return parseScenario(read!.text, {
    file,
    readFixture: (path) => {
      const beside = join(directory, path);
      return exists(beside) ? readManifests([beside]) : null;
    },
  });
}

/**
 * The scenario files among paths: files named, and those called
 * `scenario.yaml` or `*.scenario.yaml` in directories named, at any depth, in
 * order of their paths.
 */
export function findScenarios(paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => {
    if (!exists(path)) {
      throw missing(path, "a scenario, or a directory of them");
    }
    return Deno.statSync(path).isDirectory ? inDirectory(path) : [path];
  });
  return [...new Set(found)];
}

function inDirectory(directory: string): string[] {
  const entries = [...Deno.readDirSync(directory)]
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => sortKey(a.name) < sortKey(b.name) ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) => {
    const path = join(directory, name);
    if (isDirectory) return inDirectory(path);
    return /(?:^|\.)scenario\.ya?ml$/.test(name) ? [path] : [];
  });
}

/** Variants come after the scenario itself. */
function sortKey(name: string): string {
  return /^scenario\.ya?ml$/.test(name) ? "" : name;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function missing(path: string, expected: string): InputError {
  return new InputError([{
    message: `Cannot read ${path}: it does not exist`,
    at: { file: path, line: 1, column: 1 },
    expected,
  }]);
}

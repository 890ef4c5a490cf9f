import { parseDocuments, type YamlDocument } from "../_yaml.ts";
import { problemsError } from "../_yaml_text.ts";
import type { Problem } from "../errors.ts";
import { type ScenarioRead, scenarioShape } from "./_scenario_shape.ts";
import { Cursor, type FixtureFile, type Reading } from "./_cursor.ts";
import { type Entry } from "./_mapping.ts";
import { type JsonSchema } from "./_shape.ts";
import { formatDuration } from "./duration.ts";
import type { Scenario, Step } from "./scenario.ts";

/** What reading a scenario needs of the world. */
export interface ScenarioReading {
  /** Name of the file, for positions. */
  readonly file: string;
  /**
   * Finds a file or a directory by its path from the scenario's own
   * directory; null when there is none. Left out, no file is looked for.
   */
  readonly readFixture?: (path: string) => readonly FixtureFile[] | null;
}

const SECOND_NS = 1_000_000_000;

/**
 * Reads a scenario. Throws an `InputError` with every problem of the file.
 *
 * @example
 * ```ts
 * const scenario = parseScenario(
 *   `apiVersion: plumbline/v1
 * kind: Scenario
 * metadata: {name: hello}
 * steps:
 *   - send: {from: pod/default/a, to: "tcp://10.0.0.2:80"}`,
 *   { file: "scenario.yaml" },
 * );
 * scenario.steps[0]!.name; // step 1
 * ```
 */
export function parseScenario(
  source: string,
  { file, readFixture }: ScenarioReading,
): Scenario {
  const document = onlyDocument(source, file);
  const missing = missingOf(document, readFixture);
  const reading: Reading = {
    document,
    problems: [],
    vars: varsOf(document),
    names: namesOf(document),
    // What else is not there follows from what it needs.
    find: missing.length > 0 ? null : readFixture ?? null,
  };
  const read = scenarioShape.read(Cursor.top(reading));
  const steps = read === undefined ? [] : placeSteps(read, reading);
  if (read === undefined || reading.problems.length > 0) {
    throw problemsError(reading.problems.toSorted(byPosition));
  }
  return toScenario(read, { text: source, steps, missing });
}

/** The JSON Schema of scenarios, for editors. */
export function scenarioSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Plumbline scenario",
    ...scenarioShape.schema(),
  };
}

function onlyDocument(source: string, file: string): YamlDocument {
  const documents = parseDocuments(source, { file });
  const [document, second] = documents;
  if (document === undefined) {
    throw problemsError([{
      message: `Cannot read ${file}: it is empty`,
      at: { file, line: 1, column: 1 },
      expected: "a scenario",
    }]);
  }
  if (second === undefined) return document;
  throw problemsError([
    second.problem(second.at(), {
      message: `Cannot read ${file}: it holds ${documents.length} documents`,
      expected: "one scenario a file",
    }),
  ]);
}

/** The vars as far as they can be used; the shape notes what is wrong with the others. */
function varsOf(document: YamlDocument): Map<string, string> {
  const vars = new Map<string, string>();
  for (const [name, value] of Object.entries(partOf(document, "vars"))) {
    if (typeof value !== "object") vars.set(name, String(value));
  }
  return vars;
}

/** What parts of the document may refer to, read ahead so that all their problems come in one go. */
function namesOf(document: YamlDocument): Reading["names"] {
  const stacks = Object.keys(partOf(document, "stacks"));
  const steps = Object.values(partOf(document, "steps"))
    .map((step, index) => String(step?.name ?? `step ${index + 1}`));
  const divergences = Object.values(partOf(document, "divergences"))
    .map((divergence) => divergence?.id)
    .concat((partOf(document, "metadata") as { id?: unknown }).id)
    .filter((id) => typeof id === "string");
  return {
    stack: stacks.length === 0 ? null : stacks,
    step: steps,
    divergence: [...new Set(divergences)],
  };
}

/** A mapping or a list of the document, empty where there is none. */
function partOf(
  document: YamlDocument,
  key: string,
): Readonly<Record<string, { name?: unknown; id?: unknown } | null>> {
  const part = (document.value as Record<string, unknown> | null)?.[key];
  return typeof part === "object" && part !== null ? part as never : {};
}

function missingOf(
  document: YamlDocument,
  readFixture: ScenarioReading["readFixture"],
): string[] {
  const needs = (document.value as { needs?: unknown } | null)?.needs;
  if (readFixture === undefined) return [];
  return [needs].flat()
    .filter((path) => typeof path === "string")
    .filter((path) => readFixture(path) === null);
}

/** Steps in their places in time; time never goes back. */
function placeSteps(read: ScenarioRead, reading: Reading): Step[] {
  const names = new Set<string>();
  let nowNs = -SECOND_NS;
  return read.steps.map((step, index) => {
    const { timeNs = nowNs + SECOND_NS, position, ...rest } = step;
    const name = step.name ?? `step ${index + 1}`;
    const fail = (message: string, expected: string) =>
      reading.problems.push(
        reading.document.problem(position, { message, expected }),
      );
    if (timeNs < nowNs) {
      const now = formatDuration(nowNs);
      fail(
        `Cannot go back in time: the step before is at ${now}`,
        "steps in the order of their time",
      );
    }
    if (names.has(name)) {
      fail(
        `Cannot tell steps apart: there are two named ${name}`,
        "a name of its own for each step",
      );
    }
    names.add(name);
    nowNs = Math.max(nowNs, timeNs);
    return { ...rest, name, at: position, timeNs };
  });
}

function toScenario(
  read: ScenarioRead,
  rest: Pick<Scenario, "text" | "steps" | "missing">,
): Scenario {
  const { metadata } = read;
  return {
    id: metadata.id ?? null,
    name: metadata.name,
    description: metadata.description ?? null,
    labels: toRecord(metadata.labels),
    refs: metadata.refs ?? [],
    versions: toRecord(metadata.versions),
    source: read.position,
    seed: read.seed ?? 0,
    fixtures: read.fixtures ?? [],
    stacks: read.stacks ?? null,
    baseline: read.baseline ?? null,
    records: read.records ?? [],
    divergences: read.divergences ?? [],
    costs: read.cost ?? [],
    ...rest,
  };
}

function toRecord(
  entries: readonly Entry<string>[] = [],
): Record<string, string> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

function byPosition(a: Problem, b: Problem): number {
  return a.at.line - b.at.line || a.at.column - b.at.column;
}

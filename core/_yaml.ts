/**
 * YAML and JSON with positions, over the `yaml` package, and the part of
 * `@std/yaml` that we use, with its names and signatures. When `@std/yaml`
 * can be installed, mapping the name to it in deno.json is the whole change.
 */
import { stringify as yamlStringify } from "yaml";
import { readBlocks } from "./_yaml_block.ts";
import {
  type EntryOffsets,
  ReadFailure,
  readJson,
  type ReadValue,
} from "./_yaml_json.ts";
import { readAnyYaml, type YamlReading } from "./_yaml_package.ts";
import { problemsError, SourceText } from "./_yaml_text.ts";
import type { Problem } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { SourcePosition } from "./source.ts";

export { problemsError };

/** One document of a file: its value, and where each part of it is written. */
export class YamlDocument {
  /** JSON: mappings are plain objects, numbers are finite. */
  readonly value: unknown;
  readonly #source: SourceText;
  readonly #offsets: EntryOffsets;
  readonly #offset: number;

  constructor(
    read: ReadValue,
    { source, offsets }: { source: SourceText; offsets: EntryOffsets },
  ) {
    this.value = read.value;
    this.#source = source;
    this.#offsets = offsets;
    this.#offset = read.offset;
  }

  /** Position of the part at a path, or of the nearest enclosing part there is. */
  at(path: readonly (string | number)[] = []): SourcePosition {
    let offset = this.#offset;
    let holder = this.value;
    for (const key of path) {
      const next = this.#offsetOf(holder, key);
      if (next === undefined) break;
      offset = next;
      holder = (holder as Record<string | number, unknown>)[key];
    }
    return this.#source.at(offset);
  }

  /** Position of an entry or item of a container of this document; undefined when it has none. */
  entryAt(holder: object, key: string | number): SourcePosition | undefined {
    const offset = this.#offsetOf(holder, key);
    return offset === undefined ? undefined : this.#source.at(offset);
  }

  /** `line:column` of every part below a container, keyed by dotted path. */
  parts(
    holder: object,
    { skip = [] }: { skip?: readonly string[] } = {},
  ): Record<string, string> {
    const parts: Record<string, string> = {};
    const visit = (value: unknown, prefix: string) => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, part] of Object.entries(value)) {
        const path = prefix === "" ? key : `${prefix}.${key}`;
        if (skip.includes(path)) continue;
        const at = this.entryAt(value, Array.isArray(value) ? +key : key);
        if (at !== undefined) parts[path] = `${at.line}:${at.column}`;
        visit(part, path);
      }
    };
    visit(holder, "");
    return parts;
  }

  /** A problem at a position of this document, with its excerpt. */
  problem(
    at: SourcePosition,
    about: Omit<Problem, "at" | "excerpt">,
  ): Problem {
    return this.#source.problem(at, about);
  }

  #offsetOf(holder: unknown, key: string | number): number | undefined {
    if (typeof holder !== "object" || holder === null) return undefined;
    const entries = this.#offsets.get(holder);
    return Array.isArray(entries)
      ? entries[Number(key)]
      : entries?.get(String(key));
  }
}

/**
 * Reads every document of a YAML or JSON file; empty ones have the value
 * null. Throws an `InputError` with all that is wrong with the file.
 *
 * @example
 * ```ts
 * const [document] = parseDocuments("spec: {port: 80}", { file: "a.yaml" });
 * document?.at(["spec", "port"]); // a.yaml:1:8
 * ```
 */
export function parseDocuments(
  text: string,
  { file }: { file: string },
): YamlDocument[] {
  const { documents, problems } = readDocuments(text, { file });
  if (problems.length > 0) throw problemsError(problems);
  return documents;
}

/**
 * Reads the documents of a file that can be read, and says what is wrong with
 * the others. Throws an `InputError` when it cannot be told into documents at
 * all.
 */
export function readDocuments(
  text: string,
  { file }: { file: string },
): {
  readonly documents: YamlDocument[];
  readonly problems: readonly Problem[];
} {
  const source = new SourceText(file, text);
  if (text.length > LIMITS.documentBytes) {
    throw problemsError([{
      message: `Cannot read ${file}: it has ${text.length} characters`,
      at: { file, line: 1, column: 1 },
      expected: `at most ${LIMITS.documentBytes}`,
    }]);
  }
  const offsets: EntryOffsets = new WeakMap();
  const read = /^[\s\ufeff]*[{[]/.test(text)
    ? readJsonOrYaml(source, offsets)
    : readYaml(source, offsets);
  return {
    documents: read.values.map((value) =>
      new YamlDocument(value, { source, offsets })
    ),
    problems: read.problems,
  };
}

/** Reads text of one document, as `@std/yaml` does. */
export function parse(text: string): unknown {
  const values = parseAll(text);
  if (values.length > 1) {
    throw new SyntaxError(
      `Cannot read YAML: ${values.length} documents in place of one`,
    );
  }
  return values[0] ?? null;
}

/** Reads text of any number of documents, as `@std/yaml` does. */
export function parseAll(text: string): unknown[] {
  return parseDocuments(text, { file: "text" }).map(({ value }) => value);
}

/** Writes a value as YAML, as `@std/yaml` does. */
export function stringify(
  value: unknown,
  { indent = 2, lineWidth = 80, sortKeys = false }: {
    indent?: number;
    lineWidth?: number;
    sortKeys?: boolean;
  } = {},
): string {
  return yamlStringify(value, {
    indent,
    lineWidth,
    sortMapEntries: sortKeys,
    aliasDuplicateObjects: false,
  });
}

function readJsonOrYaml(
  source: SourceText,
  offsets: EntryOffsets,
): YamlReading {
  try {
    return { values: readJson(source.text, offsets), problems: [] };
  } catch (error) {
    if (!(error instanceof ReadFailure)) throw error;
    // A flow mapping of YAML begins like JSON.
    const mayBeYaml = !source.file.endsWith(".json") && !error.final;
    if (mayBeYaml) return readYaml(source, offsets);
    throw problemsError([
      source.problem(source.at(error.offset), {
        message: `Cannot read JSON: ${error.message}`,
        expected: "JSON as kubectl -o json writes it",
      }),
    ]);
  }
}

function readYaml(source: SourceText, offsets: EntryOffsets): YamlReading {
  const read = readBlocks(source.text, offsets);
  if (read.values !== null) return { values: read.values, problems: [] };
  if (source.text.length <= LIMITS.yamlFullBytes) {
    return readAnyYaml(source, offsets);
  }
  throw problemsError([
    source.problem(source.at(read.offset), {
      message: `Cannot read YAML: ${source.text.length} characters are too ` +
        "many for more than block style",
      expected: "YAML as kubectl writes it, JSON, or a smaller file",
    }),
  ]);
}

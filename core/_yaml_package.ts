import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import {
  checkKey,
  type EntryOffsets,
  ReadFailure,
  type ReadValue,
} from "./_yaml_json.ts";
import { problemsError, type SourceText } from "./_yaml_text.ts";
import type { Problem } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** What could be read of a file, and what could not. */
export interface YamlReading {
  /** Of the documents without problems. */
  readonly values: readonly ReadValue[];
  readonly problems: readonly Problem[];
}

/** Reads all of YAML 1.2 (core schema) and the merge keys of 1.1, document by document. */
export function readAnyYaml(
  source: SourceText,
  offsets: EntryOffsets,
): YamlReading {
  const problems: Problem[] = [];
  const values: ReadValue[] = [];
  for (const document of composeDocuments(source)) {
    if (document.errors.length > 0) {
      problems.push(...document.errors.map((e) => syntaxProblem(source, e)));
      continue;
    }
    const conversion = new Conversion(source, offsets);
    values.push({
      value: conversion.value(document.contents, 0),
      offset: document.contents?.range?.[0] ?? document.range[0],
    });
    problems.push(...conversion.problems);
  }
  return { values, problems };
}

function composeDocuments(source: SourceText): Document.Parsed[] {
  // The package recurses and keeps a stack, which a hostile nesting would fill.
  const deep = deepOffset(source.text);
  if (deep !== undefined) throw problemsError([tooDeep(source, deep)]);
  // Keys are compared by Conversion: the package's own check is quadratic.
  const documents = parseAllDocuments(source.text, {
    version: "1.2",
    schema: "core",
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  return Array.isArray(documents) ? documents : [];
}

/** Where more containers are open than any document may have; text in quotes only makes it guess high. */
function deepOffset(text: string): number | undefined {
  const dashes = text.search(/(?:[-?:] ){300}/);
  if (dashes >= 0) return dashes;
  let depth = 0;
  for (const { 0: bracket, index } of text.matchAll(/[[\]{}]/g)) {
    if (bracket === "]" || bracket === "}") depth = Math.max(0, depth - 1);
    else if (++depth > LIMITS.documentDepth * 50) return index;
  }
  return undefined;
}

function tooDeep(source: SourceText, offset: number): Problem {
  return source.problem(source.at(offset), {
    message: "Cannot read YAML: it is nested too deep",
    expected: `a depth of at most ${LIMITS.documentDepth}`,
  });
}

/** Nodes of one document to JSON values, with the offset of every entry. */
class Conversion {
  readonly problems: Problem[] = [];
  readonly #source: SourceText;
  readonly #offsets: EntryOffsets;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #aliases = 0;
  #aliasDepth = 0;
  #aliasedNodes = 0;
  #bombed = false;

  constructor(source: SourceText, offsets: EntryOffsets) {
    this.#source = source;
    this.#offsets = offsets;
  }

  value(node: Node | null, depth: number): unknown {
    if (node === null) return null;
    if (depth > LIMITS.documentDepth) {
      return this.#fail(node, "it is nested too deep", {
        expected: `a depth of at most ${LIMITS.documentDepth}`,
      });
    }
    const aliased = this.#aliasDepth > 0 &&
      ++this.#aliasedNodes > LIMITS.yamlAliasedNodes;
    if (aliased) return this.#bomb(node);
    if (isAlias(node)) return this.#alias(node, depth);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) {
      return this.#scalar(node as Scalar & { source?: string });
    }
    this.#open.add(node);
    const value = isMap(node)
      ? this.#mapping(node, depth)
      : this.#list(node, depth);
    this.#open.delete(node);
    return value;
  }

  #scalar(node: Scalar): unknown {
    const value = node.value;
    if (typeof value === "number" && !Number.isFinite(value)) {
      // A hash such as 12e4567 overflows, and kubectl's reader keeps its text.
      if (/^\d/.test(node.source ?? "")) return node.source;
      return this.#fail(node, `${node.source} has no JSON form`, {
        expected: "a finite number",
      });
    }
    return value ?? null;
  }

  #list(node: Node, depth: number): unknown {
    const value: unknown[] = [];
    const items: number[] = [];
    this.#offsets.set(value, items);
    for (const item of isSeq<Node>(node) ? node.items : []) {
      items.push(item?.range?.[0] ?? node.range![0]);
      value.push(this.value(item, depth + 1));
    }
    return value;
  }

  #mapping(node: YAMLMap, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    const entries = new Map<string, number>();
    const merged: (Node | null)[] = [];
    this.#offsets.set(value, entries);
    for (const pair of node.items) {
      const key = pair.key as Node | null;
      const part = pair.value as Node | null;
      if (!isScalar(key)) {
        this.#fail(key ?? node, "a key is not a single word");
      } else if (key.value === "<<" && key.type === "PLAIN") {
        merged.push(part);
      } else {
        const name = String(key.value ?? key.source ?? "");
        const offset = key.range![0];
        const known = entries.get(name);
        if (name === "__proto__" || known !== undefined) {
          this.#badKey(name, { offset, known: entries });
          continue;
        }
        entries.set(name, offset);
        value[name] = this.value(part, depth + 1);
      }
    }
    for (const part of merged) this.#merge(value, { entries, part, depth });
    return value;
  }

  /** YAML 1.1's `<<`, which kubectl's reader still knows; own keys win. */
  #merge(
    into: Record<string, unknown>,
    { entries, part, depth }: {
      entries: Map<string, number>;
      part: Node | null;
      depth: number;
    },
  ): void {
    const read = this.value(part, depth + 1);
    for (const one of Array.isArray(read) ? read : [read]) {
      if (typeof one !== "object" || one === null || Array.isArray(one)) {
        if (part !== null) {
          this.#fail(part, "<< merges what is no mapping", {
            expected: "an alias of a mapping, or a list of them",
          });
        }
        continue;
      }
      const offsets = this.#offsets.get(one) as Map<string, number>;
      for (const [key, value] of Object.entries(one)) {
        if (entries.has(key)) continue;
        entries.set(key, offsets.get(key) ?? part!.range![0]);
        into[key] = value;
      }
    }
  }

  #alias(node: Node & { source: string }, depth: number): unknown {
    const target = this.#anchors.get(node.source);
    if (target === undefined) {
      return this.#fail(node, `there is no anchor ${node.source} before it`);
    }
    if (this.#open.has(target)) {
      return this.#fail(node, `the alias ${node.source} is within itself`);
    }
    if (++this.#aliases > LIMITS.yamlAliases) return this.#bomb(node);
    this.#aliasDepth++;
    const value = this.value(target, depth);
    this.#aliasDepth--;
    return value;
  }

  #bomb(node: Node): null {
    if (this.#bombed) return null;
    this.#bombed = true;
    return this.#fail(node, "its aliases stand for too much", {
      expected: `at most ${LIMITS.yamlAliases} aliases for at most ` +
        `${LIMITS.yamlAliasedNodes} values`,
    });
  }

  #badKey(
    key: string,
    about: { offset: number; known: ReadonlyMap<string, number> },
  ): void {
    try {
      checkKey(key, about);
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error;
      const before = about.known.get(key);
      const line = before === undefined
        ? undefined
        : this.#source.at(before).line;
      this.problems.push(
        this.#source.problem(this.#source.at(about.offset), {
          message: `Cannot read YAML: ${error.message}`,
          ...(line === undefined
            ? {}
            : { expected: `one entry; the other is in line ${line}` }),
        }),
      );
    }
  }

  #fail(
    node: Node,
    reason: string,
    about: { expected?: string } = {},
  ): null {
    const at = this.#source.at(node.range?.[0] ?? 0);
    const expected = templateHint(this.#source, at.line) ?? about.expected;
    this.problems.push(this.#source.problem(at, {
      message: `Cannot read YAML: ${reason}`,
      ...(expected === undefined ? {} : { expected }),
    }));
    return null;
  }
}

/** What the package says in its own terms, in a reader's. */
const EXPECTED: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  TAB_AS_INDENT: "spaces: YAML does not allow tabs in an indentation",
  BAD_INDENT: "an indentation that fits the lines above",
  MISSING_CHAR: "the character that closes or parts what was begun",
  MULTILINE_IMPLICIT_KEY: "a key on one line",
  BLOCK_AS_IMPLICIT_KEY: "a nested mapping on a line of its own",
  BAD_ALIAS: "a name after the *",
};

function syntaxProblem(source: SourceText, error: YAMLError): Problem {
  const at = source.at(Math.min(error.pos[0], source.text.length));
  if (error.message.includes("call stack")) {
    return tooDeep(source, error.pos[0]);
  }
  const expected = templateHint(source, at.line) ?? EXPECTED[error.code];
  const reason = error.message.slice(0, 1).toLowerCase() +
    error.message.slice(1, 200).split("\n")[0];
  return source.problem(at, {
    message: `Cannot read YAML: ${reason}`,
    ...(expected === undefined ? {} : { expected }),
  });
}

/** Sources of charts are taken for manifests so often that they get a word of their own. */
function templateHint(source: SourceText, line: number): string | undefined {
  return source.excerpt(line)?.includes("{{")
    ? "YAML whose templates are filled in, as `helm template` writes it"
    : undefined;
}

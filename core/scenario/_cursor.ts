import type { YamlDocument } from "../_yaml.ts";
import { nearest, type Problem } from "../errors.ts";
import type { SourcePosition } from "../source.ts";

/** A file that a scenario names, read. */
export interface FixtureFile {
  /** Its path, for positions. */
  readonly file: string;
  readonly text: string;
}

/** What has a name in a scenario. */
export type NameKind = "stack" | "step" | "divergence";

/** What is shared by everything read from one document. */
export interface Reading {
  readonly document: YamlDocument;
  readonly problems: Problem[];
  /** Values for `${name}`. */
  readonly vars: ReadonlyMap<string, string>;
  /** Names that other parts may refer to; null: any. */
  readonly names: Readonly<Record<NameKind, readonly string[] | null>>;
  /** Finds a file or a directory beside the scenario; null when there is none. */
  readonly find: ((path: string) => readonly FixtureFile[] | null) | null;
}

/** One place of a document that is being read. */
export class Cursor {
  readonly value: unknown;
  readonly at: SourcePosition;
  /** What the place is called in a problem: `steps[2].send.from`. */
  readonly name: string;
  readonly reading: Reading;

  constructor(
    reading: Reading,
    about: { value: unknown; at: SourcePosition; name: string },
  ) {
    this.reading = reading;
    this.value = about.value;
    this.at = about.at;
    this.name = about.name;
  }

  /** A cursor at the whole document. */
  static top(reading: Reading): Cursor {
    const { document } = reading;
    return new Cursor(reading, {
      value: document.value,
      at: document.at(),
      name: "the scenario",
    });
  }

  /** The entry of a mapping or the item of a list below this place. */
  below(key: string | number): Cursor {
    const holder = this.value as Record<string | number, unknown>;
    const name = typeof key === "number" ? `[${key}]` : key;
    const root = this.name === "the scenario";
    const parent = root ? "" : this.name;
    const joint = root || typeof key === "number" ? "" : ".";
    return new Cursor(this.reading, {
      value: holder[key],
      at: this.reading.document.entryAt(holder, key) ?? this.at,
      name: `${parent}${joint}${name}`,
    });
  }

  /** Notes a problem here; `undefined`, so that a shape can return it. */
  fail(
    reason: string,
    about: { expected?: string; didYouMean?: string | undefined } = {},
  ): undefined {
    const { expected, didYouMean } = about;
    const problem = this.reading.document.problem(this.at, {
      message: `Cannot read ${this.name}: ${reason}`,
      ...(expected === undefined ? {} : { expected }),
      ...(didYouMean === undefined ? {} : { didYouMean }),
    });
    this.reading.problems.push(problem);
    return undefined;
  }

  /** Text with its `${name}` filled in. */
  filled(text: string): string {
    return text.replace(
      /\$?\$\{([^{}]*)\}/g,
      (whole: string, name: string) => {
        if (whole.startsWith("$$")) return whole.slice(1);
        const value = this.reading.vars.get(name);
        if (value !== undefined) return value;
        this.fail(`there is no var ${name}`, {
          expected: "a name from vars",
          didYouMean: nearest(name, this.reading.vars.keys()),
        });
        return whole;
      },
    );
  }
}

/** What a value is, in a reader's words. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "it is empty";
  if (Array.isArray(value)) return "it is a list";
  if (typeof value === "object") return "it is a mapping";
  const text = String(value);
  return `it is ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}

/** The keys of a mapping; a problem when it is none. */
export function keysOf(cursor: Cursor): readonly string[] | undefined {
  const { value } = cursor;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return cursor.fail(describe(value), { expected: "a mapping" });
  }
  return Object.keys(value);
}

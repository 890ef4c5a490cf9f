import { parseDocuments } from "../../../core/_yaml.ts";
import { InputError, type Problem } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { SourcePosition } from "../../../core/source.ts";
import { type DumpDocument, isTable, tableDocument } from "./table_document.ts";

/** An object of a dump. */
export type DumpObject = Readonly<Record<string, unknown>>;

/** Where a dump is from. */
export interface DumpSource {
  readonly file: string;
}

/** Reads one JSON document of a dump, or a table, and gathers all that is wrong with it. */
export class DumpReader {
  /** It is a table, which has texts alone. */
  readonly tabular: boolean;
  readonly #document: DumpDocument;
  readonly #problems: Problem[] = [];
  readonly #what: string;

  /** `what` names the dump in problems: `policy map`. */
  constructor(
    text: string,
    { file, what }: DumpSource & { readonly what: string },
  ) {
    this.#what = what;
    this.tabular = isTable(text);
    if (this.tabular) {
      this.#document = tableDocument(text, file);
      return;
    }
    const [document, ...more] = parseDocuments(text, { file });
    const at = { file, line: 1, column: 1 };
    if (document === undefined || more.length > 0) {
      throw new InputError([{
        message: `Cannot read ${what}: ${more.length + 1} documents`,
        at,
        expected: "one JSON document",
      }]);
    }
    this.#document = document;
  }

  /** The objects of the list that the document is. */
  objects(): DumpObject[] {
    return this.objectsIn(this.#document.value, "the document");
  }

  /** The objects of a list. */
  objectsIn(list: unknown, name: string): DumpObject[] {
    return this.items(list, name).filter((item, at): item is DumpObject => {
      if (isObject(item)) return true;
      this.fail(list, at, {
        reason: "it is no object",
        expected: "an object for each entry",
      });
      return false;
    });
  }

  /** The entries of the object that the document is. */
  entries(): [string, unknown][] {
    const { value } = this.#document;
    if (!isObject(value)) {
      this.fail(null, "", {
        reason: "it is no object",
        expected: "an object with an entry for each key",
      });
      return [];
    }
    return this.#bounded(Object.entries(value), value);
  }

  /** The object itself, for problems with its entries. */
  get root(): unknown {
    return this.#document.value;
  }

  /** A list, bounded. */
  items(value: unknown, name: string): readonly unknown[] {
    if (Array.isArray(value)) return this.#bounded(value, value);
    this.fail(null, "", { reason: `${name} is no list`, expected: "a list" });
    return [];
  }

  /** An object within an object. */
  object(holder: DumpObject, key: string): DumpObject {
    const value = holder[key];
    if (isObject(value)) return value;
    this.fail(holder, key, {
      reason: `${key} is no object`,
      expected: "an object",
    });
    return {};
  }

  /** A whole number from 0 to `most`; 0 when it is none. */
  number(holder: DumpObject, key: string, most: number): number {
    const value = holder[key];
    const fits = typeof value === "number" && Number.isInteger(value) &&
      value >= 0 && value <= most;
    if (fits) return value;
    this.fail(holder, key, {
      reason: `${key} is ${shown(value)}`,
      expected: `a whole number from 0 to ${most}`,
    });
    return 0;
  }

  /** A counter of 64 bits; all ones are kept, other numbers have to be exact. */
  counter(holder: DumpObject, key: string): bigint {
    const value = holder[key];
    if (value === 2 ** 64) return ALL_ONES;
    return BigInt(this.number(holder, key, Number.MAX_SAFE_INTEGER));
  }

  /** Where an entry of the document stands. */
  placeOf(holder: unknown, key: string | number): SourcePosition | undefined {
    return typeof holder === "object" && holder !== null
      ? this.#document.entryAt(holder, key)
      : undefined;
  }

  /** Notes a problem at an entry of the document. */
  fail(
    holder: unknown,
    key: string | number,
    { reason, expected }: {
      readonly reason: string;
      readonly expected: string;
    },
  ): void {
    const at = this.placeOf(holder, key) ?? this.#document.at();
    this.#problems.push(this.#document.problem(at, {
      message: `Cannot read ${this.#what}: ${reason}`,
      expected,
    }));
  }

  /** Throws when anything was wrong. */
  end(): void {
    if (this.#problems.length === 0) return;
    throw new InputError(this.#problems.slice(0, LIMITS.problemsPerFile));
  }

  #bounded<Item>(list: readonly Item[], holder: object): Item[] {
    if (list.length <= LIMITS.mapDumpEntries) return [...list];
    this.fail(holder, 0, {
      reason: `it has ${list.length} entries`,
      expected: `at most ${LIMITS.mapDumpEntries}`,
    });
    return [];
  }
}

/** A counter that is not kept. */
export const ALL_ONES = 0xffffffffffffffffn;

function isObject(value: unknown): value is DumpObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 40);
}

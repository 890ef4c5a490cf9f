import { nearest } from "../errors.ts";
import { type Cursor, describe, type NameKind } from "./_cursor.ts";

/** A JSON Schema, as editors read it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * What one place of a document may hold. The reader and the schema for
 * editors come from the same shape, so that they cannot disagree.
 */
export interface Shape<T> {
  /** The value, or undefined after at least one problem was noted. */
  read(cursor: Cursor): T | undefined;
  schema(): JsonSchema;
}

/** What a shape reads as. */
export type ReadAs<S> = S extends Shape<infer T> ? T : never;

/** Words to choose from, as an expectation. */
export function oneOfWords(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `one of ${words.join(", ")}`;
}

/** Text, `${name}` filled in; a number or a truth value is taken as it is written. */
export function text(
  { expected = "text" }: { expected?: string } = {},
): Shape<string> {
  return textAs((read) => read, expected);
}

/** Text that stands for something else. */
export function textAs<T>(
  /** Undefined: not what was expected; it may note the problem itself. */
  parse: (text: string, cursor: Cursor) => T | undefined,
  expected: string,
): Shape<T> {
  return {
    read(cursor) {
      const { value } = cursor;
      if (typeof value === "object" || value === "" || value === undefined) {
        return cursor.fail(describe(value), { expected });
      }
      const before = cursor.reading.problems.length;
      const filled = cursor.filled(String(value));
      if (cursor.reading.problems.length > before) return undefined;
      const parsed = parse(filled, cursor);
      const noted = cursor.reading.problems.length > before;
      if (parsed !== undefined || noted) return parsed;
      return cursor.fail(describe(filled), { expected });
    },
    schema: () => ({ type: ["string", "number", "boolean"] }),
  };
}

/** The name of a part of the scenario, or one of the other words that may stand there. */
export function nameOf(
  kind: NameKind,
  { or = [] }: { or?: readonly string[] } = {},
): Shape<string> {
  return textAs(
    (name, cursor) => isNamed(name, { kind, or, cursor }) ? name : undefined,
    `the name of a ${kind}`,
  );
}

/** Notes a problem unless the scenario has a part of that name. */
export function isNamed(
  name: string,
  { kind, or, cursor }: {
    kind: NameKind;
    or: readonly string[];
    cursor: Cursor;
  },
): boolean {
  const names = cursor.reading.names[kind];
  if (names === null || names.includes(name) || or.includes(name)) return true;
  const known = [...names, ...or];
  cursor.fail(`there is no ${kind} ${name}`, {
    expected: known.length === 0
      ? `a ${kind}; the scenario has none`
      : oneOfWords(known),
    didYouMean: nearest(name, known),
  });
  return false;
}

/** One word of a table, or another spelling of it. */
export function word<T extends string>(
  spellings: Readonly<Record<string, T>>,
  { expected }: { expected?: string } = {},
): Shape<T> {
  const words = Object.keys(spellings);
  return {
    read(cursor) {
      const written = typeof cursor.value === "string"
        ? cursor.filled(cursor.value)
        : String(cursor.value);
      const found = Object.hasOwn(spellings, written)
        ? spellings[written]
        : undefined;
      return found ?? cursor.fail(describe(cursor.value), {
        expected: expected ?? oneOfWords(words),
        didYouMean: nearest(written, words),
      });
    },
    schema: () => ({ enum: words }),
  };
}

/** A whole number; text of digits that a `${name}` stood for is one too. */
export function integer(
  { min, max }: { min: number; max: number },
): Shape<number> {
  const expected = `a whole number from ${min} to ${max}`;
  return {
    read(cursor) {
      const { value } = cursor;
      const number = typeof value === "string" && value.includes("${")
        ? Number(cursor.filled(value))
        : value;
      const fits = Number.isSafeInteger(number) &&
        (number as number) >= min && (number as number) <= max;
      return fits
        ? number as number
        : cursor.fail(describe(value), { expected });
    },
    schema: () => ({
      anyOf: [
        { type: "integer", minimum: min, maximum: max },
        { type: "string", pattern: "^\\$\\{[^{}]*\\}$" },
      ],
    }),
  };
}

/** A shape whose value is judged, or turned into another, once it is read. */
export function refine<T, U>(
  shape: Shape<T>,
  /** Undefined after it noted a problem. */
  then: (value: T, cursor: Cursor) => U | undefined,
): Shape<U> {
  return {
    read(cursor) {
      const value = shape.read(cursor);
      return value === undefined ? undefined : then(value, cursor);
    },
    schema: () => shape.schema(),
  };
}

/** The second shape where the place holds a mapping, the first otherwise. */
export function orMapping<T, U>(
  plain: Shape<T>,
  structured: Shape<U>,
): Shape<T | U> {
  return {
    read: (cursor) =>
      typeof cursor.value === "object" && cursor.value !== null &&
        !Array.isArray(cursor.value)
        ? structured.read(cursor)
        : plain.read(cursor),
    schema: () => ({ anyOf: [plain.schema(), structured.schema()] }),
  };
}

/** true or false. */
export const truth: Shape<boolean> = {
  read: (cursor) =>
    typeof cursor.value === "boolean"
      ? cursor.value
      : cursor.fail(describe(cursor.value), { expected: "true or false" }),
  schema: () => ({ type: "boolean" }),
};

/** A list; with `orOne`, a single item may stand without its list. */
export function list<T>(
  item: Shape<T>,
  { orOne = false, max }: { orOne?: boolean; max: number },
): Shape<readonly T[]> {
  return {
    read(cursor) {
      const { value } = cursor;
      if (!Array.isArray(value)) {
        if (!orOne || value === null || value === undefined) {
          return cursor.fail(describe(value), { expected: "a list" });
        }
        const one = item.read(cursor);
        return one === undefined ? undefined : [one];
      }
      if (value.length > max) {
        return cursor.fail(`it has ${value.length} items`, {
          expected: `at most ${max}`,
        });
      }
      return value
        .map((_, index) => item.read(cursor.below(index)))
        .filter((read) => read !== undefined);
    },
    schema: () => {
      const many = { type: "array", items: item.schema(), maxItems: max };
      return orOne ? { anyOf: [item.schema(), many] } : many;
    },
  };
}

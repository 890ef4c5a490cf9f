import { nearest } from "../errors.ts";
import type { SourcePosition } from "../source.ts";
import { type Cursor, keysOf } from "./_cursor.ts";
import { oneOfWords, type Shape } from "./_shape.ts";

/** One entry of a mapping whose keys are the author's own. */
export interface Entry<T> {
  readonly key: string;
  readonly value: T;
  readonly at: SourcePosition;
}

/** A mapping whose keys are the author's own, in the order written. */
export function entries<T>(
  item: Shape<T>,
  { max }: { max: number },
): Shape<readonly Entry<T>[]> {
  return {
    read(cursor) {
      const keys = keysOf(cursor);
      if (keys === undefined) return undefined;
      if (keys.length > max) {
        return cursor.fail(`it has ${keys.length} entries`, {
          expected: `at most ${max}`,
        });
      }
      return keys.flatMap((key) => {
        const below = cursor.below(key);
        const value = item.read(below);
        return value === undefined ? [] : [{ key, value, at: below.at }];
      });
    },
    schema: () => ({
      type: "object",
      additionalProperties: item.schema(),
      maxProperties: max,
    }),
  };
}

/** One field of a mapping. */
export interface Field<T, Required extends boolean = boolean> {
  readonly shape: Shape<T>;
  readonly required: Required;
  /** What editors show beside it. */
  readonly about: string;
}

/** A field that may be left out. */
export function may<T>(shape: Shape<T>, about: string): Field<T, false> {
  return { shape, about, required: false };
}

/** A field that must be there. */
export function must<T>(shape: Shape<T>, about: string): Field<T, true> {
  return { shape, about, required: true };
}

/** The fields of a mapping, by name. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a mapping of fields reads as. */
export type Read<F extends Fields> =
  & {
    readonly [K in keyof F]: F[K] extends Field<infer T, infer Required>
      ? Required extends true ? T : T | undefined
      : never;
  }
  & { readonly position: SourcePosition };

/** A mapping of known keys; any other key is a problem with the nearest known one. */
export function mapping<const F extends Fields>(
  fields: F,
  { oneOf }: {
    /** Of these exactly one must be there. */
    oneOf?: readonly (keyof F & string)[];
  } = {},
): Shape<Read<F>> {
  const known = Object.keys(fields);
  return {
    read(cursor) {
      const keys = keysOf(cursor);
      if (keys === undefined) return undefined;
      let whole = checkKeys(cursor, { keys, known, oneOf });
      const read: Record<string, unknown> = { position: cursor.at };
      for (const name of known) {
        const { shape, required } = fields[name]!;
        if (keys.includes(name)) {
          read[name] = shape.read(cursor.below(name));
          if (required && read[name] === undefined) whole = false;
        } else if (required) {
          cursor.fail(`${name} is missing`);
          whole = false;
        }
      }
      return whole ? read as Read<F> : undefined;
    },
    schema: () => ({
      type: "object",
      properties: Object.fromEntries(
        known.map((name) => {
          const { shape, about } = fields[name]!;
          return [name, { description: about, ...shape.schema() }];
        }),
      ),
      required: known.filter((name) => fields[name]!.required),
      additionalProperties: false,
      ...(oneOf === undefined
        ? {}
        : { oneOf: oneOf.map((name) => ({ required: [name] })) }),
    }),
  };
}

function checkKeys(
  cursor: Cursor,
  { keys, known, oneOf = [] }: {
    keys: readonly string[];
    known: readonly string[];
    oneOf?: readonly string[] | undefined;
  },
): boolean {
  const strange = keys.filter((key) => !known.includes(key));
  for (const key of strange) {
    cursor.below(key).fail("there is no such key", {
      expected: oneOfWords(known),
      didYouMean: nearest(key, known),
    });
  }
  const chosen = oneOf.filter((name) => keys.includes(name));
  if (oneOf.length === 0 || chosen.length === 1) return true;
  // The key that is missing is most likely the one that is misspelt.
  if (chosen.length === 0 && strange.length > 0) return false;
  cursor.fail(
    chosen.length === 0
      ? "it says nothing to do"
      : `it has ${chosen.join(" and ")}`,
    { expected: `exactly one of ${oneOf.join(", ")}` },
  );
  return false;
}

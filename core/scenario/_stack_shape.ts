import { LIMITS } from "../limits.ts";
import type { StackUse } from "./scenario.ts";
import { type Cursor, keysOf } from "./_cursor.ts";
import { entries, mapping, may, must } from "./_mapping.ts";
import { list, refine, type Shape, text } from "./_shape.ts";

/** One preset or plugin with its options; `use` alone when it has none. */
const use: Shape<StackUse> = {
  read: readUse,
  schema: () => ({
    anyOf: [
      { type: "string" },
      {
        type: "object",
        properties: {
          use: {
            type: "string",
            description: "A preset or a plugin.",
          },
        },
        required: ["use"],
        additionalProperties: true,
      },
    ],
  }),
};

const uses = list(use, { orOne: true, max: LIMITS.scenarioEntries });

const perNode = refine(
  mapping({
    default: must(uses, "What nodes run that are not named below."),
    nodes: may(
      entries(uses, { max: LIMITS.scenarioEntries }),
      "What single nodes run: a half-migrated cluster.",
    ),
  }),
  (read) => ({
    uses: read.default,
    nodes: (read.nodes ?? []).map(({ key, value }) => ({
      name: key,
      uses: value,
    })),
  }),
);

const alike = refine(uses, (read) => ({ uses: read, nodes: [] }));

const stack = {
  read: (cursor: Cursor) => {
    const { value } = cursor;
    const named = typeof value === "object" && value !== null &&
      "default" in value && !("use" in value);
    return named ? perNode.read(cursor) : alike.read(cursor);
  },
  schema: () => ({ anyOf: [alike.schema(), perNode.schema()] }),
};

/** The stacks of a scenario by name. */
export const stacksShape = refine(
  entries(stack, { max: LIMITS.scenarioStacks }),
  (read) => read.map(({ key, value, at }) => ({ name: key, at, ...value })),
);

function readUse(cursor: Cursor): StackUse | undefined {
  if (typeof cursor.value === "string") {
    const name = text().read(cursor);
    return name === undefined
      ? undefined
      : { use: name, options: {}, source: { ...cursor.at } };
  }
  const keys = keysOf(cursor);
  if (keys === undefined) return undefined;
  if (!keys.includes("use")) {
    return cursor.fail("use is missing", {
      expected: "use: a preset or a plugin",
    });
  }
  const name = text().read(cursor.below("use"));
  if (name === undefined) return undefined;
  const { use: _, ...options } = cursor.value as Record<string, unknown>;
  const parts = cursor.reading.document.parts(cursor.value as object);
  return {
    use: name,
    options: fillIn(options, cursor) as Record<string, unknown>,
    source: { ...cursor.at, parts },
  };
}

/** A copy of a value with `${name}` filled in wherever it holds text. */
export function fillIn(value: unknown, cursor: Cursor): unknown {
  if (typeof value === "string") return cursor.filled(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => fillIn(item, cursor.below(index)));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      fillIn(part, cursor.below(key)),
    ]),
  );
}

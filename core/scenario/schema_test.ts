import { assert, assertEquals } from "@std/assert";
import { parse } from "../_yaml.ts";
import { BAD_SCENARIOS } from "./_bad_scenarios.ts";
import type { JsonSchema } from "./_shape.ts";
import { scenarioSchema } from "./parse_scenario.ts";

const LIBRARY = new URL("../../scenarios/", import.meta.url);

/** What a value has against a schema, in the keywords that ours uses. */
function violations(value: unknown, schema: JsonSchema, path = ""): string[] {
  const part = (key: string | number) => `${path}/${key}`;
  const found: string[] = [];
  for (const [keyword, wanted] of Object.entries(schema)) {
    const check = KEYWORDS[keyword];
    assert(check !== undefined, `the test knows no keyword ${keyword}`);
    if (!check(value, wanted as never, schema, found, part)) {
      found.push(`${path} ${keyword}`);
    }
  }
  return found;
}

type Check = (
  value: unknown,
  wanted: never,
  schema: JsonSchema,
  found: string[],
  part: (key: string | number) => string,
) => boolean;

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isValid = (value: unknown, schema: JsonSchema) =>
  violations(value, schema).length === 0;
const typeOf = (value: unknown) =>
  Array.isArray(value)
    ? "array"
    : value === null
    ? "null"
    : Number.isInteger(value)
    ? "integer"
    : typeof value;

const KEYWORDS: Readonly<Record<string, Check>> = {
  $schema: () => true,
  title: () => true,
  description: () => true,
  type: (value, wanted: string | string[]) =>
    [wanted].flat().some((type) =>
      type === typeOf(value) || (type === "number" && typeof value === "number")
    ),
  enum: (value, wanted: unknown[]) => wanted.includes(value),
  pattern: (value, wanted: string) =>
    typeof value !== "string" || new RegExp(wanted).test(value),
  minimum: (value, wanted: number) =>
    typeof value !== "number" || value >= wanted,
  maximum: (value, wanted: number) =>
    typeof value !== "number" || value <= wanted,
  maxItems: (value, wanted: number) =>
    !Array.isArray(value) || value.length <= wanted,
  maxProperties: (value, wanted: number) =>
    !isMapping(value) || Object.keys(value).length <= wanted,
  required: (value, wanted: string[]) =>
    !isMapping(value) || wanted.every((key) => key in value),
  anyOf: (value, wanted: JsonSchema[]) =>
    wanted.some((schema) => isValid(value, schema)),
  oneOf: (value, wanted: JsonSchema[]) =>
    wanted.filter((schema) => isValid(value, schema)).length === 1,
  items: (value, wanted: JsonSchema, _, found, part) => {
    for (const [index, item] of Array.isArray(value) ? value.entries() : []) {
      found.push(...violations(item, wanted, part(index)));
    }
    return true;
  },
  properties: (value, wanted: Record<string, JsonSchema>, _, found, part) => {
    for (
      const [key, schema] of isMapping(value) ? Object.entries(wanted) : []
    ) {
      if (key in (value as object)) {
        found.push(...violations((value as never)[key], schema, part(key)));
      }
    }
    return true;
  },
  additionalProperties: (
    value,
    wanted: JsonSchema | boolean,
    schema,
    found,
    part,
  ) => {
    const known = Object.keys((schema["properties"] ?? {}) as object);
    const others = isMapping(value)
      ? Object.keys(value).filter((key) => !known.includes(key))
      : [];
    if (typeof wanted === "boolean") return wanted || others.length === 0;
    for (const key of others) {
      found.push(...violations((value as never)[key], wanted, part(key)));
    }
    return true;
  },
};

function scenarioFiles(directory: URL): URL[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? scenarioFiles(new URL(`${name}/`, directory))
      : /(?:^|\.)scenario\.yaml$/.test(name)
      ? [new URL(name, directory)]
      : []
  );
}

Deno.test("scenarioSchema() is what scenarios/schema.json holds", () => {
  const file = Deno.readTextFileSync(new URL("schema.json", LIBRARY));
  assertEquals(
    JSON.parse(file),
    JSON.parse(JSON.stringify(scenarioSchema())),
    "write it anew: deno run app/cli/schema.ts > scenarios/schema.json",
  );
});

Deno.test("scenarioSchema() has nothing against the library and the whole form", () => {
  const files = [
    ...scenarioFiles(LIBRARY),
    new URL("./testdata/whole_form.scenario.yaml", import.meta.url),
  ];
  assert(files.length > 10);
  for (const file of files) {
    const value = parse(Deno.readTextFileSync(file));
    assertEquals(violations(value, scenarioSchema()), [], file.pathname);
  }
});

Deno.test("scenarioSchema() turns down what parseScenario() does, but for names, times and texts", () => {
  for (const { about, text, beyondSchema = false } of BAD_SCENARIOS) {
    if (NO_DOCUMENT.has(about)) continue;
    const accepted = isValid(parse(text), scenarioSchema());
    assertEquals(accepted, beyondSchema, about);
  }
});

/** What is no single document never comes as far as a schema. */
const NO_DOCUMENT: ReadonlySet<string> = new Set([
  "an empty file",
  "a second document",
  "what is no YAML",
  "a key that is there twice",
]);

Deno.test("library files say where their schema is", () => {
  for (const file of scenarioFiles(LIBRARY)) {
    const [first = ""] = Deno.readTextFileSync(file).split("\n");
    const [, path = ""] =
      /^# yaml-language-server: \$schema=(\S+)$/.exec(first) ?? [];
    assertEquals(
      new URL(path, file).href,
      new URL("schema.json", LIBRARY).href,
      file.pathname,
    );
  }
});

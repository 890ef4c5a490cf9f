/** Wrappers (defaults, transformations) around a schema that are looked through. */
const MOST_WRAPPERS = 20;

/** What a schema says of a mapping of options. */
export interface OptionsAt {
  /** Names of its options, as far as the schema tells. */
  readonly known: readonly string[];
  /** Others may stand beside them. */
  readonly open: boolean;
}

/**
 * The options at a path of a schema: the Standard Schema interface does not
 * say, objects of zod do.
 */
export function optionsAt(
  schema: unknown,
  path: readonly string[],
): OptionsAt {
  let object = objectIn(schema);
  for (const key of path) object = objectIn(member(object?.shape, key));
  return {
    known: Object.keys(object?.shape ?? {}),
    open: object?.open ?? false,
  };
}

function objectIn(
  schema: unknown,
): { readonly shape: object; readonly open: boolean } | undefined {
  let inner = schema;
  for (let depth = 0; depth < MOST_WRAPPERS; depth++) {
    const definition = member(inner, "def");
    const shape = member(inner, "shape");
    if (typeof shape === "object" && shape !== null) {
      const others = member(
        member(member(definition, "catchall"), "def"),
        "type",
      );
      return { shape, open: others !== undefined && others !== "never" };
    }
    inner = member(definition, "innerType") ?? member(definition, "in");
  }
}

function member(of: unknown, name: string): unknown {
  return typeof of === "object" && of !== null && name in of
    ? (of as Record<string, unknown>)[name]
    : undefined;
}

/** A JSON object from outside. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value as an object; undefined when it is none. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as JsonObject
    : undefined;
}

/**
 * A field by its protobuf name. Printers of protobuf JSON write that name or
 * the lowerCamelCase of it, and readers have to take both.
 */
export function field(object: JsonObject | undefined, name: string): unknown {
  if (object === undefined) return undefined;
  if (Object.hasOwn(object, name)) return object[name];
  const camel = name.replace(
    /_([a-z])/g,
    (_, letter: string) => letter.toUpperCase(),
  );
  return Object.hasOwn(object, camel) ? object[camel] : undefined;
}

export function objectField(
  object: JsonObject | undefined,
  name: string,
): JsonObject | undefined {
  return asObject(field(object, name));
}

/** Text; "" where it is absent, as protobuf has it. */
export function textField(
  object: JsonObject | undefined,
  name: string,
): string {
  const value = field(object, name);
  return typeof value === "string" ? value : "";
}

/** A number, or a 64-bit one that protobuf JSON writes as text; 0 where it is absent. */
export function numberField(
  object: JsonObject | undefined,
  name: string,
): number {
  const value = field(object, name);
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d{1,20}$/.test(value)
    ? Number(value)
    : 0;
}

/** True, false, or undefined where it is absent. */
export function booleanField(
  object: JsonObject | undefined,
  name: string,
): boolean | undefined {
  const value = field(object, name);
  return typeof value === "boolean" ? value : undefined;
}

/** The texts in a list; empty where it is absent. */
export function textsField(
  object: JsonObject | undefined,
  name: string,
): readonly string[] {
  const value = field(object, name);
  return Array.isArray(value)
    ? value.filter((one): one is string => typeof one === "string")
    : [];
}

/** The objects in a list; empty where it is absent. */
export function objectsField(
  object: JsonObject | undefined,
  name: string,
): readonly JsonObject[] {
  const value = field(object, name);
  if (!Array.isArray(value)) return [];
  return value.map(asObject).filter((one) => one !== undefined);
}

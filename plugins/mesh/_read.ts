import { record } from "../../core/l7/json.ts";

/** A text, or null. */
export function readText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** A whole number, written as a number or as text; or null. */
export function readNumber(value: unknown): number | null {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  return typeof value === "string" && /^\d{1,9}$/.test(value)
    ? Number(value)
    : null;
}

/** A mapping of text to text. */
export function readLabels(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record(value)).flatMap(([key, item]) =>
      typeof item === "string" ? [[key, item]] : []
    ),
  );
}

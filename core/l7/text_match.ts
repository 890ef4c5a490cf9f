import { type CompiledRegex, compileRegex } from "./_regex.ts";

/** True, false, or not decided because something is not modelled. */
export type Truth = boolean | "unknown";

/** A condition on one text: a method, a header value, a query parameter. */
export type TextMatch =
  | {
    readonly kind: "exact" | "prefix" | "suffix" | "contains";
    readonly value: string;
    readonly ignoreCase: boolean;
  }
  | {
    readonly kind: "regex";
    readonly pattern: string;
    readonly regex: CompiledRegex;
  }
  /** There at all, empty or not. */
  | { readonly kind: "present" };

/** The text must be this one. */
export function exactText(value: string, ignoreCase = false): TextMatch {
  return { kind: "exact", value, ignoreCase };
}

/** The text must match an RE2 pattern, the whole of it unless told otherwise. */
export function regexText(
  pattern: string,
  { full = true, caseInsensitive = false } = {},
): TextMatch {
  return {
    kind: "regex",
    pattern,
    regex: compileRegex(pattern, { full, caseInsensitive }),
  };
}

/** Whether a text, undefined when it is missing, meets the condition. */
export function matchText(match: TextMatch, text: string | undefined): Truth {
  if (text === undefined) return false;
  if (match.kind === "present") return true;
  if (match.kind === "regex") {
    return match.regex.kind === "error" ? "unknown" : match.regex.test(text);
  }
  const value = match.ignoreCase ? match.value.toLowerCase() : match.value;
  const given = match.ignoreCase ? text.toLowerCase() : text;
  switch (match.kind) {
    case "exact":
      return given === value;
    case "prefix":
      return given.startsWith(value);
    case "suffix":
      return given.endsWith(value);
    case "contains":
      return given.includes(value);
  }
}

/** Why a condition cannot be decided; undefined when it can. */
export function undecidable(match: TextMatch): string | undefined {
  return match.kind === "regex" && match.regex.kind === "error"
    ? `pattern ${match.pattern}: ${match.regex.reason}`
    : undefined;
}

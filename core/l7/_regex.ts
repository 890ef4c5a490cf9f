import { type Matcher, RE2JS } from "re2js";
import { LIMITS } from "../limits.ts";

/** How a pattern is applied to a text. */
export interface RegexOptions {
  /** The whole text must match; otherwise a match anywhere in it does. */
  readonly full: boolean;
  readonly caseInsensitive: boolean;
}

/** A pattern that runs in time linear in the text, or why there is none. */
export type CompiledRegex =
  | {
    readonly kind: "regex";
    test(text: string): boolean;
    /** The match and its groups, a group that took no part as ""; undefined without a match. */
    groups(text: string): readonly string[] | undefined;
    /** The text with every match replaced, none overlapping. */
    replace(
      text: string,
      replacement: (groups: readonly string[]) => string,
    ): string;
  }
  | { readonly kind: "error"; readonly reason: string };

/**
 * Compiles an RE2 pattern. Patterns come from manifests of strangers, so
 * nothing that backtracks may run them; a construct that RE2 leaves out
 * (lookaround, backreference, possessive quantifier) is an error that the
 * caller turns into "unknown" or a problem.
 *
 * @example
 * ```ts
 * const regex = compileRegex("/v[0-9]+/.*", {
 *   full: true,
 *   caseInsensitive: false,
 * });
 * const matched = regex.kind === "regex" && regex.test("/v2/items"); // true
 * ```
 */
export function compileRegex(
  pattern: string,
  { full, caseInsensitive }: RegexOptions,
): CompiledRegex {
  if (pattern.length > LIMITS.regexLength) {
    return {
      kind: "error",
      reason: `pattern longer than ${LIMITS.regexLength} characters`,
    };
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(
      pattern,
      caseInsensitive ? RE2JS.CASE_INSENSITIVE : 0,
    );
  } catch (error) {
    return {
      kind: "error",
      reason: error instanceof Error ? error.message : String(error),
    };
  }
  return {
    kind: "regex",
    test: (text) => full ? compiled.testExact(text) : compiled.test(text),
    groups(text) {
      const matcher = compiled.matcher(text);
      return (full ? matcher.matches() : matcher.find())
        ? groupsOf(matcher)
        : undefined;
    },
    replace(text, replacement) {
      const matcher = compiled.matcher(text);
      let result = "";
      let from = 0;
      while (matcher.find()) {
        result += text.slice(from, matcher.start()) +
          replacement(groupsOf(matcher));
        from = matcher.end();
      }
      return result + text.slice(from);
    },
  };
}

function groupsOf(matcher: Matcher): readonly string[] {
  return Array.from(
    { length: matcher.groupCount() + 1 },
    (_, index) => matcher.group(index) ?? "",
  );
}

import type { Rule } from "../source.ts";
import { compileRegex } from "./_regex.ts";
import { type JsonRecord, record, records, text } from "./json.ts";
import {
  type NamedMatch,
  type PathMatch,
  type RouteMatch,
  routeMatch,
} from "./route.ts";
import { exactText, regexText, type TextMatch } from "./text_match.ts";

/** How an implementation reads a path of type RegularExpression; null: not known. */
export type RegexPaths =
  | { readonly full: boolean; readonly caseInsensitive: boolean }
  | null;

/** How matches are compiled. */
export interface MatchCompilation {
  readonly regexPaths: RegexPaths;
  /** The rule to cite for a match, or for a rule that has none. */
  ruleOf(index: number | null): Rule;
}

/** Matches of an HTTPRoute rule; without any, one that holds for every path. */
export function httpMatches(
  value: unknown,
  compilation: MatchCompilation,
): readonly RouteMatch[] {
  const written = records(value);
  if (written.length === 0) {
    const path: PathMatch = { kind: "element-prefix", value: "/" };
    return [routeMatch(compilation.ruleOf(null), { path })];
  }
  return written.map((match, index) =>
    httpMatch(match, {
      rule: compilation.ruleOf(index),
      regexPaths: compilation.regexPaths,
    })
  );
}

/** Header conditions; of entries with equal names the first counts (HTTPRouteMatch.Headers). */
export function headerMatches(value: unknown): readonly NamedMatch[] {
  return namedMatches(value, (name) => name.toLowerCase());
}

function httpMatch(
  match: JsonRecord,
  { rule, regexPaths }: { rule: Rule; regexPaths: RegexPaths },
): RouteMatch {
  const path = record(match.path);
  const type = text(path.type) ?? "PathPrefix";
  const value = text(path.value) ?? "/";
  const method = text(match.method);
  return routeMatch(rule, {
    path: pathMatch(type, value, regexPaths),
    method: method === undefined ? null : exactText(method),
    headers: headerMatches(match.headers),
    queryParameters: namedMatches(match.queryParams, (name) => name),
    unmodelled: unmodelledPath(type, regexPaths),
  });
}

function pathMatch(
  type: string,
  value: string,
  regexPaths: RegexPaths,
): PathMatch | null {
  switch (type) {
    case "Exact":
      return { kind: "exact", value, ignoreCase: false };
    case "PathPrefix":
      return { kind: "element-prefix", value };
    case "RegularExpression":
      return regexPaths === null ? null : {
        kind: "regex",
        pattern: value,
        regex: compileRegex(value, regexPaths),
      };
    default:
      return null;
  }
}

function unmodelledPath(type: string, regexPaths: RegexPaths): string | null {
  if (type === "RegularExpression") {
    return regexPaths === null
      ? "how this implementation reads regular expressions is not modelled"
      : null;
  }
  return type === "Exact" || type === "PathPrefix"
    ? null
    : `path type ${type} is not modelled`;
}

function namedMatches(
  value: unknown,
  keyOf: (name: string) => string,
): readonly NamedMatch[] {
  const first = new Map<string, NamedMatch>();
  for (const entry of records(value)) {
    const name = text(entry.name) ?? "";
    if (first.has(keyOf(name))) continue;
    first.set(keyOf(name), { name, value: valueMatch(entry), invert: false });
  }
  return [...first.values()];
}

function valueMatch(entry: JsonRecord): TextMatch {
  const value = text(entry.value) ?? "";
  return (text(entry.type) ?? "Exact") === "Exact"
    ? exactText(value)
    : regexText(value);
}

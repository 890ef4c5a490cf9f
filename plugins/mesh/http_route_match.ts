import { record } from "../../core/l7/json.ts";
import {
  type NamedMatch,
  type PathMatch,
  type RouteMatch,
  routeMatch,
} from "../../core/l7/route.ts";
import { regexText, type TextMatch } from "../../core/l7/text_match.ts";
import type { Rule } from "../../core/source.ts";
import { compareText } from "./_age.ts";
import { readText } from "./_read.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Envoy's prefix `/`, which every path has. */
export const ANY_PATH: PathMatch = {
  kind: "string-prefix",
  value: "/",
  ignoreCase: false,
};

/** Whether every request matches, as far as istiod can tell. */
export function isCatchAll(match: RouteMatch): boolean {
  const { path } = match;
  const anyPath = path === null ||
    (path.kind === "string-prefix" && path.value === "/") ||
    (path.kind === "regex" && path.pattern === ".*");
  return anyPath && match.method === null && match.scheme === null &&
    match.authority === null && match.headers.length === 0 &&
    match.queryParameters.length === 0 && match.unmodelled === null;
}

/** A match block of a VirtualService. */
export function compileMatch(match: Fields, rule: Rule): RouteMatch {
  const claims = [
    ...Object.keys(record(match.headers)),
    ...Object.keys(record(match.withoutHeaders)),
  ].some((name) => name.startsWith("@request.auth.claims"));
  return routeMatch(rule, {
    path: compilePath(match),
    method: optionalText(match.method),
    scheme: optionalText(match.scheme),
    authority: optionalText(match.authority),
    headers: [
      ...namedMatches(match.headers, false),
      ...namedMatches(match.withoutHeaders, true),
    ],
    queryParameters: namedMatches(match.queryParams, false),
    unmodelled: claims ? "claims of a token" : null,
  });
}

/** A prefix is one of characters here, unlike in Gateway API. */
function compilePath(match: Fields): PathMatch {
  const uri = record(match.uri);
  const ignoreCase = match.ignoreUriCase === true;
  const exact = readText(uri.exact);
  if (exact !== null) return { kind: "exact", value: exact, ignoreCase };
  const prefix = readText(uri.prefix);
  if (prefix !== null) {
    return { kind: "string-prefix", value: prefix, ignoreCase };
  }
  const regex = readText(uri.regex);
  if (regex === null) return ANY_PATH;
  const text = regexText(regex);
  return text.kind === "regex" ? text : ANY_PATH;
}

function namedMatches(value: unknown, invert: boolean): NamedMatch[] {
  return Object.entries(record(value))
    .filter(([name]) => !name.startsWith("@request.auth.claims"))
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, match]) => ({ name, value: compileText(match), invert }));
}

function optionalText(value: unknown): TextMatch | null {
  return value === undefined || value === null ? null : compileText(value);
}

/** A match without any condition, or the pattern `*`, asks for presence alone (canBeConvertedToPresentMatch). */
function compileText(value: unknown): TextMatch {
  const match = record(value);
  const exact = readText(match.exact);
  if (exact !== null) return { kind: "exact", value: exact, ignoreCase: false };
  const prefix = readText(match.prefix);
  if (prefix !== null) {
    return { kind: "prefix", value: prefix, ignoreCase: false };
  }
  const regex = readText(match.regex);
  return regex === null || regex === "*"
    ? { kind: "present" }
    : regexText(regex);
}

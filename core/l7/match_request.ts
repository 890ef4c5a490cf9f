import { headerValue, queryParameter, type RequestView } from "./request.ts";
import type { NamedMatch, PathMatch, RouteMatch } from "./route.ts";
import {
  matchText,
  type TextMatch,
  type Truth,
  undecidable,
} from "./text_match.ts";

/** Whether conditions hold, and the first that did not or that is not modelled. */
export type MatchResult =
  | { readonly holds: true }
  | { readonly holds: false | "unknown"; readonly because: string };

const HOLDS: MatchResult = { holds: true };

/**
 * Checks every condition of a match. One that fails decides, whatever is not
 * modelled beside it.
 */
export function matchRequest(
  match: RouteMatch,
  view: RequestView,
): MatchResult {
  let unknown: string | undefined = match.unmodelled ?? undefined;
  for (const condition of conditions(match, view)) {
    if (condition.truth === false) {
      return { holds: false, because: condition.name };
    }
    if (condition.truth === "unknown") unknown ??= condition.reason;
  }
  return unknown === undefined ? HOLDS : { holds: "unknown", because: unknown };
}

/** Whether a path, its query left out, meets a condition. */
export function matchPath(match: PathMatch, path: string): Truth {
  switch (match.kind) {
    case "exact":
      return match.ignoreCase
        ? path.toLowerCase() === match.value.toLowerCase()
        : path === match.value;
    case "element-prefix":
      return hasElementPrefix(path, match.value);
    case "string-prefix":
      return match.ignoreCase
        ? path.toLowerCase().startsWith(match.value.toLowerCase())
        : path.startsWith(match.value);
    case "regex":
      return match.regex.kind === "error" ? "unknown" : match.regex.test(path);
  }
}

/** Whether a path starts with the elements of a prefix; a trailing slash of the prefix does not count. */
export function hasElementPrefix(path: string, prefix: string): boolean {
  const bare = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  return path.startsWith(bare) &&
    (path.length === bare.length || path[bare.length] === "/");
}

interface Condition {
  readonly name: string;
  readonly truth: Truth;
  readonly reason?: string | undefined;
}

function* conditions(
  match: RouteMatch,
  view: RequestView,
): Generator<Condition> {
  const { request } = view;
  if (match.path !== null) {
    yield {
      name: "path",
      truth: matchPath(match.path, view.path),
      reason: pathReason(match.path),
    };
  }
  if (match.method !== null) {
    yield text("method", match.method, request.method);
  }
  if (match.scheme !== null) {
    yield text("scheme", match.scheme, request.scheme);
  }
  if (match.authority !== null) {
    yield text("authority", match.authority, request.authority);
  }
  for (const header of match.headers) {
    yield named("header", header, headerValue(request, header.name));
  }
  for (const parameter of match.queryParameters) {
    const value = queryParameter(view.query, parameter.name);
    yield named("query parameter", parameter, value);
  }
}

function text(name: string, match: TextMatch, value: string): Condition {
  return { name, truth: matchText(match, value), reason: undecidable(match) };
}

function named(
  what: string,
  match: NamedMatch,
  value: string | undefined,
): Condition {
  const truth = matchText(match.value, value);
  return {
    name: `${what} ${match.name}`,
    truth: match.invert && truth !== "unknown" ? !truth : truth,
    reason: undecidable(match.value),
  };
}

function pathReason(match: PathMatch): string | undefined {
  return match.kind === "regex" && match.regex.kind === "error"
    ? `pattern ${match.pattern}: ${match.regex.reason}`
    : undefined;
}

import type { PathMatch, RouteMatch } from "./route.ts";

/** Where implementations of one specification differ in its order. */
export interface SpecificityOrder {
  /** Where a regular expression comes: before prefixes, or after them. */
  readonly regexPaths: "before-prefixes" | "after-prefixes";
  /** A method decides before headers are counted, or counts as one of them. */
  readonly method: "before-headers" | "as-header";
}

/**
 * Order of precedence of two matches, the more specific first: exact path,
 * longer prefix, method, more headers, more query parameters
 * (HTTPRouteRule.Matches of Gateway API). 0: the caller breaks the tie.
 */
export function compareSpecificity(
  a: RouteMatch,
  b: RouteMatch,
  order: SpecificityOrder,
): number {
  const left = key(a, order);
  const right = key(b, order);
  for (const [index, value] of left.entries()) {
    if (value !== right[index]) return right[index]! - value;
  }
  return 0;
}

function key(match: RouteMatch, order: SpecificityOrder): readonly number[] {
  const method = match.method === null ? 0 : 1;
  return [
    pathRank(match.path, order),
    match.path === null ? 0 : pathLength(match.path),
    order.method === "before-headers" ? method : 0,
    match.headers.length + (order.method === "as-header" ? method : 0),
    match.queryParameters.length,
  ];
}

function pathRank(path: PathMatch | null, order: SpecificityOrder): number {
  switch (path?.kind) {
    case undefined:
      return 0;
    case "exact":
      return 4;
    case "regex":
      return order.regexPaths === "before-prefixes" ? 3 : 1;
    default:
      return 2;
  }
}

function pathLength(path: PathMatch): number {
  return path.kind === "regex" ? path.pattern.length : path.value.length;
}

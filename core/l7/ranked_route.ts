import type { Route, RouteMatch } from "./route.ts";
import { compareSpecificity, type SpecificityOrder } from "./specificity.ts";

/** How old an object is, for ties between objects. */
export interface ObjectAge {
  /** As written by the API server; null: applied by the tape itself, later than all that have one. */
  readonly createdAt: string | null;
  /** Virtual time of its first application. */
  readonly appliedNs: number;
  readonly namespace: string;
  readonly name: string;
}

/** A route of exactly one match, with what its place among others depends on. */
export interface RankedRoute<Backend> {
  readonly route: Route<Backend>;
  readonly match: RouteMatch;
  readonly age: ObjectAge;
  readonly ruleIndex: number;
  readonly matchIndex: number;
}

/** Order of objects where a specification says "oldest, then alphabetical". */
export function compareAge(a: ObjectAge, b: ObjectAge): number {
  return compareCreation(a, b) || compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name);
}

/**
 * Routes in order of precedence: specificity, then the oldest object, then
 * its namespace and name, then place in its list (HTTPRouteRule.Matches).
 */
export function orderRoutes<Backend>(
  routes: readonly RankedRoute<Backend>[],
  order: SpecificityOrder,
): readonly RankedRoute<Backend>[] {
  return [...routes].sort((a, b) =>
    compareSpecificity(a.match, b.match, order) ||
    compareAge(a.age, b.age) ||
    a.ruleIndex - b.ruleIndex || a.matchIndex - b.matchIndex
  );
}

function compareCreation(a: ObjectAge, b: ObjectAge): number {
  if (a.createdAt !== null && b.createdAt !== null) {
    return compareText(a.createdAt, b.createdAt);
  }
  if (a.createdAt !== b.createdAt) return a.createdAt === null ? 1 : -1;
  return a.appliedNs - b.appliedNs;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import type { Rule } from "../source.ts";
import type { CompiledRegex } from "./_regex.ts";
import type { TextMatch } from "./text_match.ts";

/** A condition on the path, the query left out. */
export type PathMatch =
  | {
    readonly kind: "exact";
    readonly value: string;
    readonly ignoreCase: boolean;
  }
  /** By whole elements: `/v2` matches `/v2`, `/v2/` and `/v2/x`, not `/v2x`. */
  | { readonly kind: "element-prefix"; readonly value: string }
  /** By characters: `/v2` matches `/v2x` too. */
  | {
    readonly kind: "string-prefix";
    readonly value: string;
    readonly ignoreCase: boolean;
  }
  | {
    readonly kind: "regex";
    readonly pattern: string;
    readonly regex: CompiledRegex;
  };

/** A condition on a header or on a query parameter. */
export interface NamedMatch {
  readonly name: string;
  readonly value: TextMatch;
  /** The route applies when the condition does not hold, a missing value included. */
  readonly invert: boolean;
}

/** Conditions that all must hold. */
export interface RouteMatch {
  /** Null: any path. */
  readonly path: PathMatch | null;
  readonly method: TextMatch | null;
  readonly scheme: TextMatch | null;
  /** On the authority as sent, port included. */
  readonly authority: TextMatch | null;
  readonly headers: readonly NamedMatch[];
  readonly queryParameters: readonly NamedMatch[];
  /** A condition that is not modelled; the other conditions may still rule the match out. */
  readonly unmodelled: string | null;
  readonly rule: Rule;
}

/** A path with something put in its place, the query kept. */
export type PathRewrite =
  /** The whole path. */
  | { readonly kind: "full"; readonly value: string }
  /** The matched prefix, slashes set as the table at HTTPPathModifier of Gateway API says. */
  | { readonly kind: "element-prefix"; readonly value: string }
  /** The matched prefix, by characters, as Envoy's prefix_rewrite. */
  | { readonly kind: "string-prefix"; readonly value: string }
  /** Every match of the pattern, or with `whole` the entire path; numbers stand for groups. */
  | {
    readonly kind: "regex";
    readonly pattern: string;
    readonly regex: CompiledRegex;
    readonly substitution: readonly (string | number)[];
    readonly whole: boolean;
  };

/** Changes to headers; names compare without case. */
export interface HeaderChange {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** What is changed on the way to a backend and back. */
export interface RouteFilters {
  /** Null: the authority as sent. */
  readonly host: string | null;
  readonly path: PathRewrite | null;
  /** In order of application. */
  readonly requestHeaders: readonly HeaderChange[];
  readonly responseHeaders: readonly HeaderChange[];
}

/** Sends the client elsewhere. Null parts are taken from the request. */
export interface Redirect {
  readonly scheme: "http" | "https" | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly path: PathRewrite | null;
  /** False: the query is dropped. */
  readonly keepQuery: boolean;
  readonly status: number;
  /** The whole Location as written, in place of all parts above. */
  readonly location?: string;
}

/** What the pick of one share leads to. */
export type Target<Backend> =
  | { readonly kind: "backend"; readonly backend: Backend }
  | { readonly kind: "redirect"; readonly redirect: Redirect }
  /** An answer of the proxy itself, as for a reference that is not valid. */
  | {
    readonly kind: "respond";
    readonly status: number;
    readonly reason: string;
  }
  | { readonly kind: "unknown"; readonly reason: string };

/** One share of a weighted set. */
export interface WeightedTarget<Backend> {
  readonly weight: number;
  readonly target: Target<Backend>;
  readonly filters: RouteFilters;
  readonly rule: Rule;
}

/** A copy of the request for somebody whose answer nobody reads. */
export interface Mirror<Backend> {
  /** Null: a reference that is not valid, and that must not hurt the request itself. */
  readonly backend: Backend | null;
  /** Share of the requests copied: `numerator / denominator`. */
  readonly numerator: number;
  readonly denominator: number;
}

/** How long and how often; null: not said. Data only: time does not pass inside a proxy. */
export interface Patience {
  readonly requestTimeoutNs: number | null;
  readonly backendTimeoutNs: number | null;
  /** Retries, not tries. */
  readonly retries: number | null;
  readonly retryOn: readonly string[];
}

/** What a route does. */
export type RouteAction<Backend> =
  | {
    readonly kind: "forward";
    /** A sum of weights of 0 means nobody to forward to: `emptyStatus`. */
    readonly targets: readonly WeightedTarget<Backend>[];
    readonly emptyStatus: number;
    readonly filters: RouteFilters;
    readonly mirrors: readonly Mirror<Backend>[];
    readonly patience: Patience;
  }
  | { readonly kind: "redirect"; readonly redirect: Redirect }
  | {
    readonly kind: "respond";
    readonly status: number;
    readonly reason: string;
  }
  /** Something not modelled decides what becomes of requests that match. */
  | { readonly kind: "unknown"; readonly reason: string };

/** A route: any of its matches, one action. No matches: every request. */
export interface Route<Backend> {
  /** As the user knows it: `HTTPRoute shop/web rule 0`. */
  readonly name: string;
  readonly matches: readonly RouteMatch[];
  readonly action: RouteAction<Backend>;
  readonly rule: Rule;
}

/** Nothing changed. */
export const NO_FILTERS: RouteFilters = {
  host: null,
  path: null,
  requestHeaders: [],
  responseHeaders: [],
};

/** Nothing said. */
export const NO_PATIENCE: Patience = {
  requestTimeoutNs: null,
  backendTimeoutNs: null,
  retries: null,
  retryOn: [],
};

/** A match that holds for every request, but for the parts given. */
export function routeMatch(
  rule: Rule,
  parts: Partial<RouteMatch> = {},
): RouteMatch {
  return {
    path: null,
    method: null,
    scheme: null,
    authority: null,
    headers: [],
    queryParameters: [],
    unmodelled: null,
    rule,
    ...parts,
  };
}

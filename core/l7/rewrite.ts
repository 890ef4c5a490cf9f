import type { HttpRequest } from "../packet/packet.ts";
import { splitAuthority, splitPath } from "./request.ts";
import type {
  HeaderChange,
  PathMatch,
  PathRewrite,
  Redirect,
  RouteFilters,
} from "./route.ts";

type Headers = HttpRequest["headers"];

/** A request as it goes on to the backend, filters applied in order. */
export function rewriteRequest(
  request: HttpRequest,
  filters: RouteFilters,
  match: PathMatch | null,
): HttpRequest {
  let headers = request.headers;
  for (const change of filters.requestHeaders) {
    headers = changeHeaders(headers, change);
  }
  return {
    ...request,
    authority: filters.host ?? request.authority,
    path: filters.path === null
      ? request.path
      : rewritePath(request.path, filters.path, match),
    headers,
  };
}

/** Headers with some removed, set (in place of what was there) and added (beside it). */
export function changeHeaders(
  headers: Headers,
  change: HeaderChange,
): Headers {
  const gone = new Set(
    [...change.remove, ...change.set.map(([name]) => name)]
      .map((name) => name.toLowerCase()),
  );
  return [
    ...headers.filter(([name]) => !gone.has(name.toLowerCase())),
    ...change.set,
    ...change.add,
  ];
}

/** A request target with its path rewritten; the query is kept. */
export function rewritePath(
  target: string,
  rewrite: PathRewrite,
  match: PathMatch | null,
): string {
  const { path, query } = splitPath(target);
  const rewritten = rewriteBarePath(path, rewrite, match);
  return query === null ? rewritten : `${rewritten}?${query}`;
}

/**
 * The Location of a redirect. The port is the redirect's own, else the one
 * given as default, and is left out where the scheme implies it
 * (HTTPRequestRedirectFilter of Gateway API).
 */
export function redirectLocation(
  request: HttpRequest,
  redirect: Redirect,
  { match, defaultPort }: {
    readonly match: PathMatch | null;
    readonly defaultPort: number | null;
  },
): string {
  if (redirect.location !== undefined) return redirect.location;
  const scheme = redirect.scheme ?? request.scheme;
  const host = redirect.host ?? splitAuthority(request.authority).host;
  const port = redirect.port ?? defaultPort;
  const implied = scheme === "https" ? 443 : 80;
  const shown = port === null || port === implied ? "" : `:${port}`;
  const { path, query } = splitPath(
    redirect.path === null
      ? request.path
      : rewritePath(request.path, redirect.path, match),
  );
  const tail = query === null || !redirect.keepQuery ? "" : `?${query}`;
  return `${scheme}://${host}${shown}${path}${tail}`;
}

/**
 * Parts of a substitution text: literals, and numbers of groups written with
 * the given mark (`\1` for Envoy, `$1` for nginx).
 */
export function parseSubstitution(
  text: string,
  mark: "\\" | "$",
): readonly (string | number)[] {
  const parts: (string | number)[] = [];
  const group = mark === "$" ? /\$(\d)/g : /\\(\d)/g;
  let from = 0;
  for (const found of text.matchAll(group)) {
    if (found.index > from) parts.push(text.slice(from, found.index));
    parts.push(Number(found[1]));
    from = found.index + found[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

function rewriteBarePath(
  path: string,
  rewrite: PathRewrite,
  match: PathMatch | null,
): string {
  switch (rewrite.kind) {
    case "full":
      return rewrite.value;
    case "element-prefix": {
      const rest = path.slice(withoutSlash(prefixOf(match)).length);
      return (withoutSlash(rewrite.value) + rest) || "/";
    }
    case "string-prefix":
      return rewrite.value + path.slice(prefixOf(match).length);
    case "regex": {
      const { regex } = rewrite;
      if (regex.kind === "error") return path;
      return rewrite.whole
        ? substitute(rewrite.substitution, regex.groups(path) ?? [])
        : regex.replace(
          path,
          (groups) => substitute(rewrite.substitution, groups),
        );
    }
  }
}

function substitute(
  parts: readonly (string | number)[],
  groups: readonly string[],
): string {
  return parts
    .map((part) => typeof part === "number" ? groups[part] ?? "" : part)
    .join("");
}

/** What a prefix rewrite replaces: the prefix, or the whole of an exact path. */
function prefixOf(match: PathMatch | null): string {
  return match === null || match.kind === "regex" ? "" : match.value;
}

function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

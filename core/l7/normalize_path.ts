/** What a proxy does to a path before it matches and forwards it. */
export interface PathNormalization {
  /** Resolve `.` and `..` segments and decode unreserved characters (RFC 3986 section 6.2.2). */
  readonly dots: boolean;
  /** Read `\` as `/`. */
  readonly backslashes: boolean;
  /** `%2F` and `%5C` become slashes. */
  readonly escapedSlashes: boolean;
  /** `//` becomes `/`: nginx does it before it resolves dots, so `/a//../b` is `/b`; Envoy after, so it is `/a/b`. */
  readonly mergeSlashes: "never" | "before dots" | "after dots";
  /** Decode every escape, as nginx does before it picks a location. */
  readonly decode: boolean;
}

/** The path as it was sent. */
export const AS_SENT: PathNormalization = {
  dots: false,
  backslashes: false,
  escapedSlashes: false,
  mergeSlashes: "never",
  decode: false,
};

/** Brings the path of a request target into the form a proxy matches; the query is kept as it is. */
export function normalizeTarget(
  target: string,
  options: PathNormalization,
): string {
  const mark = target.search(/[?#]/);
  if (mark < 0) return normalizePath(target, options);
  return normalizePath(target.slice(0, mark), options) + target.slice(mark);
}

/**
 * Brings a path, its query left out, into the form a proxy matches. Escapes
 * that it leaves alone are kept as written.
 *
 * @example
 * ```ts
 * const path = normalizePath("/a/%2e%2E//b", {
 *   dots: true,
 *   backslashes: true,
 *   escapedSlashes: false,
 *   mergeSlashes: "before dots",
 *   decode: false,
 * }); // "/b"
 * ```
 */
export function normalizePath(
  path: string,
  options: PathNormalization,
): string {
  let result = path;
  if (options.decode) result = decodeEscapes(result, /./);
  else if (options.dots) result = decodeEscapes(result, /[A-Za-z0-9\-._~]/);
  if (options.escapedSlashes) {
    result = result.replace(/%2f/gi, "/").replace(/%5c/gi, "\\");
  }
  if (options.backslashes) result = result.replaceAll("\\", "/");
  if (options.mergeSlashes === "before dots") result = mergeSlashes(result);
  if (options.dots) result = resolveDots(result);
  return options.mergeSlashes === "after dots" ? mergeSlashes(result) : result;
}

function mergeSlashes(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}

/** RFC 3986 section 5.2.4; `..` above the root stays at the root. */
function resolveDots(path: string): string {
  if (!path.startsWith("/")) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
    if (last && (segment === "." || segment === "..")) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/** Decodes the escapes whose one-byte character is among those wanted. */
function decodeEscapes(path: string, wanted: RegExp): string {
  return path.replace(/%([0-7][0-9A-Fa-f])/g, (escape, hex: string) => {
    const character = String.fromCharCode(parseInt(hex, 16));
    return wanted.test(character) ? character : escape;
  });
}

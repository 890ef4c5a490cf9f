import type { HttpRequest } from "../packet/packet.ts";

/** A request with the parts that matching asks for, split once. */
export interface RequestView {
  readonly request: HttpRequest;
  /** Host of the authority in lower case, without port; IPv6 keeps its brackets. */
  readonly host: string;
  /** Port as written in the authority, null without one. */
  readonly port: number | null;
  /** Path without query and fragment. */
  readonly path: string;
  /** Query without the question mark, null without one. */
  readonly query: string | null;
}

/** Splits a request for matching. */
export function viewRequest(request: HttpRequest): RequestView {
  const { host, port } = splitAuthority(request.authority);
  const { path, query } = splitPath(request.path);
  return { request, host, port, path, query };
}

/**
 * Host and port of an authority. Host names compare without case (RFC 9110
 * section 4.2.3), so the host comes in lower case.
 */
export function splitAuthority(
  authority: string,
): { readonly host: string; readonly port: number | null } {
  const lower = authority.toLowerCase();
  const colon = lower.lastIndexOf(":");
  const port = lower.slice(colon + 1);
  const isPort = colon >= 0 && /^\d{1,5}$/.test(port) &&
    (!lower.includes(":", colon + 1)) &&
    (lower.indexOf(":") === colon || lower[colon - 1] === "]");
  return isPort
    ? { host: lower.slice(0, colon), port: Number(port) }
    : { host: lower, port: null };
}

/** Path and query of a request target; a fragment is cut off. */
export function splitPath(
  target: string,
): { readonly path: string; readonly query: string | null } {
  const hash = target.indexOf("#");
  const whole = hash < 0 ? target : target.slice(0, hash);
  const mark = whole.indexOf("?");
  return mark < 0
    ? { path: whole, query: null }
    : { path: whole.slice(0, mark), query: whole.slice(mark + 1) };
}

/**
 * Value of a header, its name compared without case; undefined without it.
 * Repeated headers are joined by a comma, as RFC 9110 section 5.3 allows and
 * Envoy's header matcher does. Pseudo headers are read from the request.
 */
export function headerValue(
  request: HttpRequest,
  name: string,
): string | undefined {
  const wanted = name.toLowerCase();
  switch (wanted) {
    case ":method":
      return request.method;
    case ":path":
      return request.path;
    case ":scheme":
      return request.scheme;
    case ":authority":
    case "host":
      return request.authority;
  }
  let found: string | undefined;
  for (const [key, value] of request.headers) {
    if (key.toLowerCase() !== wanted) continue;
    found = found === undefined ? value : `${found},${value}`;
  }
  return found;
}

/**
 * First value of a query parameter as written, without decoding it; undefined
 * without it. Gateway API recommends the first of repeated parameters
 * (HTTPQueryParamMatch), and Envoy takes it.
 */
export function queryParameter(
  query: string | null,
  name: string,
): string | undefined {
  if (query === null) return undefined;
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (key === name) return equals < 0 ? "" : pair.slice(equals + 1);
  }
  return undefined;
}

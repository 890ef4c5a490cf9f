import {
  type JsonRecord,
  number,
  record,
  records,
  text,
  texts,
} from "./json.ts";
import type {
  HeaderChange,
  PathRewrite,
  Redirect,
  RouteFilters,
  RouteMatch,
} from "./route.ts";
import { exactText } from "./text_match.ts";

/** Conditions under which a rule does something that is not modelled. */
export interface Guard {
  readonly parts: Partial<RouteMatch>;
  readonly reason: string;
}

/** What the filters of a rule or of a backend reference say. */
export interface ReadFilters {
  readonly filters: RouteFilters;
  readonly redirect: JsonRecord | null;
  readonly mirrors: readonly {
    readonly reference: JsonRecord;
    readonly numerator: number;
    readonly denominator: number;
  }[];
  readonly guards: readonly Guard[];
  /** A filter that may change anything about the request. */
  readonly unmodelled: string | null;
}

/** The preflight requests that a CORS filter answers itself. */
const PREFLIGHT_GUARD: Guard = {
  parts: {
    method: exactText("OPTIONS"),
    headers: ["origin", "access-control-request-method"].map((name) => ({
      name,
      value: { kind: "present" },
      invert: false,
    })),
  },
  reason: "answers to CORS preflight requests are not modelled",
};

/** Reads the filters of an HTTPRoute or a GRPCRoute. */
export function readFilters(value: unknown): ReadFilters {
  let host: string | null = null;
  let path: PathRewrite | null = null;
  let redirect: JsonRecord | null = null;
  let unmodelled: string | null = null;
  const requestHeaders: HeaderChange[] = [];
  const responseHeaders: HeaderChange[] = [];
  const mirrors: ReadFilters["mirrors"][number][] = [];
  const guards: Guard[] = [];
  for (const filter of records(value)) {
    switch (filter.type) {
      case "RequestHeaderModifier":
        requestHeaders.push(readHeaderChange(filter.requestHeaderModifier));
        break;
      case "ResponseHeaderModifier":
        responseHeaders.push(readHeaderChange(filter.responseHeaderModifier));
        break;
      case "RequestRedirect":
        redirect = record(filter.requestRedirect);
        break;
      case "URLRewrite": {
        const rewrite = record(filter.urlRewrite);
        host = text(rewrite.hostname) ?? host;
        path = readPathRewrite(rewrite.path) ?? path;
        break;
      }
      case "RequestMirror":
        mirrors.push(readMirror(record(filter.requestMirror)));
        break;
      case "CORS":
        guards.push(PREFLIGHT_GUARD);
        break;
      default:
        unmodelled = `filter ${
          text(filter.type) ?? "without a type"
        } is not modelled`;
    }
  }
  if (redirect !== null && (host !== null || path !== null)) {
    unmodelled = "URLRewrite beside RequestRedirect is not allowed";
  }
  const filters = { host, path, requestHeaders, responseHeaders };
  return { filters, redirect, mirrors, guards, unmodelled };
}

/**
 * A redirect with its port: the one written, else that of a scheme written,
 * else left to the listener (HTTPRequestRedirectFilter.Port).
 */
export function readRedirect(redirect: JsonRecord): Redirect {
  const scheme = text(redirect.scheme);
  const known = scheme === "https" ? 443 : scheme === "http" ? 80 : null;
  return {
    scheme: scheme === "https" || scheme === "http" ? scheme : null,
    host: text(redirect.hostname) ?? null,
    port: number(redirect.port) ?? known,
    path: readPathRewrite(redirect.path),
    keepQuery: true,
    status: number(redirect.statusCode) ?? 302,
  };
}

function readPathRewrite(value: unknown): PathRewrite | null {
  const path = record(value);
  switch (path.type) {
    case "ReplaceFullPath":
      return { kind: "full", value: text(path.replaceFullPath) ?? "/" };
    case "ReplacePrefixMatch":
      return {
        kind: "element-prefix",
        value: text(path.replacePrefixMatch) ?? "/",
      };
    default:
      return null;
  }
}

function readHeaderChange(value: unknown): HeaderChange {
  const { set, add, remove } = record(value);
  return { set: pairs(set), add: pairs(add), remove: texts(remove) };
}

function pairs(value: unknown): readonly (readonly [string, string])[] {
  return records(value).map((entry) =>
    [text(entry.name) ?? "", text(entry.value) ?? ""] as const
  );
}

function readMirror(mirror: JsonRecord): ReadFilters["mirrors"][number] {
  const reference = record(mirror.backendRef);
  if (mirror.fraction !== undefined) {
    const fraction = record(mirror.fraction);
    return {
      reference,
      numerator: number(fraction.numerator) ?? 0,
      denominator: number(fraction.denominator) ?? 100,
    };
  }
  return {
    reference,
    numerator: number(mirror.percent) ?? 100,
    denominator: 100,
  };
}

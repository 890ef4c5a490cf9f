import type { HttpRequest } from "../../core/packet/packet.ts";
import { compareDomains, inDomain } from "../../core/l7/host.ts";
import { normalizeTarget } from "../../core/l7/normalize_path.ts";
import { splitAuthority } from "../../core/l7/request.ts";
import { redirectLocation, rewriteRequest } from "../../core/l7/rewrite.ts";
import {
  NO_FILTERS,
  type PathMatch,
  type Redirect,
  type RouteAction,
  type RouteFilters,
  type WeightedTarget,
} from "../../core/l7/route.ts";
import { matchRoute } from "../../core/l7/route_table.ts";
import type { Verdict } from "../../core/replay/outcome.ts";
import type { Rule } from "../../core/source.ts";
import type {
  HttpListener,
  PortProgram,
  ServiceBackend,
  TlsListener,
} from "./program.ts";

/** What a proxy does with one request or one connection, before anybody is picked. */
export type Answer =
  | {
    readonly kind: "forward";
    readonly route: string;
    readonly rule: Rule;
    readonly targets: readonly WeightedTarget<ServiceBackend>[];
    /** Status when there is nobody to pick; null: the connection is closed. */
    readonly emptyStatus: number | null;
    /** The request as it was matched; null for bytes. */
    readonly seen: HttpRequest | null;
    readonly filters: RouteFilters;
    readonly match: PathMatch | null;
    readonly action: (RouteAction<ServiceBackend> & { kind: "forward" }) | null;
  }
  | {
    readonly kind: "respond";
    readonly status: number;
    readonly verdict: Verdict;
    readonly reason: string;
    readonly location: string | null;
    readonly route: string | null;
    readonly rule: Rule;
  }
  | { readonly kind: "reset"; readonly reason: string; readonly rule: Rule }
  | { readonly kind: "unknown"; readonly reason: string; readonly rule: Rule };

/** Picks the listener behind TLS for a server name; undefined when none fits, and the handshake fails. */
export function secureListener(
  program: PortProgram,
  serverName: string | null,
): HttpListener | TlsListener | undefined {
  return mostSpecific(program.secure, (serverName ?? "").toLowerCase());
}

/** Answers a request that came in plain text. */
export function answerPlain(
  program: PortProgram,
  request: HttpRequest,
): Answer {
  const { host } = splitAuthority(request.authority);
  const listener = mostSpecific(program.plain, host);
  if (listener === undefined) return notFound("no listener", program.rule);
  return answerHttp(program, listener, request);
}

/** Answers a request that came inside TLS on the listener its server name chose. */
export function answerSecure(
  program: PortProgram,
  listener: HttpListener,
  request: HttpRequest,
): Answer {
  const { host } = splitAuthority(request.authority);
  if (program.profile.misdirectedRequests) {
    const best = mostSpecific(program.secure, host);
    if (best === undefined) return notFound("no listener", listener.rule);
    if (best !== listener) {
      return {
        kind: "respond",
        status: 421,
        verdict: "error",
        reason: "misdirected request",
        location: null,
        route: null,
        rule: best.rule,
      };
    }
  }
  return answerHttp(program, listener, request);
}

/** Answers a TLS connection by its server name, on a listener that routes by it. */
export function answerServerName(
  listener: TlsListener,
  serverName: string | null,
): Answer {
  const name = (serverName ?? "").toLowerCase();
  const route = listener.routes.find(({ domain }) => inDomain(domain, name));
  return route === undefined
    ? {
      kind: "reset",
      reason: "no route for the server name",
      rule: listener.rule,
    }
    : forwardBytes(route);
}

/** Answers a connection on a port that routes bytes. */
export function answerStream(program: PortProgram): Answer {
  return program.stream === null
    ? { kind: "reset", reason: "no route attached", rule: program.rule }
    : forwardBytes(program.stream);
}

function answerHttp(
  program: PortProgram,
  listener: HttpListener,
  request: HttpRequest,
): Answer {
  const { profile } = program;
  const escaped = profile.redirectsEscapedSlashes &&
    /%2f|%5c/i.test(request.path.split("?")[0]!);
  const path = normalizeTarget(request.path, {
    ...profile.normalization,
    escapedSlashes: escaped,
  });
  if (escaped) return escapedSlashes(path, listener.rule);
  const seen = path === request.path ? request : { ...request, path };
  const result = matchRoute(listener.table, seen);
  if (result.kind === "none") {
    return notFound(
      result.missing === "host" ? "no route for the host" : "no route matched",
      listener.rule,
    );
  }
  if (result.kind === "unknown") return result;
  const { route, match, rule } = result;
  return answerAction(route.action, {
    route: route.name,
    rule,
    match: match.path,
    seen,
    port: program.port,
  });
}

function answerAction(
  action: RouteAction<ServiceBackend>,
  { route, rule, match, seen, port }: {
    readonly route: string;
    readonly rule: Rule;
    readonly match: PathMatch | null;
    readonly seen: HttpRequest;
    readonly port: number;
  },
): Answer {
  switch (action.kind) {
    case "forward":
      return {
        kind: "forward",
        route,
        rule,
        targets: action.targets,
        emptyStatus: action.emptyStatus,
        seen,
        filters: action.filters,
        match,
        action,
      };
    case "redirect":
      return redirectAnswer(action.redirect, {
        route,
        rule,
        match,
        seen,
        port,
      });
    case "respond":
      return {
        kind: "respond",
        status: action.status,
        verdict: action.status < 400 ? "forwarded" : "error",
        reason: action.reason,
        location: null,
        route,
        rule,
      };
    case "unknown":
      return { kind: "unknown", reason: action.reason, rule };
  }
}

/** The answer that sends a client elsewhere. */
export function redirectAnswer(
  redirect: Redirect,
  { route, rule, match, seen, port }: {
    readonly route: string;
    readonly rule: Rule;
    readonly match: PathMatch | null;
    readonly seen: HttpRequest;
    readonly port: number;
  },
): Answer {
  return {
    kind: "respond",
    status: redirect.status,
    verdict: "forwarded",
    reason: "redirect",
    location: redirectLocation(seen, redirect, { match, defaultPort: port }),
    route,
    rule,
  };
}

/** The request as the backend of a target gets it. */
export function forwardedRequest(
  answer: Answer & { kind: "forward" },
  { target, sent, profile }: {
    readonly target: WeightedTarget<ServiceBackend>;
    /** The request as the client sent it. */
    readonly sent: HttpRequest;
    readonly profile: PortProgram["profile"];
  },
): HttpRequest {
  const rewrites = answer.filters.path !== null || target.filters.path !== null;
  const base = rewrites || profile.forwardsNormalized
    ? answer.seen ?? sent
    : sent;
  return rewriteRequest(
    base,
    mergeFilters(answer.filters, target.filters),
    answer.match,
  );
}

/** Filters of a rule followed by those of the backend that was picked. */
export function mergeFilters(
  rule: RouteFilters,
  backend: RouteFilters,
): RouteFilters {
  return {
    host: backend.host ?? rule.host,
    path: backend.path ?? rule.path,
    requestHeaders: [...rule.requestHeaders, ...backend.requestHeaders],
    responseHeaders: [...backend.responseHeaders, ...rule.responseHeaders],
  };
}

function forwardBytes(
  route: {
    readonly name: string;
    readonly targets: readonly WeightedTarget<ServiceBackend>[];
    readonly rule: Rule;
  },
): Answer {
  return {
    kind: "forward",
    route: route.name,
    rule: route.rule,
    targets: route.targets,
    emptyStatus: null,
    seen: null,
    filters: NO_FILTERS,
    match: null,
    action: null,
  };
}

function mostSpecific<Entry extends { readonly domain: string }>(
  entries: readonly Entry[],
  host: string,
): Entry | undefined {
  return entries
    .filter(({ domain }) => inDomain(domain, host))
    .sort((a, b) => compareDomains(a.domain, b.domain))[0];
}

function notFound(reason: string, rule: Rule): Answer {
  return {
    kind: "respond",
    status: 404,
    verdict: "error",
    reason,
    location: null,
    route: null,
    rule,
  };
}

/** Envoy's path_with_escaped_slashes_action UNESCAPE_AND_REDIRECT. */
function escapedSlashes(path: string, rule: Rule): Answer {
  return {
    kind: "respond",
    status: 307,
    verdict: "forwarded",
    reason: "escaped slashes in the path",
    location: path,
    route: null,
    rule,
  };
}

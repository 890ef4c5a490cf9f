import type { HttpRequest, Payload } from "../../core/packet/packet.ts";
import { changeHeaders } from "../../core/l7/rewrite.ts";
import type {
  HeaderChange,
  RouteFilters,
  Target,
} from "../../core/l7/route.ts";
import {
  type Answer,
  forwardedRequest,
  mergeFilters,
  redirectAnswer,
} from "../../plugins/gateway/answer.ts";
import type {
  PortProgram,
  ServiceBackend,
} from "../../plugins/gateway/program.ts";
import { say } from "../../plugins/gateway/proxy.ts";

/** One way in which an exchange can end, with its share. */
export interface Ending {
  readonly share: number;
  /** Null: no HTTP answer of the proxy; the backend's, or a closed connection. */
  readonly status: number | null;
  readonly closed: boolean;
  readonly location: string | null;
  readonly backend: ServiceBackend | null;
  /** What the backend gets. */
  readonly payload: Payload | null;
  readonly responseHeaders: readonly HeaderChange[];
}

/** Everything that a program may do with what arrives, or why that is unknown. */
export type Endings =
  | {
    readonly kind: "endings";
    readonly endings: readonly Ending[];
    readonly answer: Answer;
  }
  | { readonly kind: "unknown"; readonly reason: string };

const CLOSED: Ending = {
  share: 1,
  status: null,
  closed: true,
  location: null,
  backend: null,
  payload: null,
  responseHeaders: [],
};

/** Sends a payload to a program and lists how that may end. */
export function endingsOf(program: PortProgram, payload: Payload): Endings {
  const said = say(program, payload);
  const { answer } = said;
  switch (answer.kind) {
    case "unknown":
      return answer;
    case "reset":
      return { kind: "endings", endings: [CLOSED], answer };
    case "respond":
      return {
        kind: "endings",
        endings: [{
          ...CLOSED,
          closed: false,
          status: answer.status,
          location: answer.location,
        }],
        answer,
      };
  }
  const patience = answer.action?.patience;
  if ((patience?.requestTimeoutNs ?? 0) > 0) return time("timeouts");
  if ((patience?.backendTimeoutNs ?? 0) > 0) return time("timeouts");
  if ((patience?.retries ?? 0) > 0) return time("retries");
  const total = answer.targets.reduce((sum, one) => sum + one.weight, 0);
  const picked = answer.targets.filter(({ weight }) => weight > 0);
  const unknown = picked.map(({ target }) => target).find(isUnknown);
  if (unknown !== undefined) return unknown;
  const endings = picked.map((one): Ending => {
    const base = {
      ...CLOSED,
      share: one.weight / total,
      responseHeaders: mergeFilters(answer.filters, one.filters)
        .responseHeaders,
    };
    return {
      ...base,
      ...endingOf(one.target, { answer, program, filters: one.filters }),
      ...(one.target.kind === "backend"
        ? {
          payload: said.sent === null ? said.bytes : http(forwardedRequest(
            answer,
            { target: one, sent: said.sent, profile: program.profile },
          )),
        }
        : {}),
    };
  });
  const empty: Ending = answer.emptyStatus === null
    ? CLOSED
    : { ...CLOSED, closed: false, status: answer.emptyStatus };
  return {
    kind: "endings",
    endings: endings.length > 0 ? endings : [empty],
    answer,
  };
}

function time(what: string): Endings {
  return {
    kind: "unknown",
    reason: `${what} depend on how the backend behaves`,
  };
}

/** An HTTP payload. */
export function http(request: HttpRequest): Payload {
  return { kind: "http", request };
}

/** A payload inside TLS of the application. */
export function tls(serverName: string | null, inside: Payload): Payload {
  return {
    kind: "tls",
    serverName,
    alpn: [],
    by: "application",
    clientIdentity: null,
    inside,
  };
}

/** Headers that a client gets when the backend sends these. */
export function clientHeaders(
  ending: Ending,
  sent: Readonly<Record<string, string>>,
): HttpRequest["headers"] {
  return ending.responseHeaders.reduce(
    (headers: HttpRequest["headers"], change) => changeHeaders(headers, change),
    Object.entries(sent),
  );
}

function isUnknown(
  target: Target<ServiceBackend>,
): target is Target<ServiceBackend> & { kind: "unknown" } {
  return target.kind === "unknown";
}

function endingOf(
  target: Target<ServiceBackend>,
  { answer, program }: {
    readonly answer: Answer & { kind: "forward" };
    readonly program: PortProgram;
    readonly filters: RouteFilters;
  },
): Partial<Ending> {
  switch (target.kind) {
    case "backend":
      return { closed: false, status: 200, backend: target.backend };
    case "redirect": {
      const { route, rule, match, seen } = answer;
      if (seen === null) return {};
      const sent = redirectAnswer(target.redirect, {
        route,
        rule,
        match,
        seen,
        port: program.port,
      });
      return sent.kind === "respond"
        ? { closed: false, status: sent.status, location: sent.location }
        : {};
    }
    case "respond":
      return answer.emptyStatus === null
        ? {}
        : { closed: false, status: target.status };
    case "unknown":
      return {};
  }
}

import type { HttpRequest, Payload } from "../../core/packet/packet.ts";
import { pickIndex } from "../../core/replay/draw.ts";
import type { Place } from "../../core/replay/flow.ts";
import type {
  HookContext,
  Proxy,
  ProxyDecision,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import {
  type Answer,
  answerPlain,
  answerSecure,
  answerServerName,
  answerStream,
  forwardedRequest,
  redirectAnswer,
  secureListener,
} from "./answer.ts";
import type { PortProgram } from "./program.ts";
import {
  type Address,
  type Share,
  sharesOf,
  weightedBackends,
} from "./shares.ts";

/** A proxy that runs one port's program in one place. */
export function makeProxy(program: PortProgram, place: Place): Proxy {
  return {
    name: `${program.owner} port ${program.port}`,
    place,
    handle(exchange, context) {
      const said = say(program, exchange.payload);
      return said.answer.kind === "forward"
        ? forward(said.answer, { program, said, context, place })
        : decide(said.answer);
    },
  };
}

/** What the program answers, and what of the payload goes on. */
export interface Said {
  readonly answer: Answer;
  /** The request as the client sent it, null for bytes. */
  readonly sent: HttpRequest | null;
  readonly bytes: Payload;
}

/** What a program answers to what arrived, before anybody is picked. */
export function say(program: PortProgram, payload: Payload): Said {
  const { rule } = program;
  const saying = (answer: Answer, sent: HttpRequest | null = null): Said => ({
    answer,
    sent,
    bytes: payload,
  });
  if (program.unmodelled !== null) {
    return saying({ kind: "unknown", reason: program.unmodelled, rule });
  }
  if (program.plain.length > 0) {
    return payload.kind === "http"
      ? saying(answerPlain(program, payload.request), payload.request)
      : saying(notHttp(payload, rule));
  }
  if (program.secure.length > 0) return saySecure(program, payload);
  return saying(answerStream(program));
}

function saySecure(program: PortProgram, payload: Payload): Said {
  const { rule } = program;
  if (payload.kind !== "tls") {
    return { answer: notTls(program, payload), sent: null, bytes: payload };
  }
  const bytes = payload;
  const reset = (reason: string): Said => ({
    answer: { kind: "reset", reason, rule },
    sent: null,
    bytes,
  });
  if (payload.by === "proxy") return reset("TLS of another proxy");
  const listener = secureListener(program, payload.serverName);
  if (listener === undefined) return reset("no listener for the server name");
  if (listener.kind === "tls") {
    return {
      answer: answerServerName(listener, payload.serverName),
      sent: null,
      bytes: listener.terminates ? payload.inside : payload,
    };
  }
  const { inside } = payload;
  if (inside.kind !== "http") {
    return { answer: notHttp(inside, listener.rule), sent: null, bytes };
  }
  const sent: HttpRequest = { ...inside.request, scheme: "https" };
  return { answer: answerSecure(program, listener, sent), sent, bytes };
}

function notHttp(payload: Payload, rule: Rule): Answer {
  return payload.kind === "tls"
    ? { kind: "reset", reason: "TLS to a listener of plain HTTP", rule }
    : {
      kind: "unknown",
      reason: "an HTTP listener got bytes that are not described as a request",
      rule,
    };
}

/** nginx answers 400 to plain HTTP on a TLS port; Envoy closes. */
function notTls({ profile, rule }: PortProgram, payload: Payload): Answer {
  const nginx = profile.implementation === "ingress-nginx" ||
    profile.implementation === "nginx-gateway-fabric";
  const reason = "no TLS to a listener of TLS";
  return nginx && payload.kind === "http"
    ? {
      kind: "respond",
      status: 400,
      verdict: "error",
      reason,
      location: null,
      route: null,
      rule,
    }
    : { kind: "reset", reason, rule };
}

interface Forwarding {
  readonly program: PortProgram;
  readonly said: Said;
  readonly context: HookContext;
  readonly place: Place;
}

function forward(
  answer: Answer & { kind: "forward" },
  forwarding: Forwarding,
): ProxyDecision {
  const { program, context } = forwarding;
  const { cluster } = context;
  const shares = sharesOf(answer.targets, {
    cluster,
    profile: program.profile,
  });
  const backends = weightedBackends(shares);
  const index = pickIndex(
    context.draw(`backend of ${answer.route}`),
    shares,
  );
  const share = shares[index];
  if (share === undefined) return nobody(answer, answer.emptyStatus ?? 503);
  const { target } = share.target;
  context.pickedFrom(backends);
  const { address } = share;
  if (target.kind === "backend") {
    return address === null
      ? nobody(answer, 503)
      : send(answer, { ...forwarding, share, address, backends });
  }
  return answerFor(answer, share, program);
}

function send(
  answer: Answer & { kind: "forward" },
  { program, said, share, address, backends, place }: Forwarding & {
    readonly share: Share;
    readonly address: Address;
    readonly backends: ReturnType<typeof weightedBackends>;
  },
): ProxyDecision {
  return {
    kind: "forward",
    destination: address.ip,
    destinationPort: address.port,
    source: null,
    uid: program.profile.uid,
    mark: place.kind === "node" ? program.profile.mark : 0,
    payload: payloadFor(answer, { program, said, share }),
    route: answer.route,
    rule: answer.rule,
    backends,
  };
}

function payloadFor(
  answer: Answer & { kind: "forward" },
  { program, said, share }: {
    readonly program: PortProgram;
    readonly said: Said;
    readonly share: Share;
  },
): Payload {
  if (said.sent === null) return said.bytes;
  const { target } = share.target;
  const tls = target.kind === "backend" && target.backend.tls;
  const request = forwardedRequest(answer, {
    target: share.target,
    sent: said.sent,
    profile: program.profile,
  });
  const inside: Payload = {
    kind: "http",
    request: { ...request, scheme: tls ? "https" : "http" },
  };
  return tls
    ? {
      kind: "tls",
      serverName: null,
      alpn: [],
      by: "application",
      clientIdentity: null,
      inside,
    }
    : inside;
}

/** A share that the proxy answers itself. */
function answerFor(
  answer: Answer & { kind: "forward" },
  { target: { target, rule } }: Share,
  program: PortProgram,
): ProxyDecision {
  const { route, match, seen } = answer;
  if (target.kind === "redirect" && seen !== null) {
    const { port } = program;
    return decide(
      redirectAnswer(target.redirect, { route, rule, match, seen, port }),
    );
  }
  if (target.kind === "respond") {
    return nobody({ ...answer, rule }, target.status, target.reason);
  }
  const reason = target.kind === "unknown"
    ? target.reason
    : "a backend that is not modelled";
  return { kind: "unknown", reason, rule };
}

/** Nobody to send to: an error for a request, a closed connection for bytes. */
function nobody(
  answer: Answer & { kind: "forward" },
  status: number,
  reason = status === 503 ? "no ready endpoints" : "no backend",
): ProxyDecision {
  const { route, rule } = answer;
  return answer.emptyStatus === null
    ? { kind: "reset", verdict: "error", reason, rule }
    : {
      kind: "respond",
      status,
      verdict: "error",
      reason,
      location: null,
      route,
      rule,
    };
}

function decide(answer: Answer): ProxyDecision {
  switch (answer.kind) {
    case "respond":
    case "unknown":
      return answer;
    case "reset":
      return { ...answer, verdict: "error" };
    case "forward":
      return nobody(answer, 500);
  }
}

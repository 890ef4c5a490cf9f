import { matchRequest } from "../../core/l7/match_request.ts";
import { viewRequest } from "../../core/l7/request.ts";
import { inDomain } from "../../core/l7/host.ts";
import type { HttpRequest, Payload } from "../../core/packet/packet.ts";
import type { Judgement } from "../../core/policy/judgement.ts";
import type { L7Condition, PolicyDirection } from "../../core/policy/policy.ts";
import type {
  Exchange,
  HookContext,
  Proxy,
  ProxyDecision,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import type { NodeDatapath } from "./datapath.ts";
import { noteQuestion } from "./dns_names.ts";
import { PROXY_MARK } from "./identity.ts";
import { keepSource } from "./transparent.ts";

/** The user that the proxy's process runs as. */
const PROXY_UID = 0;

/**
 * The proxy that a policy with L7 rules sends connections to: one a node,
 * transparent, in the node's network namespace (Documentation/network/
 * l7_traffic_management.rst; cilium-envoy).
 */
export function policyProxy(
  judgement: Judgement,
  { path, direction }: {
    readonly path: NodeDatapath;
    readonly direction: PolicyDirection;
  },
): Proxy {
  const dns = judgement.l7?.some(({ kind }) => kind === "dns-name") ?? false;
  return {
    name: `${dns ? "DNS proxy" : "cilium-envoy"} of ${path.node.name}`,
    place: { kind: "node", name: path.node.name },
    handle: (exchange, context) =>
      decide(judgement, exchange) ??
        forward(exchange, { context, direction, rule: judgement.rule }),
  };
}

function forward(
  { packet, payload }: Exchange,
  { context, direction, rule }: {
    readonly context: HookContext;
    readonly direction: PolicyDirection;
    readonly rule: Rule | null;
  },
): ProxyDecision {
  keepSource(packet, context);
  if (payload.kind === "opaque" && payload.question !== undefined) {
    noteQuestion(payload.question, context);
  }
  return {
    kind: "forward",
    destination: packet.destination,
    destinationPort: packet.destinationPort,
    // The socket is bound to the client's address; see transparent.ts.
    source: null,
    uid: PROXY_UID,
    mark: PROXY_MARK[direction],
    payload,
    route: null,
    rule,
    backends: [],
  };
}

/** Undefined: let it through. */
function decide(
  { l7, free, rule }: Judgement,
  { payload }: Exchange,
): ProxyDecision | undefined {
  const conditions = l7 ?? [];
  if (conditions.some(({ kind }) => kind === "dns-name")) {
    return decideQuestion(conditions, { payload, free, rule });
  }
  const parsesHttp = conditions.some(({ kind }) => kind === "http");
  if (payload.kind === "http") {
    const answer = free || anyHolds(conditions, payload.request);
    if (answer === true) return undefined;
    if (answer !== false) return { kind: "unknown", ...answer };
    return {
      kind: "respond",
      status: 403,
      verdict: "rejected",
      reason: "HTTP policy: access denied",
      location: null,
      route: null,
      rule,
    };
  }
  const unmodelled = conditions.find(({ kind }) => kind === "unmodelled");
  if (unmodelled?.kind === "unmodelled") {
    return { ...unmodelled, kind: "unknown" };
  }
  if (parsesHttp) {
    const what = payload.kind === "tls" ? "TLS records" : "these bytes";
    return {
      kind: "reset",
      verdict: "error",
      reason: `the HTTP proxy cannot read ${what}`,
      rule,
    };
  }
  const name = payload.kind === "tls" ? payload.serverName : null;
  if (free || namesServer(conditions, name)) return undefined;
  const reason = name === null
    ? "TLS server name policy: no server name"
    : `TLS server name policy: ${name} is not allowed`;
  return { kind: "reset", verdict: "rejected", reason, rule };
}

/** A question for a name that no rule has is answered REFUSED (pkg/fqdn/dnsproxy; --tofqdns-dns-reject-response-code). */
function decideQuestion(
  conditions: readonly L7Condition[],
  { payload, free, rule }: {
    readonly payload: Payload;
    readonly free: boolean;
    readonly rule: Rule | null;
  },
): ProxyDecision | undefined {
  const question = payload.kind === "opaque" ? payload.question : undefined;
  const allowed = free ||
    conditions.some((condition) =>
      condition.kind === "dns-name" &&
      (condition.anyName ||
        question !== undefined && condition.allows(question))
    );
  if (allowed) return undefined;
  if (question === undefined) {
    const reason = "a DNS rule, and it is not said which name is asked for";
    return { kind: "unknown", reason, rule };
  }
  return {
    kind: "respond",
    status: 0,
    verdict: "rejected",
    reason: "DNS REFUSED",
    location: null,
    route: null,
    rule,
  };
}

/** Whether one condition holds; else the first that cannot be decided. */
function anyHolds(
  conditions: readonly L7Condition[],
  request: HttpRequest,
): boolean | { readonly reason: string; readonly rule: Rule } {
  const view = viewRequest(request);
  let doubt: { reason: string; rule: Rule } | false = false;
  for (const condition of conditions) {
    if (condition.kind === "unmodelled") {
      doubt ||= { reason: condition.reason, rule: condition.rule };
    } else if (condition.kind === "http") {
      const result = matchRequest(condition.match, view);
      if (result.holds === true) return true;
      if (result.holds === "unknown") {
        doubt ||= { reason: result.because, rule: condition.rule };
      }
    }
  }
  return doubt;
}

/** Exact names, `*.` for one label, `**.` for any number (pkg/policy/api/l4.go, ServerName). */
function namesServer(
  conditions: readonly L7Condition[],
  name: string | null,
): boolean {
  if (name === null) return false;
  return conditions.some((condition) =>
    condition.kind === "tls-server-name" &&
    condition.names.some((wanted) =>
      wanted.startsWith("**.")
        ? inDomain(wanted.slice(1), name, "any")
        : inDomain(wanted, name, "one")
    )
  );
}

import type { Pod } from "../../core/cluster/model.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { HttpRequest, Packet, Payload } from "../../core/packet/packet.ts";
import type {
  Exchange,
  HookContext,
  ProxyDecision,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { answer, forward, reset, unknown } from "./decision.ts";
import type { Mesh } from "./mesh.ts";
import { type AccessDecision, authorize } from "./rbac.ts";
import { normalizeRequest } from "./request_path.ts";
import type { PortProtocol } from "./service_registry.ts";

/** Source that applications see behind a sidecar in REDIRECT mode (InboundPassthroughBindIpv4). */
const INBOUND_SOURCE = { 4: Ip.of("127.0.0.6"), 6: Ip.of("::6") } as const;

/** A connection for a pod, as its sidecar takes it. */
interface Incoming {
  readonly mesh: Mesh;
  readonly pod: Pod;
  readonly packet: Packet;
  readonly context: HookContext;
  /** The workload's port: the original destination, or what a tunnel names. */
  readonly port: number;
  readonly protocol: PortProtocol;
}

/** What a filter chain lets its filters see. */
interface Terminated {
  readonly payload: Payload;
  readonly spiffeId: string | null;
  readonly serverName: string | null;
}

/**
 * What a sidecar does with a connection for its pod: the filter chain that
 * PeerAuthentication leaves for it, authorization, and a connection to the
 * application over loopback.
 */
export function handleInbound(
  { packet, payload }: Exchange,
  { mesh, pod, context }: {
    readonly mesh: Mesh;
    readonly pod: Pod;
    readonly context: HookContext;
  },
): ProxyDecision {
  const tunnel = openTunnel(payload);
  const port = tunnel?.port ?? packet.destinationPort;
  const doubt = mesh.unmodelled.filterOf(pod, "inbound") ??
    mesh.unmodelled.sidecarListens(pod, port);
  if (doubt !== undefined) return unknown(doubt);
  const protocol = mesh.registry.protocolAt(pod, port) ?? "auto";
  const incoming = { mesh, pod, packet, context, port, protocol };
  const chain = tunnel ?? chooseChain(payload, incoming);
  if ("reason" in chain) return reset("rejected", chain);
  return readsHttp(chain.payload, protocol)
    ? passRequest(chain, incoming)
    : passConnection(chain, incoming);
}

/** The connection inside a tunnel and the port it is for. */
export function openTunnel(
  payload: Payload,
): Terminated & { readonly port: number } | null {
  if (payload.kind !== "tls" || payload.inside.kind !== "connect") return null;
  const { authority, inside } = payload.inside;
  return {
    payload: inside,
    spiffeId: payload.clientIdentity,
    serverName: payload.serverName,
    port: Number(authority.slice(authority.lastIndexOf(":") + 1)),
  };
}

/**
 * The filter chain of virtualInbound that a connection matches, or why none
 * does. Mutual TLS is told from the application's own by its ALPN; a port
 * that is declared HTTP takes no other TLS (istio/istio
 * pilot/pkg/networking/core/listener_inbound.go, getFilterChainsForPort).
 */
function chooseChain(
  payload: Payload,
  { mesh, pod, port, protocol }: Incoming,
): Terminated | { readonly reason: string; readonly rule: Rule | null } {
  const { mode, rule } = mesh.peerAuthentications.modeAt(pod, port);
  const plain = { payload, spiffeId: null, serverName: null };
  if (payload.kind !== "tls") {
    return mode === "STRICT"
      ? { reason: "no filter chains matched: mutual TLS is required", rule }
      : plain;
  }
  const ofMesh = payload.alpn.some((name) => name.startsWith("istio"));
  if (mode === "STRICT" && payload.clientIdentity === null) {
    return { reason: "invalid mTLS: no client certificate", rule };
  }
  if (mode === "STRICT" || (mode === "PERMISSIVE" && ofMesh)) {
    return {
      payload: payload.inside,
      spiffeId: payload.clientIdentity,
      serverName: payload.serverName,
    };
  }
  if (protocol !== "http") {
    return { ...plain, serverName: payload.serverName };
  }
  return mode === "PERMISSIVE"
    ? { reason: "no filter chains matched: TLS on an HTTP port", rule }
    : { reason: "protocol error: TLS on an HTTP port without TLS", rule };
}

/** Whether requests are read: on HTTP ports always, on undeclared ones when the bytes look like it. */
function readsHttp(payload: Payload, protocol: PortProtocol): boolean {
  return protocol === "http" ||
    (protocol === "auto" && payload.kind === "http");
}

function passRequest(chain: Terminated, incoming: Incoming): ProxyDecision {
  const { payload } = chain;
  if (payload.kind !== "http") {
    const reason = "protocol error: no HTTP on an HTTP port";
    return reset("error", { reason, rule: null });
  }
  const { mesh, pod } = incoming;
  const token = mesh.unmodelled.tokenOf(pod, payload.request);
  if (token !== undefined) return unknown(token);
  const request = normalizeRequest(
    payload.request,
    mesh.options.pathNormalization,
  );
  if (request === undefined) {
    return answer(400, { reason: "path cannot be normalised", rule: null });
  }
  const access = decide(chain, { ...incoming, request });
  switch (access.kind) {
    case "unknown":
      return unknown(access);
    case "denied":
      return answer(403, {
        reason: "RBAC: access denied",
        rule: access.rule,
        verdict: "rejected",
      });
    case "allowed":
      return toApplication({ kind: "http", request }, incoming, access.rule);
  }
}

function passConnection(chain: Terminated, incoming: Incoming): ProxyDecision {
  const access = decide(chain, { ...incoming, request: null });
  switch (access.kind) {
    case "unknown":
      return unknown(access);
    case "denied":
      return reset("rejected", {
        reason: "RBAC: access denied",
        rule: access.rule,
      });
    case "allowed":
      return toApplication(chain.payload, incoming, access.rule);
  }
}

function decide(
  chain: Terminated,
  { mesh, pod, packet, context, port, request }: Incoming & {
    readonly request: HttpRequest | null;
  },
): AccessDecision {
  if (chain.spiffeId !== null) context.sawIdentity(chain.spiffeId);
  const policies = mesh.policiesOf(pod, request === null ? "tcp" : "http");
  return authorize(policies, {
    source: packet.source,
    destination: packet.destination,
    destinationPort: port,
    spiffeId: chain.spiffeId,
    serverName: chain.serverName,
    request,
    token: "none",
  });
}

function toApplication(
  payload: Payload,
  { packet, port }: Incoming,
  rule: Rule | null,
): ProxyDecision {
  return forward({
    destination: packet.destination,
    destinationPort: port,
    source: INBOUND_SOURCE[packet.destination.family],
    payload,
    rule,
  });
}

import type { Application, FlowIntent, Place } from "../replay/flow.ts";
import type { Addressed, HubbleConnection } from "./_hubble_connection.ts";
import { identityName, isReserved } from "./hubble_flow.ts";
import type {
  HubbleFlowRecord,
  HubbleRecord,
  RecordedIdentity,
} from "./hubble_record.ts";
import type { RecordedRequest } from "./_hubble_requests.ts";
import {
  addressText,
  outsidePlace,
  type PlaceOf,
  type RecordingClock,
} from "./recorded_flow.ts";

/** How flows are named, placed and timed. */
interface RecordOptions {
  readonly file: string;
  readonly name: string;
  readonly placeOf: PlaceOf;
  readonly clock: RecordingClock;
}

/** What a flow is made from, besides its connection. */
interface Part {
  /** The line that it begins with. */
  readonly line: number;
  readonly request: RecordedRequest | undefined;
  /** Other flows are on the same connection. */
  readonly shared: boolean;
}

/** The flow of a connection; or, as the policy of a proxy decides request by request, one for each HTTP request on it. */
export function recordsOf(
  connection: HubbleConnection,
  options: RecordOptions,
): HubbleFlowRecord[] {
  const { firstLine } = connection;
  const requests = connection.http?.requests ?? [];
  const parts: Part[] = requests.length < 2
    ? [{ line: firstLine, request: requests[0], shared: false }]
    : requests.map((request) => ({
      line: request.line,
      request,
      shared: true,
    }));
  return parts.map((part) => recordedFlow(connection, part, options));
}

function recordedFlow(
  connection: HubbleConnection,
  part: Part,
  options: RecordOptions,
): HubbleFlowRecord {
  const { file, name, placeOf, clock } = options;
  const { line, request, shared } = part;
  const { protocol, client, service, server } = connection;
  const to = service?.at ?? server;
  const flow: FlowIntent = {
    id: `${name}:${line}`,
    from: senderPlace(connection, placeOf),
    to: { host: to.ip.text, port: protocol === "icmp" ? 0 : to.port },
    protocol,
    sourcePort: client.port || null,
    connection: shared ? `${name}:${connection.firstLine}` : null,
    application: applicationOf(request, to),
  };
  const timeNs = shared && request ? request.timeNs : connection.startNs;
  return {
    flow,
    timeNs: clock.tapeNs(timeNs),
    source: { file, line, column: 1 },
    recorded: recordOf(connection, request),
  };
}

/** Pods are named; the world is outside; who else has an address is for the callback to say. */
function senderPlace(connection: HubbleConnection, placeOf: PlaceOf): Place {
  const { client, firstNode } = connection;
  if (client.pod !== "" && client.namespace !== "") {
    return { kind: "pod", namespace: client.namespace, name: client.pod };
  }
  if (isWorld(client) && !isReserved(client, "kube-apiserver")) {
    return outsidePlace(client.ip);
  }
  const place = placeOf(client.ip);
  // Only the host of the node that saw the packet has this identity there.
  return place.kind === "outside" && firstNode !== "" &&
      isReserved(client, "host")
    ? { kind: "node", name: firstNode }
    : place;
}

function applicationOf(
  recorded: RecordedRequest | undefined,
  to: Addressed,
): Application {
  // A recording has no payload lengths.
  if (recorded === undefined) return { kind: "opaque", lengthBytes: 0 };
  const { request } = recorded;
  const authority = request.authority || addressText(to.ip, to.port);
  return {
    kind: "http",
    request: { ...request, authority },
    tls: request.scheme === "https",
  };
}

function recordOf(
  connection: HubbleConnection,
  request: RecordedRequest | undefined,
): HubbleRecord {
  const { verdict, receiver, client, server } = connection;
  const failed = verdict.verdict === "dropped" || verdict.verdict === "error";
  const decided = request !== undefined && !failed;
  return {
    verdict: decided ? request.verdict : verdict.verdict,
    verdicts: verdict.counts,
    dropReason: decided ? request.reason : verdict.reason,
    audited: verdict.has("AUDIT"),
    redirected: verdict.has("REDIRECTED") || request !== undefined,
    reply: connection.reply,
    allowedBy: connection.allowedBy,
    deniedBy: connection.deniedBy,
    policyMatch: connection.policyMatch,
    source: identityOf(client),
    destination: identityOf(receiver ?? server),
    encrypted: connection.encrypted,
    authentication: connection.authentication,
    service: serviceOf(connection),
    intent: intentOf(connection),
    backend: receiver && addressText(receiver.ip, receiver.port),
    receiver: receiver?.pod ? `${receiver.namespace}/${receiver.pod}` : null,
    http: request === undefined ? null : { status: request.status },
    dns: connection.dns,
    nodes: connection.nodes,
    lines: connection.lines,
    lineCount: connection.lineCount,
  };
}

function serviceOf({ service }: HubbleConnection): HubbleRecord["service"] {
  if (service === null) return null;
  const { at, name, from } = service;
  return {
    ip: at.ip.text,
    port: at.port,
    name: name && `${name.namespace}/${name.name}`,
    from,
  };
}

/**
 * Pods, nodes and the API server stand behind Services; what lies outside
 * does only for a Service whose endpoints are made by hand, which nothing in
 * a recording would tell.
 */
function intentOf(connection: HubbleConnection): HubbleRecord["intent"] {
  const { service, server } = connection;
  if (service !== null) return "service";
  const outside = isWorld(server) || identityName(server.identity) === "cidr";
  return outside && server.pod === "" && !isReserved(server, "kube-apiserver")
    ? "direct"
    : "unknown";
}

function isWorld(endpoint: Addressed): boolean {
  return ["world", "world-ipv4", "world-ipv6"]
    .some((name) => isReserved(endpoint, name));
}

function identityOf({ identity, labels }: Addressed): RecordedIdentity {
  return { number: identity, name: identityName(identity), labels };
}

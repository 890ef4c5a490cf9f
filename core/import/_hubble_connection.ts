import { LIMITS } from "../limits.ts";
import { TCP_FLAG } from "../packet/packet.ts";
import type { FlowIntent } from "../replay/flow.ts";
import type {
  HubbleEndpoint,
  HubbleFlow,
  RecordedPolicy,
  ServiceName,
} from "./hubble_flow.ts";
import type { HubbleRecord } from "./hubble_record.ts";
import { RequestFold } from "./_hubble_requests.ts";
import { VerdictFold } from "./_hubble_verdict.ts";

/** An endpoint whose address is known. */
export type Addressed = HubbleEndpoint & {
  readonly ip: NonNullable<HubbleEndpoint["ip"]>;
};

/** The Service a client asked for. */
export interface AskedService {
  readonly at: Addressed;
  readonly name: ServiceName | null;
  readonly from: NonNullable<HubbleRecord["service"]>["from"];
}

/** One connection while its lines are gathered. */
export class HubbleConnection {
  readonly firstLine: number;
  readonly startNs: bigint;
  readonly protocol: FlowIntent["protocol"];
  readonly verdict = new VerdictFold();
  /** Null until a proxy logs a request. */
  http: RequestFold | null = null;
  readonly lines: number[] = [];
  readonly nodes: string[] = [];
  readonly allowedBy: RecordedPolicy[] = [];
  readonly deniedBy: RecordedPolicy[] = [];
  client: Addressed;
  /** What the client's packets were first seen to go to: a Service, or a backend already. */
  server: Addressed;
  /** Behind `server`, when that is a Service; its port is 0 while only replies were seen. */
  backend: Addressed | null = null;
  service: AskedService | null = null;
  lastNs: bigint;
  lineCount = 0;
  closed = false;
  reply = false;
  encrypted = false;
  policyMatch: string | null = null;
  authentication: string | null = null;
  dns: HubbleRecord["dns"] = null;
  /** Node of its first line, where a host sender lives. */
  readonly firstNode: string;

  constructor(
    flow: HubbleFlow,
    ends: {
      client: Addressed;
      server: Addressed;
      protocol: FlowIntent["protocol"];
      timeNs: bigint;
    },
  ) {
    this.firstLine = flow.line;
    this.firstNode = flow.node;
    this.protocol = ends.protocol;
    this.startNs = ends.timeNs;
    this.lastNs = ends.timeNs;
    this.client = ends.client;
    this.server = ends.server;
  }

  /** Whether the server is the Service, so that the backend is somebody else. */
  get serverIsService(): boolean {
    return this.service !== null && this.service.at.port === this.server.port &&
      this.service.at.ip.equals(this.server.ip);
  }

  /** Who receives, where that was seen. */
  get receiver(): Addressed | null {
    return this.serverIsService ? this.backend : this.server;
  }

  isClient(endpoint: Addressed): boolean {
    return this.client.port === endpoint.port &&
      this.client.ip.equals(endpoint.ip);
  }

  /** Takes in a line of the connection. */
  add(
    flow: HubbleFlow,
    seen: { isReply: boolean; timeNs: bigint },
  ): void {
    const { isReply, timeNs } = seen;
    this.lineCount++;
    this.lastNs = timeNs;
    if (this.lines.length < LIMITS.recordedDetails) this.lines.push(flow.line);
    const isNewNode = flow.node !== "" && !this.nodes.includes(flow.node);
    if (isNewNode && this.nodes.length < LIMITS.recordedDetails) {
      this.nodes.push(flow.node);
    }
    if (flow.l7 === null) this.verdict.add(flow, isReply);
    else this.#addL7(flow, seen);
    this.reply ||= isReply;
    this.closed ||= (flow.tcpFlags & (TCP_FLAG.fin | TCP_FLAG.rst)) !== 0;
    this.encrypted ||= flow.encrypted;
    this.policyMatch = flow.policyMatch ?? this.policyMatch;
    this.authentication = flow.authentication ?? this.authentication;
    addPolicies(this.allowedBy, flow.allowedBy);
    addPolicies(this.deniedBy, flow.deniedBy);
    this.#learnEnds(flow);
  }

  /** A proxy's line about one request decides for that request only. */
  #addL7(flow: HubbleFlow, seen: { isReply: boolean; timeNs: bigint }): void {
    const { l7 } = flow;
    if (l7?.http) {
      this.http ??= new RequestFold();
      this.http.add(flow, seen.timeNs);
      this.verdict.count(flow.verdict);
    } else {
      this.verdict.add(flow, seen.isReply);
    }
    const dns = l7?.dns;
    if (!dns) return;
    this.dns = {
      query: dns.query,
      rcode: l7?.type === "RESPONSE" ? dns.rcode : this.dns?.rcode ?? null,
      ips: l7?.type === "RESPONSE" ? dns.ips : this.dns?.ips ?? [],
    };
  }

  /** A line of one node may know the pod or the identity that a line of another does not. */
  #learnEnds(flow: HubbleFlow): void {
    for (const end of [flow.source, flow.destination]) {
      if (this.client.ip.text === end.ip?.text) {
        this.client = fuller(this.client, end);
      } else if (this.backend?.ip.text === end.ip?.text && this.backend) {
        this.backend = fuller(this.backend, end);
      } else if (this.server.ip.text === end.ip?.text) {
        this.server = fuller(this.server, end);
      }
    }
  }
}

function fuller(known: Addressed, seen: HubbleEndpoint): Addressed {
  if (known.pod !== "" && known.identity !== 0) return known;
  return {
    ...known,
    namespace: known.namespace || seen.namespace,
    pod: known.pod || seen.pod,
    identity: known.identity || seen.identity,
    labels: known.labels.length > 0 ? known.labels : seen.labels,
  };
}

function addPolicies(
  known: RecordedPolicy[],
  seen: readonly RecordedPolicy[],
): void {
  for (const policy of seen) {
    if (known.length === LIMITS.recordedDetails) return;
    const text = policyText(policy);
    if (!known.some((one) => policyText(one) === text)) known.push(policy);
  }
}

function policyText(policy: RecordedPolicy): string {
  const { direction, kind, namespace, name } = policy;
  return `${direction} ${kind} ${namespace}/${name}`;
}

import type { Ip } from "../packet/ip.ts";
import type { FlowIntent } from "../replay/flow.ts";

/** Verdicts of a flow line (flow.proto, enum Verdict), by number. */
export const HUBBLE_VERDICTS = [
  "VERDICT_UNKNOWN",
  "FORWARDED",
  "DROPPED",
  "ERROR",
  "AUDIT",
  "REDIRECTED",
  "TRACED",
  "TRANSLATED",
] as const;

export type HubbleVerdict = typeof HUBBLE_VERDICTS[number];

/** What made the event (`event_type.type`). */
export const HUBBLE_EVENT = {
  drop: 1,
  trace: 4,
  policyVerdict: 5,
  socket: 7,
  accessLog: 129,
} as const;

/** What the recording says of one end. */
export interface HubbleEndpoint {
  /** Null where it is not written. */
  readonly ip: Ip | null;
  /** 0 where it is not known. */
  readonly port: number;
  readonly namespace: string;
  readonly pod: string;
  /** 0 where it is not known. */
  readonly identity: number;
  readonly labels: readonly string[];
}

/** A policy that a flow line names. */
export interface RecordedPolicy {
  readonly direction: "ingress" | "egress";
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

/** Who a Service is. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** What a proxy logged. */
export interface HubbleL7 {
  readonly type: "REQUEST" | "RESPONSE" | "SAMPLE" | "";
  readonly http: {
    /** 0 in a request. */
    readonly code: number;
    readonly method: string;
    readonly url: string;
    readonly headers: readonly (readonly [string, string])[];
  } | null;
  readonly dns: {
    readonly query: string;
    readonly rcode: number;
    readonly ips: readonly string[];
    readonly types: readonly string[];
  } | null;
}

/** One flow line, with the traps of its JSON undone. */
export interface HubbleFlow {
  readonly line: number;
  readonly timeNs: bigint | null;
  /** The node that saw it, without its cluster; "" where it is not written. */
  readonly node: string;
  readonly verdict: HubbleVerdict;
  /** Null unless dropped. */
  readonly dropReason: string | null;
  /** Null for anything that ports or an echo do not tell apart. */
  readonly protocol: FlowIntent["protocol"] | null;
  readonly source: HubbleEndpoint;
  readonly destination: HubbleEndpoint;
  /** The source after translation; the port is already the translated one. */
  readonly sourceXlated: Ip | null;
  /** Bits as in `TCP_FLAG`. */
  readonly tcpFlags: number;
  readonly icmp: {
    readonly family: 4 | 6;
    readonly type: number;
    readonly code: number;
  } | null;
  /** Null: the recording does not know. */
  readonly isReply: boolean | null;
  readonly eventType: number;
  /** Of the connection, from the view of the endpoint that `node` has. */
  readonly direction: "ingress" | "egress" | null;
  /** Where a socket event was seen, null for other events. */
  readonly socketPoint: {
    readonly when: "before" | "after";
    /** The way of the answer. */
    readonly reverse: boolean;
    readonly cookie: string;
  } | null;
  readonly encrypted: boolean;
  readonly sourceService: ServiceName | null;
  readonly destinationService: ServiceName | null;
  readonly allowedBy: readonly RecordedPolicy[];
  readonly deniedBy: readonly RecordedPolicy[];
  readonly policyMatch: string | null;
  readonly proxyPort: number;
  readonly authentication: string | null;
  readonly traceReason: string | null;
  readonly l7: HubbleL7 | null;
}

/** Reserved identities (numbers below 256). */
const RESERVED: ReadonlyMap<number, string> = new Map([
  [1, "host"],
  [2, "world"],
  [3, "unmanaged"],
  [4, "health"],
  [5, "init"],
  [6, "remote-node"],
  [7, "kube-apiserver"],
  [8, "ingress"],
  [9, "world-ipv4"],
  [10, "world-ipv6"],
]);

/** Identities from here on stand for CIDRs and are good on one node only. */
const FIRST_LOCAL_IDENTITY = 16_777_216;

/** What an identity stands for, whatever its labels. */
export function identityName(identity: number): string | null {
  if (identity >= FIRST_LOCAL_IDENTITY) return "cidr";
  return RESERVED.get(identity) ?? null;
}

/**
 * Whether an endpoint has a reserved identity, by number or by label: a
 * node-local identity can carry `reserved:world` and
 * `reserved:kube-apiserver` at once.
 */
export function isReserved(endpoint: HubbleEndpoint, name: string): boolean {
  return RESERVED.get(endpoint.identity) === name ||
    endpoint.labels.includes(`reserved:${name}`);
}

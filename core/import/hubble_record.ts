import type { Verdict } from "../replay/outcome.ts";
import type { HubbleVerdict, RecordedPolicy } from "./hubble_flow.ts";
import type { RecordedFlow } from "./recorded_flow.ts";

/** Who one end of a recorded connection was taken for. */
export interface RecordedIdentity {
  readonly number: number;
  /** Of a reserved identity, or `cidr` for a node-local one; null for a pod's. */
  readonly name: string | null;
  readonly labels: readonly string[];
}

/** What a flow recording says became of a connection. JSON-safe. */
export interface HubbleRecord {
  readonly verdict: Verdict;
  /** How many lines had which verdict. */
  readonly verdicts: Readonly<Partial<Record<HubbleVerdict, number>>>;
  /** Of the drop that decided, in the recorder's words. */
  readonly dropReason: string | null;
  /** A policy in audit mode would have dropped it. */
  readonly audited: boolean;
  /** It went through the node's proxy. */
  readonly redirected: boolean;
  readonly reply: boolean;
  readonly allowedBy: readonly RecordedPolicy[];
  readonly deniedBy: readonly RecordedPolicy[];
  /** What part of a policy matched: `L3-L4`; null without a policy verdict. */
  readonly policyMatch: string | null;
  readonly source: RecordedIdentity;
  readonly destination: RecordedIdentity;
  /** A line says that it was encrypted between nodes. False: none says so. */
  readonly encrypted: boolean;
  /** Mutual authentication, as the policy verdict has it. */
  readonly authentication: string | null;
  /** The Service that the client asked for, and where that is known from. */
  readonly service: {
    readonly ip: string;
    readonly port: number;
    /** `namespace/name`, null where the recording has the address only. */
    readonly name: string | null;
    readonly from: "destination" | "reply" | "socket";
  } | null;
  /**
   * `service`: it went to a Service. `direct`: it did not. `unknown`: the
   * recording shows the connection after translation only, so that the
   * backend may be a Service's pick; the flow goes to the backend.
   */
  readonly intent: "service" | "direct" | "unknown";
  /** `address:port` of who received it; port 0 where only replies show it. */
  readonly backend: string | null;
  /** `namespace/name` of the pod behind the backend. */
  readonly receiver: string | null;
  readonly http: { readonly status: number | null } | null;
  readonly dns: {
    readonly query: string;
    /** Null: no answer was recorded. */
    readonly rcode: number | null;
    readonly ips: readonly string[];
  } | null;
  /** Nodes that saw it, in the order in which they did. */
  readonly nodes: readonly string[];
  /** The first of its lines. */
  readonly lines: readonly number[];
  readonly lineCount: number;
}

/** A flow of a recording. */
export type HubbleFlowRecord = RecordedFlow<HubbleRecord>;

import type { HttpRequest } from "../packet/packet.ts";

/** Where a sender or a receiver lives. */
export type Place =
  | { readonly kind: "pod"; readonly namespace: string; readonly name: string }
  /** A process in the node's own network namespace. */
  | { readonly kind: "node"; readonly name: string }
  /** An address outside the cluster; `via` is the node its packets arrive at when the destination does not say. */
  | {
    readonly kind: "outside";
    readonly ip: string;
    readonly via: string | null;
  };

/** What the application on a connection means to say. */
export type Application =
  | {
    readonly kind: "opaque";
    readonly lengthBytes: number;
    /** The name that is asked for, where the bytes are a DNS question. */
    readonly question?: string;
  }
  | {
    readonly kind: "http";
    readonly request: HttpRequest;
    /** HTTPS: the request goes inside TLS that the application itself makes. */
    readonly tls: boolean;
  }
  | { readonly kind: "tls"; readonly serverName: string | null };

/**
 * What a sender means to do: connect, ask, be answered. JSON-safe.
 *
 * @example
 * ```ts
 * const flow: FlowIntent = {
 *   id: "ask-dns",
 *   from: { kind: "pod", namespace: "shop", name: "web-1" },
 *   to: { host: "kube-dns.kube-system", port: 53 },
 *   protocol: "udp",
 *   sourcePort: null,
 *   connection: null,
 *   application: { kind: "opaque", lengthBytes: 40 },
 * };
 * ```
 */
export interface FlowIntent {
  /** Names the flow in reports and keys its random draws; unique on a tape. */
  readonly id: string;
  /** Whose process sends. */
  readonly from: Place;
  /** What the process was told to connect to, before any translation. */
  readonly to: {
    /** An address or a name; names resolve as the sender's resolver would. */
    readonly host: string;
    /** 0 for ICMP. */
    readonly port: number;
  };
  /** `icmp` is an echo request, of the version that the address asks for. */
  readonly protocol: "tcp" | "udp" | "sctp" | "icmp";
  /** Null: an ephemeral port keyed by the flow. */
  readonly sourcePort: number | null;
  /** Flows with the same connection name are sent on one socket; null: a socket of its own. */
  readonly connection: string | null;
  /** What is said once connected; proxies and L7 rules may read it. */
  readonly application: Application;
}

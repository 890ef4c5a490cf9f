import type { Ip } from "./ip.ts";

/** IP protocol numbers the engine knows by name (IANA). */
export const PROTOCOL = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  sctp: 132,
} as const;

/** TCP flag bits, as in the header. */
export const TCP_FLAG = {
  fin: 1,
  syn: 2,
  rst: 4,
  psh: 8,
  ack: 16,
  urg: 32,
} as const;

/** An HTTP request as its receiver reads it. */
export interface HttpRequest {
  /** As sent, upper case by custom: methods are case-sensitive (RFC 9110, 9.1). */
  readonly method: string;
  /** `https` when the client meant TLS, whoever ended it on the way. */
  readonly scheme: "http" | "https";
  /** Host header or `:authority`, with the port when it was written. */
  readonly authority: string;
  /** Path with its query, as sent. */
  readonly path: string;
  /** In order of sending; names as sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * What the bytes of a connection are to whoever reads them. A proxy that
 * wraps a connection nests the payload; only who holds the keys may look
 * inside, so an L7 rule that meets `tls` cannot see the request in it.
 */
export type Payload =
  | {
    readonly kind: "opaque";
    readonly lengthBytes: number;
    /** The name that is asked for, where the bytes are a DNS question. */
    readonly question?: string;
  }
  | { readonly kind: "http"; readonly request: HttpRequest }
  | {
    readonly kind: "tls";
    readonly serverName: string | null;
    readonly alpn: readonly string[];
    /** Who encrypted: the application itself, or the proxy that will be met by its like. */
    readonly by: "application" | "proxy";
    /** SPIFFE identity of the client certificate, null without one. */
    readonly clientIdentity: string | null;
    readonly inside: Payload;
  }
  /** An HTTP CONNECT tunnel to `authority`, as HBONE carries inside its TLS. */
  | {
    readonly kind: "connect";
    readonly authority: string;
    readonly inside: Payload;
  };

/** Where a fragment belongs in its datagram. */
export interface PacketFragment {
  /** Of the datagram: its fragments share it. */
  readonly identification: number;
  /** 0 of the first one; a multiple of eight. */
  readonly offsetBytes: number;
  /** Whether others follow. */
  readonly more: boolean;
}

/** What is known of a packet beyond what every packet has: of one that was crafted or captured, or that a rule gave something unusual. */
export interface PacketDetail {
  /** Type of service of IPv4, traffic class of IPv6, its ECN bits included; 0 where nobody set it. */
  readonly typeOfService: number;
  /** Null for a whole packet. */
  readonly fragment: PacketFragment | null;
  /** The transport header is cut short, or its checksum wrong: connection tracking does not take it. */
  readonly damaged: boolean;
  /** The IP packet as it was sent, null where that is not known. What the packet itself says may have been rewritten since, and holds. */
  readonly bytes: Uint8Array | null;
}

/** A packet of which nothing more is known. */
export const PLAIN_DETAIL: PacketDetail = {
  typeOfService: 0,
  fragment: null,
  damaged: false,
  bytes: null,
};

/** An address and port that a packet carries besides its own: the one it was first sent to. */
export interface PacketOption {
  /** Of the packet's family. */
  readonly ip: Ip;
  /** 0 for protocols without ports. */
  readonly port: number;
}

/**
 * One packet on its way. Handlers never write to it: they return a rewrite
 * and the engine applies it, so that every change has a rule.
 */
export interface Packet {
  /** IANA number: 6 is TCP; {@link PROTOCOL} names those the engine knows. */
  readonly protocol: number;
  /** As it stands now: earlier rewrites have been applied. */
  readonly source: Ip;
  /** Of the same family as the source. */
  readonly destination: Ip;
  /** Identifier for ICMP echo, 0 for protocols without ports. */
  readonly sourcePort: number;
  /** 0 for protocols without ports. */
  readonly destinationPort: number;
  /** Bits of {@link TCP_FLAG}; 0 for other protocols. */
  readonly tcpFlags: number;
  /** 8 and 0 for ICMP echo and its answer, 128 and 129 for ICMPv6; 0 for other protocols. */
  readonly icmpType: number;
  /** 0 for echo and for other protocols. */
  readonly icmpCode: number;
  /** 64 when sent; the engine itself does not count it down. */
  readonly ttl: number;
  /** The skb mark. It does not leave the node. */
  readonly mark: number;
  /** Bytes of the IP packet, without any outer header. */
  readonly lengthBytes: number;
  /** What the connection carries, also on packets that open it: an L7 rule may look ahead. */
  readonly payload: Payload;
  /** What a node has written into the packet for the next that handles it, as an option of its header or of the tunnel's; null, or left out: nothing. */
  readonly option?: PacketOption | null;
  /** The packet that an ICMP error is about, as it was where the error was made; null, or left out, for all others. */
  readonly inner?: Packet | null;
  /** Null, or left out, for an ordinary packet. */
  readonly detail?: PacketDetail | null;
}

/** Fields that a rewrite changes. */
export type PacketChange = Partial<
  Pick<
    Packet,
    | "source"
    | "destination"
    | "sourcePort"
    | "destinationPort"
    | "mark"
    | "ttl"
    | "option"
    | "inner"
    | "detail"
  >
>;

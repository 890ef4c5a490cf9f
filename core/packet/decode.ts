import { LIMITS } from "../limits.ts";
import {
  announcesVlan,
  ETHER_TYPE,
  parseEthernet,
  parseVlan,
} from "./ethernet.ts";
import { ECHO, parseIcmp } from "./icmp.ts";
import type { Ip } from "./ip.ts";
import { parseIpv4 } from "./ipv4.ts";
import { fragmentOf, parseIpv6 } from "./ipv6.ts";
import { LINK_TYPES, linkTypeName } from "./link_type.ts";
import { PROTOCOL } from "./packet.ts";
import { parseSctp } from "./sctp.ts";
import { parseTcp } from "./tcp.ts";
import { isWireguard, parseGeneve, parseVxlan, TUNNEL_PORT } from "./tunnel.ts";
import { parseUdp } from "./udp.ts";
import { Window } from "./window.ts";

/** What a captured IP packet says of itself. Of a tunnelled packet it is the innermost one. */
export interface DecodedPacket {
  readonly family: 4 | 6;
  readonly source: Ip;
  readonly destination: Ip;
  readonly protocol: number;
  /** Null for protocols without ports, for later fragments and for a header cut off. */
  readonly ports:
    | { readonly source: number; readonly destination: number }
    | null;
  /** Null when it is not TCP, or its header is not there. */
  readonly tcp: {
    readonly flags: number;
    readonly sequence: number;
    readonly acknowledgement: number;
  } | null;
  readonly icmp: {
    readonly type: number;
    readonly code: number;
    /** Identifier of an echo, null for any other message. */
    readonly identifier: number | null;
  } | null;
  /** Type of the first chunk of an SCTP packet. */
  readonly sctpChunk: number | null;
  readonly fragment: {
    readonly identification: number;
    readonly offsetBytes: number;
    readonly more: boolean;
  } | null;
  /** The capture does not hold all of the packet. */
  readonly truncated: boolean;
  readonly tunnel: {
    readonly kind: "vxlan" | "geneve" | "ipip";
    /** Some overlays carry the sender's identity in it. Null for ipip. */
    readonly vni: number | null;
    readonly outer: DecodedPacket;
  } | null;
  /** What cannot be looked into. */
  readonly encrypted: "wireguard" | "esp" | null;
  /** The captured payload of the transport protocol, as a range of the frame. */
  readonly payload: { readonly start: number; readonly end: number };
  /** Length of that payload on the wire. */
  readonly payloadBytes: number;
}

/** A frame that holds no IP packet, or less than its header. */
export interface Undecoded {
  readonly family: null;
  /** What it is instead, for counting: `ARP`, `cut off in IPv4`. */
  readonly reason: string;
}

export type Decoded = DecodedPacket | Undecoded;

/** Protocol numbers of packets in packets, and of IPsec. */
const IP_IN_IP = 4;
const IPV6_IN_IP = 41;
const ESP = 50;

/**
 * Reads a captured frame down to its transport header, through VLAN tags and
 * tunnels. Never throws: what cannot be read is said in the result.
 *
 * @example
 * ```ts
 * const decoded = decodeFrame(frame, { linkType: 1 });
 * if (decoded.family !== null) decoded.destination.text;
 * ```
 */
export function decodeFrame(
  bytes: Uint8Array,
  options: { readonly linkType: number },
): Decoded {
  const window = Window.of(bytes);
  const { linkType } = options;
  switch (LINK_TYPES.get(linkType)) {
    case "ethernet":
      return decodeEthernet(window, null);
    case "raw":
      return decodeIp(window, null);
    case "null":
    case "loop":
      return decodeNull(window);
    case "sll":
      if (window.length < 16) return cutOff("link header");
      return decodeEtherType(window.u16(14), window.from(16), null);
    case "sll2":
      if (window.length < 20) return cutOff("link header");
      return decodeEtherType(window.u16(0), window.from(20), null);
    default:
      return undecoded(`link type ${linkTypeName(linkType)}`);
  }
}

/** What the packets inside a tunnel need to know of the outside. */
type Outside = NonNullable<DecodedPacket["tunnel"]> | null;

/** The address family is in the byte order of the capturing machine, or in network order: both are accepted. */
function decodeNull(window: Window): Decoded {
  if (window.length < 4) return cutOff("link header");
  const value = window.u32(0);
  const family = value < 0x10000 ? value : window.u8(0) | (window.u8(1) << 8);
  // AF_INET is 2 everywhere; AF_INET6 is 10 (Linux), 24, 28 or 30 (BSDs).
  if (![2, 10, 24, 28, 30].includes(family)) {
    return undecoded(`address family ${family}`);
  }
  return decodeIp(window.from(4), null);
}

function decodeEthernet(window: Window, outside: Outside): Decoded {
  const frame = parseEthernet(window);
  if (frame === undefined) return cutOff("Ethernet");
  return decodeEtherType(frame.header.etherType, frame.payload, outside);
}

function decodeEtherType(
  first: number,
  window: Window,
  outside: Outside,
): Decoded {
  let etherType = first;
  let rest = window;
  for (let tags = 0; announcesVlan(etherType); tags++) {
    const tag = parseVlan(rest);
    if (tag === undefined) return cutOff("VLAN tag");
    if (tags === LIMITS.vlanTags) return undecoded("VLAN tags without end");
    etherType = tag.header.etherType;
    rest = tag.payload;
  }
  switch (etherType) {
    case ETHER_TYPE.ipv4:
    case ETHER_TYPE.ipv6:
      return decodeIp(rest, outside);
    case ETHER_TYPE.arp:
      return undecoded("ARP");
    case ETHER_TYPE.ethernet:
      return decodeEthernet(rest, outside);
    default:
      return undecoded(
        etherType < 0x600
          ? "IEEE 802.3"
          : `EtherType 0x${etherType.toString(16).padStart(4, "0")}`,
      );
  }
}

function decodeIp(window: Window, outside: Outside): Decoded {
  if (window.length === 0) return cutOff("IP");
  const version = window.u8(0) >>> 4;
  if (version === 4) return decodeIpv4(window, outside);
  if (version === 6) return decodeIpv6(window, outside);
  return undecoded(`IP version ${version}`);
}

function decodeIpv4(window: Window, outside: Outside): Decoded {
  const ip = parseIpv4(window);
  if (ip === undefined) return cutOff("IPv4");
  const { header } = ip;
  const whole = header.fragmentOffset === 0 && !header.moreFragments;
  return decodeTransport(ip.payload, {
    ...emptyPacket(header, ip.payload, ip.missingBytes),
    family: 4,
    tunnel: outside,
    fragment: whole ? null : {
      identification: header.identification,
      offsetBytes: header.fragmentOffset,
      more: header.moreFragments,
    },
  });
}

function decodeIpv6(window: Window, outside: Outside): Decoded {
  const ip = parseIpv6(window);
  if (ip === undefined) return cutOff("IPv6");
  const fragment = fragmentOf(ip.header);
  return decodeTransport(ip.payload, {
    ...emptyPacket(ip.header, ip.payload, ip.missingBytes),
    family: 6,
    tunnel: outside,
    fragment: fragment === undefined ? null : {
      identification: fragment.identification,
      offsetBytes: fragment.fragmentOffset,
      more: fragment.moreFragments,
    },
  });
}

function emptyPacket(
  header: { source: Ip; destination: Ip; protocol: number },
  payload: Window,
  missingBytes: number,
) {
  return {
    source: header.source,
    destination: header.destination,
    protocol: header.protocol,
    ports: null,
    tcp: null,
    icmp: null,
    sctpChunk: null,
    encrypted: null,
    truncated: missingBytes > 0,
    payload: { start: payload.start, end: payload.end },
    payloadBytes: payload.length + missingBytes,
  };
}

function decodeTransport(window: Window, packet: DecodedPacket): Decoded {
  if (packet.fragment !== null && packet.fragment.offsetBytes > 0) {
    return packet;
  }
  switch (packet.protocol) {
    case PROTOCOL.tcp:
      return decodeTcp(window, packet);
    case PROTOCOL.udp:
      return decodeUdp(window, packet);
    case PROTOCOL.sctp:
      return decodeSctp(window, packet);
    case PROTOCOL.icmp:
    case PROTOCOL.icmpv6:
      return decodeIcmp(window, packet);
    case IP_IN_IP:
    case IPV6_IN_IP:
      return decodeInside(packet, {
        kind: "ipip",
        vni: null,
        decode: (outside) => decodeIp(window, outside),
      });
    case ESP:
      return { ...packet, encrypted: "esp" };
    default:
      return packet;
  }
}

function decodeTcp(window: Window, packet: DecodedPacket): DecodedPacket {
  const tcp = parseTcp(window);
  if (tcp === undefined) return { ...packet, truncated: true };
  const { header, payload } = tcp;
  return {
    ...packet,
    ...behind(packet, window, payload),
    ports: { source: header.sourcePort, destination: header.destinationPort },
    tcp: {
      flags: header.flags,
      sequence: header.sequence,
      acknowledgement: header.acknowledgement,
    },
  };
}

function decodeUdp(window: Window, packet: DecodedPacket): Decoded {
  const udp = parseUdp(window);
  if (udp === undefined) return { ...packet, truncated: true };
  const { header: { sourcePort, destinationPort }, payload } = udp;
  const datagram: DecodedPacket = {
    ...packet,
    ...behind(packet, window, payload),
    ports: { source: sourcePort, destination: destinationPort },
  };
  if (has(TUNNEL_PORT.vxlan, destinationPort)) {
    return decodeVxlan(payload, datagram);
  }
  if (has(TUNNEL_PORT.geneve, destinationPort)) {
    return decodeGeneve(payload, datagram);
  }
  const wireguard = (has(TUNNEL_PORT.wireguard, destinationPort) ||
    has(TUNNEL_PORT.wireguard, sourcePort)) && isWireguard(payload);
  return wireguard ? { ...datagram, encrypted: "wireguard" } : datagram;
}

function decodeVxlan(window: Window, datagram: DecodedPacket): Decoded {
  const vxlan = parseVxlan(window);
  if (vxlan === undefined) return datagram;
  return decodeInside(datagram, {
    kind: "vxlan",
    vni: vxlan.header.vni,
    decode: (outside) => decodeEthernet(vxlan.payload, outside),
  });
}

function decodeGeneve(window: Window, datagram: DecodedPacket): Decoded {
  const geneve = parseGeneve(window);
  if (geneve === undefined || geneve.header.control) return datagram;
  const { etherType, vni } = geneve.header;
  return decodeInside(datagram, {
    kind: "geneve",
    vni,
    decode: (outside) => decodeEtherType(etherType, geneve.payload, outside),
  });
}

function decodeInside(
  outer: DecodedPacket,
  inside: {
    kind: "vxlan" | "geneve" | "ipip";
    vni: number | null;
    decode: (outside: Outside) => Decoded;
  },
): Decoded {
  const { kind, vni, decode } = inside;
  if (tunnelDepth(outer) === LIMITS.tunnelDepth) return outer;
  const inner = decode({ kind, vni, outer });
  return inner.family === null
    ? undecoded(`${inner.reason} in ${kind}`)
    : inner;
}

function tunnelDepth(packet: DecodedPacket): number {
  return packet.tunnel === null ? 0 : 1 + tunnelDepth(packet.tunnel.outer);
}

function decodeSctp(window: Window, packet: DecodedPacket): DecodedPacket {
  const sctp = parseSctp(window);
  if (sctp === undefined) return { ...packet, truncated: true };
  const { header, payload } = sctp;
  return {
    ...packet,
    ...behind(packet, window, payload),
    ports: { source: header.sourcePort, destination: header.destinationPort },
    sctpChunk: payload.length > 0 ? payload.u8(0) : null,
  };
}

function decodeIcmp(window: Window, packet: DecodedPacket): DecodedPacket {
  const icmp = parseIcmp(window);
  if (icmp === undefined) return { ...packet, truncated: true };
  const { type, code, rest } = icmp.header;
  const family = packet.protocol === PROTOCOL.icmp ? 4 : 6;
  const echo = type === ECHO[family].request || type === ECHO[family].reply;
  return {
    ...packet,
    ...behind(packet, window, icmp.payload),
    icmp: { type, code, identifier: echo ? rest >>> 16 : null },
  };
}

/** Where the payload lies once its header of `window` is read. */
function behind(packet: DecodedPacket, window: Window, payload: Window) {
  const headerBytes = payload.start - window.start;
  const trailerBytes = window.end - payload.end;
  return {
    payload: { start: payload.start, end: payload.end },
    payloadBytes: packet.payloadBytes - headerBytes - trailerBytes,
  };
}

function has(ports: readonly number[], port: number): boolean {
  return ports.includes(port);
}

function cutOff(where: string): Undecoded {
  return undecoded(`cut off in ${where}`);
}

function undecoded(reason: string): Undecoded {
  return { family: null, reason };
}

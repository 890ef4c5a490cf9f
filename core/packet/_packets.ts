/** Packets made by hand, for tests. */
import { emitEthernet, ETHER_TYPE } from "./ethernet.ts";
import { emitIcmp } from "./icmp.ts";
import { Ip } from "./ip.ts";
import { emitIpv4 } from "./ipv4.ts";
import { emitIpv6 } from "./ipv6.ts";
import { PROTOCOL, TCP_FLAG } from "./packet.ts";
import { emitTcp } from "./tcp.ts";
import { emitUdp } from "./udp.ts";

/** `address:port > address:port`, with IPv6 addresses in brackets. */
export type Route = string;

/** An Ethernet frame round an IP packet. */
export function frameOf(packet: Uint8Array): Uint8Array {
  const etherType = packet[0]! >>> 4 === 4 ? ETHER_TYPE.ipv4 : ETHER_TYPE.ipv6;
  return emitEthernet({ destination: 1, source: 2, etherType }, packet);
}

/** A TCP segment in an IP packet; flags as letters: `SA` is a SYN-ACK. */
export function tcpPacket(
  route: Route,
  { flags = "A", sequence = 1000, acknowledgement = 0, payload = "" } = {},
): Uint8Array {
  const ends = endsOf(route);
  const bits = { S: "syn", A: "ack", F: "fin", R: "rst", P: "psh" } as const;
  const header = {
    ...ends.ports,
    sequence,
    acknowledgement,
    flags: [...flags].reduce(
      (sum, letter) => sum | TCP_FLAG[bits[letter as keyof typeof bits]],
      0,
    ),
    window: 64_240,
    urgent: 0,
    options: new Uint8Array(0),
  };
  const bytes = new TextEncoder().encode(payload);
  return ipPacket(ends, PROTOCOL.tcp, emitTcp(header, bytes, ends));
}

/** A UDP datagram in an IP packet. */
export function udpPacket(
  route: Route,
  payload: Uint8Array = new Uint8Array(4),
): Uint8Array {
  const ends = endsOf(route);
  return ipPacket(ends, PROTOCOL.udp, emitUdp(ends.ports, payload, ends));
}

/** An ICMP message in an IP packet; the ports of the route are identifier and sequence number. */
export function icmpPacket(
  route: Route,
  { type = 8, code = 0 } = {},
): Uint8Array {
  const ends = endsOf(route);
  const { sourcePort, destinationPort } = ends.ports;
  const header = { type, code, rest: sourcePort * 65_536 + destinationPort };
  const protocol = ends.source.family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6;
  return ipPacket(ends, protocol, emitIcmp(header, new Uint8Array(8), ends));
}

function ipPacket(
  ends: { source: Ip; destination: Ip },
  protocol: number,
  segment: Uint8Array,
): Uint8Array {
  const { source, destination } = ends;
  return source.family === 4
    ? emitIpv4({
      typeOfService: 0,
      identification: 1,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol,
      source,
      destination,
      options: new Uint8Array(0),
    }, segment)
    : emitIpv6({
      trafficClass: 0,
      flowLabel: 0,
      hopLimit: 64,
      source,
      destination,
      extensions: [],
      protocol,
    }, segment);
}

function endsOf(route: Route) {
  const match = /^\[?([^\]]+?)\]?:(\d+) > \[?([^\]]+?)\]?:(\d+)$/.exec(route);
  if (match === null) throw new TypeError(`Cannot read route: ${route}`);
  return {
    source: Ip.of(match[1]!),
    destination: Ip.of(match[3]!),
    ports: {
      sourcePort: Number(match[2]),
      destinationPort: Number(match[4]),
    },
  };
}

import { internetChecksum } from "./checksum.ts";
import { Ip } from "./ip.ts";
import type { Parsed, Window } from "./window.ts";

/** An IPv4 header (RFC 791). Lengths and the checksum follow from the rest. */
export interface Ipv4Header {
  readonly typeOfService: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes; a multiple of eight. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Ip;
  readonly destination: Ip;
  /** A multiple of four bytes, 40 at most. */
  readonly options: Uint8Array;
}

/** A parsed IP packet, and how much of it the capture left out. */
export interface ParsedIp<Header> extends Parsed<Header> {
  readonly missingBytes: number;
}

/** Reads an IPv4 packet; undefined when the bytes do not hold a whole header. */
export function parseIpv4(window: Window): ParsedIp<Ipv4Header> | undefined {
  if (window.length < 20 || window.u8(0) >>> 4 !== 4) return undefined;
  const headerBytes = (window.u8(0) & 15) * 4;
  if (headerBytes < 20 || headerBytes > window.length) return undefined;
  // Zero: the sender's network card was left to cut the packet up (TSO), so
  // the frame is all there is.
  const totalBytes = window.u16(2) || window.length;
  if (totalBytes < headerBytes) return undefined;
  const fragment = window.u16(6);
  return {
    header: {
      typeOfService: window.u8(1),
      identification: window.u16(4),
      dontFragment: (fragment & 0x4000) !== 0,
      moreFragments: (fragment & 0x2000) !== 0,
      fragmentOffset: (fragment & 0x1fff) * 8,
      ttl: window.u8(8),
      protocol: window.u8(9),
      source: Ip.v4(window.u32(12)),
      destination: Ip.v4(window.u32(16)),
      options: window.bytes(20, headerBytes - 20),
    },
    payload: window.from(headerBytes, totalBytes - headerBytes),
    missingBytes: Math.max(0, totalBytes - window.length),
  };
}

/** A packet with this header, its lengths and its checksum. */
export function emitIpv4(
  header: Ipv4Header,
  payload: Uint8Array,
): Uint8Array {
  const headerBytes = 20 + header.options.length;
  const bytes = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x40 | (headerBytes / 4));
  view.setUint8(1, header.typeOfService);
  view.setUint16(2, bytes.length);
  view.setUint16(4, header.identification);
  view.setUint16(
    6,
    (header.dontFragment ? 0x4000 : 0) | (header.moreFragments ? 0x2000 : 0) |
      (header.fragmentOffset / 8),
  );
  view.setUint8(8, header.ttl);
  view.setUint8(9, header.protocol);
  view.setUint32(12, header.source.w3);
  view.setUint32(16, header.destination.w3);
  bytes.set(header.options, 20);
  view.setUint16(10, internetChecksum(bytes.subarray(0, headerBytes)));
  bytes.set(payload, headerBytes);
  return bytes;
}

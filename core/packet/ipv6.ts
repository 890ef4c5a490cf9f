import { LIMITS } from "../limits.ts";
import { setIp } from "./checksum.ts";
import { Ip } from "./ip.ts";
import type { ParsedIp } from "./ipv4.ts";
import type { Window } from "./window.ts";

/** One extension header: its own protocol number, and its bytes after the next-header byte. */
export interface Ipv6Extension {
  readonly protocol: number;
  readonly content: Uint8Array;
}

/** An IPv6 header with its extension headers (RFC 8200). */
export interface Ipv6Header {
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly hopLimit: number;
  readonly source: Ip;
  readonly destination: Ip;
  readonly extensions: readonly Ipv6Extension[];
  /** The protocol after the last extension header. */
  readonly protocol: number;
}

/** What a fragment header says (RFC 8200 section 4.5). */
export interface Ipv6Fragment {
  readonly identification: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6. */
const EXTENSIONS = new Set([
  0,
  43,
  FRAGMENT,
  AUTHENTICATION,
  60,
  135,
  139,
  140,
]);

/** Reads an IPv6 packet; undefined when the bytes do not hold all of its headers. */
export function parseIpv6(window: Window): ParsedIp<Ipv6Header> | undefined {
  if (window.length < 40 || window.u8(0) >>> 4 !== 6) return undefined;
  // Zero: a jumbogram, or the network card was left to cut the packet up.
  const payloadBytes = window.u16(4) || window.length - 40;
  const chain = parseExtensions(window.from(40, payloadBytes), window.u8(6));
  if (chain === undefined) return undefined;
  return {
    header: {
      trafficClass: (window.u16(0) >>> 4) & 0xff,
      flowLabel: window.u32(0) & 0xfffff,
      hopLimit: window.u8(7),
      source: ipAt(window, 8),
      destination: ipAt(window, 24),
      extensions: chain.extensions,
      protocol: chain.protocol,
    },
    payload: chain.payload,
    missingBytes: Math.max(0, payloadBytes + 40 - window.length),
  };
}

/** A packet with these headers and its length. */
export function emitIpv6(
  header: Ipv6Header,
  payload: Uint8Array,
): Uint8Array {
  const { extensions } = header;
  const size = extensions.reduce((sum, one) => sum + one.content.length + 1, 0);
  const bytes = new Uint8Array(40 + size + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(
    0,
    ((6 << 28) | (header.trafficClass << 20) | header.flowLabel) >>> 0,
  );
  view.setUint16(4, size + payload.length);
  view.setUint8(6, extensions[0]?.protocol ?? header.protocol);
  view.setUint8(7, header.hopLimit);
  setIp(view, 8, header.source);
  setIp(view, 24, header.destination);
  let offset = 40;
  for (const [index, { content }] of extensions.entries()) {
    view.setUint8(offset, extensions[index + 1]?.protocol ?? header.protocol);
    bytes.set(content, offset + 1);
    offset += content.length + 1;
  }
  bytes.set(payload, offset);
  return bytes;
}

/** The fragment header of a packet that is one; undefined when it is whole. */
export function fragmentOf(header: Ipv6Header): Ipv6Fragment | undefined {
  const content = header.extensions.find((one) => one.protocol === FRAGMENT)
    ?.content;
  if (content === undefined) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  return {
    fragmentOffset: view.getUint16(1) & 0xfff8,
    moreFragments: (view.getUint16(1) & 1) !== 0,
    identification: view.getUint32(3),
  };
}

/** Stops behind a later fragment's header: what follows there is no header. */
function parseExtensions(window: Window, first: number) {
  const extensions: Ipv6Extension[] = [];
  let protocol = first;
  let rest = window;
  while (EXTENSIONS.has(protocol)) {
    if (extensions.length === LIMITS.ipv6Extensions || rest.length < 8) {
      return undefined;
    }
    const lengthBytes = extensionBytes(protocol, rest.u8(1));
    if (lengthBytes > rest.length) return undefined;
    extensions.push({ protocol, content: rest.bytes(1, lengthBytes - 1) });
    const later = protocol === FRAGMENT && (rest.u16(2) & 0xfff8) !== 0;
    protocol = rest.u8(0);
    rest = rest.from(lengthBytes);
    if (later) break;
  }
  return { extensions, protocol, payload: rest };
}

function extensionBytes(protocol: number, length: number): number {
  if (protocol === FRAGMENT) return 8;
  // RFC 4302 section 2.2: in 4-byte units, minus two.
  if (protocol === AUTHENTICATION) return (length + 2) * 4;
  return (length + 1) * 8;
}

function ipAt(window: Window, offset: number): Ip {
  return Ip.v6(
    window.u32(offset),
    window.u32(offset + 4),
    window.u32(offset + 8),
    window.u32(offset + 12),
  );
}

import { internetChecksum, pseudoHeader } from "./checksum.ts";
import type { Ip } from "./ip.ts";
import { PROTOCOL } from "./packet.ts";
import type { Parsed, Window } from "./window.ts";

/** An ICMP or ICMPv6 header (RFC 792, RFC 4443). */
export interface IcmpHeader {
  readonly type: number;
  readonly code: number;
  /** The second word: identifier and sequence number of an echo, MTU of a "too big". */
  readonly rest: number;
}

/** Types of echo messages, by family. */
export const ECHO = {
  4: { request: 8, reply: 0 },
  6: { request: 128, reply: 129 },
} as const;

/** Reads an ICMP message; undefined when the bytes do not hold a whole header. */
export function parseIcmp(window: Window): Parsed<IcmpHeader> | undefined {
  if (window.length < 8) return undefined;
  return {
    header: {
      type: window.u8(0),
      code: window.u8(1),
      rest: window.u32(4),
    },
    payload: window.from(8),
  };
}

/** A message with this header and its checksum, which in IPv6 covers the addresses. */
export function emitIcmp(
  header: IcmpHeader,
  payload: Uint8Array,
  between: { readonly source: Ip; readonly destination: Ip },
): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.type);
  view.setUint8(1, header.code);
  view.setUint32(4, header.rest);
  bytes.set(payload, 8);
  const pseudo = between.source.family === 4
    ? new Uint8Array(0)
    : pseudoHeader(between, {
      protocol: PROTOCOL.icmpv6,
      lengthBytes: bytes.length,
    });
  view.setUint16(2, internetChecksum(pseudo, bytes));
  return bytes;
}

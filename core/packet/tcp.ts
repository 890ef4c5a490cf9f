import { internetChecksum, pseudoHeader } from "./checksum.ts";
import type { Ip } from "./ip.ts";
import { PROTOCOL } from "./packet.ts";
import type { Parsed, Window } from "./window.ts";

/** A TCP header (RFC 9293). */
export interface TcpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Bits as in `TCP_FLAG`, up to the ninth (AE, once NS). */
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  /** A multiple of four bytes, 40 at most. */
  readonly options: Uint8Array;
}

/** Reads a TCP segment; undefined when the bytes do not hold a whole header. */
export function parseTcp(window: Window): Parsed<TcpHeader> | undefined {
  if (window.length < 20) return undefined;
  const headerBytes = (window.u8(12) >>> 4) * 4;
  if (headerBytes < 20 || headerBytes > window.length) return undefined;
  return {
    header: {
      sourcePort: window.u16(0),
      destinationPort: window.u16(2),
      sequence: window.u32(4),
      acknowledgement: window.u32(8),
      flags: window.u16(12) & 0x1ff,
      window: window.u16(14),
      urgent: window.u16(18),
      options: window.bytes(20, headerBytes - 20),
    },
    payload: window.from(headerBytes),
  };
}

/** A segment with this header and its checksum. */
export function emitTcp(
  header: TcpHeader,
  payload: Uint8Array,
  between: { readonly source: Ip; readonly destination: Ip },
): Uint8Array {
  const headerBytes = 20 + header.options.length;
  const bytes = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.sourcePort);
  view.setUint16(2, header.destinationPort);
  view.setUint32(4, header.sequence);
  view.setUint32(8, header.acknowledgement);
  view.setUint16(12, ((headerBytes / 4) << 12) | header.flags);
  view.setUint16(14, header.window);
  view.setUint16(18, header.urgent);
  bytes.set(header.options, 20);
  bytes.set(payload, headerBytes);
  const pseudo = pseudoHeader(between, {
    protocol: PROTOCOL.tcp,
    lengthBytes: bytes.length,
  });
  view.setUint16(16, internetChecksum(pseudo, bytes));
  return bytes;
}

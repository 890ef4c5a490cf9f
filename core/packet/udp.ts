import { internetChecksum, pseudoHeader } from "./checksum.ts";
import type { Ip } from "./ip.ts";
import { PROTOCOL } from "./packet.ts";
import type { Parsed, Window } from "./window.ts";

/** A UDP header (RFC 768); its length and checksum follow from the payload. */
export interface UdpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Reads a UDP datagram; undefined when the bytes do not hold a whole header. */
export function parseUdp(window: Window): Parsed<UdpHeader> | undefined {
  if (window.length < 8) return undefined;
  // Zero: a jumbogram (RFC 2675), or the network card was left to fill it in.
  const lengthBytes = window.u16(4) || window.length;
  if (lengthBytes < 8) return undefined;
  return {
    header: {
      sourcePort: window.u16(0),
      destinationPort: window.u16(2),
    },
    payload: window.from(8, lengthBytes - 8),
  };
}

/** A datagram with this header and its checksum. */
export function emitUdp(
  header: UdpHeader,
  payload: Uint8Array,
  between: { readonly source: Ip; readonly destination: Ip },
): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.sourcePort);
  view.setUint16(2, header.destinationPort);
  view.setUint16(4, bytes.length);
  bytes.set(payload, 8);
  const pseudo = pseudoHeader(between, {
    protocol: PROTOCOL.udp,
    lengthBytes: bytes.length,
  });
  // Zero would say that there is no checksum.
  view.setUint16(6, internetChecksum(pseudo, bytes) || 0xffff);
  return bytes;
}

import { crc32c } from "./checksum.ts";
import type { Parsed, Window } from "./window.ts";

/** The common header of an SCTP packet (RFC 9260 section 3.1). */
export interface SctpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag: number;
}

/** Type of the chunk that opens an association, and of the one that answers it. */
export const SCTP_CHUNK = { init: 1, initAck: 2 } as const;

/** Reads an SCTP packet, its chunks as payload; undefined when the bytes do not hold a whole header. */
export function parseSctp(window: Window): Parsed<SctpHeader> | undefined {
  if (window.length < 12) return undefined;
  return {
    header: {
      sourcePort: window.u16(0),
      destinationPort: window.u16(2),
      verificationTag: window.u32(4),
    },
    payload: window.from(12),
  };
}

/** A packet with this header, these chunks and its checksum. */
export function emitSctp(header: SctpHeader, chunks: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + chunks.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.sourcePort);
  view.setUint16(2, header.destinationPort);
  view.setUint32(4, header.verificationTag);
  bytes.set(chunks, 12);
  // The CRC goes out with its low byte first, unlike everything else.
  view.setUint32(8, crc32c(bytes), true);
  return bytes;
}

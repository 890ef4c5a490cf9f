/** Capture files made by hand, for tests. */
import type { CapturedPacket } from "./captured_packet.ts";

/** A classic pcap file of raw IP packets, one a second. */
export function pcapOf(
  packets: readonly Uint8Array[],
  {
    littleEndian = true,
    magic = 0xa1b2c3d4,
    linkType = 101,

    fraction = 0,
  } = {},
): Uint8Array<ArrayBuffer> {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, magic, littleEndian);
  header.setUint16(4, 2, littleEndian);
  header.setUint16(6, 4, littleEndian);
  header.setUint32(16, 262_144, littleEndian);
  header.setUint32(20, linkType, littleEndian);
  const records = packets.map((bytes, index) => {
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, index, littleEndian);
    view.setUint32(4, fraction, littleEndian);
    view.setUint32(8, bytes.length, littleEndian);
    view.setUint32(12, bytes.length, littleEndian);
    return [new Uint8Array(view.buffer), bytes];
  });
  return concat([new Uint8Array(header.buffer), ...records.flat()]);
}

/** A pcapng block. */
export function block(
  type: number,
  body: Uint8Array,
  littleEndian = true,
): Uint8Array<ArrayBuffer> {
  const length = 12 + body.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, littleEndian);
  view.setUint32(4, length, littleEndian);
  bytes.set(body, 8);
  view.setUint32(length - 4, length, littleEndian);
  return bytes;
}

/** Words of 32 bits, and bytes as they are, padded. */
export function words(
  parts: readonly (number | Uint8Array)[],
  littleEndian = true,
): Uint8Array<ArrayBuffer> {
  return concat(parts.map((part) => {
    if (typeof part !== "number") {
      const padded = new Uint8Array((part.length + 3) & ~3);
      padded.set(part);
      return padded;
    }
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, part, littleEndian);
    return new Uint8Array(view.buffer);
  }));
}

/** A pcapng option. */
export function option(
  code: number,
  value: Uint8Array | string,
  littleEndian = true,
): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === "string"
    ? new TextEncoder().encode(value)
    : value;
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, code, littleEndian);
  view.setUint16(2, bytes.length, littleEndian);
  return concat([new Uint8Array(view.buffer), words([bytes])]);
}

export function concat(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Packets as a reader would give them out: raw IP, one a second. */
export function captured(
  packets: readonly Uint8Array[],
  { timeNs = (index: number) => BigInt(index) * 1_000_000n } = {},
): CapturedPacket[] {
  return packets.map((bytes, index) => ({
    number: index + 1,
    offset: index * 100,
    timeNs: timeNs(index),
    linkType: 101,
    bytes,
    originalLength: bytes.length,
    interface: null,
    comment: null,
  }));
}

import type { Ip } from "./ip.ts";

/** Internet checksum (RFC 1071) over the parts in a row; only the last may be of odd length. */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i + 1 < part.length; i += 2) {
      sum += (part[i]! << 8) | part[i + 1]!;
    }
    if (part.length % 2 === 1) sum += part[part.length - 1]! << 8;
    // Far from 2^53 in one part, but folded so that the parts may be many.
    sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What a transport checksum covers besides the segment (RFC 9293 section 3.1, RFC 8200 section 8.1). */
export function pseudoHeader(
  between: { readonly source: Ip; readonly destination: Ip },
  segment: { readonly protocol: number; readonly lengthBytes: number },
): Uint8Array {
  const { source, destination } = between;
  const size = source.family === 4 ? 12 : 40;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (source.family === 4) {
    view.setUint32(0, source.w3);
    view.setUint32(4, destination.w3);
    view.setUint16(8, segment.protocol);
    view.setUint16(10, segment.lengthBytes);
  } else {
    setIp(view, 0, source);
    setIp(view, 16, destination);
    view.setUint32(32, segment.lengthBytes);
    view.setUint32(36, segment.protocol);
  }
  return bytes;
}

/** Writes an address, four or sixteen bytes. */
export function setIp(view: DataView, offset: number, ip: Ip): void {
  if (ip.family === 4) {
    view.setUint32(offset, ip.w3);
    return;
  }
  view.setUint32(offset, ip.w0);
  view.setUint32(offset + 4, ip.w1);
  view.setUint32(offset + 8, ip.w2);
  view.setUint32(offset + 12, ip.w3);
}

/** CRC-32C (Castagnoli), as SCTP uses it (RFC 9260 appendix A). */
export function crc32c(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) {
      crc = CRC32C_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
    }
  }
  return ~crc >>> 0;
}

const CRC32C_TABLE = crcTable(0x82f63b78);

function crcTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) {
      value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    }
    return value;
  });
}

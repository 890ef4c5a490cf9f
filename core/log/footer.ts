import { BLOCK_HEAD_BYTES } from "./block.ts";
import { crc32, equalBytes } from "./_native.ts";
import type { LogBytes } from "./log_bytes.ts";

/*
 * The footer of a closed log: marker (u32), number of blocks (u32), of each
 * block offset (u64), first position (u64) and chain hash (32 bytes); then
 * crc32 of these (u32), their length (u32), end marker (8 bytes). It saves a
 * reader the scan for blocks, and holds nothing that a scan would not find.
 */
/** "PLFT" */
const FOOTER_MARKER = 0x54464c50;
const END_MARKER = new TextEncoder().encode("PLUMBEND");
const ENTRY_BYTES = 48;
const START_BYTES = 8;
const TRAILER_BYTES = 16;

/** Where one block is. */
export interface IndexEntry {
  readonly offsetBytes: number;
  readonly firstPosition: number;
  readonly chainHash: Uint8Array;
}

/** An index, and the byte at which the blocks end and it starts. */
export interface Footer {
  readonly entries: readonly IndexEntry[];
  readonly startBytes: number;
}

/** Lays a footer out in bytes. */
export function encodeFooter(entries: readonly IndexEntry[]): Uint8Array {
  const length = START_BYTES + entries.length * ENTRY_BYTES;
  const bytes = new Uint8Array(length + TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FOOTER_MARKER, true);
  view.setUint32(4, entries.length, true);
  for (const [index, entry] of entries.entries()) {
    const at = START_BYTES + index * ENTRY_BYTES;
    view.setBigUint64(at, BigInt(entry.offsetBytes), true);
    view.setBigUint64(at + 8, BigInt(entry.firstPosition), true);
    bytes.set(entry.chainHash, at + 16);
  }
  view.setUint32(length, crc32(bytes.subarray(0, length)), true);
  view.setUint32(length + 4, length, true);
  bytes.set(END_MARKER, length + 8);
  return bytes;
}

/**
 * Reads the footer at the end of a log, undefined when there is none that
 * holds together: entries in order, each block as long as a head at least.
 */
export function decodeFooter(
  log: LogBytes,
  headerLength: number,
): Footer | undefined {
  if (log.length < headerLength + START_BYTES + TRAILER_BYTES) return undefined;
  const trailer = log.read(log.length - TRAILER_BYTES, TRAILER_BYTES);
  if (!equalBytes(trailer.subarray(8), END_MARKER)) return undefined;
  const trailerView = new DataView(trailer.buffer, trailer.byteOffset);
  const length = trailerView.getUint32(4, true);
  const startBytes = log.length - TRAILER_BYTES - length;
  if (length < START_BYTES || startBytes < headerLength) return undefined;
  // The length is believed, and that much memory taken, only once the start agrees.
  const claimed = footerLength(log, startBytes);
  if (claimed !== length + TRAILER_BYTES) return undefined;
  const bytes = log.read(startBytes, length);
  if (trailerView.getUint32(0, true) !== crc32(bytes)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const count = view.getUint32(4, true);
  const entries = Array.from({ length: count }, (_, index): IndexEntry => {
    const at = START_BYTES + index * ENTRY_BYTES;
    return {
      offsetBytes: Number(view.getBigUint64(at, true)),
      firstPosition: Number(view.getBigUint64(at + 8, true)),
      chainHash: bytes.slice(at + 16, at + ENTRY_BYTES),
    };
  });
  return inOrder(entries, headerLength, startBytes)
    ? { entries, startBytes }
    : undefined;
}

/** How long the footer says it is that starts here; undefined when none does. */
export function footerLength(
  log: LogBytes,
  startBytes: number,
): number | undefined {
  if (log.length - startBytes < START_BYTES) return undefined;
  const bytes = log.read(startBytes, START_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, START_BYTES);
  if (view.getUint32(0, true) !== FOOTER_MARKER) return undefined;
  return START_BYTES + view.getUint32(4, true) * ENTRY_BYTES + TRAILER_BYTES;
}

function inOrder(
  entries: readonly IndexEntry[],
  start: number,
  end: number,
): boolean {
  if (entries.length === 0) return start === end;
  return entries.every((entry, index) => {
    const next = entries[index + 1];
    const length = (next?.offsetBytes ?? end) - entry.offsetBytes;
    return (index > 0 || entry.offsetBytes === start) &&
      (index > 0 || entry.firstPosition === 0) &&
      (next === undefined || next.firstPosition > entry.firstPosition) &&
      length > BLOCK_HEAD_BYTES;
  });
}

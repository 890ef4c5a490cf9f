/** Codes of the options that are read (draft-ietf-opsawg-pcapng sections 3.5 and 4.2). */
const OPTION = {
  end: 0,
  comment: 1,
  interfaceName: 2,
  timeResolution: 9,
  timeOffset: 14,
} as const;

/** Longest text that is kept of a name or comment. */
const MOST_TEXT_BYTES = 256;

/** What the options of an interface or a packet say. */
export interface BlockOptions {
  readonly comment: string | null;
  readonly interfaceName: string | null;
  /** A power of ten, or with the top bit set of two: 6 is microseconds. */
  readonly timeResolution: number;
  /** Seconds to add to every timestamp. */
  readonly timeOffsetS: bigint;
}

/**
 * Reads the options at the end of a block, as far as they are well formed:
 * what follows a broken one cannot be told apart from padding.
 */
export function readOptions(
  bytes: Uint8Array,
  littleEndian: boolean,
): BlockOptions {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let comment: string | null = null;
  let interfaceName: string | null = null;
  let timeResolution = 6;
  let timeOffsetS = 0n;
  let at = 0;
  while (at + 4 <= bytes.length) {
    const code = view.getUint16(at, littleEndian);
    const lengthBytes = view.getUint16(at + 2, littleEndian);
    const value = bytes.subarray(at + 4, at + 4 + lengthBytes);
    if (code === OPTION.end || value.length < lengthBytes) break;
    if (code === OPTION.comment) comment = text(value);
    if (code === OPTION.interfaceName) interfaceName = text(value);
    if (code === OPTION.timeResolution && lengthBytes >= 1) {
      timeResolution = value[0]!;
    }
    if (code === OPTION.timeOffset && lengthBytes >= 8) {
      timeOffsetS = view.getBigInt64(at + 4, littleEndian);
    }
    at += 4 + padded(lengthBytes);
  }
  return { comment, interfaceName, timeResolution, timeOffsetS };
}

/** Everything in a pcapng file is padded to 32 bits. */
export function padded(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}

function text(bytes: Uint8Array): string {
  const kept = new TextDecoder().decode(bytes.subarray(0, MOST_TEXT_BYTES));
  return kept.replaceAll("\0", "");
}

import { InputError, type Problem } from "../errors.ts";

/** One record of a capture file. */
export interface CapturedPacket {
  /** Counts from 1, as Wireshark numbers them. */
  readonly number: number;
  /** Where its record begins in the file, after decompression. */
  readonly offset: number;
  /** Since 1970; null where the format has no time (a simple packet block). */
  readonly timeNs: bigint | null;
  readonly linkType: number;
  /** The captured bytes. */
  readonly bytes: Uint8Array;
  /** Length on the wire. */
  readonly originalLength: number;
  /** Name of the interface it was seen at, or its number; null when the format has none. */
  readonly interface: string | null;
  readonly comment: string | null;
}

/**
 * Reads a capture file that comes in chunks. It holds no more than a chunk
 * and a record.
 *
 * @example
 * ```ts
 * reader.push(chunk);
 * for (const packet of reader.packets()) fold.add(packet);
 * ```
 */
export interface CaptureReader {
  push(chunk: Uint8Array): void;
  /** The packets that are complete; throws an `InputError` at the first byte that makes no sense. */
  packets(): Generator<CapturedPacket>;
  /** Says that no more chunks come. A problem: the file ends inside a record. */
  end(): Problem | null;
}

/**
 * A problem at a byte of a binary file. Such a file has no lines: it counts
 * as one, and the column is the byte's number from 1.
 */
export function byteProblem(
  at: { readonly file: string; readonly offset: number },
  message: string,
  expected?: string,
): Problem {
  return {
    message: `${message} (byte ${at.offset})`,
    at: { file: at.file, line: 1, column: at.offset + 1 },
    ...expected === undefined ? {} : { expected },
  };
}

/** The error for one {@link byteProblem}. */
export function byteError(
  at: { readonly file: string; readonly offset: number },
  message: string,
  expected?: string,
): InputError {
  return new InputError([byteProblem(at, message, expected)]);
}

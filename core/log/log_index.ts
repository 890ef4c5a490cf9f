import { InputError } from "../errors.ts";
import { blockError, type BlockPlace } from "./_damage.ts";
import { crc32, equalBytes } from "./_native.ts";
import {
  BLOCK_HEAD_BYTES,
  type BlockHead,
  decodeBlockHead,
  STORED_DAMAGED,
} from "./block.ts";
import {
  decodeFooter,
  encodeFooter,
  footerLength,
  type IndexEntry,
} from "./footer.ts";
import type { LogBytes } from "./log_bytes.ts";

/**
 * What follows the last block: a footer; nothing, since nobody closed the
 * log; the torn beginning of a block or a footer that was being written when
 * the writer stopped; or a footer that was damaged later.
 */
export type LogTail = "footer" | "nothing" | "torn" | "damaged footer";

/** Where everything in a log is. */
export interface LogIndex {
  readonly entries: readonly IndexEntry[];
  /** The byte after the last block. */
  readonly endBytes: number;
  /** The position after the last event. */
  readonly endPosition: number;
  readonly tail: LogTail;
  /** The damaged block at which a scan stopped. */
  readonly damage: InputError | null;
}

/** Finds the blocks of a log by its footer, or else by going through them. */
export function indexLog(log: LogBytes, headerLength: number): LogIndex {
  return readIndex(log, headerLength) ?? scanLog(log, headerLength);
}

/** The index in the footer, undefined unless it agrees with the last block. */
function readIndex(log: LogBytes, headerLength: number): LogIndex | undefined {
  const footer = decodeFooter(log, headerLength);
  if (footer === undefined) return undefined;
  const { entries, startBytes } = footer;
  const whole = { entries, endBytes: startBytes, tail: "footer" } as const;
  const last = entries.at(-1);
  if (last === undefined) return { ...whole, endPosition: 0, damage: null };
  const head = decodeBlockHead(log.read(last.offsetBytes, BLOCK_HEAD_BYTES), {
    ...last,
    file: log.name,
    number: entries.length,
  });
  if (
    head instanceof InputError ||
    last.offsetBytes + BLOCK_HEAD_BYTES + head.storedLength !== startBytes
  ) return undefined;
  return { ...whole, endPosition: endOf(head), damage: null };
}

/** Goes through the blocks one by one, checking the bytes of each, whatever the footer says. */
export function scanLog(log: LogBytes, headerLength: number): LogIndex {
  const entries: IndexEntry[] = [];
  let endBytes = headerLength;
  let endPosition = 0;
  const stop = (tail: LogTail, damage: InputError | null = null): LogIndex => ({
    entries,
    endBytes,
    endPosition,
    tail,
    damage,
  });
  for (;;) {
    const remaining = log.length - endBytes;
    if (remaining === 0) return stop("nothing");
    const footer = footerLength(log, endBytes);
    if (footer !== undefined) {
      if (footer > remaining) return stop("torn");
      const bytes = log.read(endBytes, remaining);
      const whole = equalBytes(bytes, encodeFooter(entries));
      return stop(whole ? "footer" : "damaged footer");
    }
    if (remaining < BLOCK_HEAD_BYTES) return stop("torn");
    const place: BlockPlace = {
      file: log.name,
      number: entries.length + 1,
      offsetBytes: endBytes,
      firstPosition: endPosition,
    };
    const headBytes = log.read(endBytes, BLOCK_HEAD_BYTES);
    const head = decodeBlockHead(headBytes, place);
    if (head instanceof InputError) {
      return isZero(log, endBytes) ? stop("torn") : stop("nothing", head);
    }
    const length = BLOCK_HEAD_BYTES + head.storedLength;
    if (length > remaining) return stop("torn");
    const stored = log.read(endBytes + BLOCK_HEAD_BYTES, head.storedLength);
    if (crc32(stored) !== head.storedSum) {
      return stop("nothing", blockError(place, STORED_DAMAGED));
    }
    const { chainHash, firstPosition } = head;
    entries.push({ offsetBytes: endBytes, firstPosition, chainHash });
    endBytes += length;
    endPosition = endOf(head);
  }
}

/** Whether only zeros are left: a file system that lost power may have grown the file before it had the bytes. */
function isZero(log: LogBytes, startBytes: number): boolean {
  const step = 1 << 16;
  for (let at = startBytes; at < log.length; at += step) {
    const bytes = log.read(at, Math.min(step, log.length - at));
    if (bytes.some((byte) => byte !== 0)) return false;
  }
  return true;
}

function endOf(head: BlockHead): number {
  return head.firstPosition + head.count;
}

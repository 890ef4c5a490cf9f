import { InputError, invariant } from "../errors.ts";
import { blockError, type BlockPlace, damageError } from "./_damage.ts";
import { equalBytes, sha256, toHex } from "./_native.ts";
import {
  BLOCK_HEAD_BYTES,
  chainHash,
  decodeBlock,
  decodeBlockHead,
  encodeBlock,
  type RawBlock,
  STORED_BYTES,
} from "./block.ts";
import { cutBlocks, parseEvents } from "./block_events.ts";
import { JsonWriter } from "./canonical_json.ts";
import { decodeHeader, encodeHeader, type FileHeader } from "./file_header.ts";
import { encodeFooter, type IndexEntry } from "./footer.ts";
import type { LogBytes } from "./log_bytes.ts";
import type { LogEvent, LogHead, LogHeader } from "./log_event.ts";
import { indexLog, type LogTail, scanLog } from "./log_index.ts";
import type { LogStore, LogSummary } from "./log_store.ts";

/**
 * A log in the block format, over any {@link LogBytes}.
 *
 * @example
 * ```ts
 * import { MemoryBytes } from "./memory_bytes.ts";
 *
 * const log = BlockLog.create(new MemoryBytes(), { seed: 1 });
 * const data = { name: "n1" };
 * const event = { type: "node.deleted", version: 1, position: 0, timeNs: 0, data };
 * log.append([event]).position; // 1
 * [...log.read()]; // [event]
 * ```
 */
export class BlockLog implements LogStore {
  readonly #bytes: LogBytes;
  readonly #header: FileHeader;
  readonly #entries: IndexEntry[];
  readonly #damage: InputError | null;
  readonly #writer = new JsonWriter();
  #endBytes: number;
  #endPosition: number;
  #lastTimeNs = 0;
  #tail: LogTail;
  #writable = false;

  private constructor(bytes: LogBytes, findBlocks: typeof indexLog) {
    this.#bytes = bytes;
    this.#header = decodeHeader(bytes);
    const index = findBlocks(bytes, this.#header.bytes.length);
    this.#entries = [...index.entries];
    this.#damage = index.damage;
    this.#endBytes = index.endBytes;
    this.#endPosition = index.endPosition;
    this.#tail = index.tail;
  }

  /** Starts a log where there is nothing yet. */
  static create(bytes: LogBytes, header: LogHeader): BlockLog {
    invariant(bytes.length === 0, `Cannot create log over ${bytes.name}`);
    bytes.write(0, encodeHeader(header).bytes);
    return BlockLog.openToAppend(bytes);
  }

  /**
   * Opens a log to append to it. A torn tail is forgotten: nobody was told
   * that it was written. Any other damage is an InputError, and changes nothing.
   */
  static openToAppend(bytes: LogBytes): BlockLog {
    // Goes through all blocks: nothing is to be added behind a damaged one.
    const log = new BlockLog(bytes, scanLog);
    log.#throwDamage();
    const last = log.#entries.length - 1;
    if (last >= 0) log.#lastTimeNs = log.#events(last).at(-1)!.timeNs;
    log.#writable = true;
    return log;
  }

  /** Opens a log to read what is whole of it; nothing is ever changed. */
  static openToRead(bytes: LogBytes): BlockLog {
    return new BlockLog(bytes, indexLog);
  }

  /** What the log says about its run. */
  get header(): LogHeader {
    return this.#header.header;
  }

  /** Where the log ends. */
  get head(): LogHead {
    return {
      position: this.#endPosition,
      chainHash: toHex(this.#hashBefore(this.#entries.length)),
    };
  }

  get runId(): string {
    const last = this.#hashBefore(this.#entries.length);
    return toHex(sha256(this.#header.bytes, last));
  }

  append(events: readonly LogEvent[]): LogHead {
    invariant(this.#writable, `Cannot append to ${this.#bytes.name}: closed`);
    for (const block of cutBlocks(events, this.#writer)) {
      if (block.firstPosition < this.#endPosition) this.#confirm(block);
      else this.#commit(block, events);
    }
    return this.head;
  }

  *read(fromPosition = 0): Generator<LogEvent> {
    const first = Math.max(0, this.#blockAt(fromPosition));
    for (let index = first; index < this.#entries.length; index++) {
      const events = this.#events(index);
      const skip = fromPosition - events[0]!.position;
      yield* skip > 0 ? events.slice(skip) : events;
    }
    if (this.#damage !== null) throw this.#damage;
  }

  verify(): LogSummary {
    let rawBytes = 0;
    let timeNs = 0;
    for (let index = 0; index < this.#entries.length; index++) {
      const block = this.#block(index);
      const events = parseEvents(block, this.#place(index));
      if (events[0]!.timeNs < timeNs) {
        throw blockError(this.#place(index), "its time is before the last");
      }
      timeNs = events.at(-1)!.timeNs;
      rawBytes += block.raw.length;
    }
    this.#throwDamage();
    return {
      events: this.#endPosition,
      blocks: this.#entries.length,
      rawBytes,
      storedBytes: this.#endBytes - this.#header.bytes.length,
      tail: this.#tail,
    };
  }

  /** Writes the footer, if anything was appended since the last one, and lets go of the file. */
  close(): void {
    if (this.#writable && this.#tail !== "footer") {
      this.#write(encodeFooter(this.#entries));
      this.#tail = "footer";
    }
    this.#writable = false;
    this.#bytes.close();
  }

  /** Closes the log at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }

  #commit(block: RawBlock, events: readonly LogEvent[]): void {
    const { firstPosition, count } = block;
    invariant(
      firstPosition === this.#endPosition,
      `Cannot append event ${firstPosition}: the log ends at ${this.#endPosition}`,
    );
    const start = firstPosition - events[0]!.position;
    invariant(
      events[start]!.timeNs >= this.#lastTimeNs,
      `Cannot append event ${firstPosition}: its time is before the last`,
    );
    const hash = chainHash(this.#hashBefore(this.#entries.length), block.raw);
    const stored = encodeBlock(block, hash);
    this.#write(stored);
    const offsetBytes = this.#endBytes;
    this.#entries.push({ offsetBytes, firstPosition, chainHash: hash });
    this.#endBytes += stored.length;
    this.#endPosition += count;
    this.#lastTimeNs = events[start + count - 1]!.timeNs;
    this.#tail = "nothing";
  }

  /** Accepts a block that the log holds already; the chain hash tells. */
  #confirm({ firstPosition, raw }: RawBlock): void {
    const index = this.#blockAt(firstPosition);
    const entry = this.#entries[index]!;
    const hash = chainHash(this.#hashBefore(index), raw);
    if (
      entry.firstPosition === firstPosition &&
      equalBytes(entry.chainHash, hash)
    ) return;
    throw damageError({
      file: this.#bytes.name,
      offsetBytes: entry.offsetBytes,
      message: `Cannot append at position ${firstPosition}: block ${
        index + 1
      } of the log, at byte ${entry.offsetBytes}, holds other events`,
      expected: `the same events as before (chain hash ${
        toHex(entry.chainHash)
      }), or a new log for another run`,
    });
  }

  /** Writes after the last block, over a footer or a torn tail. */
  #write(bytes: Uint8Array): void {
    // After a failed write or sync nobody knows what is on the disk.
    this.#writable = false;
    if (this.#bytes.length > this.#endBytes) {
      this.#bytes.truncate(this.#endBytes);
    }
    this.#bytes.write(this.#endBytes, bytes);
    this.#writable = true;
  }

  #events(index: number): LogEvent[] {
    return parseEvents(this.#block(index), this.#place(index));
  }

  #block(index: number): RawBlock {
    const entry = this.#entries[index]!;
    const next = this.#entries[index + 1];
    const place = this.#place(index);
    const length = (next?.offsetBytes ?? this.#endBytes) - entry.offsetBytes;
    if (length > BLOCK_HEAD_BYTES + STORED_BYTES) {
      throw blockError(place, `it is ${length} bytes long`);
    }
    const bytes = this.#bytes.read(entry.offsetBytes, length);
    const head = decodeBlockHead(bytes, place);
    if (head instanceof InputError) throw head;
    const end = next?.firstPosition ?? this.#endPosition;
    if (
      head.storedLength !== length - BLOCK_HEAD_BYTES ||
      head.firstPosition + head.count !== end ||
      !equalBytes(head.chainHash, entry.chainHash)
    ) throw blockError(place, "the footer of the log says otherwise");
    const stored = bytes.subarray(BLOCK_HEAD_BYTES);
    return decodeBlock(head, stored, {
      place,
      previous: this.#hashBefore(index),
    });
  }

  #place(index: number): BlockPlace {
    const { offsetBytes, firstPosition } = this.#entries[index]!;
    const file = this.#bytes.name;
    return { file, number: index + 1, offsetBytes, firstPosition };
  }

  /** Chain hash before a block; the header's own hash before the first. */
  #hashBefore(index: number): Uint8Array {
    const entry = this.#entries[index - 1];
    return entry?.chainHash ?? sha256(this.#header.bytes);
  }

  /** Index of the last block that starts at or before a position; -1 without one. */
  #blockAt(position: number): number {
    let low = -1;
    let high = this.#entries.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.firstPosition <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  #throwDamage(): void {
    if (this.#damage !== null) throw this.#damage;
    if (this.#tail !== "damaged footer") return;
    throw damageError({
      file: this.#bytes.name,
      offsetBytes: this.#endBytes,
      message: `Cannot read footer at byte ${this.#endBytes}, after block ` +
        `${this.#entries.length}: it is damaged`,
      expected: `an index of the blocks; their ${this.#endPosition} events ` +
        "are whole and can be read. Nothing was changed: restore the file " +
        "from a copy, or run again",
    });
  }
}

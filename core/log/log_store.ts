import type { LogEvent, LogHead, LogHeader } from "./log_event.ts";
import type { LogTail } from "./log_index.ts";

/** What {@link LogStore.verify} found in a log that is whole. */
export interface LogSummary {
  /** Events in the log. */
  readonly events: number;
  /** Blocks they are in. */
  readonly blocks: number;
  /** Bytes of the events as canonical JSON. */
  readonly rawBytes: number;
  /** Bytes of the blocks as they are stored. */
  readonly storedBytes: number;
  /** What follows the last block. */
  readonly tail: LogTail;
}

/** One append-only, totally ordered, hash-chained sequence of events. */
export interface LogStore {
  /** What the log says about its run. */
  readonly header: LogHeader;
  /** Where the log ends. */
  readonly head: LogHead;
  /** Hexadecimal sha256 over header and last chain hash: same run, same id. */
  readonly runId: string;
  /**
   * Adds events; they are durable when it returns, and it returns where the
   * log ends now. The first event's position says where they belong: events
   * that the log holds already, cut into the same blocks, are a no-op, so
   * that a writer which died before it heard back may try again; other events
   * at a position that is taken are an InputError.
   */
  append(events: readonly LogEvent[]): LogHead;
  /** The events from a position on; checks every block it reads. */
  read(fromPosition?: number): Iterable<LogEvent>;
  /** Reads and checks everything; throws the first InputError. */
  verify(): LogSummary;
  /** Ends the log with an index, if it was open to append, and lets go of it. */
  close(): void;
}

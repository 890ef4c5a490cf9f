/** What a log needs of the place it is kept in. Synchronous; one writer at a time. */
export interface LogBytes {
  /** Names the place in errors: a path. */
  readonly name: string;
  /** Bytes there are. */
  readonly length: number;
  /** Exactly `length` bytes from `offset`; a range outside is a programmer's error. */
  read(offset: number, length: number): Uint8Array;
  /** Writes at the end, which is `offset`; durable when it returns. */
  write(offset: number, bytes: Uint8Array): void;
  /** Cuts off all from `length` on. */
  truncate(length: number): void;
  /** Lets go of the place; nothing can be read or written after. */
  close(): void;
}

/**
 * Bytes pushed in chunks and taken out in pieces. A push copies, so the caller
 * may use its chunk again, and a piece handed out stays as it is.
 */
export class ByteQueue {
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #offset = 0;

  push(chunk: Uint8Array): void {
    const rest = this.#bytes.subarray(this.#at);
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#at = 0;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** How many bytes were taken so far. */
  get offset(): number {
    return this.#offset;
  }

  u16(at: number, littleEndian: boolean): number {
    return this.#view.getUint16(this.#at + at, littleEndian);
  }

  u32(at: number, littleEndian: boolean): number {
    return this.#view.getUint32(this.#at + at, littleEndian);
  }

  /** Bytes that stay in the queue. */
  peek(at: number, lengthBytes: number): Uint8Array {
    const start = this.#at + at;
    return this.#bytes.subarray(start, start + lengthBytes);
  }

  skip(lengthBytes: number): void {
    this.#at += lengthBytes;
    this.#offset += lengthBytes;
  }
}

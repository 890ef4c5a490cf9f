/**
 * A range of a frame's bytes, read in network byte order. A parser checks the
 * length of its window once; after that none of its reads can fail.
 */
export class Window {
  readonly #view: DataView;
  /** First byte of the range, counted from the start of the frame. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;

  private constructor(view: DataView, start: number, end: number) {
    this.#view = view;
    this.start = start;
    this.end = end;
  }

  /** The whole of a frame. */
  static of(bytes: Uint8Array): Window {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new Window(view, 0, bytes.byteLength);
  }

  get length(): number {
    return this.end - this.start;
  }

  u8(offset: number): number {
    return this.#view.getUint8(this.start + offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.start + offset);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.start + offset);
  }

  /** A part of the range as bytes, not copied; cut to what is there. */
  bytes(offset = 0, lengthBytes = this.length - offset): Uint8Array {
    const part = this.from(offset, lengthBytes);
    return new Uint8Array(
      this.#view.buffer,
      this.#view.byteOffset + part.start,
      part.length,
    );
  }

  /** A part of the range; cut to what is there. */
  from(offset: number, lengthBytes = this.length - offset): Window {
    const start = Math.min(this.start + offset, this.end);
    const end = Math.min(start + Math.max(0, lengthBytes), this.end);
    return new Window(this.#view, start, end);
  }
}

/** A header as read, and the bytes it announces. */
export interface Parsed<Header> {
  readonly header: Header;
  readonly payload: Window;
}

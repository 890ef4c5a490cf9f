import { LIMITS } from "../../core/limits.ts";

/** The lines of a chunk; null stands for one that is longer than `LIMITS.lineBytes`. */
export type Lines = readonly (string | null)[];

/**
 * Splits text that comes in chunks of bytes into lines, without their line
 * breaks. It holds no more than a chunk and a line.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  /** The parts of a line that goes on in the next chunk. */
  #parts: string[] = [];
  #partsLength = 0;

  /** The lines that the chunk ends. */
  push(chunk: Uint8Array): Lines {
    return this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  /** The last line, where no line break ends it. */
  end(): Lines {
    const lines = this.#split(this.#decoder.decode());
    return this.#partsLength > 0 ? [...lines, this.#takeLine("")] : lines;
  }

  #split(text: string): Lines {
    const lines: (string | null)[] = [];
    let start = 0;
    for (;;) {
      const end = text.indexOf("\n", start);
      if (end < 0) break;
      lines.push(this.#takeLine(text.slice(start, end)));
      start = end + 1;
    }
    this.#keep(text.slice(start));
    return lines;
  }

  #keep(part: string): void {
    if (part === "") return;
    this.#partsLength += part.length;
    // Of a line that is too long only its length matters.
    if (this.#partsLength > LIMITS.lineBytes) this.#parts = [];
    else this.#parts.push(part);
  }

  #takeLine(rest: string): string | null {
    const length = this.#partsLength + rest.length;
    const line = length > LIMITS.lineBytes ? null : this.#parts.join("") + rest;
    this.#parts = [];
    this.#partsLength = 0;
    return line?.endsWith("\r") ? line.slice(0, -1) : line;
  }
}

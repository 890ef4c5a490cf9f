import { LIMITS } from "./limits.ts";

/** Where each entry of a mapping or item of a list began, by key or index. */
export type EntryOffsets = WeakMap<object, Map<string, number> | number[]>;

/** One value of a text, and where it began. */
export interface ReadValue {
  readonly value: unknown;
  readonly offset: number;
}

/** Why and where a text is not what it should be. */
export class ReadFailure extends Error {
  readonly offset: number;
  /** Whether no other reader could do better. */
  readonly final: boolean;

  constructor(
    message: string,
    offset: number,
    { final = false }: { final?: boolean } = {},
  ) {
    super(message);
    this.offset = offset;
    this.final = final;
  }
}

/**
 * Reads JSON values that follow one another, as kubectl does, and notes where
 * each entry began, which `JSON.parse` does not tell.
 */
export function readJson(text: string, offsets: EntryOffsets): ReadValue[] {
  const reader = new JsonReader(text, offsets);
  const values: ReadValue[] = [];
  while (!reader.atEnd()) values.push(reader.next());
  return values;
}

/** A string or a number of JSON; what is in a string is checked by `JSON.parse`. */
const STRING = /"(?:[^"\\]|\\[^])*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\r\n\ufeff]*/y;
const WORDS = [["true", true], ["false", false], ["null", null]] as const;

class JsonReader {
  readonly #text: string;
  readonly #offsets: EntryOffsets;
  #position = 0;

  constructor(text: string, offsets: EntryOffsets) {
    this.#text = text;
    this.#offsets = offsets;
  }

  atEnd(): boolean {
    this.#skipSpace();
    return this.#position >= this.#text.length;
  }

  next(): ReadValue {
    const offset = this.#position;
    return { value: this.#value(0), offset };
  }

  #value(depth: number): unknown {
    if (depth > LIMITS.documentDepth) {
      const message = `it is nested deeper than ${LIMITS.documentDepth}`;
      throw new ReadFailure(message, this.#position, { final: true });
    }
    const first = this.#text[this.#position];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return this.#string();
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#position)) {
        this.#position += word.length;
        return value;
      }
    }
    const number = this.#match(NUMBER);
    if (number === undefined) throw this.#failure("no JSON value");
    return Number(number);
  }

  #object(depth: number): unknown {
    const value: Record<string, unknown> = {};
    const entries = new Map<string, number>();
    this.#offsets.set(value, entries);
    this.#position++;
    this.#skipSpace();
    if (this.#take("}")) return value;
    do {
      this.#skipSpace();
      const offset = this.#position;
      const key = this.#string();
      checkKey(key, { offset, known: entries });
      entries.set(key, offset);
      this.#skipSpace();
      if (!this.#take(":")) throw this.#failure("a colon is missing");
      this.#skipSpace();
      value[key] = this.#value(depth + 1);
      this.#skipSpace();
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#failure("a comma or } is missing");
    return value;
  }

  #array(depth: number): unknown {
    const value: unknown[] = [];
    const items: number[] = [];
    this.#offsets.set(value, items);
    this.#position++;
    this.#skipSpace();
    if (this.#take("]")) return value;
    do {
      this.#skipSpace();
      items.push(this.#position);
      value.push(this.#value(depth + 1));
      this.#skipSpace();
    } while (this.#take(","));
    if (!this.#take("]")) throw this.#failure("a comma or ] is missing");
    return value;
  }

  #string(): string {
    const start = this.#position;
    const source = this.#match(STRING);
    if (source === undefined) {
      throw this.#failure("a text in double quotes is missing");
    }
    try {
      return JSON.parse(source) as string;
    } catch {
      throw new ReadFailure("a character or an escape JSON lacks", start);
    }
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #take(character: string): boolean {
    if (this.#text[this.#position] !== character) return false;
    this.#position++;
    return true;
  }

  #match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#position;
    const found = expression.exec(this.#text)?.[0];
    if (found !== undefined) this.#position += found.length;
    return found;
  }

  #failure(message: string): ReadFailure {
    return new ReadFailure(message, this.#position);
  }
}

/** Refuses a key that is there already, and the one that is no name to JavaScript. */
export function checkKey(
  key: string,
  { offset, known }: { offset: number; known: ReadonlyMap<string, number> },
): void {
  if (key === "__proto__") {
    throw new ReadFailure(`${key} cannot be a key`, offset);
  }
  if (known.has(key)) {
    throw new ReadFailure(`the key ${key} is given twice`, offset);
  }
}

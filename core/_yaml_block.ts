import type { EntryOffsets, ReadValue } from "./_yaml_json.ts";
import { LIMITS } from "./limits.ts";

/** What a reader made of a text, or the offset of the first thing it does not know. */
export type BlockReading =
  | { readonly values: ReadValue[] }
  | { readonly values: null; readonly offset: number };

/**
 * Reads the part of YAML that kubectl writes: block mappings and lists, plain
 * and quoted words, `|` texts. It is ten times as fast as the `yaml` package
 * and gives the same values; whatever else it meets, errors above all, makes
 * it give up, so that the package has the last word.
 */
export function readBlocks(
  text: string,
  offsets: EntryOffsets,
): BlockReading {
  const strange = text.search(STRANGE);
  if (strange >= 0) return { values: null, offset: strange };
  const reader = new BlockReader(text, offsets);
  try {
    return { values: reader.documents() };
  } catch (error) {
    if (error instanceof NotPlain) {
      return { values: null, offset: reader.offset };
    }
    throw error;
  }
}

/** Tabs, other line breaks and control characters, which need more care than this reader takes. */
const STRANGE =
  // deno-lint-ignore no-control-regex
  /[\r\t\u0000-\u0008\u000b-\u001f\u007f\u0085\ufeff\u2028\u2029]/;

/** Thrown on the way out of what this reader does not know. */
class NotPlain extends Error {}

/** `name:`, `"name":` or `'name':` with its colon; words that could be numbers, booleans or null are not for us. */
const KEY =
  /(?:(?!(?:true|false|null):)[A-Za-z_/][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*|"[^"\\\n]*"|'[^'\n]*'):(?=[ \n]|$)/iy;
const DOUBLE_QUOTED = /^"(?:[^"\\]|\\["\\/nrt])*"$/;
const SINGLE_QUOTED = /^'(?:[^']|'')*'$/;
const INTEGER = /^[-+]?[0-9]+$/;
const FLOAT =
  /^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$/;
const ODD_NUMBER = /^(?:0[xo]|[-+]?\.(?:inf|nan)$)/i;
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["~", null],
  ["null", null],
  ["Null", null],
  ["NULL", null],
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
]);

class BlockReader {
  readonly #text: string;
  readonly #offsets: EntryOffsets;
  /** The line at hand: where its first word begins, its indentation, where it ends. */
  #start = 0;
  #indent = -1;
  #end = -1;
  #lastEnd = -1;

  constructor(text: string, offsets: EntryOffsets) {
    this.#text = text;
    this.#offsets = offsets;
  }

  /** Where it is, or gave up. */
  get offset(): number {
    return Math.min(this.#start, this.#text.length);
  }

  documents(): ReadValue[] {
    const documents: ReadValue[] = [];
    let marked = false;
    this.#advance();
    while (!this.#done) {
      if (this.#atMarker) {
        if (marked) documents.push({ value: null, offset: this.#start });
        marked = true;
        this.#advance();
        continue;
      }
      if (this.#indent !== 0) throw new NotPlain();
      const offset = this.#start;
      documents.push({ value: this.#node(0), offset });
      marked = false;
      if (!this.#done && !this.#atMarker) throw new NotPlain();
    }
    if (marked) documents.push({ value: null, offset: this.#text.length });
    return documents;
  }

  get #done(): boolean {
    return this.#indent < 0;
  }

  get #atMarker(): boolean {
    return this.#indent === 0 && this.#end - this.#start >= 3 &&
      this.#text.startsWith("---", this.#start) &&
      this.#text.slice(this.#start + 3, this.#end).trim() === "";
  }

  get #atItem(): boolean {
    return this.#text[this.#start] === "-" &&
      (this.#end === this.#start + 1 || this.#text[this.#start + 1] === " ");
  }

  /** The mapping or list that begins at the line at hand. */
  #node(depth: number): unknown {
    if (depth > LIMITS.documentDepth) throw new NotPlain();
    return this.#atItem ? this.#list(depth) : this.#mapping(depth);
  }

  #mapping(depth: number): Record<string, unknown> {
    const indent = this.#indent;
    const value: Record<string, unknown> = {};
    const entries = new Map<string, number>();
    this.#offsets.set(value, entries);
    do {
      const offset = this.#start;
      const key = this.#key();
      if (key === "__proto__" || entries.has(key)) throw new NotPlain();
      entries.set(key, offset);
      value[key] = this.#value(indent, { depth, inList: false });
    } while (this.#indent === indent && !this.#atItem && !this.#atMarker);
    if (this.#indent > indent) throw new NotPlain();
    return value;
  }

  #list(depth: number): unknown[] {
    const indent = this.#indent;
    const value: unknown[] = [];
    const items: number[] = [];
    this.#offsets.set(value, items);
    do {
      let start = this.#start + 1;
      while (this.#text[start] === " ") start++;
      if (start < this.#end) {
        items.push(start);
        this.#indent += start - this.#start;
        this.#start = start;
        value.push(this.#item(indent, depth));
      } else {
        this.#advance();
        if (this.#indent <= indent) throw new NotPlain();
        items.push(this.#start);
        value.push(this.#node(depth + 1));
      }
    } while (this.#indent === indent && this.#atItem && !this.#atMarker);
    if (this.#indent > indent) throw new NotPlain();
    return value;
  }

  /** An item on the line of its dash. */
  #item(indent: number, depth: number): unknown {
    if (this.#atItem) throw new NotPlain();
    KEY.lastIndex = this.#start;
    if (KEY.test(this.#text)) return this.#node(depth + 1);
    return this.#value(indent, { depth, inList: true });
  }

  #key(): string {
    KEY.lastIndex = this.#start;
    const found = KEY.exec(this.#text)?.[0];
    if (found === undefined) throw new NotPlain();
    this.#start += found.length;
    const quoted = found[0] === '"' || found[0] === "'";
    return quoted ? found.slice(1, -2) : found.slice(0, -1);
  }

  /** What stands after a colon or a dash, or below it. */
  #value(
    indent: number,
    { depth, inList }: { depth: number; inList: boolean },
  ): unknown {
    while (this.#text[this.#start] === " ") this.#start++;
    const source = this.#text.slice(this.#start, this.#end).trimEnd();
    if (source === "") {
      this.#advance();
      // A list may stand at the indentation of the key it belongs to.
      const nested = this.#indent > indent ||
        (this.#indent === indent && this.#atItem && !inList);
      return nested && !this.#atMarker ? this.#node(depth + 1) : null;
    }
    const first = source[0]!;
    if (first === "|") return this.#literal(source, indent);
    if (first === '"') return this.#doubleQuoted(source, indent);
    if (first === "'") return this.#singleQuoted(source, indent);
    if (source === "{}" || source === "[]") {
      const value = first === "{" ? {} : [];
      this.#offsets.set(value, first === "{" ? new Map() : []);
      this.#advance();
      if (this.#indent > indent) throw new NotPlain();
      return value;
    }
    return this.#plain(source, indent);
  }

  #plain(source: string, indent: number): unknown {
    checkPlain(source, { first: true });
    this.#advance();
    if (this.#indent <= indent) return resolve(source);
    // A long text goes on below; line breaks count as spaces.
    const lines = [source];
    while (this.#indent > indent) {
      this.#expectNoGap();
      const line = this.#text.slice(this.#start, this.#end).trimEnd();
      checkPlain(line, { first: false });
      lines.push(line);
      this.#advance();
    }
    return lines.join(" ");
  }

  #doubleQuoted(source: string, indent: number): string {
    if (!DOUBLE_QUOTED.test(source)) throw new NotPlain();
    this.#advance();
    if (this.#indent > indent) throw new NotPlain();
    return JSON.parse(source) as string;
  }

  /** May go on below: a line break counts as a space, blank lines as line breaks. */
  #singleQuoted(source: string, indent: number): string {
    let whole = source;
    let quotes = countQuotes(source);
    let breaks = 0;
    while (quotes % 2 === 1 && this.#end < this.#text.length) {
      const from = this.#end + 1;
      this.#end = this.#lineEnd(from);
      const line = this.#text.slice(from, this.#end);
      const words = line.trim();
      if (words === "") {
        breaks++;
        continue;
      }
      if (line.length - line.trimStart().length <= indent) throw new NotPlain();
      whole += (breaks === 0 ? " " : "\n".repeat(breaks)) + words;
      quotes += countQuotes(words);
      breaks = 0;
    }
    if (!SINGLE_QUOTED.test(whole)) throw new NotPlain();
    this.#advance();
    if (this.#indent > indent) throw new NotPlain();
    return whole.slice(1, -1).replaceAll("''", "'");
  }

  /** A text of its own lines: `|` with one line break at its end, `|-` with none. */
  #literal(header: string, indent: number): string {
    if (header !== "|" && header !== "|-") throw new NotPlain();
    const lines: string[] = [];
    let inner = -1;
    let from = this.#end + 1;
    for (; from < this.#text.length; from = this.#lineEnd(from) + 1) {
      const line = this.#text.slice(from, this.#lineEnd(from));
      const spaces = line.length - line.trimStart().length;
      const blank = spaces === line.length;
      if (inner < 0) {
        // An indentation that begins with blank lines is for the package.
        if (blank || spaces <= indent) throw new NotPlain();
        inner = spaces;
      }
      if (!blank && spaces < inner) break;
      lines.push(line.slice(inner));
    }
    if (inner < 0) throw new NotPlain();
    while (lines.at(-1) === "") lines.pop();
    this.#end = from - 1;
    this.#advance();
    if (this.#indent > indent) throw new NotPlain();
    return lines.join("\n") + (header === "|" ? "\n" : "");
  }

  /** A blank or comment line within a text of several lines is for the package. */
  #expectNoGap(): void {
    const before = this.#start - this.#indent - 1;
    if (before !== this.#lastEnd) throw new NotPlain();
  }

  /** Goes to the next line that is neither blank nor a comment. */
  #advance(): void {
    this.#lastEnd = this.#end;
    let from = this.#end + 1;
    while (from < this.#text.length) {
      const end = this.#lineEnd(from);
      let start = from;
      while (this.#text.charCodeAt(start) === 32) start++;
      if (start < end && this.#text[start] !== "#") {
        this.#start = start;
        this.#indent = start - from;
        this.#end = end;
        return;
      }
      from = end + 1;
    }
    this.#start = this.#end = this.#text.length;
    this.#indent = -1;
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf("\n", from);
    return end < 0 ? this.#text.length : end;
  }
}

function countQuotes(text: string): number {
  return text.split("'").length - 1;
}

/** Refuses plain words that mean more than themselves. */
function checkPlain(source: string, { first }: { first: boolean }): void {
  const special = first
    ? /^[?:,[\]{}#&*!|>'"%@`]|^-(?:$|[ -])/.test(source)
    : /^(?:#|[-?:](?: |$)|---|\.\.\.)/.test(source);
  if (special || /: | #|:$/.test(source) || source === "...") {
    throw new NotPlain();
  }
}

/** A plain word as YAML 1.2's core schema reads it. */
function resolve(source: string): unknown {
  const code = source.charCodeAt(0);
  // Digits, a sign or a point begin numbers.
  if ((code >= 48 && code <= 57) || code === 43 || code === 45 || code === 46) {
    if (ODD_NUMBER.test(source)) throw new NotPlain();
    if (!INTEGER.test(source) && !FLOAT.test(source)) return source;
    const value = Number(source);
    if (!Number.isFinite(value)) throw new NotPlain();
    return value;
  }
  return source.length <= 5 && WORDS.has(source) ? WORDS.get(source) : source;
}

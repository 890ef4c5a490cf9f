import type { YamlDocument } from "../_yaml.ts";
import { parseSelector, type Selector } from "../cluster/selector.ts";
import type { Labels } from "../cluster/model.ts";
import { nearest, type Problem } from "../errors.ts";
import { Cidr, Ip } from "../packet/ip.ts";
import type { SourcePosition } from "../source.ts";

/** What reading an object needs at every part of it. */
export interface FieldContext {
  readonly document: YamlDocument;
  /** Who is read, for messages: `Service shop/web`. */
  readonly subject: string;
  /** What makes the input unusable. */
  readonly problems: Problem[];
  /** What was odd and could be lived with. */
  readonly warnings: Problem[];
}

/** More about a problem than its reason. */
export interface Hint {
  readonly expected?: string | undefined;
  readonly didYouMean?: string | undefined;
}

/**
 * One part of an object while it is read. Every reader gives null where the
 * part is absent, and where it is wrong, which it also writes down.
 */
export class Field {
  readonly value: unknown;
  readonly key: string | number | null;
  readonly context: FieldContext;
  readonly #parent: Field | null;
  readonly #start: SourcePosition | null;

  private constructor(
    value: unknown,
    { key, parent, context, start }: {
      key: string | number | null;
      parent: Field | null;
      context: FieldContext;
      start: SourcePosition | null;
    },
  ) {
    this.value = value;
    this.key = key;
    this.context = context;
    this.#parent = parent;
    this.#start = start;
  }

  /** The field of a whole object that begins at a position. */
  static root(
    value: unknown,
    { context, start }: { context: FieldContext; start: SourcePosition },
  ): Field {
    return new Field(value, { key: null, parent: null, context, start });
  }

  /** Neither absent nor null: the API treats the two alike. */
  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** Where it is written; where it would be when it is absent. */
  get at(): SourcePosition {
    if (this.#parent === null) return this.#start!;
    const holder = this.#parent.value;
    const own = typeof holder === "object" && holder !== null
      ? this.context.document.entryAt(holder, this.key!)
      : undefined;
    return own ?? this.#parent.at;
  }

  /** `spec.ports[0].name`. */
  get path(): string {
    const before = this.#parent?.path ?? "";
    if (this.key === null) return before;
    if (typeof this.key === "number") return `${before}[${this.key}]`;
    return before === "" ? this.key : `${before}.${this.key}`;
  }

  /** An entry of a mapping; absent when this is none. */
  get(key: string): Field {
    const value = isMapping(this.value) && Object.hasOwn(this.value, key)
      ? this.value[key]
      : undefined;
    return this.#child(value, key);
  }

  /** A mapping with its entries. */
  mapping(): Readonly<Record<string, unknown>> | null {
    if (!this.present) return null;
    if (isMapping(this.value)) return this.value;
    return this.#wrongType("a mapping");
  }

  /** Entries of a mapping, in the order written. */
  entries(): [key: string, field: Field][] {
    return Object.entries(this.mapping() ?? {}).map(([key, value]) => [
      key,
      this.#child(value, key),
    ]);
  }

  /** Items of a list; none when it is absent. */
  items(): Field[] {
    if (!this.present) return [];
    if (!Array.isArray(this.value)) {
      this.#wrongType("a list");
      return [];
    }
    return this.value.map((item, index) => this.#child(item, index));
  }

  /** A text. */
  text(): string | null {
    if (!this.present) return null;
    if (typeof this.value === "string") return this.value;
    return this.#wrongType("a text", "; quote numbers and booleans");
  }

  /** True or false. */
  flag(): boolean | null {
    if (!this.present) return null;
    if (typeof this.value === "boolean") return this.value;
    return this.#wrongType("true or false");
  }

  /** A whole number between two bounds. */
  integer(
    { least, most, what = "a whole number" }: {
      least: number;
      most: number;
      what?: string;
    },
  ): number | null {
    if (!this.present) return null;
    const value = this.value;
    const expected = `${what} from ${least} to ${most}`;
    if (typeof value !== "number" || !Number.isInteger(value)) {
      const quoted = typeof value === "string" && /^\d+$/.test(value);
      return this.#wrongType(expected, quoted ? ", without quotes" : "");
    }
    if (value >= least && value <= most) return value;
    this.fail(`${this.path} is ${value}`, { expected });
    return null;
  }

  /** A port number. */
  port(): number | null {
    return this.integer({ least: 1, most: 65_535, what: "a port" });
  }

  /** One of some words. */
  choice<T extends string>(words: readonly T[]): T | null {
    const text = this.text();
    if (text === null) return null;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    this.fail(`${this.path} is ${quote(text)}`, {
      expected: words.join(", "),
      didYouMean: nearest(text, words),
    });
    return null;
  }

  /** An address. */
  ip(): Ip | null {
    const text = this.text();
    if (text === null) return null;
    const ip = Ip.parse(text);
    if (ip !== undefined) return ip;
    this.fail(`${this.path} is ${quote(text)}`, {
      expected: "an IPv4 or IPv6 address",
    });
    return null;
  }

  /** A prefix; Kubernetes trims the spaces around those of a Service. */
  cidr(): Cidr | null {
    const text = this.text()?.trim();
    if (text === undefined) return null;
    const cidr = text.includes("/") ? Cidr.parse(text) : undefined;
    if (cidr !== undefined) return cidr;
    this.fail(`${this.path} is ${quote(text)}`, {
      expected: "a prefix such as 10.0.0.0/8 or fd00::/8",
    });
    return null;
  }

  /** A mapping of texts; a null value counts as the empty text, as in the API. */
  labels(): Labels {
    const labels: Record<string, string> = {};
    for (const [key, field] of this.entries()) {
      labels[key] = field.text() ?? "";
    }
    return labels;
  }

  /** A label selector; null where there is none. */
  selector(): Selector | null {
    if (!this.present) return null;
    const { selector, problems } = parseSelector(this.value);
    for (const { path, reason, expected, didYouMean } of problems) {
      const part = this.#descend(path);
      part.fail(`${this.path}: ${reason}`, { expected, didYouMean });
    }
    return selector;
  }

  /** Refuses keys that look like slips of known ones; others may be newer than this program. */
  expectKeys(known: readonly string[]): void {
    if (!isMapping(this.value)) return;
    for (const key of Object.keys(this.value)) {
      if (known.includes(key)) continue;
      const near = nearest(key, known);
      if (near === undefined || Object.hasOwn(this.value, near)) continue;
      this.get(key).fail(`it has no ${this.get(key).path}`, {
        expected: "a key that the API knows",
        didYouMean: near,
      });
    }
  }

  /** Writes down what makes the input unusable. */
  fail(reason: string, hint: Hint = {}): void {
    const message = `Cannot read ${this.context.subject}: ${reason}`;
    this.context.problems.push(this.#problem(message, hint));
  }

  /** Writes down what was odd. */
  warn(reason: string, hint: Hint = {}): void {
    const message = `Doubtful ${this.context.subject}: ${reason}`;
    this.context.warnings.push(this.#problem(message, hint));
  }

  #problem(message: string, { expected, didYouMean }: Hint): Problem {
    return this.context.document.problem(this.at, {
      message,
      ...(expected === undefined ? {} : { expected }),
      ...(didYouMean === undefined ? {} : { didYouMean }),
    });
  }

  #wrongType(expected: string, advice = ""): null {
    this.fail(`${this.path || "it"} is ${typeName(this.value)}`, {
      expected: expected + advice,
    });
    return null;
  }

  #child(value: unknown, key: string | number): Field {
    return new Field(value, {
      key,
      parent: this,
      context: this.context,
      start: null,
    });
  }

  #descend([key, ...rest]: readonly (string | number)[]): Field {
    if (key === undefined) return this;
    const part = typeof key === "number" ? this.items()[key] : this.get(key);
    return part === undefined ? this : part.#descend(rest);
  }
}

/** A text as a message shows it, cut where it is long. */
export function quote(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(shown);
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return `the text ${quote(value)}`;
  return `${value}`;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

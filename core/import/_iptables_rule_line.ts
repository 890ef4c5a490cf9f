import type { SourcePosition } from "../source.ts";
import { MATCH_SYNTAX, PROTOCOL_MATCH } from "./_iptables_match_syntax.ts";
import type { ExtensionSyntax, OptionSyntax } from "./_iptables_option.ts";
import { TARGET_SYNTAX } from "./_iptables_target_syntax.ts";
import {
  ADDRESS_MASK,
  PROTOCOL_VALUE,
  type ValueSyntax,
} from "./_iptables_values.ts";
import type { Word } from "./_iptables_words.ts";
import {
  type ChainRule,
  EMPTY_RULE,
  type Negatable,
  type RuleMatch,
  type RuleOption,
} from "./iptables_rules.ts";

/** One thing wrong with a rule, at a column of its line. */
export interface RuleProblem {
  readonly reason: string;
  readonly column: number;
  readonly expected?: string;
  /** Names that would have been right. */
  readonly candidates?: readonly string[];
}

/** What one `-A` or `-I` line says: more than one rule when an address is a list. */
export interface RuleLine {
  readonly rules: readonly ChainRule[];
  /** Column of the target's name, for a jump that leads nowhere. */
  readonly targetColumn: number;
}

/** An extension as its options are gathered. */
interface Loaded {
  readonly name: string;
  readonly syntax: ExtensionSyntax | undefined;
  readonly options: RuleOption[];
}

/** Rules that lists of addresses in one line may become. */
const MOST_EXPANDED = 256;

const INTERFACE: ValueSyntax = {
  expected: "an interface name of at most 15 characters",
  normal: (text) => /^[^\s/!]{1,15}$/.test(text) ? text : undefined,
};

/** Reads the words of a rule after its chain. */
export function readRuleLine(
  words: readonly Word[],
  options: {
    readonly family: 4 | 6;
    readonly at: SourcePosition;
    /** Column just after the line. */
    readonly endColumn: number;
    readonly counters: string | null;
  },
): RuleLine | RuleProblem {
  const reader = new RuleLineReader(words, options);
  return reader.read();
}

class RuleLineReader {
  readonly #words: readonly Word[];
  readonly #family: 4 | 6;
  readonly #at: SourcePosition;
  readonly #endColumn: number;
  #next = 0;
  #counters: string | null;
  #sources: Negatable[] = [];
  #destinations: Negatable[] = [];
  #rule: { -readonly [Key in keyof ChainRule]: ChainRule[Key] } = {
    ...EMPTY_RULE,
  };
  readonly #matches: Loaded[] = [];
  #target: (Loaded & { goto: boolean; column: number }) | null = null;
  #skipped = false;

  constructor(
    words: readonly Word[],
    options: Parameters<typeof readRuleLine>[1],
  ) {
    this.#words = words;
    this.#family = options.family;
    this.#at = options.at;
    this.#endColumn = options.endColumn;
    this.#counters = options.counters;
  }

  read(): RuleLine | RuleProblem {
    while (this.#next < this.#words.length) {
      const problem = this.#readOption();
      if (problem !== null) return problem;
    }
    return { rules: this.#rules(), targetColumn: this.#target?.column ?? 1 };
  }

  #readOption(): RuleProblem | null {
    let word = this.#words[this.#next++]!;
    let negated = false;
    if (word.text === "!" && !word.quoted) {
      negated = true;
      const after = this.#words[this.#next++];
      if (after === undefined) return this.#missing("an option after `!`");
      word = after;
    }
    if (word.quoted || !word.text.startsWith("-")) {
      return { reason: `unexpected \`${word.text}\``, column: word.column };
    }
    const equals = word.text.startsWith("--") ? word.text.indexOf("=") : -1;
    if (equals > 0) {
      this.#next--;
      const split = [
        { ...word, text: word.text.slice(0, equals) },
        { ...word, text: word.text.slice(equals + 1), quoted: true },
      ];
      (this.#words as Word[]).splice(this.#next, 1, ...split);
      word = this.#words[this.#next++]!;
    }
    return this.#readBase(word, negated);
  }

  #readBase(word: Word, negated: boolean): RuleProblem | null {
    switch (word.text) {
      case "-s":
      case "--source":
      case "--src":
        return this.#readAddresses(this.#sources, word, negated);
      case "-d":
      case "--destination":
      case "--dst":
        return this.#readAddresses(this.#destinations, word, negated);
      case "-i":
      case "--in-interface":
        return this.#readNegatable("inInterface", INTERFACE, { word, negated });
      case "-o":
      case "--out-interface":
        return this.#readNegatable("outInterface", INTERFACE, {
          word,
          negated,
        });
      case "-p":
      case "--protocol":
      case "--proto":
        return this.#readProtocol(word, negated);
      case "-f":
      case "--fragment":
        this.#rule.fragment = { negated };
        return null;
      case "-c":
      case "--set-counters":
        return this.#readCounters();
      case "-4":
      case "--ipv4":
      case "-6":
      case "--ipv6":
        this.#skipped = word.text.includes("4") !== (this.#family === 4);
        return null;
      case "-m":
      case "--match":
        return this.#readMatch(negated, word);
      case "-j":
      case "--jump":
      case "-g":
      case "--goto":
        return this.#readTarget(word, negated);
    }
    return this.#readExtensionOption(word, negated);
  }

  /** A value; pre-1.4.3 rules have the `!` before it. */
  #value(
    syntax: ValueSyntax,
    option: Word,
  ): { value: string; negated: boolean; raw: Word } | RuleProblem {
    let word = this.#words[this.#next];
    let negated = false;
    if (word !== undefined && word.text === "!" && !word.quoted) {
      negated = true;
      word = this.#words[++this.#next];
    }
    if (word === undefined) return this.#missing(syntax.expected);
    this.#next++;
    const value = syntax.normal(word.text, this.#family);
    if (value === undefined) {
      return {
        reason: `\`${word.text}\` is no value for ${option.text}`,
        column: word.column,
        expected: syntax.expected,
      };
    }
    return { value, negated, raw: word };
  }

  #readNegatable(
    field: "inInterface" | "outInterface",
    syntax: ValueSyntax,
    option: { readonly word: Word; readonly negated: boolean },
  ): RuleProblem | null {
    const read = this.#value(syntax, option.word);
    if ("reason" in read) return read;
    if (this.#rule[field] !== null) return twice(option.word);
    this.#rule[field] = {
      value: read.value,
      negated: option.negated !== read.negated,
    };
    return null;
  }

  #readProtocol(word: Word, negated: boolean): RuleProblem | null {
    const read = this.#value(PROTOCOL_VALUE, word);
    if ("reason" in read) return read;
    if (this.#rule.protocol !== null) return twice(word);
    const inverted = negated !== read.negated;
    if (read.value === "all") {
      return inverted
        ? { reason: "no packet is of no protocol", column: word.column }
        : null;
    }
    this.#rule.protocol = { value: read.value, negated: inverted };
    return null;
  }

  #readAddresses(
    into: Negatable[],
    word: Word,
    negated: boolean,
  ): RuleProblem | null {
    if (into.length > 0) return twice(word);
    const list: ValueSyntax = {
      expected: `IPv${this.#family} addresses, with a prefix length or a mask`,
      normal: (text) =>
        text.split(",").every((part) =>
            ADDRESS_MASK.normal(part, this.#family) !== undefined
          )
          ? text
          : undefined,
    };
    const read = this.#value(list, word);
    if ("reason" in read) return read;
    const inverted = negated !== read.negated;
    const parts = read.value.split(",");
    if (parts.length > 1 && inverted) {
      return {
        reason: "`!` is not allowed with several addresses",
        column: read.raw.column,
      };
    }
    for (const part of parts) {
      into.push({
        value: ADDRESS_MASK.normal(part, this.#family)!,
        negated: inverted,
      });
    }
    return null;
  }

  #readCounters(): RuleProblem | null {
    const packets = this.#words[this.#next++];
    const bytes = this.#words[this.#next++];
    const text = `${packets?.text}:${bytes?.text}`;
    if (!/^\d{1,20}:\d{1,20}$/.test(text)) {
      return this.#missing("two counters");
    }
    this.#counters = text;
    return null;
  }

  #readMatch(negated: boolean, word: Word): RuleProblem | null {
    const name = this.#words[this.#next++];
    if (name === undefined) return this.#missing("the name of a match");
    if (negated || !/^[a-zA-Z0-9_-]{1,29}$/.test(name.text)) {
      return {
        reason: negated ? "`!` before -m" : `\`${name.text}\` names no match`,
        column: (negated ? word : name).column,
      };
    }
    const text = name.text === "icmpv6" ? "icmp6" : name.text;
    this.#matches.push({
      name: text,
      syntax: own(MATCH_SYNTAX, text),
      options: [],
    });
    return null;
  }

  #readTarget(word: Word, negated: boolean): RuleProblem | null {
    const name = this.#words[this.#next++];
    if (name === undefined) return this.#missing("a target or a chain");
    if (negated || this.#target !== null) return twice(word);
    this.#target = {
      name: name.text,
      syntax: own(TARGET_SYNTAX, name.text),
      options: [],
      goto: word.text === "-g" || word.text === "--goto",
      column: name.column,
    };
    return null;
  }

  #readExtensionOption(word: Word, negated: boolean): RuleProblem | null {
    const name = word.text.replace(/^--?/, "");
    const found = this.#findOption(name);
    if (found === undefined) return this.#readUnknown(word, name, negated);
    const { loaded, syntax } = found;
    if (loaded.options.some((one) => one.name === syntax.name)) {
      return twice(word);
    }
    const values: string[] = [];
    let inverted = negated;
    for (const valueSyntax of syntax.values) {
      const read = this.#value(valueSyntax, word);
      if ("reason" in read) return read;
      if (read.negated) inverted = !inverted;
      values.push(read.value);
    }
    loaded.options.push({ name: syntax.name, negated: inverted, values });
    return null;
  }

  /** The newest extension that has the option, as getopt_long finds it. */
  #findOption(
    name: string,
  ): { loaded: Loaded; syntax: OptionSyntax } | undefined {
    const loaded: Loaded[] = this.#target === null ? [] : [this.#target];
    loaded.push(...this.#matches.toReversed());
    const exact = findAmong(
      loaded,
      (one) => one.name === name || one.aliases?.includes(name) === true,
    );
    if (exact !== undefined) return exact;
    const implied = this.#impliedMatch();
    if (implied !== undefined) {
      const found = findAmong(
        [implied],
        (one) => one.name === name || one.aliases?.includes(name) === true,
      );
      if (found !== undefined) {
        this.#matches.push(implied);
        return found;
      }
    }
    return findAmong(loaded, (one) => one.name.startsWith(name));
  }

  /** `-p tcp` alone brings the tcp match as soon as one of its options is used. */
  #impliedMatch(): Loaded | undefined {
    const { protocol } = this.#rule;
    if (protocol === null || protocol.negated) return undefined;
    const name = own(PROTOCOL_MATCH, protocol.value);
    if (name === undefined || this.#matches.some((one) => one.name === name)) {
      return undefined;
    }
    return { name, syntax: own(MATCH_SYNTAX, name), options: [] };
  }

  /** An option of an extension whose options are not known is kept as written. */
  #readUnknown(
    word: Word,
    name: string,
    negated: boolean,
  ): RuleProblem | null {
    const unknown = [
      ...(this.#target === null ? [] : [this.#target]),
      ...this.#matches.toReversed(),
    ].find((loaded) => loaded.syntax === undefined);
    if (unknown === undefined || name === "") {
      return {
        reason: `unknown option ${word.text}`,
        column: word.column,
        candidates: this.#knownOptions(),
      };
    }
    const values: string[] = [];
    while (this.#next < this.#words.length) {
      const value = this.#words[this.#next]!;
      const option = !value.quoted &&
        (value.text === "!" || /^-{1,2}[a-zA-Z]/.test(value.text));
      if (option) break;
      values.push(value.text);
      this.#next++;
    }
    unknown.options.push({ name, negated, values });
    return null;
  }

  #knownOptions(): readonly string[] {
    const loaded = this.#target === null
      ? this.#matches
      : [...this.#matches, this.#target];
    return loaded.flatMap(({ syntax }) =>
      (syntax?.options ?? []).map((one) => `--${one.name}`)
    );
  }

  #missing(expected: string): RuleProblem {
    return {
      reason: "the line ends too early",
      column: this.#endColumn,
      expected,
    };
  }

  #rules(): readonly ChainRule[] {
    if (this.#skipped) return [];
    const matches = this.#matches.map((loaded): RuleMatch => ({
      name: loaded.name,
      options: this.#canonical(loaded),
    }));
    const target = this.#target;
    const rule: ChainRule = {
      ...this.#rule,
      matches,
      target: target === null ? null : {
        name: target.name,
        kind: target.goto ? "goto" : "extension",
        options: this.#canonical(target),
      },
      counters: this.#counters,
      at: this.#at,
    };
    const sources = this.#sources.length === 0 ? [null] : this.#sources;
    const destinations = this.#destinations.length === 0
      ? [null]
      : this.#destinations;
    return sources.flatMap((source) =>
      destinations.map((destination) => ({
        ...rule,
        source: withoutEverything(source),
        destination: withoutEverything(destination),
      }))
    ).slice(0, MOST_EXPANDED);
  }

  #canonical({ syntax, options }: Loaded): readonly RuleOption[] {
    if (syntax === undefined) return options;
    const rewritten = syntax.canonical?.(options, this.#family) ?? options;
    const order = syntax.options.map((one) => one.name);
    return [...rewritten].sort((a, b) =>
      order.indexOf(a.name) - order.indexOf(b.name)
    );
  }
}

function findAmong(
  loaded: readonly Loaded[],
  is: (syntax: OptionSyntax) => boolean,
): { loaded: Loaded; syntax: OptionSyntax } | undefined {
  for (const one of loaded) {
    const syntax = one.syntax?.options.find(is);
    if (syntax !== undefined) return { loaded: one, syntax };
  }
  return undefined;
}

/** 0.0.0.0/0 matches everything and is printed only when negated. */
function withoutEverything(address: Negatable | null): Negatable | null {
  return address !== null && !address.negated && /\/0$/.test(address.value)
    ? null
    : address;
}

function twice(word: Word): RuleProblem {
  return { reason: `${word.text} is given twice`, column: word.column };
}

function own<Value>(
  record: Readonly<Record<string, Value>>,
  key: string,
): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

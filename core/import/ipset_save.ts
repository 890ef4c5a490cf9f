import { InputError, nearest, type Problem } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { DumpSource } from "./iptables_save.ts";
import { splitWords, type Word } from "./_iptables_words.ts";

/** One set of addresses, ports or other sets, as `ipset save` prints it. */
export interface SetDump {
  readonly name: string;
  /** `hash:ip,port`, `list:set`, ... */
  readonly type: string;
  readonly family: 4 | 6;
  /** Options of `create` that change what an entry means, with their values: `netmask 24`, ... */
  readonly options: readonly string[];
  readonly entries: readonly SetEntry[];
}

/** One member of a set. */
export interface SetEntry {
  /** One text a dimension: `10.0.0.1`, `tcp:80`. */
  readonly parts: readonly string[];
  /** An exception to a wider entry. */
  readonly nomatch: boolean;
  /** The interface is the beginning of a name. */
  readonly wildcard?: true;
}

/** What `ipset list` says of a set besides. */
const LIST_FACTS =
  /^(Revision|Size in memory|References|Number of entries|Comment): /;

/** Options of `create` that say how a set is stored, not what is in it. */
const STORAGE = new Set([
  "hashsize",
  "maxelem",
  "bucketsize",
  "initval",
  "timeout",
  "size",
  // Entries of a bitmap cannot lie outside of its range.
  "range",
]);

const STORAGE_FLAGS = new Set(["counters", "comment", "skbinfo", "forceadd"]);

/**
 * Reads the output of `ipset save`, `create` and `add` lines, or of
 * `ipset list`. Throws an {@link InputError} with every problem found.
 *
 * @example
 * ```ts
 * const [set] = parseIpsetSave(
 *   "create web hash:ip,port family inet\nadd web 10.0.0.1,tcp:80\n",
 *   { file: "node1.ipset" },
 * );
 * set?.entries[0]?.parts; // ["10.0.0.1", "tcp:80"]
 * ```
 */
export function parseIpsetSave(
  text: string,
  source: DumpSource,
): readonly SetDump[] {
  return new SetReader(text, source).read();
}

type OpenSet = SetDump & { readonly entries: SetEntry[] };

class SetReader {
  readonly #lines: readonly string[];
  readonly #source: DumpSource;
  readonly #sets = new Map<string, OpenSet>();
  readonly #problems: Problem[] = [];
  #entries = 0;
  /** The set that `ipset list` is about, as far as it is known; null for `ipset save`. */
  #listed: { name?: Word; type?: Word; members: boolean } | null = null;

  constructor(text: string, source: DumpSource) {
    this.#source = source;
    if (text.length > LIMITS.documentBytes) {
      throw new InputError([{
        message: `Cannot read sets: more than ${LIMITS.documentBytes} bytes`,
        at: { file: source.file, line: 1, column: 1 },
      }]);
    }
    this.#lines = text.split("\n");
    if (/^\s*Name:/.test(text)) this.#listed = { members: false };
  }

  read(): readonly SetDump[] {
    for (const [index, raw] of this.#lines.entries()) {
      const problem = this.#readLine(raw.replace(/\r$/, ""));
      if (problem !== null) this.#report(index, raw, problem);
      if (this.#problems.length >= LIMITS.problemsPerFile) break;
    }
    if (this.#problems.length > 0) throw new InputError(this.#problems);
    return [...this.#sets.values()];
  }

  #readLine(line: string): LineProblem | null {
    if (line.length > LIMITS.ruleLineBytes) {
      return { reason: `longer than ${LIMITS.ruleLineBytes} bytes`, column: 1 };
    }
    if (/^\s*(#|$)/.test(line)) return null;
    if (this.#listed !== null) return this.#readListed(line, this.#listed);
    const words = splitWords(line);
    if (!("length" in words)) {
      return { reason: "the quote is not closed", column: words.column };
    }
    const [command, name, subject, ...rest] = words;
    if (name === undefined || subject === undefined) {
      return { reason: "the line ends too early", column: line.length + 1 };
    }
    switch (command!.text) {
      case "create":
      case "-N":
        return this.#create(name, subject, rest);
      case "add":
      case "-A":
        return this.#add(name, subject, rest);
    }
    return {
      reason: `\`${command!.text}\` is not a line of \`ipset save\``,
      column: command!.column,
      expected: "create or add",
    };
  }

  /** A line of `ipset list`: what is said of a set, or one of its members. */
  #readListed(
    line: string,
    set: { name?: Word; type?: Word; members: boolean },
  ): LineProblem | null {
    const words = splitWords(line);
    if (!("length" in words)) {
      return { reason: "the quote is not closed", column: words.column };
    }
    const [first, second, ...rest] = words;
    const early = {
      reason: "the line ends too early",
      column: line.length + 1,
    };
    switch (first!.text) {
      case "Name:":
        if (second === undefined) return early;
        this.#listed = { name: second, members: false };
        return null;
      case "Type:":
        if (second === undefined) return early;
        set.type = second;
        return null;
      case "Header:":
        if (set.name === undefined || set.type === undefined) {
          return { reason: "a set without a name or a type", column: 1 };
        }
        return this.#create(
          set.name,
          { ...set.type, column: first!.column },
          words.slice(1),
        );
      case "Members:":
        set.members = true;
        return null;
    }
    if (!set.members) {
      return LIST_FACTS.test(line) ? null : {
        reason: `\`${first!.text}\` is not a line of \`ipset list\``,
        column: first!.column,
        expected: "Name:, Type:, Header:, Members:, or a member",
      };
    }
    if (set.name === undefined) {
      return { reason: "a member of no set", column: first!.column };
    }
    const flags = second === undefined ? rest : [second, ...rest];
    // The name stands on a line before.
    return this.#add({ ...set.name, column: first!.column }, first!, flags);
  }

  #create(
    name: Word,
    type: Word,
    rest: readonly Word[],
  ): LineProblem | null {
    if (!/^(hash|bitmap|list):[a-z,]{1,40}$/.test(type.text)) {
      return {
        reason: `\`${type.text}\` is no type of set`,
        column: type.column,
        expected: "hash:…, bitmap:… or list:set",
      };
    }
    let family: 4 | 6 = 4;
    const options: string[] = [];
    for (let index = 0; index < rest.length; index++) {
      const { text } = rest[index]!;
      if (STORAGE_FLAGS.has(text)) continue;
      const value = rest[++index]?.text;
      if (text === "family") family = value === "inet6" ? 6 : 4;
      else if (!STORAGE.has(text)) options.push(`${text} ${value ?? ""}`);
    }
    this.#sets.set(name.text, {
      name: name.text,
      type: type.text,
      family,
      options,
      entries: [],
    });
    return null;
  }

  #add(name: Word, entry: Word, rest: readonly Word[]): LineProblem | null {
    const set = this.#sets.get(name.text);
    if (set === undefined) {
      return {
        reason: `there is no set ${name.text}`,
        column: name.column,
        candidates: [...this.#sets.keys()],
      };
    }
    if (++this.#entries > LIMITS.rulesPerDump) {
      return {
        reason: `more than ${LIMITS.rulesPerDump} entries`,
        column: entry.column,
      };
    }
    const flag = (name: string) =>
      rest.some(({ text, quoted }) => text === name && !quoted);
    set.entries.push({
      parts: entry.text.split(","),
      nomatch: flag("nomatch"),
      ...(flag("wildcard") ? { wildcard: true } : {}),
    });
    return null;
  }

  #report(index: number, line: string, problem: LineProblem): void {
    const { reason, column, expected, candidates } = problem;
    const word = /^\S*/.exec(line.slice(column - 1))![0].slice(0, 64);
    const near = candidates === undefined
      ? undefined
      : nearest(word, candidates.slice(0, 1_000));
    this.#problems.push({
      message: `Cannot read set: ${reason}`,
      at: {
        file: this.#source.file,
        line: index + (this.#source.firstLine ?? 1),
        column,
      },
      excerpt: line.slice(0, 200),
      ...(expected === undefined ? {} : { expected }),
      ...(near === undefined ? {} : { didYouMean: near }),
    });
  }
}

interface LineProblem {
  readonly reason: string;
  readonly column: number;
  readonly expected?: string;
  readonly candidates?: readonly string[];
}

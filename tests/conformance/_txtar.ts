/** An archive of text files behind a comment, as Go's golang.org/x/tools/txtar has it. */
export interface Txtar {
  /** What stands before the first file; a script, in tests. */
  readonly comment: string;
  readonly files: ReadonlyMap<string, string>;
}

/** Reads an archive: a file begins at a line `-- name --`. */
export function parseTxtar(text: string): Txtar {
  const files = new Map<string, string>();
  let comment = "";
  let name: string | null = null;
  for (const line of text.split(/(?<=\n)/)) {
    const head = /^-- (.+) --\s*$/.exec(line);
    if (head !== null) {
      name = head[1]!.trim();
      files.set(name, "");
    } else if (name === null) comment += line;
    else files.set(name, files.get(name)! + line);
  }
  return { comment, files };
}

/** One command of a script. */
export interface ScriptCommand {
  readonly line: number;
  /** `!`: it must fail. */
  readonly negated: boolean;
  /** `[privileged]` and the like. */
  readonly conditions: readonly string[];
  readonly words: readonly string[];
}

/** Reads a script (rsc.io/script): a command a line, words in single quotes as they are. */
export function parseScript(text: string): ScriptCommand[] {
  return text.split("\n").flatMap((raw, index) => {
    let rest = raw.trim();
    if (rest === "" || rest.startsWith("#")) return [];
    const conditions: string[] = [];
    for (;;) {
      const condition = /^\[([^\]]*)\]\s*/.exec(rest);
      if (condition === null) break;
      conditions.push(condition[1]!);
      rest = rest.slice(condition[0].length);
    }
    const prefix = /^([!*?])\s+/.exec(rest);
    if (prefix !== null) rest = rest.slice(prefix[0].length);
    const words = [...rest.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) =>
      word.replaceAll("'", "")
    );
    const negated = prefix?.[1] === "!";
    return [{ line: index + 1, negated, conditions, words }];
  });
}

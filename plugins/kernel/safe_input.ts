import { InputError, type Problem } from "../../core/errors.ts";

/** Where a text came from, for what is said of it. */
const FILE = { rules: "rules", sets: "sets" } as const;

/**
 * Rules and sets are handed to programs that run as root, and whose input
 * language can name programs and files: `-M` of iptables starts one, `-f` of
 * ipset writes one. A dump has neither. Throws an `InputError`.
 */
export function refuseCommands(rules: string, sets: string): void {
  const problems = [
    ...problemsOf(rules, {
      file: FILE.rules,
      refused: (words) => words.find(namesProgram),
    }),
    ...problemsOf(sets, {
      file: FILE.sets,
      refused: (words) =>
        words.length === 0 || words[0] === "create" || words[0] === "add"
          ? words.find((word) => /^--?f/.test(word))
          : words[0],
    }),
  ];
  if (problems.length > 0) throw new InputError(problems.slice(0, 10));
}

/** The same for lines that `nft -f` is given: each adds something, and none reads a file. */
export function refuseNftCommands(lines: readonly string[]): void {
  const problems = problemsOf(lines.join("\n"), {
    file: FILE.rules,
    refused: (words) =>
      words.length === 0 || words[0] === "add"
        ? words.find((word) => /(?:^|;)(?:include|define|redefine)$/.test(word))
        : words[0],
  });
  if (problems.length > 0) throw new InputError(problems.slice(0, 10));
}

/** `-M` in any cluster of short options, and `--modprobe` in any abbreviation that getopt_long() takes. */
function namesProgram(word: string): boolean {
  return /^-[^-\s]*M/.test(word) || /^--(?:m|mo|mod|modp\w*)(?:=|$)/.test(word);
}

function problemsOf(
  text: string,
  { file, refused }: {
    readonly file: string;
    readonly refused: (words: readonly string[]) => string | undefined;
  },
): Problem[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.startsWith("#")) return [];
    const word = refused(wordsOf(line));
    return word === undefined ? [] : [{
      message: `Cannot load ${file}: ${word} is no part of a dump`,
      at: { file, line: index + 1, column: 1 },
      excerpt: line.slice(0, 200),
    }];
  });
}

/** Words as the tools split them: quotes may stand anywhere in a word. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word = "";
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (character === '"') {
      quoted = !quoted;
    } else if (character === "\\" && quoted) {
      word += line[++at] ?? "";
    } else if (!quoted && /\s/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
    } else {
      word += character;
    }
  }
  if (word !== "") words.push(word);
  return words;
}

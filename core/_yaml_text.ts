import { InputError, type Problem } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { SourcePosition } from "./source.ts";

/** Longest line shown in a problem; what comes after is cut. */
const EXCERPT_LENGTH = 160;

/** One input text: turns offsets into positions and positions into excerpts. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  /** Secrets are never shown, not even beside a syntax error. */
  readonly #secret: boolean;
  #lineStarts: number[] | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.#secret = /\bkind["']?[ \t]*:[ \t]*["']?Secret/.test(text) &&
      /["'\s{,](?:stringData|data)["']?[ \t]*:/.test(text);
  }

  /** Line and column, from 1, of an offset from 0. */
  at(offset: number): SourcePosition {
    const starts = this.#lineStarts ??= lineStarts(this.text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return {
      file: this.file,
      line: low + 1,
      column: offset - starts[low]! + 1,
    };
  }

  /** The line as written, or nothing when the text holds a Secret. */
  excerpt(line: number): string | undefined {
    if (this.#secret) return undefined;
    const starts = this.#lineStarts ??= lineStarts(this.text);
    const start = starts[line - 1] ?? 0;
    const end = starts[line] ?? this.text.length + 1;
    const whole = this.text.slice(start, Math.min(end, start + 1_000) - 1);
    const shown = whole.replace(/[\r\n]+$/, "");
    return shown.length > EXCERPT_LENGTH
      ? `${shown.slice(0, EXCERPT_LENGTH)}…`
      : shown;
  }

  /** A problem at a position of this text, with its excerpt; beside a Secret without what it quotes. */
  problem(
    at: SourcePosition,
    about: Omit<Problem, "at" | "excerpt">,
  ): Problem {
    const excerpt = this.excerpt(at.line);
    if (excerpt !== undefined) return { ...about, at, excerpt };
    const message = about.message.replace(/"[^"]*"?|'[^']*'?/g, '"…"');
    return { ...about, at, message };
  }
}

/** Problems as one error, bounded: past the limit of a file they are only counted. */
export function problemsError(problems: readonly Problem[]): InputError {
  const perFile = new Map<string, number>();
  const shown: Problem[] = [];
  for (const problem of problems) {
    const count = (perFile.get(problem.at.file) ?? 0) + 1;
    perFile.set(problem.at.file, count);
    if (count <= LIMITS.problemsPerFile) shown.push(problem);
  }
  for (const [file, count] of perFile) {
    const rest = count - LIMITS.problemsPerFile;
    if (rest <= 0) continue;
    const message = `Cannot list every problem of ${file}: ${rest} more`;
    shown.push({ message, at: { file, line: 1, column: 1 } });
  }
  return new InputError(shown);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (
    let end = text.indexOf("\n");
    end >= 0;
    end = text.indexOf("\n", end + 1)
  ) {
    starts.push(end + 1);
  }
  return starts;
}

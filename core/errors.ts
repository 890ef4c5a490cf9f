import { formatPosition, type SourcePosition } from "./source.ts";

/** One thing wrong with an input, with all a reader needs to mend it. */
export interface Problem {
  /** "Cannot <verb> <thing>: <reason>". */
  readonly message: string;
  /** Where it is; a whole file counts as its first character. */
  readonly at: SourcePosition;
  /** The line it was found on, as written. */
  readonly excerpt?: string;
  /** What would have been right: "an IPv4 or IPv6 address". */
  readonly expected?: string;
  /** A near name that exists. */
  readonly didYouMean?: string;
}

/**
 * Input from outside that cannot be used: a manifest, a scenario, a capture,
 * a dump, a log. Carries every problem found, not only the first; commands
 * print them all and exit with 2.
 */
export class InputError extends Error {
  /** Tells it apart where `instanceof` cannot, as across processes. */
  override readonly name = "InputError";
  /** For programs; never changes. */
  readonly code = "bad-input";
  /** In the order of the input; at least one. */
  readonly problems: readonly Problem[];

  /** The message is the text of all problems, one after the other. */
  constructor(problems: readonly Problem[], options?: { cause?: unknown }) {
    super(problems.map(formatProblem).join("\n"), options);
    this.problems = problems;
  }
}

/** Text of one problem: position, message, excerpt with a caret, expectation. */
export function formatProblem(problem: Problem): string {
  const lines = [`${formatPosition(problem.at)}: ${problem.message}`];
  if (problem.excerpt !== undefined) {
    const gutter = `${problem.at.line}`.padStart(5);
    const caret = " ".repeat(Math.max(0, problem.at.column - 1)) + "^";
    lines.push(`${gutter} | ${problem.excerpt}`, `      | ${caret}`);
  }
  if (problem.expected !== undefined) {
    lines.push(`  expected: ${problem.expected}`);
  }
  if (problem.didYouMean !== undefined) {
    lines.push(`  did you mean: ${problem.didYouMean}`);
  }
  return lines.join("\n");
}

/** A promise of our own code that was broken; never a user's fault. */
export class InternalError extends Error {
  override readonly name = "InternalError";
  readonly code = "internal";
}

/** Throws an {@link InternalError} unless the condition holds. */
export function invariant(
  condition: unknown,
  message: string,
): asserts condition {
  if (!condition) throw new InternalError(message);
}

/**
 * The candidate nearest to `word` by edit distance, or undefined when none is
 * near enough to be a likely slip.
 */
export function nearest(
  word: string,
  candidates: Iterable<string>,
): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Edits, and swaps of two letters side by side, which make the most common slips. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = j > 1 && i > 1 && a[i - 1] === b[j - 2] &&
        a[i - 2] === b[j - 1];
      row.push(Math.min(
        row[j - 1]! + 1,
        previous[j]! + 1,
        previous[j - 1]! + change,
        swapped ? before[j - 2]! + 1 : Infinity,
      ));
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

import { InputError } from "../../core/errors.ts";
import { visibleLines } from "../../core/report/visible_text.ts";
import { withPermissions } from "../permissions.ts";

/** What every command exits with. */
export const EXIT = {
  ok: 0,
  /** A comparison or an expectation came out otherwise. */
  differs: 1,
  badInput: 2,
  internal: 3,
  /** With `--fail-on unknown`: nothing else is amiss. */
  onlyUnknowns: 4,
} as const;

/** What `--fail-on` may say. */
export const FAIL_ON = ["unexpected", "any", "unknown"] as const;

/** What a command has to say. */
export interface CommandResult {
  readonly output: string;
  readonly exit: number;
  /** Lines beside the output, for stderr. */
  readonly notes?: readonly string[];
  /** Files and directories that were read, to wait for their changes. */
  readonly files?: readonly string[];
}

/** A command line that cannot be understood; printed with the usage below it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

/**
 * Runs a command and exits with the number it returns. What is wrong with an
 * input is printed to stderr, problem by problem, and exits with 2; anything
 * else that is thrown is our own fault, is printed with its stack, and exits
 * with 3.
 *
 * @example
 * ```ts
 * if (import.meta.main) await runMain((args) => args.length === 0 ? 2 : 0);
 * ```
 */
export async function runMain(
  main: (args: readonly string[]) => number | Promise<number>,
): Promise<never> {
  Deno.exit(await exitCode(main));
}

async function exitCode(
  main: (args: readonly string[]) => number | Promise<number>,
): Promise<number> {
  try {
    return await main(Deno.args);
  } catch (error) {
    // `log show FILE | head` has seen enough.
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    return printFailure(error);
  }
}

/** Prints what a command has to say; gives what to exit with. */
export function printResult({ output, notes = [], exit }: CommandResult) {
  print(output);
  for (const note of notes) printError(visibleLines(note));
  return exit;
}

/** Prints what was thrown to stderr; gives what to exit with. */
export function printFailure(error: unknown): number {
  if (error instanceof Deno.errors.NotCapable) {
    printError(`${paint("error")}: ${visibleLines(permissionText(error))}`);
    return EXIT.badInput;
  }
  if (error instanceof InputError || isUsage(error)) {
    printError(`${paint("error")}: ${visibleLines(error.message)}`);
    return EXIT.badInput;
  }
  if (SYSTEM_ERRORS.some((known) => error instanceof known)) {
    const { message } = error as Error;
    printError(`${paint("error")}: Cannot go on: ${visibleLines(message)}`);
    return EXIT.badInput;
  }
  const stack = error instanceof Error ? error.stack : undefined;
  const text = visibleLines(stack ?? String(error));
  printError(`${paint("internal error")}: ${text}`);
  return EXIT.internal;
}

/** What the file system says no to, of files that nothing more is said of. */
const SYSTEM_ERRORS = [
  Deno.errors.NotFound,
  Deno.errors.PermissionDenied,
  Deno.errors.IsADirectory,
  Deno.errors.NotADirectory,
  Deno.errors.FilesystemLoop,
] as const;

/** Tasks have the permissions they need every day; for others there is a command line. */
function permissionText({ message }: Error): string {
  const [, kind = "", what = ""] =
    /^Requires (\w+) access to (.+?),? run again/.exec(message) ?? [];
  if (kind === "") return message;
  const path = /^"(.*)"$/.exec(what)?.[1];
  const flag = kind === "write" && path !== undefined
    ? `--allow-write=${path}`
    : `--allow-${kind}`;
  return `Cannot go on: Deno was not allowed ${kind} access to ${what}\n` +
    `  expected: the permission, as in\n    ${withPermissions([flag])}`;
}

/** Writes text and a newline to stdout. */
export function print(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Writes text and a newline to stderr. */
export function printError(text: string): void {
  writeAll(Deno.stderr, text);
}

/** parseArgs of node:util throws TypeErrors with codes of its own. */
function isUsage(error: unknown): error is Error {
  return error instanceof UsageError ||
    error instanceof Error && "code" in error &&
      String(error.code).startsWith("ERR_PARSE_ARGS_");
}

function paint(text: string): string {
  const colours = Deno.stderr.isTerminal() && !Deno.noColor;
  return colours ? `\x1b[31m${text}\x1b[0m` : text;
}

function writeAll(
  target: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) {
    at += target.writeSync(bytes.subarray(at));
  }
}

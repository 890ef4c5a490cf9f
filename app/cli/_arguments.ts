import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearest } from "../../core/errors.ts";
import { UsageError } from "./_exit.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** What a command line is read by. */
export interface ArgumentReading<O extends Options> {
  /** Name of the task, for messages. */
  readonly command: string;
  readonly options: O;
}

/**
 * `parseArgs`, with a problem that names the nearest option there is. Throws
 * a `UsageError`.
 */
export function readArguments<const O extends Options>(
  args: readonly string[],
  { command, options }: ArgumentReading<O>,
) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options,
    });
  } catch (error) {
    throw usageError(error, { command, options });
  }
}

/** A command that was called the wrong way, with a word on where to look. */
export function misuse(command: string, reason: string): UsageError {
  return new UsageError(
    `Cannot run ${command}: ${reason}\nSee deno task ${command} --help`,
  );
}

/** The value of an option that is one of a few words. */
export function choice<T extends string>(
  written: string,
  { name, words, command }: {
    name: string;
    words: readonly T[];
    command: string;
  },
): T {
  const found = words.find((word) => word === written);
  if (found !== undefined) return found;
  const near = nearest(written, words);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw misuse(
    command,
    `${name} is one of ${words.join(", ")}, not ${written}${hint}`,
  );
}

/** The whole number an option stands for. */
export function wholeNumber(
  written: string | undefined,
  { name, max, command }: { name: string; max: number; command: string },
): number | undefined {
  if (written === undefined) return undefined;
  const number = /^\d{1,16}$/.test(written) ? Number(written) : NaN;
  if (number <= max) return number;
  throw misuse(
    command,
    `${name} is a whole number up to ${max}, not ${written}`,
  );
}

/** Items of options that may be repeated, and may be lists with commas. */
export function listed(
  values: readonly string[] | undefined,
): readonly string[] | undefined {
  return values?.flatMap((value) => value.split(","))
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** The stacks that `--stack` names, each once; undefined without it. */
export function stackNames(
  values: readonly string[] | undefined,
  command: string,
): readonly string[] | undefined {
  const names = listed(values);
  if (names === undefined) return undefined;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw misuse(command, `--stack has ${twice} twice`);
  if (names.length === 0) throw misuse(command, "--stack names no stack");
  return names;
}

function usageError(
  error: unknown,
  { command, options }: ArgumentReading<Options>,
): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  const [, option] = /'(-{1,2}[^'=\s]+)/.exec(error.message) ?? [];
  if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION" || option === undefined) {
    const isUsage = String(code).startsWith("ERR_PARSE_ARGS_");
    return isUsage ? misuse(command, lowerFirst(error.message)) : error;
  }
  const near = nearest(option, Object.keys(options).map((name) => `--${name}`));
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return misuse(command, `there is no option ${option}${hint}`);
}

function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}

import { InputError } from "../errors.ts";

/** Where in a log something is wrong. */
export interface Damage {
  readonly file: string;
  readonly offsetBytes: number;
  /** "Cannot <verb> <thing>: <reason>". */
  readonly message: string;
  /** What would have been right, and what to do. */
  readonly expected: string;
}

/** An error at one byte of a log. A log has no lines: the column is the byte, from 1. */
export function damageError(damage: Damage): InputError {
  const { file, offsetBytes, message, expected } = damage;
  const at = { file, line: 1, column: offsetBytes + 1 };
  return new InputError([{ message, at, expected }]);
}

/** Which block, as its reader knows it. */
export interface BlockPlace {
  readonly file: string;
  /** From 1. */
  readonly number: number;
  readonly offsetBytes: number;
  /** Position of its first event, known from the blocks before. */
  readonly firstPosition: number;
}

/** A block that cannot be used, what is wrong with it, and what is left. */
export function blockError(place: BlockPlace, reason: string): InputError {
  const { file, number, offsetBytes, firstPosition } = place;
  const whole = firstPosition === 0
    ? "no event before it"
    : `the ${firstPosition} events before it are whole`;
  return damageError({
    file,
    offsetBytes,
    message: `Cannot read block ${number} at byte ${offsetBytes}: ${reason}`,
    expected: `a block as it was written; ${whole}. ` +
      "Nothing was changed: restore the file from a copy, or run again",
  });
}

/**
 * The part of `@std/assert` that our tests use, with its names and argument
 * order, over Node's assertions. When `@std/assert` can be installed, mapping
 * the name to it in deno.json is the whole change.
 */
import strict from "node:assert/strict";

/** Fails unless the two are deeply and strictly equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  strict.deepEqual(actual, expected, msg);
}

/** Fails if the two are deeply and strictly equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  strict.notDeepEqual(actual, expected, msg);
}

/** Fails unless the condition is truthy. */
export function assert(condition: unknown, msg = ""): asserts condition {
  strict.ok(condition, msg || "Expected a truthy value");
}

/** Fails unless the text contains the part. */
export function assertStringIncludes(actual: string, part: string): void {
  if (!actual.includes(part)) {
    strict.fail(`Expected to find ${JSON.stringify(part)} in:\n${actual}`);
  }
}

/** Fails unless the text matches the expression. */
export function assertMatch(actual: string, expected: RegExp): void {
  strict.match(actual, expected);
}

/** Fails unless `fn` throws an instance of `type` whose message includes `part`; returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  type: new (...args: any[]) => E = Error as unknown as new () => E,
  part = "",
): E {
  try {
    fn();
  } catch (error) {
    return expectError(error, type, part);
  }
  strict.fail("Expected an error to be thrown");
}

/** Fails unless `fn` rejects with an instance of `type` whose message includes `part`; returns it. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  type: new (...args: any[]) => E = Error as unknown as new () => E,
  part = "",
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return expectError(error, type, part);
  }
  strict.fail("Expected the promise to be rejected");
}

function expectError<E extends Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  type: new (...args: any[]) => E,
  part: string,
): E {
  if (!(error instanceof type)) {
    strict.fail(`Expected ${type.name}, got ${error}`);
  }
  assertStringIncludes(error.message, part);
  return error;
}

import { LIMITS } from "../limits.ts";

/** Where a text stops being JSON, and what should have come there. */
export interface JsonError {
  /** Index of the first character that is wrong; the length of the text when it only ends too soon. */
  readonly index: number;
  readonly expected: string;
}

/**
 * Finds the first error of a text that `JSON.parse` refused. The engine's own
 * message names no position for some errors, and changes between versions.
 */
export function findJsonError(text: string): JsonError {
  let expected: Expected = "value";
  const open: ("}" | "]")[] = [];
  let index = 0;
  for (;;) {
    while (isBlank(text.charCodeAt(index))) index++;
    const token = tokenAt(text, index);
    const next: Expected | undefined = step({
      expected,
      token: token.kind,
      open,
    });
    if (next === undefined || open.length > LIMITS.documentDepth) {
      return { index: token.badAt ?? index, expected: EXPECTED[expected] };
    }
    expected = next;
    index = token.end;
  }
}

const EXPECTED = {
  value: "a value",
  "value or ]": "a value or ]",
  "key or }": "a name in quotes or }",
  key: "a name in quotes",
  ":": "a colon",
  ", or }": "a comma or }",
  ", or ]": "a comma or ]",
  end: "nothing more",
} as const;

type Expected = keyof typeof EXPECTED;

/** What may come after a token; undefined when it may not come. */
function step(
  state: { expected: Expected; token: string | undefined; open: ("}" | "]")[] },
): Expected | undefined {
  const { expected, token, open } = state;
  const after = (): Expected => {
    const closing = open.at(-1);
    return closing === undefined ? "end" : `, or ${closing}`;
  };
  if (token === undefined) return undefined;
  if (token === open.at(-1) && closes(expected)) {
    open.pop();
    return after();
  }
  if (expected === "value" || expected === "value or ]") {
    if (token === "{" || token === "[") {
      open.push(token === "{" ? "}" : "]");
      return token === "{" ? "key or }" : "value or ]";
    }
    return token === "string" || token === "scalar" ? after() : undefined;
  }
  if (expected === "key" || expected === "key or }") {
    return token === "string" ? ":" : undefined;
  }
  if (expected === ":") return token === ":" ? "value" : undefined;
  if (expected === "end" || token !== ",") return undefined;
  return expected === ", or }" ? "key" : "value";
}

function closes(expected: Expected): boolean {
  return expected.endsWith("}") || expected.endsWith("]");
}

interface Token {
  /** The character, or what it begins; undefined where no token is. */
  readonly kind: string | undefined;
  readonly end: number;
  /** The character that breaks a string. */
  readonly badAt?: number;
}

function tokenAt(text: string, index: number): Token {
  const character = text[index] ?? "";
  if (character === '"') return stringAt(text, index);
  if (character !== "" && "{}[],:".includes(character)) {
    return { kind: character, end: index + 1 };
  }
  SCALAR.lastIndex = index;
  const scalar = SCALAR.exec(text);
  return scalar === null
    ? { kind: undefined, end: index }
    : { kind: "scalar", end: SCALAR.lastIndex };
}

/** Not by one expression: its backtracking over a string of megabytes would not fit a stack. */
function stringAt(text: string, start: number): Token {
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return { kind: "string", end: index + 1 };
    if (code < 0x20) return { kind: undefined, end: index, badAt: index };
    if (code !== BACKSLASH) continue;
    ESCAPE.lastIndex = index;
    if (!ESCAPE.test(text)) {
      return { kind: undefined, end: index, badAt: index };
    }
    index = ESCAPE.lastIndex - 1;
  }
  return { kind: undefined, end: text.length, badAt: text.length };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SCALAR =
  /(?:-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,400})?|true|false|null)/y;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

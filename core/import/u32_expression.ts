import { readNumber } from "./_iptables_values.ts";

/** One comparison of a u32 expression: where to read, what to do with it, and what it has to be. */
export interface U32Test {
  /** Offset from the IP header of the first four bytes that are read. */
  readonly start: number;
  readonly steps: readonly U32Step[];
  /** Either end included; one of them has to hold it. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** `@` reads four bytes again, at the number beyond what was read before. */
export interface U32Step {
  readonly operator: "&" | "<<" | ">>" | "@";
  readonly number: number;
}

/** XT_U32_MAXSIZE: tests, and numbers and ranges of each. */
const MOST = 10;

/**
 * Reads `6&0xff=1&&4&0x1fff=0:5,9` (extensions/libxt_u32.c, `u32_parse`);
 * undefined when it is no such expression.
 */
export function readU32(text: string): readonly U32Test[] | undefined {
  const tests = text.replace(/\s+/g, "").split("&&").map(readTest);
  return tests.length <= MOST && tests.every((test) => test !== undefined)
    ? tests as U32Test[]
    : undefined;
}

/** The expression as iptables-save prints it: every number in hexadecimal. */
export function printU32(tests: readonly U32Test[]): string {
  return tests.map(({ start, steps, ranges }) => {
    const location = steps.map(({ operator, number }) => operator + hex(number))
      .join("");
    const values = ranges.map(([from, to]) =>
      from === to ? hex(from) : `${hex(from)}:${hex(to)}`
    ).join(",");
    return `${hex(start)}${location}=${values}`;
  }).join("&&");
}

function readTest(text: string): U32Test | undefined {
  const [location = "", values, more] = text.split("=");
  if (values === undefined || more !== undefined) return undefined;
  const parts = location.split(/(&|<<|>>|@)/);
  const start = number(parts[0]!);
  if (start === undefined || parts.length > 2 * MOST) return undefined;
  const steps: U32Step[] = [];
  for (let index = 1; index < parts.length; index += 2) {
    const operand = number(parts[index + 1]!);
    if (operand === undefined) return undefined;
    steps.push({
      operator: parts[index] as U32Step["operator"],
      number: operand,
    });
  }
  const ranges = values.split(",").map(range);
  if (ranges.length > MOST || ranges.includes(undefined)) return undefined;
  return { start, steps, ranges: ranges as (readonly [number, number])[] };
}

function range(text: string): readonly [number, number] | undefined {
  const [first = "", last, more] = text.split(":");
  const from = number(first);
  const to = last === undefined ? from : number(last);
  return from === undefined || to === undefined || more !== undefined
    ? undefined
    : [from, to];
}

/** As strtoul() reads it: with a 0 before it, octal. */
function number(text: string): number | undefined {
  return /^0[0-7]{1,11}$/.test(text)
    ? octal(text)
    : readNumber(text, 0xffffffff);
}

function octal(text: string): number | undefined {
  const value = parseInt(text, 8);
  return value <= 0xffffffff ? value : undefined;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testRow } from "./_rows.ts";
import { readFilter } from "./filter_rows.ts";

const ROWS = [
  testRow({ index: 0, port: 53 }),
  testRow({
    index: 1,
    port: 53,
    verdicts: ["forwarded", "dropped"],
    differs: [{ expected: false }],
  }),
  testRow({ index: 2, port: 80, verdicts: ["dropped", "dropped"] }),
];

function found(text: string): readonly number[] {
  const { filter, problem } = readFilter(text);
  assert(filter !== null, problem ?? "");
  return ROWS.filter(filter).map(({ index }) => index);
}

Deno.test("readFilter() takes plain words, in any order, from the flow and its outcomes", () => {
  assertEquals(found(""), [0, 1, 2]);
  assertEquals(found("policy_denied web"), [1, 2]);
  assertEquals(found("nobody"), []);
});

Deno.test("readFilter() compares fields of the flow and of its outcomes", () => {
  assertEquals(found("dst.port==53"), [0, 1]);
  assertEquals(found("verdict!=same && dst.port==53"), [1]);
  assertEquals(found("verdict == dropped and dst.port in [80,443]"), [2]);
  assertEquals(found("is==unexpected"), [1]);
  assertEquals(found("stack==cilium"), [1]);
});

Deno.test("readFilter() says what it cannot read, and what may have been meant", () => {
  const { filter, problem } = readFilter("dst.prot==53");
  assertEquals(filter, null);
  assertStringIncludes(problem!, "did you mean dst.port?");
});

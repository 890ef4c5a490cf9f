import { assertEquals } from "@std/assert";
import { testRow } from "./_rows.ts";
import { rowSurprise } from "./surprise.ts";

function surprise(...differs: Parameters<typeof testRow>[0][]) {
  return differs.map((row) => rowSurprise(testRow(row)));
}

Deno.test("rowSurprise() tells what was expected, what is legal and what nobody foresaw apart", () => {
  assertEquals(
    surprise(
      {},
      { differs: [{ expected: true }] },
      { differs: [{ expected: true, class: "unspecified" }] },
      { differs: [{ expected: null, class: "unspecified" }] },
      { differs: [{ expected: null }] },
      { differs: [{ expected: false, class: "unspecified" }] },
      { verdicts: ["forwarded", "unknown"] },
    ),
    [
      "same",
      "expected",
      "legal",
      "legal",
      "unexpected",
      "unexpected",
      "unknown",
    ],
  );
});

Deno.test("rowSurprise() takes the most surprising of all stacks", () => {
  assertEquals(
    surprise({
      verdicts: ["unknown", "forwarded"],
      differs: [{ expected: false }],
    }),
    ["unexpected"],
  );
});

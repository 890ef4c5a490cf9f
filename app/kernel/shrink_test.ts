import { assertEquals } from "@std/assert";
import { fuzzCase } from "./fuzz_case.ts";
import { rulesText } from "./fuzz_rules.ts";
import { shrink } from "./shrink.ts";

Deno.test("shrink() leaves what the disagreement needs and nothing else", () => {
  const { tables, steps } = fuzzCase(1, 1);
  const wanted = tables.find(({ name }) => name === "filter")!
    .chains.map((chain) =>
      chain.name === "FORWARD"
        ? { ...chain, rules: [...chain.rules, ["-s 10.0.0.2/32", "-j DROP"]] }
        : chain
    );
  const planted = tables.map((table) =>
    table.name === "filter" ? { ...table, chains: wanted } : table
  );
  const small = shrink(
    { tables: planted, steps },
    (candidate) =>
      candidate.steps.length > 0 &&
      rulesText(candidate.tables).includes("-A FORWARD -s 10.0.0.2/32"),
  );
  assertEquals(small.steps.length, 1);
  assertEquals(small.tables.length, 1);
  const rules = small.tables[0]!.chains.flatMap((chain) => chain.rules);
  assertEquals(rules, [["-s 10.0.0.2/32"]]);
});

Deno.test("shrink() ends when nothing can go", () => {
  const { tables, steps } = fuzzCase(1, 2);
  const small = shrink({ tables, steps }, () => false);
  assertEquals(small, { tables, steps });
});

Deno.test("fuzzCase() gives the same case for the same number", () => {
  assertEquals(fuzzCase(7, 3), fuzzCase(7, 3));
});

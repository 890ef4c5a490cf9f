import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HOSTILE, sampleReport } from "./_fixtures.ts";
import { markdownReport } from "./markdown.ts";

/** What is left when fenced blocks and code spans, which nothing is read in, are taken out. */
function outsideCode(text: string): string {
  const lines: string[] = [];
  let fence: string | null = null;
  for (const line of text.split("\n")) {
    const [run] = /^`{3,}(?=[^`]*$)/.exec(line) ?? [];
    if (fence === null && run !== undefined) fence = run;
    else if (fence === line) fence = null;
    else if (fence === null) lines.push(line);
  }
  assertEquals(fence, null, "every fence is closed");
  return lines.join("\n")
    .replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, "")
    .replace(/<code>[^<>\n]*<\/code>/g, "");
}

Deno.test("markdownReport() lets no text of an input be Markdown or HTML", () => {
  const plain = outsideCode(markdownReport(sampleReport()));
  for (const hostile of HOSTILE) {
    const text = markdownReport(sampleReport((name) => name + hostile));
    assertEquals(outsideCode(text), plain, hostile);
  }
});

Deno.test("markdownReport() keeps the cells of its table", () => {
  for (const hostile of HOSTILE) {
    const text = markdownReport(sampleReport((name) => name + hostile));
    const [head] = text.split("### Not");
    const rows = head!.split("\n").filter((line) => line.startsWith("| "));
    assertEquals(rows.length, 3);
    for (const row of rows) {
      assertEquals(row.split(/(?<!\\)\|/).length, 9, row);
    }
  }
});

Deno.test("markdownReport() gives each cause with its count, witness, rules and journeys", () => {
  const text = markdownReport(sampleReport());
  assertStringIncludes(text, "## ❌ Plumbline");
  assertStringIncludes(text, "| ❌ failed | `D99` `a scenario` |");
  assertStringIncludes(
    text,
    "<code>verdict: old dropped, new forwarded</code> — 3 of 5 flows, specified</summary>",
  );
  assertStringIncludes(text, "- `old` decides by `deny` at `policy.yaml:3:5`");
  assertStringIncludes(text, "- `new` decides by `allow` at `policy.yaml:9:5`");
  assertStringIncludes(text, ">  2 n1");
  assert(text.indexOf("cause-") < text.indexOf("<code>D98</code>"));
});

Deno.test("markdownReport() stays below what a comment may hold", () => {
  const report = sampleReport();
  const [section] = report.sections;
  const causes = Array.from({ length: 500 }, () => section!.causes[0]!);
  const failures = Array.from({ length: 5_000 }, () => section!.failures[0]!);
  const many = markdownReport({
    ...report,
    sections: [{ ...section!, causes }],
  });
  assert(many.length < 65_536 && / more causes are left out/.test(many));
  const long = markdownReport({
    ...report,
    sections: [{ ...section!, failures }],
  });
  assert(long.length < 65_536 && long.includes("More is left out."));
});

Deno.test("markdownReport() gives the same bytes for the same report", () => {
  assertEquals(markdownReport(sampleReport()), markdownReport(sampleReport()));
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { HOSTILE, sampleReport } from "./_fixtures.ts";
import { githubReport } from "./github.ts";

Deno.test("githubReport() writes one command a line, whatever the texts", () => {
  const count = githubReport(sampleReport()).split("\n").length;
  for (const hostile of HOSTILE) {
    const text = githubReport(sampleReport((name) => name + hostile));
    const lines = text.split("\n");
    assertEquals(lines.length, count);
    for (const line of lines) {
      assertMatch(
        line,
        /^::(?:error|warning|notice) (?:file=[^,:\r]*,line=\d+,col=\d+,)?title=[^,:\r]*::[^\r]*$/,
      );
    }
  }
});

Deno.test("githubReport() shows errors first, leaves out what is expected, and sums up", () => {
  const lines = githubReport(sampleReport()).split("\n");
  assertEquals(lines.map((line) => line.slice(0, line.lastIndexOf("::"))), [
    "::error file=scenario.yaml,line=20,col=7,title=a scenario%3A a step",
    "::error file=scenario.yaml,line=12,col=5,title=a scenario%3A verdict%3A old dropped%2C new forwarded",
    "::notice file=scenario.yaml,line=1,col=1,title=a scenario%3A unknown in new",
    "::notice file=other.yaml,line=1,col=1,title=another was not run",
    "::notice title=Plumbline",
  ]);
  assert(lines[1]?.includes("%0A  old  decided by deny  "));
  assertEquals(
    lines.at(-1)?.split("::").at(-1),
    "2 scenarios: 0 passed, 1 failed, 1 not run; 10 outcomes, 3 differ as expected, 3 otherwise, 1 unknown",
  );
});

Deno.test("githubReport() weighs what nobody was asked about by its class", () => {
  const report = sampleReport();
  const levels = (["specified", "implementation-defined"] as const)
    .map((basis) => {
      const sections = report.sections.slice(0, 1).map((section) => ({
        ...section,
        failures: [],
        causes: section.causes.slice(0, 1)
          .map((cause) => ({ ...cause, expected: null, class: basis })),
      }));
      return githubReport({ ...report, sections }).split(" ")[0];
    });
  assertEquals(levels, ["::error", "::warning"]);
});

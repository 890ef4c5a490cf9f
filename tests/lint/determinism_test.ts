import { assertEquals } from "@std/assert";
import plugin, { importProblem } from "./determinism.ts";

function findings(filename: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, filename, source)
    .map((diagnostic) => `${diagnostic.id}: ${diagnostic.message}`);
}

Deno.test("the ambient rule finds clocks, randomness, I/O and await in the core", () => {
  assertEquals(
    findings("core/x.ts", "const t = Date.now();"),
    ["plumbline/ambient: Date.now is ambient"],
  );
  assertEquals(
    findings("plugins/ebpf/x.ts", "const n = Math.random();"),
    ["plumbline/ambient: Math.random is ambient"],
  );
  assertEquals(
    findings("core/x.ts", "const d = new Date();"),
    ["plumbline/ambient: Date is ambient"],
  );
  assertEquals(
    findings("core/x.ts", "export async function f() { await g(); }"),
    ["plumbline/ambient: the core and the plugins are synchronous"],
  );
  assertEquals(
    findings("core/x.ts", "Deno.readTextFileSync('x');"),
    ["plumbline/ambient: Deno.readTextFileSync is ambient"],
  );
});

Deno.test("the ambient rule leaves app, tests and pure mathematics alone", () => {
  assertEquals(findings("app/x.ts", "const t = Date.now();"), []);
  assertEquals(findings("core/x_test.ts", "const t = Date.now();"), []);
  assertEquals(findings("core/x.ts", "const n = Math.imul(2, 3);"), []);
});

Deno.test("the locale rule finds order that depends on the machine", () => {
  assertEquals(
    findings("core/x.ts", "a.localeCompare(b);"),
    ["plumbline/locale: localeCompare depends on the machine"],
  );
});

Deno.test("importProblem() keeps imports pointing down", () => {
  assertEquals(
    importProblem("/r/app/cli/x.ts", "../../plugins/a/mod.ts"),
    null,
  );
  assertEquals(importProblem("/r/plugins/a/x.ts", "../../core/event.ts"), null);
  assertEquals(importProblem("/r/plugins/a/x.ts", "./y.ts"), null);
  assertEquals(
    importProblem("/r/core/x.ts", "../plugins/a/mod.ts"),
    "core imports nothing above it, and plugins/a is",
  );
  assertEquals(
    importProblem("/r/plugins/a/x.ts", "../b/mod.ts"),
    "a plugin imports core only: plugins/a must not know plugins/b",
  );
  assertEquals(
    importProblem("/r/core/x.ts", "node:fs"),
    "core imports no node:fs: I/O belongs to app/",
  );
});

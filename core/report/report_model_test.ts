import { assertEquals } from "@std/assert";
import { relativeFile } from "./report_model.ts";
import { visibleLines, visibleText } from "./visible_text.ts";

Deno.test("relativeFile() gives paths as links want them", () => {
  const paths = [
    ["/repo/a/b.yaml", "a/b.yaml"],
    ["./a.yaml", "a.yaml"],
    ["a\\b.yaml", "a/b.yaml"],
    ["../a.yaml", "../a.yaml"],
    ["/elsewhere/a.yaml", "/elsewhere/a.yaml"],
    ["/repository/a.yaml", "/repository/a.yaml"],
    ["--stack", null],
  ] as const;
  for (const [file, expected] of paths) {
    assertEquals(relativeFile(file, "/repo"), expected);
    assertEquals(relativeFile(file, "/repo/"), expected);
  }
});

Deno.test("visibleLines() shows what would command a terminal", () => {
  assertEquals(
    visibleLines("a\x1b[2J\u009b31m\u202eb\tc\nd\x7f"),
    "a\\u001b[2J\\u009b31m\\u202eb\tc\nd\\u007f",
  );
  assertEquals(visibleLines("Zoë 日本 😀"), "Zoë 日本 😀");
});

Deno.test("visibleText() shows what a terminal or a page would act on", () => {
  assertEquals(visibleText("a\r\n\tb"), "a b");
  assertEquals(
    visibleText("\u001b[31m\u202e\u0000"),
    "\\u001b[31m\\u202e\\u0000",
  );
  assertEquals(visibleText("größe 大 😀"), "größe 大 😀");
});

import { assert, assertEquals } from "@std/assert";
import { compileRegex } from "./_regex.ts";

Deno.test("compileRegex() full matches the whole text, else any part", () => {
  const full = compileRegex("/v[0-9]|/w", {
    full: true,
    caseInsensitive: false,
  });
  const part = compileRegex("/v[0-9]|/w", {
    full: false,
    caseInsensitive: false,
  });
  assert(full.kind === "regex" && part.kind === "regex");
  assertEquals(["/v1", "/v1/x", "/w", "x/w"].map(full.test), [
    true,
    false,
    true,
    false,
  ]);
  assertEquals(["/v1", "/v1/x", "/w", "x/w"].map(part.test), [
    true,
    true,
    true,
    true,
  ]);
});

Deno.test("compileRegex() ignores case when told to", () => {
  const regex = compileRegex("^/[A-Z]{3}", {
    full: false,
    caseInsensitive: true,
  });
  assert(regex.kind === "regex" && regex.test("/uuid"));
});

Deno.test("compileRegex() gives groups", () => {
  const regex = compileRegex("^/a(/|$)(.*)", {
    full: false,
    caseInsensitive: false,
  });
  assert(regex.kind === "regex");
  assertEquals(regex.groups("/a/b/c"), ["/a/b/c", "/", "b/c"]);
  assertEquals(regex.groups("/b"), undefined);
});

Deno.test("compileRegex() refuses what RE2 leaves out, and says so", () => {
  for (
    const pattern of [
      "/(?!private).*",
      "(?<=a)b",
      "(a)\\1",
      "a++",
      "a)(b",
      "a".repeat(5_000),
    ]
  ) {
    const regex = compileRegex(pattern, { full: true, caseInsensitive: false });
    assertEquals(regex.kind, "error", pattern);
  }
});

Deno.test("compileRegex() is linear where backtracking explodes", () => {
  const regex = compileRegex("(a|aa)+$", {
    full: true,
    caseInsensitive: false,
  });
  assert(regex.kind === "regex");
  assertEquals(regex.test("a".repeat(2_000) + "b"), false);
});

import { assertEquals } from "@std/assert";
import { AS_SENT, normalizePath, normalizeTarget } from "./normalize_path.ts";

const DOTS = { ...AS_SENT, dots: true, backslashes: true };
const MERGED = { ...DOTS, mergeSlashes: "before dots" } as const;

Deno.test("normalizePath() resolves dots and never leaves the root", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/../../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/a/%2e%2E/b", "/b"],
    ["/a\\..\\b", "/b"],
    ["/a//b", "/a//b"],
    ["/%61%2f%20", "/a%2f%20"],
    ["*", "*"],
  ];
  for (const [path, expected] of cases) {
    assertEquals(normalizePath(path, DOTS), expected, path);
  }
});

Deno.test("normalizePath() merges slashes before it resolves dots", () => {
  assertEquals(normalizePath("/a//../b", MERGED), "/b");
  assertEquals(normalizePath("////uuid", MERGED), "/uuid");
});

Deno.test("normalizePath() decodes escaped slashes, or everything, when told to", () => {
  const escaped = { ...MERGED, escapedSlashes: true };
  assertEquals(normalizePath("/a%2F..%5cb", escaped), "/b");
  const decoded = { ...MERGED, decode: true };
  assertEquals(normalizePath("/a%20b%2fc", decoded), "/a b/c");
});

Deno.test("normalizeTarget() leaves the query alone", () => {
  assertEquals(normalizeTarget("/a/../b?x=/c/../d", DOTS), "/b?x=/c/../d");
});

Deno.test("normalizePath() merges slashes before or after dots, as the proxy does", () => {
  const path = "/a//../b";
  assertEquals(normalizePath(path, MERGED), "/b");
  assertEquals(
    normalizePath(path, { ...DOTS, mergeSlashes: "after dots" }),
    "/a/b",
  );
});

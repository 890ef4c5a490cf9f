import { assertEquals } from "@std/assert";
import { LIMITS } from "../../core/limits.ts";
import { LineSplitter } from "./lines.ts";

function lines(text: string | Uint8Array, chunkBytes = 3) {
  const bytes = typeof text === "string"
    ? new TextEncoder().encode(text)
    : text;
  const splitter = new LineSplitter();
  const found: (string | null)[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    found.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  }
  return [...found, ...splitter.end()];
}

Deno.test("LineSplitter splits at line breaks of both kinds, whatever the chunks", () => {
  for (let chunkBytes = 1; chunkBytes < 12; chunkBytes++) {
    assertEquals(lines("one\r\n\nthrée\nlast", chunkBytes), [
      "one",
      "",
      "thrée",
      "last",
    ]);
    assertEquals(lines("one\n", chunkBytes), ["one"]);
    assertEquals(lines("", chunkBytes), []);
  }
});

Deno.test("LineSplitter leaves out a byte order mark, and keeps going over bytes that are no text", () => {
  assertEquals(lines("\ufeff{}\n"), ["{}"]);
  assertEquals(lines(Uint8Array.of(0xff, 0x0a, 0x41)), ["\ufffd", "A"]);
});

Deno.test("LineSplitter gives null for a line that is too long, and reads on", () => {
  const long = "x".repeat(LIMITS.lineBytes + 1);
  assertEquals(lines(`a\n${long}\nb\n${long}`, 65_536), ["a", null, "b", null]);
  const fits = "x".repeat(LIMITS.lineBytes);
  assertEquals(lines(`${fits}\nb`, 65_536), [fits, "b"]);
});

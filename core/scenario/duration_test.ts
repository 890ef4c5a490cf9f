import { assertEquals } from "@std/assert";
import { formatDuration, parseDuration } from "./duration.ts";

Deno.test("parseDuration() reads what Go writes", () => {
  assertEquals(parseDuration("0"), 0);
  assertEquals(parseDuration("250ms"), 250_000_000);
  assertEquals(parseDuration("1m30s"), 90_000_000_000);
  assertEquals(parseDuration("1.5s"), 1_500_000_000);
  assertEquals(parseDuration("2h"), 7_200_000_000_000);
});

Deno.test("parseDuration() reads nothing else", () => {
  for (const text of ["", "1", "s", "-1s", "1 s", "1s ", "1d", "1e3s"]) {
    assertEquals(parseDuration(text), undefined, text);
  }
  assertEquals(parseDuration("999999h"), undefined, "past the virtual clock");
});

Deno.test("formatDuration() writes what parseDuration() reads", () => {
  for (const ns of [0, 1, 250_000_000, 90_000_000_000, 3_600_000_000_000]) {
    assertEquals(parseDuration(formatDuration(ns)), ns);
  }
  assertEquals(formatDuration(1_500_000_000), "1500ms");
});

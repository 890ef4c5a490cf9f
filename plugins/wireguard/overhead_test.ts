import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { overheadBytes } from "./overhead.ts";

Deno.test("overheadBytes() is 60 over IPv4 and 80 over IPv6 for lengths that need no padding", () => {
  assertEquals(overheadBytes(160, { outer: 4, mtuBytes: 1420 }), 60);
  assertEquals(overheadBytes(160, { outer: 6, mtuBytes: 1420 }), 80);
});

Deno.test("overheadBytes() pads to 16 bytes, and not beyond the MTU", () => {
  assertEquals(overheadBytes(161, { outer: 4, mtuBytes: 1420 }), 75);
  assertEquals(overheadBytes(1419, { outer: 4, mtuBytes: 1420 }), 61);
  assertEquals(overheadBytes(1420, { outer: 4, mtuBytes: 1420 }), 60);
});

Deno.test("overheadBytes() stays within header and padding", () => {
  fc.assert(fc.property(fc.nat(65_535), (length) => {
    const bytes = overheadBytes(length, { outer: 4, mtuBytes: 1420 });
    assert(bytes >= 60 && bytes < 76);
  }));
});

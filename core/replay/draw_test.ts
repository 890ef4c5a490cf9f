import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { drawUint32, pickIndex } from "./draw.ts";

Deno.test("drawUint32() depends on seed and key alone", () => {
  assertEquals(drawUint32(7, "flow 1 site a"), drawUint32(7, "flow 1 site a"));
  assertNotEquals(drawUint32(7, "a"), drawUint32(8, "a"));
  assertNotEquals(drawUint32(7, "a"), drawUint32(7, "b"));
});

Deno.test("pickIndex() gives every member its share", () => {
  const members = [{ weight: 1 }, { weight: 0 }, { weight: 3 }];
  const counts = [0, 0, 0];
  for (let index = 0; index < 40_000; index++) {
    counts[pickIndex(drawUint32(1, `flow ${index}`), members)]!++;
  }
  assertEquals(counts[1], 0);
  assert(Math.abs(counts[0]! - 10_000) < 400, `${counts}`);
});

Deno.test("pickIndex() picks nothing where nothing has weight", () => {
  assertEquals(pickIndex(5, []), -1);
  assertEquals(pickIndex(5, [{ weight: 0 }]), -1);
});

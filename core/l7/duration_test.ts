import { assertEquals } from "@std/assert";
import { durationNs } from "./duration.ts";

Deno.test("durationNs() reads what GEP-2257 allows and nothing else", () => {
  assertEquals(durationNs("1h30m"), 5_400_000_000_000);
  assertEquals(durationNs("500ms"), 500_000_000);
  assertEquals(durationNs("0s"), 0);
  for (const text of ["", "1", "1.5s", "-1s", "1us", "1 s", 5, undefined]) {
    assertEquals(durationNs(text), null, String(text));
  }
});

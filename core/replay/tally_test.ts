import { assertEquals } from "@std/assert";
import { COSTS } from "./outcome.ts";
import { Tally } from "./tally.ts";

Deno.test("Tally.charge() counts each kind under its own name", () => {
  for (const kind of COSTS) {
    const tally = new Tally(false);
    tally.charge(kind, 2);
    tally.charge(kind, 1);
    assertEquals(tally.cost(), { [kind]: 3 });
  }
});

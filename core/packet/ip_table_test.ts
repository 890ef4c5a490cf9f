import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Ip } from "./ip.ts";
import { IpTable } from "./ip_table.ts";

const ADDRESSES = [
  ...Array.from({ length: 6 }, (_, index) => Ip.v4(0xc0a80000 + index)),
  ...Array.from({ length: 3 }, (_, index) => Ip.v6(0xfd000000, 0, 0, index)),
];

Deno.test("IpTable is a map by address, whichever object asks", () => {
  fc.assert(fc.property(
    fc.array(fc.record({
      at: fc.nat(ADDRESSES.length - 1),
      what: fc.constantFrom("get", "get again", "set", "clear"),
      value: fc.nat(),
    })),
    (steps) => {
      const table = new IpTable<number>();
      const model = new Map<string, number>();
      for (const { at, what, value } of steps) {
        const ip = ADDRESSES[at]!;
        if (what === "set") {
          table.set(ip, value);
          model.set(ip.text, value);
        } else if (what === "clear") {
          table.clear();
          model.clear();
        } else {
          const asked = what === "get" ? ip : Ip.of(ip.text);
          assertEquals(table.get(asked), model.get(ip.text));
        }
        assertEquals(table.size, model.size);
      }
    },
  ));
});

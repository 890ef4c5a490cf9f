import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cidr, Ip } from "../packet/ip.ts";
import { PrefixTable } from "./prefix_table.ts";

Deno.test("find() gives the longest prefix, in both families", () => {
  const table = new PrefixTable<string>();
  for (
    const text of [
      "0.0.0.0/0",
      "10.0.0.0/8",
      "10.1.0.0/16",
      "10.1.2.3/32",
      "::/0",
      "2001:db8::/33",
    ]
  ) table.set(Cidr.of(text), text);
  const find = (text: string) => table.find(Ip.of(text));
  assertEquals(find("8.8.8.8"), "0.0.0.0/0");
  assertEquals(find("10.200.0.1"), "10.0.0.0/8");
  assertEquals(find("10.1.9.9"), "10.1.0.0/16");
  assertEquals(find("10.1.2.3"), "10.1.2.3/32");
  assertEquals(find("2001:db8:7fff::1"), "2001:db8::/33");
  assertEquals(find("2001:db8:8000::1"), "::/0");
});

Deno.test("find() agrees with asking every prefix", () => {
  const word = fc.nat({ max: 0xffffffff });
  const prefixes = fc.array(fc.tuple(word, fc.nat({ max: 32 })), {
    maxLength: 20,
  });
  fc.assert(fc.property(prefixes, fc.array(word), (given, asked) => {
    const table = new PrefixTable<string>();
    const cidrs = given.map(([base, length]) => new Cidr(Ip.v4(base), length));
    for (const cidr of cidrs) table.set(cidr, cidr.text);
    for (const value of [...asked, ...given.map(([base]) => base)]) {
      const ip = Ip.v4(value);
      const best = cidrs.filter((cidr) => cidr.contains(ip))
        .sort((a, b) => b.length - a.length)[0];
      assertEquals(table.find(ip), best?.text);
    }
  }));
});

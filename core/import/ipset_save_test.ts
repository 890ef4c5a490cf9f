import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { InputError } from "../errors.ts";
import { parseIpsetSave } from "./ipset_save.ts";

const FILE = { file: "node1.ipset" };

Deno.test("parseIpsetSave() reads sets with their entries and exceptions", () => {
  const sets = parseIpsetSave(
    "create web hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xaff5135c\n" +
      "add web 10.0.0.1,tcp:80\n" +
      "create nets hash:net family inet6 netmask 64\n" +
      "add nets fd00::/64 nomatch\n",
    FILE,
  );
  assertEquals(sets, [
    {
      name: "web",
      type: "hash:ip,port",
      family: 4,
      options: [],
      entries: [{ parts: ["10.0.0.1", "tcp:80"], nomatch: false }],
    },
    {
      name: "nets",
      type: "hash:net",
      family: 6,
      options: ["netmask 64"],
      entries: [{ parts: ["fd00::/64"], nomatch: true }],
    },
  ]);
});

Deno.test("parseIpsetSave() names every problem with its place", () => {
  const error = assertThrows(
    () =>
      parseIpsetSave(
        "create web hash:ip\nadd wep 10.0.0.1\nflush web now\n",
        FILE,
      ),
    InputError,
  );
  assertEquals(error.problems.map(({ at }) => `${at.line}:${at.column}`), [
    "2:5",
    "3:1",
  ]);
  assertStringIncludes(error.message, "did you mean: web");
});

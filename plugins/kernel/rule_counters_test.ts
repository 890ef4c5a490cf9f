import { assertEquals } from "@std/assert";
import { countedHits, savedCounters } from "./rule_counters.ts";

Deno.test("savedCounters() counts rules of a chain from 1, and its policy as 0", () => {
  const counters = savedCounters(`*filter
:FORWARD DROP [3:180]
:OWN - [0:0]
[2:120] -A FORWARD -j OWN
[1:60] -A OWN -p tcp -j ACCEPT
[0:0] -A FORWARD -p udp -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
[7:420] -A PREROUTING -j ACCEPT
COMMIT
`);
  assertEquals([...counters], [
    ["filter FORWARD 0", 3],
    ["filter FORWARD 1", 2],
    ["filter OWN 1", 1],
    ["filter FORWARD 2", 0],
    ["nat PREROUTING 0", 0],
    ["nat PREROUTING 1", 7],
  ]);
});

Deno.test("countedHits() tells how often a packet met a rule", () => {
  const before = savedCounters("*filter\n:U - [0:0]\n[3:1] -A U\n[7:1] -A U\n");
  const after = savedCounters("*filter\n:U - [0:0]\n[5:2] -A U\n[7:1] -A U\n");
  const hit = { table: "filter", chain: "U", index: 1, packet: null };
  assertEquals(countedHits(before, after), [hit, hit]);
});

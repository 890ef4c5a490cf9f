import { assertEquals } from "@std/assert";
import { readRuleTexts } from "./rule_path.ts";
import { scannedRules } from "./rule_scan.ts";

const TEXTS = readRuleTexts(`*filter
:FORWARD ACCEPT [0:0]
:OWN - [0:0]
:LAST - [0:0]
-A FORWARD -p udp -j DROP
-A FORWARD -m comment --comment "not -j LAST" -j OWN
-A FORWARD -p icmp -j DROP
-A FORWARD -g LAST
-A FORWARD -j DROP
-A OWN -p udp
-A OWN -p tcp -j RETURN
-A OWN -j DROP
-A LAST -p tcp -j ACCEPT
-A LAST -p udp -j ACCEPT
COMMIT
`);

function scanned(...path: readonly string[]): number {
  return scannedRules(
    path.map((name) => {
      const [chain, index] = name.split(":");
      return {
        table: "filter",
        chain: chain!,
        index: Number(index),
        packet: null,
      };
    }),
    {
      chainLength: (table, chain) => TEXTS.get(`${table} ${chain}`)?.length,
      ruleText: ({ table, chain, index }) =>
        TEXTS.get(`${table} ${chain}`)?.[index - 1],
    },
  );
}

Deno.test("scannedRules() counts what lies before a rule that matched", () => {
  assertEquals(scanned("FORWARD:1"), 1);
  assertEquals(scanned("FORWARD:2", "OWN:3"), 5);
});

Deno.test("scannedRules() comes back from a chain with the rules after the call", () => {
  // Two rules, two of OWN, two more, one of LAST.
  assertEquals(
    scanned("FORWARD:2", "OWN:2", "FORWARD:4", "LAST:1"),
    7,
  );
});

Deno.test("scannedRules() counts a chain to its end, and none after a goto", () => {
  assertEquals(scanned("FORWARD:4", "FORWARD:0"), 6);
  assertEquals(scanned("FORWARD:0"), 5);
  assertEquals(scanned(), 0);
});

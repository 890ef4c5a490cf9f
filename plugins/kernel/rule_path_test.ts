import { assertEquals } from "@std/assert";
import { LOG_GROUP } from "./packet_log.ts";
import { readRuleTexts, readTrace } from "./rule_path.ts";

const SAVED = `*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p udp -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OWN - [0:0]
-A PREROUTING -j OWN
-A OWN -j RETURN
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD
COMMIT
`;

function traced(...prefixes: readonly string[]) {
  const packet = new Uint8Array(0);
  return readTrace(
    prefixes.map((prefix) => ({
      group: LOG_GROUP.trace,
      prefix: `TRACE: ${prefix} `,
      mark: 0,
      packet,
    })),
    readRuleTexts(SAVED),
  ).map(({ table, chain, index }) => `${table} ${chain}:${index}`);
}

Deno.test("readTrace() gives rules their number in the dump", () => {
  assertEquals(
    traced("nat:PREROUTING:rule:1", "filter:FORWARD:rule:1"),
    ["nat PREROUTING:1", "filter FORWARD:1"],
  );
});

Deno.test("readTrace() does not count the rule that turns tracing on", () => {
  assertEquals(
    traced("raw:PREROUTING:rule:1", "raw:PREROUTING:rule:2"),
    ["raw PREROUTING:1"],
  );
});

Deno.test("readTrace() tells a RETURN or a policy from a rule without matches", () => {
  // The kernel says `return` of both the rule and the end of the chain.
  assertEquals(traced("nat:OWN:return:1"), ["nat OWN:1"]);
  assertEquals(traced("nat:OWN:return:2"), []);
  assertEquals(traced("filter:FORWARD:policy:1"), ["filter FORWARD:1"]);
  assertEquals(traced("filter:FORWARD:policy:2"), ["filter FORWARD:0"]);
});

Deno.test("readTrace() leaves out tables that nobody loaded", () => {
  assertEquals(traced("mangle:FORWARD:policy:1"), []);
});

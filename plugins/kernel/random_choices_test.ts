import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { prepareRules } from "./random_choices.ts";

function prepared(rules: string) {
  return prepareRules(parseIptablesSave(rules, { file: "rules" }).v4);
}

const SERVICE = `*nat
:PREROUTING ACCEPT [0:0]
:SVC - [0:0]
:SEP-1 - [0:0]
:SEP-2 - [0:0]
:SEP-3 - [0:0]
-A PREROUTING -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j SVC
-A SVC ! -s 10.244.0.0/16 -j MARK --set-xmark 0x4000/0x4000
-A SVC -m statistic --mode random --probability 0.33333333349 -j SEP-3
-A SVC -m statistic --mode random --probability 0.50000000000 -j SEP-1
-A SVC -j SEP-2
-A SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.0.1:8080
-A SEP-2 -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A SEP-3 -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:8080
COMMIT
`;

const hit = (chain: string, index: number) => ({
  table: "nat",
  chain,
  index,
  packet: null,
});

Deno.test("prepareRules() turns a draw into a question of the sender's", () => {
  const rules = prepared(SERVICE);
  assert(rules.choices);
  assertEquals(rules.refusal, null);
  assert(!rules.text.includes("statistic"));
  assertStringIncludes(
    rules.text,
    '-A SVC -m u32 --u32 "0x2&0xffff=0xffff" -j ACCEPT\n' +
      '-A SVC -m u32 --u32 "0x2&0xffff=0x1" -j SEP-3\n' +
      '-A SVC -m u32 --u32 "0x2&0xffff=0x2" -j SEP-1\n' +
      "-A SVC -j SEP-2\n",
  );
});

Deno.test("prepareRules() gives the set as every stack writes it", () => {
  const choice = prepared(SERVICE).choiceAt(hit("SVC", 2))!;
  assertEquals(choice.backends.map(({ backend }) => backend), [
    "10.244.0.1:8080",
    "10.244.0.2:8080",
    "10.244.0.3:8080",
  ]);
  assertEquals(choice.identifications, [2, 3, 1]);
  const total = choice.backends.reduce((sum, { weight }) => sum + weight, 0);
  assertEquals(total, 1);
});

Deno.test("prepareRules() knows each rule by its number in the dump", () => {
  const rules = prepared(SERVICE);
  assertEquals(rules.original(hit("SVC", 1)), hit("SVC", 1));
  assertEquals(rules.original(hit("SVC", 2)), undefined);
  assertEquals(rules.original(hit("SVC", 5)), hit("SVC", 4));
  assertEquals(rules.original(hit("SEP-1", 1)), hit("SEP-1", 1));
  assertEquals(rules.ruleText(hit("SVC", 4)), "-A SVC -j SEP-2");
  assertEquals(rules.policy(hit("PREROUTING", 0)), "ACCEPT");
});

Deno.test("prepareRules() refuses a draw that decides something else than a backend", () => {
  const { refusal } = prepared(`*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m statistic --mode random --probability 0.10000000009 -j DROP
COMMIT
`);
  assertStringIncludes(refusal ?? "", "filter FORWARD:1 draws at random");
});

Deno.test("prepareRules() leaves a draw of certain outcome", () => {
  const { refusal, choices } = prepared(`*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m statistic --mode nth --every 2 --packet 0 -j DROP
COMMIT
`);
  assertEquals(refusal, null);
  assert(!choices);
});

Deno.test("prepareRules() calls pods' links what they are called here", () => {
  const { text } = prepared(`*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -i cali+ -j DROP
-A FORWARD ! -o cni0 -j DROP
-A FORWARD -i eth0 -j DROP
COMMIT
`);
  assertStringIncludes(text, "-A FORWARD -i veth+ -j DROP");
  assertStringIncludes(text, "-A FORWARD ! -o veth+ -j DROP");
  assertStringIncludes(text, "-A FORWARD -i eth0 -j DROP");
});

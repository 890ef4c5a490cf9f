import { assertEquals } from "@std/assert";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { prepareRules } from "./random_choices.ts";
import { refusalOn } from "./refusal.ts";

const RULES = prepareRules(
  parseIptablesSave(
    `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OWN - [0:0]
-A INPUT -p udp -j DROP
-A FORWARD -j OWN
-A OWN -p tcp -j REJECT --reject-with tcp-reset
-A OWN -p udp -j REJECT --reject-with icmp-port-unreachable
COMMIT
`,
    { file: "rules" },
  ).v4,
);

const hit = (chain: string, index: number) => ({
  table: "filter",
  chain,
  index,
  packet: null,
});

Deno.test("refusalOn() cites the rule, at the hook that its chain is called from", () => {
  const path = [hit("FORWARD", 1), hit("OWN", 1)];
  const { action, hook } = refusalOn(path, {
    rules: RULES,
    answered: "tcp-reset",
  });
  assertEquals(hook, "forward");
  assertEquals(action, {
    kind: "reject",
    with: "tcp-reset",
    reason: "OWN",
    rule: {
      name: "filter OWN:1",
      text: "-A OWN -p tcp -j REJECT --reject-with tcp-reset",
    },
  });
});

Deno.test("refusalOn() takes a rejection that nobody heard of for a drop", () => {
  const path = [hit("FORWARD", 1), hit("OWN", 2)];
  const { action } = refusalOn(path, { rules: RULES, answered: null });
  assertEquals(action.kind, "drop");
});

Deno.test("refusalOn() cites a policy without a rule", () => {
  const { action, hook } = refusalOn([hit("FORWARD", 0)], {
    rules: RULES,
    answered: null,
  });
  assertEquals(action, { kind: "drop", reason: "FORWARD policy", rule: null });
  assertEquals(hook, "forward");
});

Deno.test("refusalOn() says so where no rule refused", () => {
  const { action } = refusalOn([hit("INPUT", 0)], {
    rules: RULES,
    answered: null,
  });
  assertEquals(action, {
    kind: "drop",
    reason: "no rule: the kernel itself",
    rule: null,
  });
});

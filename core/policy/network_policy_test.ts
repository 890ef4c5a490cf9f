import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../errors.ts";
import { PROTOCOL } from "../packet/packet.ts";
import { pod, policy, PolicyTest, SHOP } from "./_testing.ts";

Deno.test("judge() allows what no policy selects, and cites nothing", () => {
  const { verdict, rule, isolated } = new PolicyTest([SHOP])
    .judge("ingress shop/web", "bank/teller");
  assertEquals([verdict, rule, isolated], ["allow", null, false]);
});

Deno.test("judge() isolates by policyTypes, and cites where that is written", () => {
  const test = new PolicyTest([
    SHOP,
    policy("deny", "\n  podSelector: {}\n  policyTypes: [Egress]"),
  ]);
  assertEquals(test.judge("ingress shop/web", "shop/db").verdict, "allow");
  const denied = test.judge("egress shop/web", "shop/db");
  assertEquals(denied.verdict, "deny");
  assertEquals(denied.explicit, false);
  assertEquals(denied.rule?.name, "NetworkPolicy shop/deny isolates egress");
  assertEquals(denied.rule?.source?.file, "test.yaml");
});

Deno.test("judge() defaults policyTypes: always ingress, egress with rules only", () => {
  const without = new PolicyTest([SHOP, policy("p", "{podSelector: {}}")]);
  assertEquals(without.judge("ingress shop/web", "shop/db").verdict, "deny");
  assertEquals(without.judge("egress shop/web", "shop/db").verdict, "allow");
  const withRule = new PolicyTest([
    SHOP,
    policy("p", "{podSelector: {}, egress: [{ports: [{port: 53}]}]}"),
  ]);
  assertEquals(withRule.judge("egress shop/web", "shop/db").verdict, "deny");
});

Deno.test("judge() cites the item of ingress that allows", () => {
  const document = policy(
    "p",
    `
  podSelector: {}
  ingress:
  - from: [{podSelector: {matchLabels: {app: nobody}}}]
  - from: [{podSelector: {matchLabels: {app: web}}}]`,
  );
  const { rule } = new PolicyTest([document, SHOP])
    .judge("ingress shop/db", "shop/web");
  assertEquals(rule?.name, "NetworkPolicy shop/p ingress[1]");
  assertEquals(rule?.source, { file: "test.yaml", line: 8, column: 5 });
});

Deno.test("judge() takes an ingress block under policyTypes [Egress] as the profile says", () => {
  const documents = [
    SHOP,
    policy(
      "p",
      "{podSelector: {}, policyTypes: [Egress], ingress: [{ports: [{port: 443}]}]}",
    ),
  ];
  const ask = (honoursPolicyTypes: boolean) =>
    new PolicyTest(documents, { honoursPolicyTypes })
      .judge("ingress shop/web", "shop/db").verdict;
  assertEquals(ask(true), "allow");
  assertEquals(ask(false), "deny");
});

Deno.test("judge() lets NotIn match pods without the label", () => {
  const test = new PolicyTest([
    SHOP,
    policy(
      "p",
      "{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [a]}]}}]}]}",
    ),
  ]);
  assertEquals(test.judge("ingress shop/web", "shop/db").verdict, "allow");
});

Deno.test("judge() ties a lone podSelector to the policy's namespace", () => {
  const only = (from: string) =>
    new PolicyTest([
      SHOP,
      policy("p", `{podSelector: {}, ingress: [{from: [${from}]}]}`),
    ]);
  const own = only("{podSelector: {}}");
  assertEquals(own.judge("ingress shop/web", "shop/db").verdict, "allow");
  assertEquals(own.judge("ingress shop/web", "bank/teller").verdict, "deny");
  const both = only(
    "{namespaceSelector: {matchLabels: {team: money}}, podSelector: {matchLabels: {app: x}}}",
  );
  assertEquals(both.judge("ingress shop/web", "bank/teller").verdict, "deny");
  const either = only(
    "{namespaceSelector: {matchLabels: {team: money}}}, {podSelector: {matchLabels: {app: x}}}",
  );
  assertEquals(
    either.judge("ingress shop/web", "bank/teller").verdict,
    "allow",
  );
  const named = only(
    "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}}",
  );
  assertEquals(named.judge("ingress shop/web", "bank/teller").verdict, "allow");
});

Deno.test("judge() tells an empty rule from no rule, and anyone includes the world", () => {
  const all = new PolicyTest([
    SHOP,
    policy("p", "{podSelector: {}, ingress: [{}]}"),
  ]);
  assertEquals(all.judge("ingress shop/web", "203.0.113.9").verdict, "allow");
  const none = new PolicyTest([
    SHOP,
    policy("p", "{podSelector: {}, ingress: []}"),
  ]);
  assertEquals(none.judge("ingress shop/web", "203.0.113.9").verdict, "deny");
});

Deno.test("judge() never takes a hostNetwork pod for its labels", () => {
  const test = new PolicyTest([
    SHOP,
    policy(
      "p",
      "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: money}}}]}]}",
    ),
    `kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {namespace: bank, name: subject}
spec: {podSelector: {matchLabels: {app: monitor}}, policyTypes: [Ingress, Egress]}`,
  ]);
  // As a subject it is not isolated.
  assertEquals(test.judge("egress bank/monitor", "shop/db").verdict, "allow");
  // As a source it is its node: the receiver's own is let in, another is not.
  assertEquals(test.judge("ingress shop/web", "192.168.0.1").verdict, "allow");
  assertEquals(
    test.judge("ingress shop/web", "192.168.0.1").rule?.name,
    "a node reaches its own pods",
  );
  assertEquals(test.judge("ingress shop/db", "192.168.0.1").verdict, "deny");
});

Deno.test("judge() exempts the local node for ingress alone", () => {
  const test = new PolicyTest([
    SHOP,
    policy("p", "{podSelector: {}, policyTypes: [Ingress, Egress]}"),
  ]);
  assertEquals(test.judge("ingress shop/web", "192.168.0.1").verdict, "allow");
  assertEquals(test.judge("ingress shop/web", "192.168.0.2").verdict, "deny");
  assertEquals(test.judge("egress shop/web", "192.168.0.1").verdict, "deny");
});

Deno.test("judge() lets a pod reach itself by its own address", () => {
  const test = new PolicyTest([
    SHOP,
    policy("p", "{podSelector: {}, policyTypes: [Ingress, Egress]}"),
  ]);
  assertEquals(test.judge("egress shop/web", "shop/web").verdict, "allow");
  assertEquals(test.judge("ingress shop/web", "shop/web").verdict, "allow");
});

Deno.test("judge() matches ipBlock against pods and nodes as the profile says", () => {
  const documents = [
    SHOP,
    policy(
      "p",
      "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.1.0/24]}}]}]}",
    ),
  ];
  const plain = new PolicyTest(documents);
  assertEquals(plain.judge("egress shop/web", "shop/db").verdict, "allow");
  assertEquals(plain.judge("egress shop/web", "bank/teller").verdict, "deny");
  assertEquals(plain.judge("egress shop/web", "192.168.0.2").verdict, "allow");
  const byIdentity = new PolicyTest(documents, {
    ipBlocksMatchPods: false,
    ipBlocksMatchNodes: false,
  });
  assertEquals(byIdentity.judge("egress shop/web", "shop/db").verdict, "deny");
  assertEquals(
    byIdentity.judge("egress shop/web", "192.168.0.2").verdict,
    "deny",
  );
  assertEquals(byIdentity.judge("egress shop/web", "8.8.8.8").verdict, "allow");
});

Deno.test("judge() clears host bits of a block, narrows only its own entry by except, knows IPv6", () => {
  const test = new PolicyTest([
    SHOP,
    pod("shop/six", { node: "n1", ip: "fd00::6" }),
    policy(
      "p",
      `{podSelector: {}, egress: [{to: [
        {ipBlock: {cidr: 203.0.113.77/24, except: [203.0.113.0/28]}},
        {ipBlock: {cidr: 203.0.113.1/32}},
        {ipBlock: {cidr: "2001:db8::1/32", except: ["2001:db8:1::/48"]}}]}]}`,
    ),
  ]);
  const egress = (to: string) => test.judge("egress shop/web", to).verdict;
  assertEquals(egress("203.0.113.200"), "allow");
  assertEquals(egress("203.0.113.2"), "deny");
  assertEquals(egress("203.0.113.1"), "allow");
  const six = (to: string) => test.judge("egress shop/six", to).verdict;
  assertEquals(six("2001:db8:2::1"), "allow");
  assertEquals(six("2001:db8:1::1"), "deny");
  assertEquals(six("2001:dead::1"), "deny");
});

Deno.test("judge() resolves a named port at the destination, by protocol", () => {
  const test = new PolicyTest([
    SHOP,
    policy(
      "p",
      "{podSelector: {}, ingress: [{ports: [{port: http}]}], egress: [{ports: [{port: http}]}]}",
    ),
  ]);
  assertEquals(
    test.judge("ingress shop/db", "shop/web", 5432).verdict,
    "allow",
  );
  assertEquals(test.judge("ingress shop/db", "shop/web", 80).verdict, "deny");
  assertEquals(test.judge("ingress shop/web", "shop/db", 80).verdict, "allow");
  assertEquals(test.judge("egress shop/web", "shop/db", 5432).verdict, "allow");
  assertEquals(test.judge("egress shop/web", "shop/db", 80).verdict, "deny");
  // Nobody outside has container ports.
  assertEquals(test.judge("egress shop/web", "8.8.8.8", 80).verdict, "deny");
  assertEquals(
    test.judge("ingress shop/db", "shop/web", 5432, PROTOCOL.udp).verdict,
    "deny",
  );
});

Deno.test("judge() takes ports: TCP by default, ranges inclusive, ICMP with no ports alone", () => {
  const test = new PolicyTest([
    SHOP,
    policy(
      "p",
      "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 82}, {protocol: UDP}]}]}",
    ),
  ]);
  const ask = (port: number, protocol: number = PROTOCOL.tcp) =>
    test.judge("ingress shop/db", "shop/web", port, protocol).verdict;
  assertEquals([79, 80, 82, 83].map((port) => ask(port)), [
    "deny",
    "allow",
    "allow",
    "deny",
  ]);
  assertEquals(ask(9, PROTOCOL.udp), "allow");
  assertEquals(ask(80, PROTOCOL.sctp), "deny");
  assertEquals(ask(8, PROTOCOL.icmp), "deny");
});

Deno.test("compileNetworkPolicies() names every problem of a policy with its place", () => {
  const text = policy(
    "bad",
    `
  podSelector: {matchExpressions: [{key: a, operator: Inn, values: [b]}]}
  policyTypes: [ingress]
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/33}}, {}]
    port: []
  - ports: [{port: 80, endPort: 79}, {port: 0}, {protocol: tcp}]`,
  );
  const error = assertThrows(() => new PolicyTest([text]), InputError);
  assertEquals(
    error.problems.map(({ message, at }) =>
      `${at.line}:${at.column} ${message.replace(/^Cannot read \S+ \S+: /, "")}`
    ),
    [
      `5:45 "Inn" is no operator`,
      "9:5 ingress[0] has no field port",
      `8:23 "10.0.0.0/33" is no prefix`,
      "8:44 from[1] names nobody",
      "10:24 endPort 79 is below port 80",
      "10:39 port is 0",
      `10:50 protocol is "tcp"`,
      `6:17 policyTypes[0] is "ingress"`,
    ],
  );
  assertEquals(error.problems[7]?.didYouMean, "Ingress");
});

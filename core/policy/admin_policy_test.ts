import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../errors.ts";
import { policy, PolicyTest, SHOP } from "./_testing.ts";

/** A ClusterNetworkPolicy about namespace shop. */
function tiered(
  name: string,
  { tier = "Admin", priority, rules }: {
    readonly tier?: string;
    readonly priority: number;
    readonly rules: string;
  },
): string {
  return `kind: ClusterNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha2
metadata: {name: ${name}}
spec:
  tier: ${tier}
  priority: ${priority}
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress: [${rules}]`;
}

const FROM_ALL = "from: [{namespaces: {}}]";
const NETWORK_DENY = policy("deny", "{podSelector: {}}");

Deno.test("judge() asks tiers in order: the admin tier before NetworkPolicy, baseline only where none selects", () => {
  const accept = tiered("accept", {
    priority: 5,
    rules: `{action: Accept, ${FROM_ALL}}`,
  });
  const baseline = tiered("base", {
    tier: "Baseline",
    priority: 1,
    rules: `{action: Deny, ${FROM_ALL}}`,
  });
  const ask = (...documents: string[]) =>
    new PolicyTest([SHOP, ...documents]).judge("ingress shop/db", "shop/web");
  assertEquals(ask(accept, NETWORK_DENY).verdict, "allow");
  assertEquals(ask(baseline).explicit, true);
  const allowing = policy("allow", "{podSelector: {}, ingress: [{}]}");
  assertEquals(ask(baseline, allowing).verdict, "allow");
  // Isolated and not allowed: the baseline is not asked at all.
  assertEquals(
    ask(
      NETWORK_DENY,
      tiered("base", {
        tier: "Baseline",
        priority: 1,
        rules: `{action: Accept, ${FROM_ALL}}`,
      }),
    ).verdict,
    "deny",
  );
});

Deno.test("judge() takes the lower priority first, then the rule's place; Pass leaves the tier", () => {
  const deny = tiered("later", {
    priority: 9,
    rules: `{action: Deny, ${FROM_ALL}}`,
  });
  const pass = tiered("pass", {
    priority: 1,
    rules: `{action: Pass, ${FROM_ALL}}, {action: Deny, ${FROM_ALL}}`,
  });
  const ask = (...documents: string[]) =>
    new PolicyTest([SHOP, ...documents]).judge("ingress shop/db", "shop/web");
  assertEquals(ask(deny, pass).verdict, "allow");
  assertEquals(ask(deny, pass, NETWORK_DENY).explicit, false);
  assertEquals(ask(deny).rule?.name, "ClusterNetworkPolicy later ingress[0]");
});

Deno.test("judge() says unknown where policies of one priority disagree, unless deny wins", () => {
  const documents = [
    SHOP,
    tiered("a", { priority: 3, rules: `{action: Accept, ${FROM_ALL}}` }),
    tiered("b", { priority: 3, rules: `{action: Deny, ${FROM_ALL}}` }),
  ];
  const open = new PolicyTest(documents).judge("ingress shop/db", "shop/web");
  assertEquals(open.verdict, "unknown");
  assertEquals(open.reason, "policies of equal priority disagree");
  const decided = new PolicyTest(documents, { equalPriorities: "deny-wins" });
  assertEquals(
    decided.judge("ingress shop/db", "shop/web").verdict,
    "deny",
  );
});

Deno.test("judge() fails closed on a peer of a later version, and cannot know domain names", () => {
  const accept = tiered("accept", {
    priority: 1,
    rules: "{action: Accept, from: [{moons: {}}]}",
  });
  const deny = tiered("deny", {
    priority: 1,
    rules: "{action: Deny, from: [{moons: {}}]}",
  });
  const ask = (...documents: string[]) =>
    new PolicyTest([SHOP, ...documents]).judge("ingress shop/db", "shop/web")
      .verdict;
  assertEquals(ask(accept, NETWORK_DENY), "deny");
  assertEquals(ask(deny), "deny");
  const names = new PolicyTest([
    SHOP,
    `kind: ClusterNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha2
metadata: {name: names}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: Accept, to: [{domainNames: [example.com]}]}, {action: Deny, to: [{networks: [0.0.0.0/0]}]}]`,
  ]);
  assertEquals(names.judge("egress shop/db", "8.8.8.8").verdict, "unknown");
  assertEquals(names.judge("egress shop/db", "shop/web").verdict, "deny");
});

Deno.test("readAdminPolicy() reads v1alpha1 and its ports", () => {
  const test = new PolicyTest([
    SHOP,
    `kind: AdminNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha1
metadata: {name: old}
spec:
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
    ports: [{portNumber: {protocol: TCP, port: 1}}, {portRange: {protocol: TCP, start: 5, end: 6}}, {namedPort: http}]`,
  ]);
  const ask = (port: number) =>
    test.judge("ingress shop/db", "shop/web", port).verdict;
  assertEquals([1, 2, 5, 6, 7, 5432].map(ask), [
    "deny",
    "allow",
    "deny",
    "deny",
    "allow",
    "deny",
  ]);
});

Deno.test("readAdminPolicy() names what is wrong", () => {
  const error = assertThrows(
    () =>
      new PolicyTest([
        tiered("bad", { priority: 1001, rules: "{action: Permit, from: []}" }),
      ]),
    InputError,
  );
  assertEquals(error.problems.map(({ message }) => message), [
    "Cannot read ClusterNetworkPolicy bad: priority is 1001",
    `Cannot read ClusterNetworkPolicy bad: action is "Permit"`,
    "Cannot read ClusterNetworkPolicy bad: a rule has no from",
  ]);
});

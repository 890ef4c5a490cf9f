import { assertEquals } from "@std/assert";
import {
  POLICY_TRAPS,
  TRAP_CLUSTER,
  trapPolicies,
} from "../../core/policy/policy_traps.ts";
import { HOST_ROUTED, pod, REPLACED, run, SHOP } from "./_testing.ts";

const STACKS: readonly Readonly<Record<string, unknown>>[] = [
  {},
  REPLACED,
  { ...REPLACED, socketLB: { hostNamespaceOnly: true } },
  { ...HOST_ROUTED, routingMode: "tunnel" },
];

for (const trap of POLICY_TRAPS) {
  Deno.test(`Cilium: ${trap.name}`, () => {
    for (const values of STACKS) {
      const results = run([...TRAP_CLUSTER, ...trapPolicies(trap)], {
        values,
        flows: trap.flows,
      });
      assertEquals(
        results.map(({ outcome }) => outcome.verdict),
        trap.flows.map(({ expected }) => expected.identities),
        JSON.stringify(values),
      );
    }
  });
}

Deno.test("policies of one priority that disagree: a deny wins, whatever their names", () => {
  const policy = (name: string, action: string) =>
    `kind: ClusterNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha2
metadata: {name: ${name}}
spec: {tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{action: ${action}, from: [{namespaces: {}}]}]}`;
  for (const [first, second] of [["Accept", "Deny"], ["Deny", "Accept"]]) {
    const [result] = run([
      ...SHOP,
      policy("a", first!),
      policy("b", second!),
      pod("other", { node: "n1", ip: "10.0.1.77" }),
    ], {
      version: "1.20",
      values: REPLACED,
      flows: [{ from: "pod/shop/client", to: "tcp://10.0.2.10:8080" }],
    });
    assertEquals(result!.outcome.verdict, "dropped");
  }
});

import { assertEquals } from "@std/assert";
import {
  POLICY_TRAPS,
  TRAP_CLUSTER,
  trapPolicies,
} from "../../core/policy/policy_traps.ts";
import { runFlows } from "../../core/replay/testing.ts";
import iptables from "./mod.ts";

for (const trap of POLICY_TRAPS) {
  Deno.test(`an engine on addresses: ${trap.name}`, () => {
    const results = runFlows({
      manifests: [...TRAP_CLUSTER, ...trapPolicies(trap)].join("\n---\n"),
      stack: [[iptables, {
        networkPolicy: "enforce",
        clusterCIDR: "10.0.0.0/16,fd00::/16",
      }]],
      flows: trap.flows,
    });
    assertEquals(
      results.map(({ outcome }) => outcome.verdict),
      trap.flows.map(({ expected }) => expected.addresses),
    );
  });
}

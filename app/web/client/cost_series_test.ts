import { assert, assertEquals } from "@std/assert";
import { runFlows } from "../../../core/replay/testing.ts";
import ebpf from "../../../plugins/ebpf/mod.ts";
import iptables from "../../../plugins/iptables/mod.ts";
import { costCluster, lookupsOf } from "./cost_series.ts";

Deno.test("costCluster() makes clusters whose rules grow with their Services, and whose lookups do not", () => {
  const total = (services: number, count: (cost: Cost) => number) => {
    const { manifests, flows } = costCluster(services);
    return [iptables, ebpf].map((plugin) => {
      const stack = [[plugin]] as const;
      const results = runFlows({ manifests, stack, flows });
      assert(results.every(({ outcome }) => outcome.verdict === "forwarded"));
      return results.reduce((sum, { outcome }) => sum + count(outcome.cost), 0);
    });
  };
  const [few, many] = [10, 100];
  const [rulesFew = 0] = total(few, (cost) => cost.rules ?? 0);
  const [rulesMany = 0] = total(many, (cost) => cost.rules ?? 0);
  assert(rulesMany > 2 * rulesFew, `${rulesFew} to ${rulesMany} rules`);
  assertEquals(total(few, lookupsOf)[1], total(many, lookupsOf)[1]);
});

type Cost = Parameters<typeof lookupsOf>[0];

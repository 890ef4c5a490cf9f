import { assert, assertEquals } from "@std/assert";
import { observe } from "./observe.ts";

const SCENARIO = "scenarios/D13-flannel-never-enforced";

Deno.test("observe() prints what Hubble would have recorded, drops with their reason", async () => {
  const { output, exit } = await observe([SCENARIO]);
  const flows = output.split("\n").map((line) => JSON.parse(line).flow);
  assertEquals(exit, 0);
  assert(
    flows.some(({ drop_reason_desc: reason }) => reason === "POLICY_DENIED"),
  );
  assertEquals((await observe([SCENARIO])).output, output);
});

Deno.test("observe() counts verdicts for Prometheus", async () => {
  const { output } = await observe([SCENARIO, "-o", "metrics"]);
  assert(/^hubble_flows_processed_total\{/m.test(output), output);
});

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "./_exit.ts";
import { explain } from "./explain.ts";

const LIBRARY = new URL("../../scenarios", import.meta.url).pathname;

Deno.test("explain() shows setup, both journeys, the two rules, why and sources", async () => {
  const { output, exit } = await explain(["d05", LIBRARY]);
  assertEquals(exit, 0);
  for (
    const part of [
      "D05  lb-source-ranges-in-cluster",
      "A LoadBalancer Service 1.2.3.4:80",
      "pod uses the LB address: kube-proxy | cilium",
      "verdict: dropped | forwarded",
      "KUBE-PROXY-FIREWALL",
      "Decided by",
      "web.yaml:",
      "Why (implementation-defined)",
      "The same in\n  node uses the LB address",
      "https://github.com/kubernetes/kubernetes/issues/119656",
    ]
  ) {
    assertStringIncludes(output, part);
  }
});

Deno.test("explain() stops where the journeys part and is decided, or goes to the end", async () => {
  const short = await explain(["D05", LIBRARY]);
  const long = await explain(["D05", LIBRARY, "--detailed"]);
  assertStringIncludes(short.output, "more hops");
  assertEquals(long.output.includes("more hops"), false);
});

Deno.test("explain() says when stacks agree", async () => {
  const { output } = await explain(["D16", LIBRARY]);
  assertStringIncludes(output, "kube-proxy, cilium agree on every flow.");
});

Deno.test("explain() knows what there is", async () => {
  const error = await assertRejects(
    () => explain(["D055", LIBRARY]),
    UsageError,
  );
  assertStringIncludes(error.message, "did you mean D05?");
  await assertRejects(() => explain([]), UsageError, "ID of a divergence");
});

import { assertEquals } from "@std/assert";
import { kubeProxySuite } from "./kube_proxy.ts";
import { netfilterSuite } from "./netfilter.ts";
import type { Suite } from "./suite.ts";

const SHARED = new URL("../../../shared/conformance", import.meta.url);

/** Ids of the cases that failed; null when the data is missing. */
function failedOf(suite: Suite): readonly string[] | null {
  const directory = `${SHARED.pathname}/${suite.name}`;
  try {
    Deno.statSync(directory);
  } catch {
    const text = `not run: ../shared/conformance/${suite.name} is missing\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(text));
    return null;
  }
  return [...suite.run(directory)]
    .filter(({ status }) => status === "failed").map(({ id }) => id);
}

Deno.test("kubeProxySuite has no failed case", () => {
  assertEquals(failedOf(kubeProxySuite) ?? [], []);
});

Deno.test("netfilterSuite has no failed case", () => {
  assertEquals(failedOf(netfilterSuite) ?? [], []);
});

import { assertEquals } from "@std/assert";
import { runSuite } from "./main.ts";
import { ciliumDocumented } from "./cilium_documented.ts";
import { ciliumPolicyMap } from "./cilium_policymap.ts";
import { clusterNetworkPolicy } from "./cluster_network_policy.ts";
import { cyclonus } from "./network_policy.ts";
import { npGuard } from "./np_guard.ts";

const DIRECTORY = "../shared/conformance";

const SUITES = [
  cyclonus,
  npGuard,
  clusterNetworkPolicy,
  ciliumPolicyMap,
  ciliumDocumented,
];

for (const suite of SUITES) {
  Deno.test(`${suite.name} has no case that fails`, () => {
    if (!exists(`${DIRECTORY}/${suite.name}`)) {
      const line = `not run: ${DIRECTORY}/${suite.name} is missing\n`;
      Deno.stdout.writeSync(new TextEncoder().encode(line));
      return;
    }
    const { failures } = runSuite(suite, DIRECTORY);
    assertEquals(failures.filter(({ status }) => status === "failed"), []);
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

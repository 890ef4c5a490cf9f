import { assertEquals } from "@std/assert";
import { gatewayApi } from "./gateway_api.ts";
import { ingress } from "./ingress.ts";
import { routerCheck } from "./router_check.ts";
import type { Suite } from "./suite.ts";

const DIRECTORY = new URL("../../../shared/conformance/", import.meta.url);

for (const suite of [gatewayApi, ingress, routerCheck]) {
  Deno.test(`${suite.name} conformance has no failure`, () => {
    const directory = new URL(suite.name, DIRECTORY).pathname;
    const failures = present(directory) ? failuresOf(suite, directory) : [];
    assertEquals(failures, []);
  });
}

function failuresOf(suite: Suite, directory: string): readonly string[] {
  return [...suite.run(directory)]
    .filter(({ status }) => status === "failed")
    .map(({ id, expected, actual }) => `${id}: ${expected} but ${actual}`);
}

function present(directory: string): boolean {
  try {
    return Deno.statSync(directory).isDirectory;
  } catch {
    Deno.stdout.writeSync(
      new TextEncoder().encode(`not run: ${directory} is missing\n`),
    );
    return false;
  }
}

import { record, records, text } from "../../core/l7/json.ts";
import type { Suite } from "./suite.ts";

/**
 * Envoy's router_check tests. The data hold requests and what becomes of
 * them, but not the route configurations that they are about.
 */
export const routerCheck: Suite = {
  name: "envoy",
  *run(directory) {
    const { suites } = record(
      JSON.parse(Deno.readTextFileSync(`${directory}/router_check.json`)),
    );
    for (const suite of records(suites)) {
      const actual = `route configuration ${
        text(suite.config)
      } is not in the data`;
      for (const [index, test] of records(suite.tests).entries()) {
        const name = text(test.test_name) ?? `${index}`;
        yield { id: `${text(suite.name)}/${name}`, status: "unknown", actual };
      }
    }
  },
};

import { scenarioSchema } from "../../core/scenario/parse_scenario.ts";
import { print, runMain } from "./_exit.ts";

/** Prints the JSON Schema of scenarios, which editors read from scenarios/schema.json. */
export function schema(): number {
  print(JSON.stringify(scenarioSchema(), null, 2));
  return 0;
}

if (import.meta.main) await runMain(schema);

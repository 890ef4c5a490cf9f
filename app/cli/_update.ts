import type { Scenario } from "../../core/scenario/scenario.ts";
import { readScenario } from "../read_scenario.ts";
import type { ScenarioRun } from "../run.ts";
import { updateExpectations } from "../update_expectations.ts";

/** Runs after their expectations were updated. */
export interface UpdatedRuns {
  /** A line for each value that was changed, or was left. */
  readonly changes: readonly string[];
  readonly runs: readonly ScenarioRun[];
}

/** Writes what came out over expectations that failed, and runs those scenarios again. */
export async function updateRuns(
  runs: readonly ScenarioRun[],
  run: (scenario: Scenario) => Promise<ScenarioRun>,
): Promise<UpdatedRuns> {
  const changes: string[] = [];
  const last: ScenarioRun[] = [];
  for (const one of runs) {
    const updated = updateExpectations(one);
    changes.push(...updated.changes, ...updated.left);
    if (updated.changes.length === 0) {
      last.push(one);
      continue;
    }
    const { file } = one.scenario.source;
    Deno.writeTextFileSync(file, updated.text);
    last.push(await run(readScenario(file)));
  }
  return { changes, runs: last };
}

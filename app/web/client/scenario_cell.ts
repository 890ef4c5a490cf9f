import type { CompareAnswer, ScenarioInfo } from "../../server/schemas.ts";

/** What one scenario came to, or that it is on its way. */
export type Cell =
  | { readonly kind: "running" }
  /** Too many flows to be compared at once: that takes a run. */
  | { readonly kind: "large" }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "done"; readonly answer: CompareAnswer };

/** Where in a scenario one wants to look. */
export interface OpenAt {
  readonly flow: number | null;
  readonly stack: string | null;
}

/** Opens a scenario. */
export type OpenScenario = (scenario: string, at: OpenAt) => void;

/** Whether all that a scenario needs is there. */
export function canRun({ missing, problems }: ScenarioInfo): boolean {
  return missing.length === 0 && problems.length === 0;
}

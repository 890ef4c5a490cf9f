import type { Differs, FlowRow } from "../../server/schemas.ts";

/** How a stack's outcome stands to the baseline's, the most surprising last. */
export const SURPRISES = [
  "same",
  "legal",
  "expected",
  "unknown",
  "unexpected",
] as const;

/** One of {@link SURPRISES}. */
export type Surprise = typeof SURPRISES[number];

/** In words, for labels and legends. */
export const SURPRISE_TEXT: Readonly<Record<Surprise, string>> = {
  same: "same",
  legal: "both legal",
  expected: "differs, expected",
  unknown: "unknown",
  unexpected: "differs, unexpected",
};

/** Of one stack in one flow. */
export function surpriseOf(row: FlowRow, stack: string): Surprise {
  const outcome = row.outcomes.find((one) => one.stack === stack)?.outcome;
  if (outcome?.verdict === "unknown") return "unknown";
  const differs = row.differs.find((one) => one.right === stack);
  return differs === undefined ? "same" : surpriseOfDifference(differs);
}

/**
 * A difference that nobody foresaw is unexpected; one that was foreseen, or
 * that nobody was asked about, is legal on both sides where the specification
 * leaves the point open.
 */
function surpriseOfDifference(differs: Differs): Surprise {
  if (differs.expected === false) return "unexpected";
  if (differs.class === "unspecified") return "legal";
  return differs.expected === true ? "expected" : "unexpected";
}

/** The most surprising of a flow in all stacks. */
export function rowSurprise(row: FlowRow): Surprise {
  return mostSurprising(
    row.outcomes.map(({ stack }) => surpriseOf(row, stack)),
  );
}

/** The last in the order of {@link SURPRISES}; `same` when there is none. */
export function mostSurprising(surprises: readonly Surprise[]): Surprise {
  return surprises.reduce<Surprise>(
    (most, one) => rank(one) > rank(most) ? one : most,
    "same",
  );
}

/** Where a surprise stands among {@link SURPRISES}. */
export function rank(surprise: Surprise): number {
  return SURPRISES.indexOf(surprise);
}

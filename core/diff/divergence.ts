import type { FlowIntent } from "../replay/flow.ts";
import type { Hop } from "../replay/hop.ts";
import type { Outcome } from "../replay/outcome.ts";
import type { Basis } from "../source.ts";

/** What two outcomes are compared by. */
export const COMPARED_FIELDS = [
  "verdict",
  "backend",
  "source",
  "identity",
  "encryption",
  "status",
  "route",
  "request",
  "location",
  "reply",
] as const;

export type ComparedField = typeof COMPARED_FIELDS[number];

/** One field that differs, both sides as text. */
export interface FieldDifference {
  readonly field: ComparedField;
  readonly left: string;
  readonly right: string;
}

/** One side of a divergence. */
export interface DivergenceSide {
  readonly stack: string;
  readonly outcome: Outcome;
  /** The hop that made this side what it is; null when nothing on this side had a say. */
  readonly decidedBy: Hop | null;
}

/** Two outcomes of the same flow that differ. JSON-safe. */
export interface Divergence {
  readonly flow: FlowIntent;
  readonly timeNs: number;
  readonly fields: readonly FieldDifference[];
  /** Whether a specification settles it; the weaker ground of the two deciding rules. */
  readonly class: Basis;
  /** Where the journeys part; null when they were not traced. */
  readonly firstHop: {
    /** Of the hops that both sides had in common before. */
    readonly common: number;
    readonly left: Hop | null;
    readonly right: Hop | null;
  } | null;
  readonly left: DivergenceSide;
  readonly right: DivergenceSide;
}

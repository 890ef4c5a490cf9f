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

/** One of {@link COMPARED_FIELDS}. */
export type ComparedField = typeof COMPARED_FIELDS[number];

/** One field that differs, both sides as text. */
export interface FieldDifference {
  /** Which one. */
  readonly field: ComparedField;
  /** The baseline's value; `none` stands for null and for an empty list. */
  readonly left: string;
  /** The other stack's value, written alike. */
  readonly right: string;
}

/** One side of a divergence. */
export interface DivergenceSide {
  /** Name of the stack. */
  readonly stack: string;
  /** All of it, the fields that agree included. */
  readonly outcome: Outcome;
  /** The hop that made this side what it is; null when nothing on this side had a say. */
  readonly decidedBy: Hop | null;
}

/** Two outcomes of the same flow that differ. JSON-safe. */
export interface Divergence {
  /** What the sender meant to do; the same on both sides. */
  readonly flow: FlowIntent;
  /** Virtual time at which the flow was opened, in ns. */
  readonly timeNs: number;
  /** At least one, in the order of {@link COMPARED_FIELDS}. */
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
  /** The baseline. */
  readonly left: DivergenceSide;
  /** The stack compared with it. */
  readonly right: DivergenceSide;
}

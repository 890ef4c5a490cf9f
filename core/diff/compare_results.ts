import type { FlowResult } from "../replay/engine.ts";
import type { Hop } from "../replay/hop.ts";
import type { Outcome } from "../replay/outcome.ts";
import type { Basis } from "../source.ts";
import { compareOutcomes } from "./compare_outcomes.ts";
import type {
  ComparedField,
  Divergence,
  DivergenceSide,
} from "./divergence.ts";
import { decidingHop, endingHop, firstDifferentHop } from "./journeys.ts";

/** A result with the name of the stack that gave it. */
export interface StackResult {
  /** Name for the report. */
  readonly stack: string;
  /** With its journey if the divergence is to say where they part. */
  readonly result: FlowResult;
}

/**
 * Compares what two stacks made of one flow; null when they agree. With full
 * traces the divergence says where the journeys part and what decided on each
 * side.
 *
 * @example
 * ```ts ignore
 * const divergence = compareResults(
 *   { stack: "kube-proxy", result: a },
 *   { stack: "cilium", result: b },
 * );
 * divergence?.fields; // [{ field: "verdict", left: "dropped", right: "forwarded" }]
 * ```
 */
export function compareResults(
  left: StackResult,
  right: StackResult,
): Divergence | null {
  const fields = compareOutcomes(left.result.outcome, right.result.outcome);
  const first = fields[0];
  if (first === undefined) return null;
  const traced = left.result.journey.length > 0 ||
    right.result.journey.length > 0;
  const a = side(left, first.field);
  const b = side(right, first.field);
  return {
    flow: left.result.flow,
    timeNs: left.result.timeNs,
    fields,
    class: weakerBasis(a, b),
    firstHop: traced
      ? firstDifferentHop(left.result.journey, right.result.journey)
      : null,
    left: a,
    right: b,
  };
}

function side(of: StackResult, field: ComparedField): DivergenceSide {
  const { journey, outcome } = of.result;
  return {
    stack: of.stack,
    outcome,
    decidedBy: outcome.verdict === "forwarded"
      ? decidingHop(journey, field)
      : endingHop(journey) ?? decidingHop(journey, field),
  };
}

const STRENGTH: readonly Basis[] = [
  "unspecified",
  "implementation-defined",
  "specified",
];

/** The weaker of the two grounds; a side where nothing decided has none of its own. */
function weakerBasis(left: DivergenceSide, right: DivergenceSide): Basis {
  const grounds = [
    basisOf(left.outcome, left.decidedBy),
    basisOf(right.outcome, right.decidedBy),
  ].filter((basis) => basis !== null);
  const weakest = Math.min(
    ...grounds.map((basis) => STRENGTH.indexOf(basis)),
    STRENGTH.length - 1,
  );
  return grounds.length === 0 ? "implementation-defined" : STRENGTH[weakest]!;
}

function basisOf(outcome: Outcome, hop: Hop | null): Basis | null {
  const rule = outcome.rule ?? hop?.rule ?? null;
  return rule === null ? null : rule.basis ?? "implementation-defined";
}

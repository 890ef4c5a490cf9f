import { COMPARED_FIELDS, type ComparedField } from "../diff/divergence.ts";
import { type CostKind, COSTS, type Verdict } from "../replay/outcome.ts";
import type { Basis } from "../source.ts";

/** Verdicts as authors spell them. */
export const VERDICT_WORDS: Readonly<Record<string, Verdict>> = {
  forwarded: "forwarded",
  forward: "forwarded",
  allow: "forwarded",
  accept: "forwarded",
  dropped: "dropped",
  drop: "dropped",
  rejected: "rejected",
  reject: "rejected",
  refused: "refused",
  refuse: "refused",
  error: "error",
  unknown: "unknown",
};

/** Fields as authors spell them. */
export const FIELD_WORDS: Readonly<Record<string, ComparedField>> = {
  ...Object.fromEntries(COMPARED_FIELDS.map((field) => [field, field])),
  snatSource: "source",
  encrypted: "encryption",
};

/** What a specification says of a divergence. */
export const CLASS_WORDS: Readonly<Record<string, Basis>> = {
  "specified": "specified",
  "unspecified": "unspecified",
  "implementation-defined": "implementation-defined",
};

/** What a limit counts: one kind of cost, or all map lookups together. */
export type CostMetric = CostKind | "lookups";

export const METRIC_WORDS: Readonly<Record<string, CostMetric>> = Object
  .fromEntries(
    [...COSTS, "lookups" as const].map((metric) => [metric, metric]),
  );

/** The kinds of cost that a metric adds up. */
export function costKinds(metric: CostMetric): readonly CostKind[] {
  return metric === "lookups"
    ? ["hashLookups", "lpmLookups", "arrayLookups", "lruLookups"]
    : [metric];
}

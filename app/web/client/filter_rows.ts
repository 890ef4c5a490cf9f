import { parseFlowFilter } from "../../../core/scenario/flow_filter.ts";
import type { FlowRow } from "../../server/schemas.ts";
import { rowSurprise, type Surprise, surpriseOf } from "./surprise.ts";

/** Whether a row is wanted. */
export type RowFilter = (row: FlowRow) => boolean;

/** A filter, or why it cannot be read. */
export type ReadFilter =
  | { readonly filter: RowFilter; readonly problem: null }
  | { readonly filter: null; readonly problem: string };

const VERDICT_TERM =
  /^\s*(verdict|reason|backend|stack|is)\s*(==|!=)\s*(\S+)\s*$/;

/**
 * Reads the filter box: plain words are looked for in the flow, its step and
 * its reasons; comparisons are those of scenarios (`dst.port in [80,443]`)
 * and, of the outcome, `verdict`, `reason`, `backend` and `is`, joined by
 * `and` or `&&`.
 *
 * @example
 * ```ts
 * readFilter("verdict!=forwarded && dst.port==53");
 * ```
 */
export function readFilter(text: string): ReadFilter {
  if (text.trim() === "") return { filter: () => true, problem: null };
  if (!/==|!=|\bin\s*\[/.test(text)) {
    const words = text.toLowerCase().split(/\s+/).filter((word) => word);
    return {
      filter: (row) => {
        const searched = searchedText(row);
        return words.every((word) => searched.includes(word));
      },
      problem: null,
    };
  }
  const terms: RowFilter[] = [];
  for (const written of text.split(/\s+and\s+|&&/)) {
    const outcome = outcomeTerm(written);
    if (outcome !== null) {
      terms.push(outcome);
      continue;
    }
    const flow = parseFlowFilter(written);
    if (typeof flow !== "function") {
      const hint = flow.didYouMean ? `; did you mean ${flow.didYouMean}?` : "";
      return { filter: null, problem: `${flow.reason}${hint}` };
    }
    terms.push((row) => flow(row.flow));
  }
  return { filter: (row) => terms.every((term) => term(row)), problem: null };
}

function outcomeTerm(written: string): RowFilter | null {
  const [, field, operator, value = ""] = VERDICT_TERM.exec(written) ?? [];
  if (field === undefined) return null;
  const negated = operator === "!=";
  const wanted = value.toLowerCase();
  return (row) => valuesOf(row, field).includes(wanted) !== negated;
}

function valuesOf(row: FlowRow, field: string): readonly string[] {
  switch (field) {
    case "is":
      return isValues(row);
    case "verdict":
      // `verdict!=same` asks for flows whose verdicts differ.
      return [
        ...row.outcomes.map(({ outcome }) => outcome.verdict),
        ...(sameVerdict(row) ? ["same"] : []),
      ];
    case "reason":
      return row.outcomes.map(({ outcome }) =>
        (outcome.reason ?? "none").toLowerCase()
      );
    case "backend":
      return row.outcomes.map(({ outcome }) => outcome.backend ?? "none");
    default:
      return row.outcomes
        .filter(({ stack }) => surpriseOf(row, stack) !== "same")
        .map(({ stack }) => stack.toLowerCase());
  }
}

function isValues(row: FlowRow): readonly string[] {
  const surprise: Surprise = rowSurprise(row);
  return surprise === "same" ? [surprise] : [surprise, "different"];
}

function sameVerdict({ outcomes }: FlowRow): boolean {
  return new Set(outcomes.map(({ outcome }) => outcome.verdict)).size === 1;
}

const searched = new WeakMap<FlowRow, string>();

function searchedText(row: FlowRow): string {
  let text = searched.get(row);
  if (text === undefined) {
    text = [
      row.text,
      row.step ?? "",
      ...row.differs.map(({ id }) => id ?? ""),
      ...row.outcomes.flatMap(({ stack, outcome }) => [
        stack,
        outcome.verdict,
        outcome.reason ?? "",
        outcome.rule?.name ?? "",
        outcome.backend ?? "",
      ]),
    ].join("\n").toLowerCase();
    searched.set(row, text);
  }
  return text;
}

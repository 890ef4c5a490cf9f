import { createHash } from "node:crypto";
import { type Cause, ruleName } from "../diff/causes.ts";
import type { Divergence, DivergenceSide } from "../diff/divergence.ts";
import type { Journey } from "../replay/hop.ts";
import type { Basis, Rule, SourcePosition } from "../source.ts";

/** How much a finding weighs, in the words of SARIF. */
export type Level = "error" | "warning" | "note";

/** Divergences of one cause at one place. JSON-safe. */
export interface ReportCause {
  /** Id of the known divergence that they are; null when they are none. */
  readonly id: string | null;
  /** Whether a scenario says that they are to show; null where nobody was asked. */
  readonly expected: boolean | null;
  readonly class: Basis;
  /** Why, as documented. */
  readonly why: string | null;
  /** The step that shows them; null for recordings. */
  readonly step: string | null;
  /** Where a reader should look first. */
  readonly at: SourcePosition | null;
  readonly cause: Cause;
  /** Every hop of the witness on both sides; null when it was not traced. */
  readonly journeys: { readonly left: Journey; readonly right: Journey } | null;
}

/** Something other than a divergence that is not as it was said to be. JSON-safe. */
export interface ReportFailure {
  /** `expectation`, `parity`, `recording`, ... */
  readonly kind: string;
  readonly level: Level;
  readonly at: SourcePosition | null;
  readonly step: string | null;
  readonly stack: string | null;
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
  /** Flows it shows in. */
  readonly count: number;
}

/** Flows of which a stack does not know what becomes of them. JSON-safe. */
export interface ReportUnknown {
  readonly stack: string;
  readonly reason: string;
  readonly at: SourcePosition | null;
  readonly count: number;
}

/** What a step that changes something makes the stacks write. JSON-safe. */
export interface ReportChange {
  readonly step: string;
  /** Those that say what they write, in words. */
  readonly stacks: readonly {
    readonly stack: string;
    readonly written: string;
  }[];
}

/** One scenario, or one stack against the baseline of a recording. JSON-safe. */
export interface ReportSection {
  readonly id: string | null;
  readonly name: string;
  readonly at: SourcePosition | null;
  readonly status: "passed" | "failed" | "not run";
  /** Why it was not run. */
  readonly reason: string | null;
  /** The baseline first. */
  readonly stacks: readonly string[];
  /** Flows of each stack. */
  readonly flows: number;
  readonly causes: readonly ReportCause[];
  readonly failures: readonly ReportFailure[];
  readonly changes: readonly ReportChange[];
  readonly unknowns: readonly ReportUnknown[];
}

/** What every format is made from: a run of scenarios or of a recording. JSON-safe. */
export interface ReportModel {
  readonly title: string;
  /** Directory that paths are shown relative to, as they are written in positions. */
  readonly root: string;
  readonly sections: readonly ReportSection[];
  /** What is to be said of the inputs. */
  readonly notes: readonly string[];
}

/** A report in numbers. */
export interface ReportTotals {
  readonly sections: number;
  readonly passed: number;
  readonly failed: number;
  readonly notRun: number;
  /** Flows times stacks. */
  readonly outcomes: number;
  readonly expected: number;
  /** Differences that nobody expected, or that nobody was asked about. */
  readonly unexpected: number;
  readonly unknown: number;
}

/** Adds a report up. */
export function reportTotals({ sections }: ReportModel): ReportTotals {
  const of = (status: ReportSection["status"]) =>
    sections.filter((section) => section.status === status).length;
  const sum = (count: (section: ReportSection) => number) =>
    sections.reduce((total, section) => total + count(section), 0);
  return {
    sections: sections.length,
    passed: of("passed"),
    failed: of("failed"),
    notRun: of("not run"),
    outcomes: sum(({ flows, stacks }) => flows * stacks.length),
    expected: sum((section) => differing(section).expected),
    unexpected: sum((section) => differing(section).unexpected),
    unknown: sum(({ unknowns }) => flowsOf(unknowns)),
  };
}

/** Flows of a section that differ, as expected and otherwise. */
export function differing({ causes }: ReportSection): {
  readonly expected: number;
  readonly unexpected: number;
} {
  const of = (expected: boolean) =>
    causes.filter((one) => (one.expected === true) === expected)
      .reduce((total, { cause }) => total + cause.count, 0);
  return { expected: of(true), unexpected: of(false) };
}

/** All flows of a list that counts them. */
export function flowsOf(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((total, { count }) => total + count, 0);
}

/** `11 passed, 1 failed; 40 outcomes, ...`, the line a reader sees first. */
export function totalsText(model: ReportModel): string {
  const totals = reportTotals(model);
  const parts = [
    `${totals.passed} passed`,
    totals.failed === 0 ? "" : `${totals.failed} failed`,
    totals.notRun === 0 ? "" : `${totals.notRun} not run`,
  ].filter((part) => part !== "");
  return `${
    parts.join(", ")
  }; ${totals.outcomes} outcomes, ${totals.expected} differ as expected, ${totals.unexpected} otherwise, ${totals.unknown} unknown`;
}

/**
 * What a divergence weighs: a note when a scenario says that it is to show, an
 * error when it says otherwise. Where nobody was asked it is an error when a
 * specification settles it, and a warning when the stacks may differ there.
 */
export function causeLevel({ expected, class: basis }: ReportCause): Level {
  if (expected !== null) return expected ? "note" : "error";
  return basis === "specified" ? "error" : "warning";
}

/** The name of a cause across runs: the documented id, else one of its rules and fields. */
export function causeId({ id, cause }: ReportCause): string {
  return id ?? `cause-${causeHash(cause)}`;
}

/** The first twelve hex digits of the sha256 of a cause's key. */
export function causeHash({ key }: Cause): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 12);
}

/** `verdict: kube-proxy dropped, cilium forwarded`, for the field that was found first. */
export function causeTitle({ cause }: ReportCause): string {
  const { fields, left, right } = cause.witness;
  const [first] = fields;
  if (first === undefined) return "no difference";
  return `${first.field}: ${left.stack} ${first.left}, ${right.stack} ${first.right}`;
}

/** `parity in cilium: source: expected 10.0.0.1, got 10.0.0.2`. */
export function failureText(failure: ReportFailure): string {
  const { kind, stack, field, expected, actual, count } = failure;
  const where = stack === null ? "" : ` in ${stack}`;
  const more = count > 1 ? ` (${count} flows)` : "";
  return `${kind}${where}: ${field}: expected ${expected}, got ${actual}${more}`;
}

/** The rule that decided on a side; null where none did. */
export function decidingRule(side: DivergenceSide): Rule | null {
  return side.outcome.rule ?? side.decidedBy?.rule ?? null;
}

/** Both sides of a divergence with the names of what decided there, the baseline first. */
export function decisions({ left, right }: Divergence): readonly {
  readonly stack: string;
  readonly name: string;
  readonly rule: Rule | null;
}[] {
  return [left, right].map((side) => ({
    stack: side.stack,
    name: ruleName(side),
    rule: decidingRule(side),
  }));
}

/**
 * A file as links and annotations want it: relative to the root of the report,
 * with forward slashes. Null for what is no file, such as the command line.
 */
export function relativeFile(file: string, root: string): string | null {
  if (file === "" || file.startsWith("--")) return null;
  const slashes = file.replaceAll("\\", "/");
  const base = root.replaceAll("\\", "/").replace(/\/$/, "");
  const inside = base !== "" && slashes.startsWith(`${base}/`);
  const path = inside ? slashes.slice(base.length + 1) : slashes;
  return path.replace(/^(?:\.\/)+/, "");
}

/** `file:line:column`, relative to the root of the report. */
export function positionText(at: SourcePosition, root: string): string {
  const file = relativeFile(at.file, root) ?? at.file;
  return `${file}:${at.line}:${at.column}`;
}

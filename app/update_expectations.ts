import { isScalar, isSeq, parseDocument, stringify } from "yaml";
import type {
  Failure,
  ScenarioReport,
} from "../core/scenario/scenario_report.ts";
import type { Scenario, Step } from "../core/scenario/scenario.ts";
import { formatPosition, type SourcePosition } from "../core/source.ts";
import type { ScenarioRun } from "./run.ts";

/** A scenario's text with what came out in the place of what was expected. */
export interface UpdatedText {
  readonly text: string;
  /** A line each: what was changed, and what was left and why. */
  readonly changes: readonly string[];
  readonly left: readonly string[];
}

/** One value of an expectation that failed. */
interface Target {
  readonly step: number;
  /** The key below `expect`: the name of a stack, or `all`. */
  readonly key: string;
  readonly field: string;
  readonly at: SourcePosition;
  readonly failures: readonly Failure[];
}

/** A piece of the text and what takes its place. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly change: string;
}

/** Why a value stays as it is. */
class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/**
 * Writes what came out over expectations that failed. Only the values
 * themselves change: comments, order and layout stay. Patterns, variables and
 * what holds for some flows or stacks only are left for their author.
 */
export function updateExpectations(
  { scenario, report }: ScenarioRun,
): UpdatedText {
  const edits: Edit[] = [];
  const left: string[] = [];
  for (const target of targetsOf(scenario, report)) {
    const edit = editOf(target, { scenario, report });
    if (!(edit instanceof Refusal)) edits.push(edit);
    else left.push(`left ${placeOf(target)}: ${edit.reason}`);
  }
  let { text } = scenario;
  for (const edit of edits.toSorted((a, b) => b.start - a.start)) {
    text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
  }
  return { text, changes: edits.map(({ change }) => change), left };
}

/** The failed expectations by the value that they are about. */
function targetsOf(scenario: Scenario, report: ScenarioReport): Target[] {
  const targets = new Map<string, Target>();
  for (const failure of report.failures) {
    if (failure.kind !== "expectation") continue;
    const step = scenario.steps.findIndex(({ name }) => name === failure.step);
    const outcome = scenario.steps[step]?.expect.outcomes
      .find(({ at }) => at === failure.at);
    if (outcome === undefined) continue;
    const { at, field } = failure;
    const key = outcome.stack ?? "all";
    const id = JSON.stringify([step, key, field]);
    const failures = [...targets.get(id)?.failures ?? [], failure];
    targets.set(id, { step, key, field, at, failures });
  }
  return [...targets.values()];
}

function editOf(
  target: Target,
  { scenario, report }: {
    readonly scenario: Scenario;
    readonly report: ScenarioReport;
  },
): Edit | Refusal {
  const { step, key, field, failures } = target;
  const { expected, actual } = failures[0]!;
  const flows = flowsOf(scenario.steps[step]!, report) ?? 1;
  if (failures.some((one) => one.actual !== actual || one.count !== flows)) {
    return new Refusal("its flows do not all come to the same");
  }
  if (key === "all" && failures.length !== report.stacks.length) {
    return new Refusal("it is said of all stacks, and some are as it says");
  }
  if (expected.startsWith("at most ")) {
    return new Refusal(`${expected} is a bound`);
  }
  if (expected.includes("*")) {
    return new Refusal(`${expected} is a pattern`);
  }
  const document = parseDocument(scenario.text);
  const path = ["steps", step, "expect", key, ...field.split(".")];
  const node = document.getIn(path, true);
  if (!isScalar(node) && !isSeq(node)) {
    return new Refusal("it is written elsewhere, by an alias");
  }
  const [start, end] = node.range!;
  const written = scenario.text.slice(start, end);
  const anchored = node.anchor !== undefined;
  if (anchored || written.includes("${") || /^[|>]/.test(written)) {
    return new Refusal("its text is shared, made up of vars, or a block");
  }
  const value = valueOf(field, { actual, written });
  if (value instanceof Refusal) return value;
  const text = inline(value);
  return {
    start,
    end,
    text,
    change: `updated ${placeOf(target)}: ${written} -> ${text}`,
  };
}

function flowsOf({ name }: Step, { steps }: ScenarioReport): number | null {
  return steps.find((one) => one.name === name)?.flows ?? null;
}

/** What came out as a scenario writes it. */
function valueOf(
  field: string,
  { actual, written }: { readonly actual: string; readonly written: string },
): unknown {
  switch (field) {
    case "verdict":
      return /ed$|^error$|^unknown$/.test(written)
        ? actual
        : VERBS[actual] ?? actual;
    case "encrypted":
    case "reply":
      return actual === "true";
    case "encryption":
      return actual === "no wire crossed" ? [] : actual.split(", ");
    case "status":
      return actual === "none"
        ? new Refusal("there is no HTTP answer any more")
        : Number(actual);
    default:
      return field.includes(".") ? writesOf(actual) : actual;
  }
}

/** A count of writes. */
function writesOf(actual: string): number | Refusal {
  return /^\d+$/.test(actual)
    ? Number(actual)
    : new Refusal(`what is written is ${actual}`);
}

/** Short forms of verdicts, where the author writes so. */
const VERBS: Readonly<Record<string, string>> = {
  forwarded: "forward",
  dropped: "drop",
  rejected: "reject",
  refused: "refuse",
};

/** A value in YAML on one line, quoted as it must be inside brackets. */
function inline(value: unknown): string {
  const list = stringify([value], { collectionStyle: "flow", lineWidth: 0 });
  return list.trim().slice(1, -1).trim();
}

function placeOf({ at, step, key, field }: Target): string {
  return `${formatPosition(at)}  steps[${step}].expect.${key}.${field}`;
}

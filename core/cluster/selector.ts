import { nearest } from "../errors.ts";
import type { Labels } from "./model.ts";

/** The operators of a label selector's expressions. */
export type SelectorOperator = "In" | "NotIn" | "Exists" | "DoesNotExist";

/** One condition of a selector on one label. */
export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  /** Empty for Exists and DoesNotExist. */
  readonly values: readonly string[];
}

/** A label selector, ready to be asked. Every requirement must hold. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  matches(labels: Labels): boolean;
}

/** What is wrong with a selector, and at which part of it. */
export interface SelectorProblem {
  readonly path: readonly (string | number)[];
  readonly reason: string;
  readonly expected: string;
  readonly didYouMean?: string;
}

/** The empty selector `{}`: every object. */
export const EVERYTHING: Selector = { requirements: [], matches: () => true };

/** No selector at all, as apimachinery's `LabelSelectorAsSelector(nil)`: no object. */
export const NOTHING: Selector = { requirements: [], matches: () => false };

const OPERATORS: readonly SelectorOperator[] = [
  "In",
  "NotIn",
  "Exists",
  "DoesNotExist",
];

/** Makes a selector from its requirements. */
export function compileSelector(
  requirements: readonly Requirement[],
): Selector {
  if (requirements.length === 0) return EVERYTHING;
  const tests = requirements.map(compileRequirement);
  return {
    requirements,
    matches: (labels) => tests.every((test) => test(labels)),
  };
}

/** The selector of a map of labels, such as a Service's or a `matchLabels`. */
export function selectorOfLabels(labels: Labels): Selector {
  return compileSelector(
    Object.entries(labels).map(([key, value]) => ({
      key,
      operator: "In",
      values: [value],
    })),
  );
}

/**
 * Reads a `LabelSelector` of the API (`matchLabels`, `matchExpressions`).
 * Undefined and null give {@link NOTHING}; where an absent selector means all,
 * the caller says so by passing `{}`.
 *
 * @example
 * ```ts
 * const { selector } = parseSelector({ matchLabels: { app: "web" } });
 * selector.matches({ app: "web" }); // true
 * ```
 */
export function parseSelector(
  value: unknown,
): { readonly selector: Selector; readonly problems: SelectorProblem[] } {
  const problems: SelectorProblem[] = [];
  if (value === undefined || value === null) {
    return { selector: NOTHING, problems };
  }
  if (!isMapping(value)) {
    problems.push({
      path: [],
      reason: "it is no mapping",
      expected: "matchLabels, matchExpressions or both",
    });
    return { selector: NOTHING, problems };
  }
  const requirements: Requirement[] = [];
  for (const key of Object.keys(value)) {
    if (key === "matchLabels" || key === "matchExpressions") continue;
    problems.push(unknownKey(key));
  }
  readLabels(value["matchLabels"], { requirements, problems });
  readExpressions(value["matchExpressions"], { requirements, problems });
  const selector = problems.length > 0
    ? NOTHING
    : compileSelector(requirements);
  return { selector, problems };
}

interface Reading {
  readonly requirements: Requirement[];
  readonly problems: SelectorProblem[];
}

function readLabels(
  value: unknown,
  { requirements, problems }: Reading,
): void {
  if (value === undefined || value === null) return;
  if (!isMapping(value)) {
    const reason = "matchLabels is no mapping";
    const expected = "labels with their values";
    problems.push({ path: ["matchLabels"], reason, expected });
    return;
  }
  for (const [key, wanted] of Object.entries(value)) {
    if (typeof wanted === "string" || wanted === null) {
      requirements.push({ key, operator: "In", values: [wanted ?? ""] });
      continue;
    }
    problems.push({
      path: ["matchLabels", key],
      reason: `the value of ${key} is no text`,
      expected: "a text; quote numbers and booleans",
    });
  }
}

function readExpressions(
  value: unknown,
  { requirements, problems }: Reading,
): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) {
    const reason = "matchExpressions is no list";
    const expected = "a list of {key, operator, values}";
    problems.push({ path: ["matchExpressions"], reason, expected });
    return;
  }
  for (const [index, expression] of value.entries()) {
    const path = ["matchExpressions", index];
    const read = readExpression(expression);
    if ("operator" in read) requirements.push(read);
    else problems.push({ ...read, path: [...path, ...read.path] });
  }
}

function readExpression(value: unknown): Requirement | SelectorProblem {
  const { key, operator, values } = isMapping(value) ? value : {};
  if (typeof key !== "string" || key === "") {
    return {
      path: [],
      reason: "an expression has no key",
      expected: "the key of a label",
    };
  }
  const known = OPERATORS.find((name) => name === operator);
  if (known === undefined) {
    const near = typeof operator === "string"
      ? nearest(operator, OPERATORS)
      : undefined;
    return {
      path: ["operator"],
      reason: `${JSON.stringify(operator ?? null)} is no operator`,
      expected: OPERATORS.join(", "),
      ...(near === undefined ? {} : { didYouMean: near }),
    };
  }
  const list = values ?? [];
  if (!Array.isArray(list) || !list.every((one) => typeof one === "string")) {
    return {
      path: ["values"],
      reason: "values is no list of texts",
      expected: "texts; quote numbers and booleans",
    };
  }
  const wantsValues = known === "In" || known === "NotIn";
  if (wantsValues !== list.length > 0) {
    return {
      path: ["values"],
      reason: `${known} has ${list.length === 0 ? "no" : "some"} values`,
      expected: wantsValues ? "at least one value" : "no values",
    };
  }
  return { key, operator: known, values: list };
}

/** Own properties alone count: `constructor` and `toString` are legal label keys. */
function compileRequirement(
  { key, operator, values }: Requirement,
): (labels: Labels) => boolean {
  switch (operator) {
    case "Exists":
      return (labels) => Object.hasOwn(labels, key);
    case "DoesNotExist":
      return (labels) => !Object.hasOwn(labels, key);
    case "In":
      if (values.length === 1) {
        const value = values[0];
        return (labels) => Object.hasOwn(labels, key) && labels[key] === value;
      }
      return (labels) =>
        Object.hasOwn(labels, key) && values.includes(labels[key]!);
    case "NotIn":
      // An absent key matches (apimachinery labels/selector.go, Requirement.Matches).
      return (labels) =>
        !Object.hasOwn(labels, key) || !values.includes(labels[key]!);
  }
}

function unknownKey(key: string): SelectorProblem {
  const known = ["matchLabels", "matchExpressions"];
  const near = nearest(key, known);
  return {
    path: [key],
    reason: `a selector has no ${key}`,
    expected: known.join(" or "),
    ...(near === undefined ? {} : { didYouMean: near }),
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

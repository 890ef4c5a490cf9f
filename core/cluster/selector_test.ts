import { assertEquals } from "@std/assert";
import {
  compileSelector,
  EVERYTHING,
  parseSelector,
  selectorOfLabels,
} from "./selector.ts";

function matches(selector: unknown, labels: Record<string, string>): boolean {
  const parsed = parseSelector(selector);
  assertEquals(parsed.problems, []);
  return parsed.selector.matches(labels);
}

Deno.test("parseSelector() joins labels and expressions by and", () => {
  const selector = {
    matchLabels: { app: "web" },
    matchExpressions: [{ key: "tier", operator: "In", values: ["a", "b"] }],
  };
  assertEquals(matches(selector, { app: "web", tier: "b" }), true);
  assertEquals(matches(selector, { app: "web" }), false);
  assertEquals(matches(selector, { app: "db", tier: "b" }), false);
});

Deno.test("parseSelector() matches NotIn and DoesNotExist when the key is absent", () => {
  const notIn = {
    matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }],
  };
  assertEquals(matches(notIn, {}), true);
  assertEquals(matches(notIn, { app: "db" }), true);
  assertEquals(matches(notIn, { app: "web" }), false);
  const absent = {
    matchExpressions: [{ key: "app", operator: "DoesNotExist" }],
  };
  assertEquals(matches(absent, {}), true);
  assertEquals(matches(absent, { app: "" }), false);
  const exists = { matchExpressions: [{ key: "app", operator: "Exists" }] };
  assertEquals(matches(exists, { app: "" }), true);
  assertEquals(matches(exists, {}), false);
});

Deno.test("parseSelector() needs the key for an empty value", () => {
  assertEquals(matches({ matchLabels: { app: "" } }, {}), false);
  assertEquals(matches({ matchLabels: { app: "" } }, { app: "" }), true);
});

Deno.test("parseSelector() tells no selector from the empty one", () => {
  assertEquals(matches({}, { a: "b" }), true);
  assertEquals(matches(undefined, { a: "b" }), false);
  assertEquals(matches(null, {}), false);
  assertEquals(compileSelector([]), EVERYTHING);
});

Deno.test("parseSelector() knows only labels that are there", () => {
  const exists = {
    matchExpressions: [{ key: "constructor", operator: "Exists" }],
  };
  assertEquals(matches(exists, {}), false);
  assertEquals(selectorOfLabels({ toString: "a" }).matches({}), false);
});

Deno.test("parseSelector() says what is wrong, where, and what was meant", () => {
  const { problems } = parseSelector({
    matchLabel: {},
    matchLabels: { app: 1 },
    matchExpressions: [
      { key: "a", operator: "Notin", values: ["x"] },
      { key: "a", operator: "In", values: [] },
      { key: "a", operator: "Exists", values: ["x"] },
      { operator: "In", values: ["x"] },
      { key: "a", operator: "In", values: [1] },
      "a in (b)",
    ],
  });
  assertEquals(
    problems.map(({ path, reason, didYouMean }) =>
      [path.join("."), reason, didYouMean ?? ""].join(" | ")
    ),
    [
      "matchLabel | a selector has no matchLabel | matchLabels",
      "matchLabels.app | the value of app is no text | ",
      'matchExpressions.0.operator | "Notin" is no operator | NotIn',
      "matchExpressions.1.values | In has no values | ",
      "matchExpressions.2.values | Exists has some values | ",
      "matchExpressions.3 | an expression has no key | ",
      "matchExpressions.4.values | values is no list of texts | ",
      "matchExpressions.5 | an expression has no key | ",
    ],
  );
  assertEquals(parseSelector(["a"]).problems.length, 1);
  assertEquals(parseSelector({ matchLabels: [] }).problems.length, 1);
  assertEquals(parseSelector({ matchExpressions: {} }).problems.length, 1);
});

Deno.test("parseSelector() matches nothing when it is wrong", () => {
  const { selector } = parseSelector({ matchLabels: { app: 1 } });
  assertEquals(selector.matches({ app: "1" }), false);
});

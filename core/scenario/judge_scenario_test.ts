import { assertEquals } from "@std/assert";
import type { FlowResult } from "../replay/engine.ts";
import { flowIntent } from "../replay/testing.ts";
import type { Outcome } from "../replay/outcome.ts";
import { judgeScenario } from "./judge_scenario.ts";
import type { StackRun } from "./scenario_report.ts";
import { parseScenario } from "./parse_scenario.ts";

const FORWARDED: Outcome = {
  flow: "",
  verdict: "forwarded",
  reason: null,
  rule: null,
  decidedAt: null,
  backend: "10.0.1.5:80",
  receiver: "shop/web",
  backends: [],
  source: "10.0.2.9",
  identity: null,
  encryption: ["none"],
  http: null,
  reply: true,
  cost: { hashLookups: 3, lpmLookups: 2 },
};
const DROPPED: Partial<Outcome> = {
  verdict: "dropped",
  reason: "POLICY_DENIED",
  backend: null,
  receiver: null,
  source: null,
  reply: false,
};

/** A scenario of steps a, b, … on the stacks old and new, with what each made of each step. */
function judge(
  steps: readonly (readonly [
    expectations: string,
    old: Partial<Outcome>,
    new_: Partial<Outcome>,
  ])[],
  more = "",
  options: { otherStacks?: boolean } = {},
) {
  const names = steps.map((_, index) => String.fromCharCode(97 + index));
  const scenario = parseScenario(
    `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: judged, id: D00}
stacks: {old: kube-proxy, new: cilium}
steps:
${
      steps.map(([expectations], index) =>
        `  - {name: ${
          names[index]
        }, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}, ${expectations}}`
      ).join("\n")
    }
${more}`,
    { file: "s.yaml" },
  );
  const run = (stack: string, side: 1 | 2): StackRun => ({
    stack,
    hash: "",
    results: steps.map((step, position): FlowResult => {
      const id = names[position]!;
      const flow = flowIntent({ from: "pod/a/b", to: "tcp://10.0.0.2:80" });
      const outcome = { ...FORWARDED, ...step[side], flow: id };
      return {
        flow: { ...flow, id },
        timeNs: 0,
        position,
        outcome,
        journey: [],
      };
    }),
  });
  const stepOf = new Map(scenario.steps.map((step) => [step.name, step]));
  const { status, failures, divergences, unknowns } = judgeScenario(
    scenario,
    [run("old", 1), run("new", 2)],
    { stepOf, ...options },
  );
  return {
    status,
    failures: failures.map((one) =>
      `${one.kind} ${one.step} ${one.stack} ${one.field}: ${one.expected} | ${one.actual}`
    ),
    divergences: divergences.map((one) =>
      `${one.step} ${one.id} ${one.expected ? "expected" : "new"} ${one.class}`
    ),
    unknowns: unknowns.length,
  };
}

Deno.test("judgeScenario() passes stacks that agree and do as expected", () => {
  assertEquals(judge([["expect: {all: {verdict: forward}}", {}, {}]]), {
    status: "passed",
    failures: [],
    divergences: [],
    unknowns: 0,
  });
});

Deno.test("judgeScenario() fails what is not as expected, by stack", () => {
  const { status, failures } = judge([
    ["expect: {old: {verdict: drop}, new: {source: 1.1.1.1}}", {}, {}],
  ]);
  assertEquals(status, "failed");
  assertEquals(failures, [
    "expectation a old verdict: dropped | forwarded",
    "expectation a new source: 1.1.1.1 | 10.0.2.9",
  ]);
});

Deno.test("judgeScenario() fails a divergence that is listed nowhere", () => {
  const judged = judge([["expect: {}", {}, DROPPED]]);
  assertEquals(judged.failures, [
    "divergence a new verdict: forwarded | dropped",
  ]);
  assertEquals(judged.divergences, ["a null new implementation-defined"]);
});

Deno.test("judgeScenario() accepts divergences listed by step, and the class they are documented with", () => {
  const listed =
    "divergences: [{id: D00, step: a, on: verdict, class: specified}]";
  assertEquals(judge([["expect: {}", {}, DROPPED]], listed), {
    status: "passed",
    failures: [],
    divergences: ["a D00 expected specified"],
    unknowns: 0,
  });
  const elsewhere = judge(
    [["expect: {}", {}, DROPPED], ["expect: {}", {}, DROPPED]],
    listed,
  );
  assertEquals(elsewhere.failures, [
    "divergence b new verdict: forwarded | dropped",
  ]);
});

Deno.test("judgeScenario() accepts only the fields a divergence is listed with", () => {
  const { failures } = judge(
    [["expect: {}", {}, { source: "1.1.1.1", encryption: ["mtls"] }]],
    "divergences: [{id: D00, on: source}]",
  );
  assertEquals(failures, [
    "divergence a new source, encryption: 10.0.2.9 | none | 1.1.1.1 | mtls",
  ]);
});

Deno.test("judgeScenario() lets a step say what may differ in it", () => {
  assertEquals(
    judge([
      ["expect: {new: {diverges: [snatSource]}}", {}, { source: "1.1.1.1" }],
      ["diverges: D00", {}, DROPPED],
    ]).failures,
    [],
  );
});

Deno.test("judgeScenario() fails when a listed divergence does not show", () => {
  const listed = "divergences: [{id: D00, step: [a, b], stacks: [new]}]";
  const steps = [["expect: {}", {}, DROPPED], ["expect: {}", {}, {}]] as const;
  assertEquals(judge(steps, listed).failures, [
    "not shown b new D00: D00 shows | no such divergence",
  ]);
  assertEquals(judge(steps, listed, { otherStacks: true }).status, "passed");
});

Deno.test("judgeScenario() lets a step without listing count for an id that a step names", () => {
  const listed = "divergences: [{id: D00, class: unspecified}]";
  assertEquals(
    judge(
      [["diverges: D00", {}, DROPPED], ["expect: {}", {}, DROPPED]],
      listed,
    ).failures,
    ["divergence b new verdict: forwarded | dropped"],
  );
});

Deno.test("judgeScenario() counts unknowns apart from divergences", () => {
  const unknown: Partial<Outcome> = { ...DROPPED, verdict: "unknown" };
  const judged = judge([["expect: {}", {}, unknown]]);
  assertEquals([judged.status, judged.unknowns], ["passed", 1]);
  assertEquals(judged.divergences, []);
  const bounded = judge([["expect: {unknown: {max: 0}}", {}, unknown]]);
  assertEquals(bounded.failures, ["unknown a new unknown: at most 0 | 1 of 1"]);
  const wanted = judge([["expect: {all: {verdict: drop}}", DROPPED, unknown]]);
  assertEquals(wanted.failures, [
    "expectation a new verdict: dropped | unknown",
  ]);
});

Deno.test("judgeScenario() holds stacks to parity on the fields asked, but for known divergences", () => {
  const differs: Partial<Outcome> = { source: "1.1.1.1", encryption: ["mtls"] };
  const steps = (parity: string) =>
    [[`expect: {parity: ${parity}}`, {}, differs]] as const;
  assertEquals(judge(steps("{on: verdict}")).failures, []);
  assertEquals(judge(steps("{on: [source]}")).failures, [
    "parity a new source: 10.0.2.9 | 1.1.1.1",
  ]);
  assertEquals(
    judge(
      steps("{on: [source, encryption], except: [D00]}"),
      "divergences: [{id: D00, on: source}]",
    ).failures,
    ["parity a new encryption: none | mtls"],
  );
});

Deno.test("judgeScenario() bounds costs", () => {
  const cost = (max: number) =>
    judge(
      [["expect: {}", {}, {}]],
      `cost: [{stack: new, metric: lookups, max: ${max}}]`,
    )
      .failures;
  assertEquals(cost(5), []);
  assertEquals(cost(4), ["cost a new lookups: at most 4 | 5"]);
});

import { assert, assertEquals } from "@std/assert";
import { mutate, seeded } from "../../tests/_mutate.ts";
import { InputError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { BAD_SCENARIOS } from "./_bad_scenarios.ts";
import { parseScenario } from "./parse_scenario.ts";
import { scenarioTape } from "./scenario_tape.ts";

const LIBRARY = new URL("../../scenarios/", import.meta.url);

/** Every scenario of the library, by its path in it. */
function library(): [path: string, text: string][] {
  const paths: string[] = [];
  const visit = (directory: string) => {
    for (
      const { name, isDirectory } of Deno.readDirSync(
        new URL(directory, LIBRARY),
      )
    ) {
      if (isDirectory) visit(`${directory}${name}/`);
      else if (/(?:^|\.)scenario\.yaml$/.test(name)) {
        paths.push(`${directory}${name}`);
      }
    }
  };
  visit("./");
  return paths.sort()
    .map((path) => [path, Deno.readTextFileSync(new URL(path, LIBRARY))]);
}

function problemsOf(text: string): string[] {
  try {
    parseScenario(text, { file: "s.yaml" });
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.problems.map((problem) =>
      [
        `${problem.at.line}:${problem.at.column} ${problem.message}`,
        problem.expected === undefined ? "" : ` / ${problem.expected}`,
        problem.didYouMean === undefined ? "" : ` / ${problem.didYouMean}?`,
      ].join("")
    );
  }
}

for (const { about, text, problems } of BAD_SCENARIOS) {
  Deno.test(`parseScenario() points at ${about}`, () => {
    assertEquals(problemsOf(text), problems);
  });
}

Deno.test("parseScenario() reads the whole form", () => {
  const text = Deno.readTextFileSync(
    new URL("./testdata/whole_form.scenario.yaml", import.meta.url),
  );
  const scenario = parseScenario(text, { file: "s.yaml" });
  assertEquals(scenario.name, "whole form");
  assertEquals(scenario.stacks?.map(({ name }) => name), [
    "old",
    "new",
    "half",
  ]);
  assertEquals(scenario.steps.map(({ timeNs }) => timeNs / 1e9), [
    1,
    2,
    3,
    4,
    10,
    11,
    12,
    13,
    14,
  ]);
  const [first, second] = scenario.steps;
  assert(first?.action.kind === "send" && second?.action.kind === "send");
  assertEquals(first.action.send.to, { host: "1.2.3.4", port: 80 });
  assertEquals(first.expect.outcomes[0]?.verdict, "dropped");
  assertEquals(second.action.send.application, {
    kind: "http",
    request: {
      method: "POST",
      scheme: "https",
      authority: "api.example.com:8443",
      path: "/a//b/../c?d=e",
      headers: [["x-user", "a"]],
    },
    tls: true,
  });
  assertEquals(scenario.stacks?.[2]?.nodes[0]?.name, "n2");
});

Deno.test("parseScenario() gives steps without a time one second each", () => {
  const scenario = parseScenario(
    `${MINIMAL}
  - {at: 10s, apply: a.yaml}
  - apply: b.yaml`,
    { file: "s.yaml" },
  );
  const seconds = scenario.steps.map(({ timeNs }) => timeNs / 1e9);
  assertEquals(seconds, [0, 10, 11]);
  assertEquals(scenario.steps[2]?.name, "step 3");
});

Deno.test("parseScenario() says which files are missing, and where it names them", () => {
  const error = ((): unknown => {
    try {
      parseScenario(`${MINIMAL}\nfixtures: [there.yaml, gone.yaml]`, {
        file: "s.yaml",
        readFixture: (path) =>
          path === "there.yaml" ? [{ file: path, text: "" }] : null,
      });
    } catch (error) {
      return error;
    }
  })();
  assert(error instanceof InputError);
  assertEquals(error.problems.map(({ message, at }) => [message, at.column]), [
    ["Cannot read fixtures[1]: there is no file or directory gone.yaml", 24],
  ]);
});

Deno.test("parseScenario() does not look for fixtures when what it needs is missing", () => {
  const scenario = parseScenario(
    `${MINIMAL}\nneeds: ../samples\nfixtures: [../samples/a.yaml]`,
    { file: "s.yaml", readFixture: () => null },
  );
  assertEquals(scenario.missing, ["../samples"]);
});

Deno.test("parseScenario() throws nothing but InputError on mutated scenarios", () => {
  const texts = library();
  assert(texts.length > 10);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let read = 0;
  let taped = 0;
  for (let seed = 0; seed < 2_000; seed++) {
    const [path, text] = texts[seed % texts.length]!;
    const directory = new URL(path.replace(/[^/]+$/, ""), LIBRARY);
    const mutated = seed % 2 === 0
      ? decoder.decode(mutate(encoder.encode(text), seed))
      : rearranged(text, seed);
    try {
      const scenario = parseScenario(mutated, {
        file: "mutated.yaml",
        readFixture: (path) => fixture(directory, path),
      });
      read++;
      // Manifests are worked out anew each time, so not every scenario is put on a tape.
      if (seed % 5 === 1 && scenario.missing.length === 0) {
        scenarioTape(scenario);
        taped++;
      }
    } catch (error) {
      assert(error instanceof InputError, `seed ${seed}: ${error}`);
      assert(error.problems.length > 0);
      assert(error.problems.length <= LIMITS.problemsPerFile + 1);
    }
  }
  assert(
    read > 100 && taped > 20,
    `only ${read} were read, ${taped} taped: the mutations are too wild`,
  );
});

const fixtures = new Map<string, string>();

/** A file of the library by its path from a scenario's directory; null for what is no file of it. */
function fixture(directory: URL, path: string) {
  const { href } = new URL(path, directory);
  if (!href.startsWith(LIBRARY.href) || !href.endsWith(".yaml")) return null;
  try {
    const text = fixtures.get(href) ?? Deno.readTextFileSync(new URL(href));
    fixtures.set(href, text);
    return [{ file: path, text }];
  } catch {
    return null;
  }
}

const MINIMAL = `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: minimal}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}`;

const ODD_VALUES = [
  "null",
  "[]",
  "{}",
  "-1",
  "1e999",
  "true",
  '"${none}"',
  "[[[[]]]]",
  "{all: {all: {all: 1}}}",
  "*anchor",
  "__proto__",
];

/** A text whose lines or values were taken out, doubled, swapped or replaced: mostly YAML still. */
function rearranged(text: string, seed: number): string {
  const random = seeded(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const lines = text.split("\n");
  for (let change = 0; change <= below(3); change++) {
    const at = below(lines.length);
    const other = below(lines.length);
    switch (below(4)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, lines[other]!);
        break;
      case 2:
        [lines[at], lines[other]] = [lines[other]!, lines[at]!];
        break;
      default:
        lines[at] = lines[at]!.replace(
          /: .*/,
          () => `: ${ODD_VALUES[below(ODD_VALUES.length)]}`,
        );
    }
  }
  return lines.join("\n");
}

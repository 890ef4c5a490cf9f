import { assert, assertEquals } from "@std/assert";
import { formatProblem } from "../core/errors.ts";
import { findScenarios, readScenario } from "./read_scenario.ts";
import { runScenario } from "./run.ts";

const LIBRARY = new URL("../scenarios/", import.meta.url).pathname;

/** Those of the catalogue that the library has so far. */
const CATALOGUE = [
  "D01",
  "D02",
  "D03",
  "D04",
  "D05",
  "D06",
  "D09",
  "D10",
  "D11",
  "D12",
  "D13",
  "D14",
  "D15",
  "D16",
  "D17",
  "D18",
  "D19",
  "D21",
  "D22",
  "D24",
  "D26",
];

for (const file of findScenarios([LIBRARY])) {
  const path = file.slice(LIBRARY.length);
  Deno.test(`library: ${path} passes, twice with one hash`, async () => {
    const scenario = readScenario(file);
    const { report } = await runScenario(scenario);
    if (report.status === "not run") {
      const said = new TextEncoder().encode(`not run: ${report.reason}\n`);
      return void Deno.stderr.writeSync(said);
    }
    const failures = report.failures.map((failure) =>
      formatProblem({
        message: `${failure.kind} ${failure.stack}: ${failure.field}`,
        at: failure.at,
        expected: `${failure.expected}, got ${failure.actual}`,
      })
    );
    assertEquals(failures, [], `${path}:\n${failures.join("\n")}`);
    assertEquals(report.unknowns, []);
    const again = await runScenario(readScenario(file));
    assertEquals(again.report.stacks, report.stacks);
    assertEquals(JSON.stringify(again.report), JSON.stringify(report));
  });
}

Deno.test("library: every entry has an id, sources, a setup and a page", () => {
  const files = findScenarios([LIBRARY])
    .filter((file) => !file.startsWith(`${LIBRARY}samples/`));
  const ids = new Set<string>();
  for (const file of files) {
    const { id, refs, description, source } = readScenario(file);
    assert(id !== null && file.includes(`/${id}-`), file);
    assert(refs.length > 0 && description !== null, file);
    const page = source.file.replace(/[^/]+$/, "README.md");
    assert(Deno.readTextFileSync(page).startsWith(`# ${id} `), page);
    ids.add(id);
  }
  assertEquals([...ids].sort(), CATALOGUE);
});

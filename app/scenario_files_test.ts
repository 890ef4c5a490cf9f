import { assertEquals } from "@std/assert";
import { parseScenario } from "../core/scenario/parse_scenario.ts";
import { scenarioFiles } from "./scenario_files.ts";

Deno.test("scenarioFiles() names every file that a run reads", () => {
  const scenario = parseScenario(
    `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: files}
fixtures: cluster
stacks:
  own: [kube-proxy, ./plugins/mine.ts]
  half: {default: cilium, nodes: {n1: {use: other/mod.ts}}}
steps:
  - apply: more.yaml
  - delete: [more.yaml, Pod/default/a]
  - load: {iptables-save: n1.rules}
  - replay: {hubble: flows.jsonl}
`,
    {
      file: "dir/scenario.yaml",
      readFixture: (path) => [{ file: `dir/${path}`, text: "" }],
    },
  );
  assertEquals(scenarioFiles(scenario), [
    "dir/scenario.yaml",
    "dir/cluster",
    "dir/more.yaml",
    "dir/n1.rules",
    "dir/flows.jsonl",
    "dir/plugins",
    "dir/other",
  ]);
});

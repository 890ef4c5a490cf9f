import { assert, assertEquals } from "@std/assert";
import { githubReport } from "../core/report/github.ts";
import { htmlReport } from "../core/report/html.ts";
import { markdownReport } from "../core/report/markdown.ts";
import type { ReportModel } from "../core/report/report_model.ts";
import { sarifReport } from "../core/report/sarif.ts";
import { parseScenario } from "../core/scenario/parse_scenario.ts";
import { recordingModel, reportModel } from "./report_model.ts";
import { runScenario } from "./run.ts";

const MANIFESTS = `
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.11}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.10}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.20, selector: {app: web}, ports: [{port: 80}]}
`;

const SCENARIO = `
apiVersion: plumbline/v1
kind: Scenario
metadata: {name: web}
stacks: {kube-proxy: {use: kube-proxy}, bare: {use: gateway-api}}
fixtures: [web.yaml]
steps:
- name: ask
  send: {from: pod/default/client, to: "tcp://10.96.0.20:80"}
`;

const FORMATS: readonly ((report: ReportModel) => string)[] = [
  sarifReport,
  githubReport,
  markdownReport,
  htmlReport,
];

function scenario() {
  return parseScenario(SCENARIO, {
    file: "web.scenario.yaml",
    readFixture: (file) => [{ file, text: MANIFESTS }],
  });
}

Deno.test("reportModel() has each divergence at its step, with both journeys", async () => {
  const { sections, title } = reportModel([await runScenario(scenario())]);
  assertEquals(title, "1 scenario");
  const [section] = sections;
  assertEquals([section!.status, section!.failures.length], ["failed", 0]);
  const [one] = section!.causes;
  assertEquals([one!.expected, one!.step, one!.at?.line], [false, "ask", 8]);
  assert(one!.journeys!.left.length > 0 && one!.journeys!.right.length > 0);
});

Deno.test("reportModel() gives the same bytes in every format, run after run", async () => {
  const first = reportModel([await runScenario(scenario())]);
  const second = reportModel([await runScenario(scenario())]);
  for (const format of FORMATS) assertEquals(format(first), format(second));
});

Deno.test("recordingModel() has a section for each stack, and shows where a stack belies the recording", async () => {
  const { report } = await runScenario(scenario());
  const { divergence } = report.divergences[0]!;
  const model = recordingModel({
    flows: 4,
    baseline: "kube-proxy",
    comparisons: [{
      stack: "bare",
      changed: 3,
      causes: [{
        key: "verdict | a | b",
        fields: ["verdict"],
        leftRule: "a",
        rightRule: "b",
        class: "implementation-defined",
        count: 3,
        witness: divergence,
      }],
    }],
    disagreements: [{
      stack: "kube-proxy",
      recorded: "dropped",
      simulated: "forwarded",
      count: 1,
      first: { flow: divergence.flow, at: "flows.jsonl:7:1" },
    }],
    unknowns: [{ stack: "bare", reason: "not modelled", count: 1 }],
  }, { file: "flows.jsonl", warnings: ["flows.jsonl: 1 line makes no sense"] });
  const [section] = model.sections;
  assertEquals(section!.name, "kube-proxy to bare");
  assertEquals(section!.failures[0]?.at?.line, 7);
  assertEquals(
    githubReport(model).split("\n").map((line) => line.split(" ")[0]),
    ["::warning", "::notice", "::notice", "::notice"],
  );
  for (const format of FORMATS) assert(format(model).length > 0);
});

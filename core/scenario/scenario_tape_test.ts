import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../errors.ts";
import { parseScenario } from "./parse_scenario.ts";
import { scenarioTape, type TimedFlow } from "./scenario_tape.ts";
import { flowIntent } from "../replay/testing.ts";

const CLUSTER = `apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.0.1.0/24]}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.5}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c}]}
`;

function tapeOf(
  steps: string,
  recordings?: ReadonlyMap<string, readonly TimedFlow[]>,
) {
  const text = `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: tape}
fixtures: cluster.yaml
records: {a.example: 203.0.113.9, b.example: {alias: a.example}}
vars: {label: late}
steps:
${steps}`;
  const scenario = parseScenario(text, {
    file: "s.yaml",
    readFixture: (path) =>
      path === "cluster.yaml" ? [{ file: path, text: CLUSTER }] : null,
  });
  return scenarioTape(scenario, recordings === undefined ? {} : { recordings });
}

function messagesOf(steps: string): string[] {
  return assertThrows(() => tapeOf(steps), InputError).problems.map((problem) =>
    `${problem.at.file}:${problem.at.line}:${problem.at.column} ${problem.message}` +
    (problem.didYouMean === undefined ? "" : ` / ${problem.didYouMean}?`)
  );
}

Deno.test("scenarioTape() names flows after their step and places them in time", () => {
  const { tape, stepOf } = tapeOf(`
  - {name: one, send: {from: pod/default/web, to: "tcp://10.0.1.9:80"}}
  - name: many
    at: 5s
    send: {from: node/n1, to: "udp://10.0.1.9:53", count: 3, every: 10ms}`);
  const flows = tape.filter((event) => event.type === "flow.opened")
    .map(({ data, timeNs }) => [data.flow.id, timeNs / 1e6]);
  assertEquals(flows, [
    ["one", 0],
    ["many #1", 5_000],
    ["many #2", 5_010],
    ["many #3", 5_020],
  ]);
  assertEquals(stepOf.get("many #2")?.name, "many");
});

Deno.test("scenarioTape() begins with records and fixtures", () => {
  const { tape } = tapeOf("  []");
  const types = new Set(tape.map(({ type }) => type));
  assert(types.has("record.applied") && types.has("pod.applied"));
  assert(tape.every(({ timeNs }) => timeNs === 0));
});

Deno.test("scenarioTape() finds the first pod of a workload", () => {
  const { tape } = tapeOf(
    `  - send: {from: deploy/default/api, to: "tcp://10.0.1.9:80"}`,
  );
  const flow = tape.find((event) => event.type === "flow.opened");
  assert(flow?.type === "flow.opened" && flow.data.flow.from.kind === "pod");
  assert(flow.data.flow.from.name.startsWith("api-"));
});

Deno.test("scenarioTape() keeps the positions of inline objects", () => {
  const { tape } = tapeOf(`  - apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata:
        name: "deny-\${label}"
        namespace: default
      spec:
        podSelector: {}
        ingress:
          - ports:
              - port: 80`);
  const applied = tape.find((event) => event.type === "policy.applied");
  assert(applied?.type === "policy.applied");
  const { metadata, source } = applied.data.object;
  assertEquals(metadata.name, "deny-late");
  assertEquals([source.file, source.line], ["s.yaml", 9]);
  // A brace of JSON stands where the key stood.
  assertEquals(source.parts?.["spec.ingress.0.ports.0.port"], "18:18");
});

Deno.test("scenarioTape() points into the scenario when an inline object is wrong", () => {
  const error = assertThrows(
    () =>
      tapeOf(`  - apply:
      apiVersion: v1
      kind: Pod
      metadata: {name: a}
      spec: {nodeName: n1, containers: 5}`),
    InputError,
  );
  const [problem] = error.problems;
  assertEquals(problem?.at.line, 12);
  assertEquals(problem?.excerpt, "      spec: {nodeName: n1, containers: 5}");
});

Deno.test("scenarioTape() deletes by name and by file", () => {
  const { tape } = tapeOf(`
  - delete: [po/default/web, deploy/default/api]
  - apply: {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: a}, spec: {}}
  - delete: ciliumnetworkpolicy/default/a
  - delete: {kind: Node, name: n1}`);
  const deleted = tape.filter(({ type }) => type.endsWith(".deleted"))
    .map(({ type }) => type);
  assertEquals(deleted, [
    "pod.deleted",
    "pod.deleted",
    "pod.deleted",
    "policy.deleted",
    "node.deleted",
  ]);
});

Deno.test("scenarioTape() says who is not there by then", () => {
  assertEquals(
    messagesOf(`
  - send: {from: pod/default/wbe, to: "tcp://10.0.1.9:80"}
  - send: {from: node/n2, to: "tcp://10.0.1.9:80"}
  - send: {from: deploy/default/apu, to: "tcp://10.0.1.9:80"}
  - send: {from: ip/203.0.113.9, via: n3, to: "tcp://10.0.1.9:80"}
  - delete: podd/default/web
  - delete: pod/default/gone`).map((message) => message.split(": ")[0]),
    [
      "s.yaml:9:5 Cannot send from pod default/wbe",
      "s.yaml:10:5 Cannot send by node n2",
      "s.yaml:11:5 Cannot send from Deployment default/apu",
      "s.yaml:12:5 Cannot send by node n3",
      "s.yaml:13:5 Cannot delete podd web",
      "s.yaml:14:5 Cannot read Pod default/gone",
    ],
  );
});

Deno.test("scenarioTape() knows pods from the step on that brings them", () => {
  const late = `
  - send: {from: pod/default/late, to: "tcp://10.0.1.9:80"}
  - apply: {apiVersion: v1, kind: Pod, metadata: {name: late}, spec: {nodeName: n1, containers: [{name: c}]}}
  - send: {from: pod/default/late, to: "tcp://10.0.1.9:80"}`;
  assertEquals(messagesOf(late).length, 1);
});

Deno.test("scenarioTape() takes recorded flows in at the time of their step", () => {
  const flow = flowIntent({ from: "pod/default/web", to: "tcp://10.0.1.9:80" });
  const { tape } = tapeOf(
    `  - {name: yesterday, at: 60s, replay: {hubble: flows.jsonl}}`,
    new Map([["yesterday", [
      { flow: { ...flow, id: "hubble 1" }, timeNs: 0 },
      { flow: { ...flow, id: "hubble 2" }, timeNs: 5_000_000 },
    ]]]),
  );
  const flows = tape.filter((event) => event.type === "flow.opened");
  assertEquals(flows.map(({ data, timeNs }) => [data.flow.id, timeNs]), [
    ["yesterday #1", 60_000_000_000],
    ["yesterday #2", 60_005_000_000],
  ]);
});

Deno.test("scenarioTape() loads dumps, and keeps no key of a tunnel", () => {
  const secret = `${"k".repeat(43)}=`;
  const dump = `wg0\t${secret}\tcHVi\t51820\toff\n` +
    `wg0\tcHVi\t${secret}\t192.0.2.7:51820\t10.0.1.0/24\t0\t0\t0\toff\n`;
  const text = `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: dumps}
steps:
  - load: {wg-dump: n1.wg, node: n1}
  - load: {iptables-save: n1.rules}
  - load: {ipset-save: n1.sets}`;
  const scenario = parseScenario(text, {
    file: "s.yaml",
    readFixture: (file) => [{ file, text: file === "n1.wg" ? dump : "#" }],
  });
  const { tape } = scenarioTape(scenario);
  const dumps = tape.flatMap((event) =>
    event.type === "dump.loaded" ? [event.data] : []
  );
  assertEquals(dumps.map(({ format, node }) => [format, node]), [
    ["wg-dump", "n1"],
    ["iptables-save", null],
    ["ipset-save", null],
  ]);
  assertEquals(JSON.stringify(tape).includes(secret), false);
  assert(dumps[0]!.text.includes("10.0.1.0/24"));
});

Deno.test("scenarioTape() tells the dumps of a directory by how they begin", () => {
  const files = [
    { file: "n1/lb.json", text: '{"10.96.0.1:80/TCP (0)": []}' },
    { file: "n1/rules.txt", text: "*nat\nCOMMIT\n" },
  ];
  const load = (more: readonly { file: string; text: string }[]) =>
    scenarioTape(parseScenario(
      `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: dumps}
steps:
  - load: {dump: n1/, node: n1}`,
      { file: "s.yaml", readFixture: () => [...files, ...more] },
    ));
  const formats = load([]).tape.flatMap((event) =>
    event.type === "dump.loaded" ? [event.data.format] : []
  );
  assertEquals(formats, ["cilium-bpf-lb", "iptables-save"]);
  const error = assertThrows(
    () => load([{ file: "n1/what.json", text: "{}" }]),
    InputError,
  );
  assertEquals(error.problems.map(({ at }) => at.file), ["n1/what.json"]);
});

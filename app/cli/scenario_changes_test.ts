import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { scenarioTape } from "../../core/scenario/scenario_tape.ts";
import { openStack, replayTape } from "../open_stack.ts";
import { readScenario } from "../read_scenario.ts";
import { withFiles } from "./_fixtures.ts";
import { scenario } from "./scenario.ts";

/** A Service comes and goes between two requests; what is expected of its coming. */
function coming(expect: string): string {
  return `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: coming, id: X01}
fixtures: nodes.yaml
stacks:
  iptables: {use: kube-proxy, clusterCIDR: 10.0.0.0/16}
  nftables: {use: kube-proxy, mode: nftables, clusterCIDR: 10.0.0.0/16}
  mesh: {use: istio}
steps:
  - {name: before, send: {from: pod/default/a, to: "tcp://10.0.1.6:80"}}
  - name: the Service comes
    apply:
      apiVersion: v1
      kind: Service
      metadata: {name: b, namespace: default}
      spec: {clusterIP: 10.96.0.1, selector: {app: b}, ports: [{port: 80}]}
    expect: ${expect}
  - {name: after, send: {from: pod/default/a, to: "tcp://10.0.1.6:80"}}
  - {name: the Service goes, delete: Service/default/b}
`;
}

const EXPECTED =
  "{iptables: {written: {rules: 14}, full: {rules: 14}}, nftables: {written: {rules: 4, elements: <=2}}}";

Deno.test("scenario() says what a change writes on a node, of what a full sync would", async () => {
  const files = { "scenario.yaml": coming(EXPECTED) };
  await withFiles(files, async (directory) => {
    const { output, exit } = await scenario([directory]);
    assertEquals(exit, 0, output);
    assertStringIncludes(
      output,
      "     X01 COST the Service comes  iptables=14/14 rules  nftables=4/26 rules + 2/3 elements\n" +
        "     X01 COST the Service goes  iptables=9/9 rules  nftables=2/2 elements\n",
    );
    const { scenarios } = JSON.parse(
      (await scenario([directory, "--json"])).output,
    );
    const [{ step, stacks }] = scenarios[0].changes;
    assertEquals(step, "the Service comes");
    assertEquals(stacks[1], {
      stack: "nftables",
      sync: {
        nodes: 1,
        node: "n1",
        written: { rules: 4, elements: 2 },
        full: { rules: 26, elements: 3 },
        total: { rules: 4, elements: 2 },
        silent: [],
      },
    });
    assertEquals(stacks[2], { stack: "mesh", sync: null });
  });
});

Deno.test("scenario() fails when a change writes something else than was expected, and --update writes it down", async () => {
  const wrong = coming(
    "{iptables: {written: {rules: 3}}, mesh: {full: {rules: 1}}}",
  );
  await withFiles({ "scenario.yaml": wrong }, async (directory) => {
    const { output, exit } = await scenario([directory]);
    assertEquals(exit, 1);
    assertStringIncludes(
      output,
      "iptables: written.rules: expected 3, got 14",
    );
    assertStringIncludes(
      output,
      "mesh: full.rules: expected 1, got not said by the stack",
    );
    const junit = (await scenario([directory, "-o", "junit"])).output;
    assertStringIncludes(junit, "written.rules: expected 3, got 14");
    await scenario([directory, "--update"]);
    const text = Deno.readTextFileSync(`${directory}/scenario.yaml`);
    assertStringIncludes(text, "{iptables: {written: {rules: 14}}");
  });
});

Deno.test("scenario() takes no expectation of flows where nothing is sent, and none of writes where nothing changes", async () => {
  const flows = coming("{iptables: {verdict: drop}}")
    .replace(
      '"tcp://10.0.1.6:80"}}',
      '"tcp://10.0.1.6:80"}, expect: {all: {written: {rules: 1}}}}',
    );
  await withFiles({ "scenario.yaml": flows }, async (directory) => {
    const { problems } = await assertRejects(
      () => scenario([directory]),
      InputError,
    );
    assertEquals(problems.map(({ message }) => message), [
      "Cannot read steps[0].expect.all.written: the step changes nothing",
      "Cannot read steps[1].expect.iptables.verdict: the step sends no traffic",
    ]);
  });
});

Deno.test("replayTape() gives the same outcomes whether or not it is asked about changes", async () => {
  await withFiles({ "scenario.yaml": coming(EXPECTED) }, async (directory) => {
    const read = readScenario(`${directory}/scenario.yaml`);
    const { tape, changes } = scenarioTape(read);
    const hashOf = async (asked: typeof changes) => {
      const stack = await openStack(read.stacks![0]!);
      await using run = await stack.start({ seed: 1, trace: "outcome" });
      return (await replayTape(run, tape, asked)).hash;
    };
    assertEquals(await hashOf(changes), await hashOf([]));
  });
});

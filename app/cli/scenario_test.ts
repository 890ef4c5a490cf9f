import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { ANSI } from "../../core/report/palette.ts";
import { UsageError } from "./_exit.ts";
import { differing, withFiles } from "./_fixtures.ts";
import { scenario } from "./scenario.ts";

const LISTED = "divergences: [{id: D99, class: specified}]";

Deno.test("scenario() exits with 0 when all differences are expected", async () => {
  await withFiles({ "scenario.yaml": differing(LISTED) }, async (directory) => {
    const { output, exit } = await scenario([directory]);
    assertEquals(exit, 0);
    assertMatch(
      output,
      /^ok {3}D99 one {2}1 flow x 2 stacks, 1 differ as expected\n {5}D99 DIFF pod\/default\/a -> tcp:\/\/10.0.1.6:80 {2}kube-proxy=FORWARDED\(10.0.1.6:80\)\s+cilium=DROPPED\(.*\)\s+hop \d+\/\d+\n/,
    );
    assertStringIncludes(output, "1 scenario: 1 passed; 2 outcomes");
  });
});

Deno.test("scenario() exits with 1 when one is not, and shows it first", async () => {
  const files = {
    "a.scenario.yaml": differing(LISTED).replace("name: one", "name: fine"),
    "b.scenario.yaml": differing("").replace("name: one", "name: broken"),
  };
  await withFiles(files, async (directory) => {
    const { output, exit } = await scenario([directory]);
    assertEquals(exit, 1);
    const [first, second, third] = output.split("\n");
    assertStringIncludes(first!, "FAIL D99 broken");
    assertStringIncludes(second!, "b.scenario.yaml:7:5  ask");
    assertStringIncludes(
      third!,
      "cilium: unexpected difference in verdict: expected forwarded, got dropped",
    );
    assertStringIncludes(output, "NEW DIFF pod/default/a");
    assertStringIncludes(output, "b.scenario.yaml --detailed");
  });
});

Deno.test("scenario() exits with 1 on any difference when asked to", async () => {
  await withFiles({ "scenario.yaml": differing(LISTED) }, async (directory) => {
    const { exit } = await scenario([directory, "--fail-on", "any"]);
    assertEquals(exit, 1);
  });
});

Deno.test("scenario() exits with 4 when only unknowns are left and they count", async () => {
  const unknown = `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: unknowing}
fixtures: nodes.yaml
stacks: {kube-proxy: {use: kube-proxy}}
steps:
  - {send: {from: pod/default/a, to: "tcp://no-record.example.com:80"}}`;
  await withFiles({ "scenario.yaml": unknown }, async (directory) => {
    assertEquals((await scenario([directory])).exit, 0);
    const { output, exit } = await scenario([
      directory,
      "--fail-on",
      "unknown",
    ]);
    assertEquals(exit, 4, output);
    assertStringIncludes(output, "1 unknown");
  });
});

Deno.test("scenario() reports what is wrong with any of the files in one go", async () => {
  const files = {
    "a.scenario.yaml": "stpes: []",
    "b.scenario.yaml": differing("").replace("fixtures", "fixtrues"),
  };
  await withFiles(files, async (directory) => {
    const error = await assertRejects(() => scenario([directory]), InputError);
    const messages = error.problems.map(({ at, message }) =>
      `${at.file.slice(directory.length + 1)}:${at.line} ${message}`
    );
    assert(
      messages.includes(
        "a.scenario.yaml:1 Cannot read stpes: there is no such key",
      ),
    );
    assert(
      messages.includes(
        "b.scenario.yaml:4 Cannot read fixtrues: there is no such key",
      ),
    );
  });
});

Deno.test("scenario() says where an option of a stack is wrong", async () => {
  const wrong = differing(LISTED).replace(
    "use: kube-proxy",
    "use: kube-proxy, clusterCDIR: 1",
  );
  await withFiles({ "scenario.yaml": wrong }, async (directory) => {
    const error = await assertRejects(() => scenario([directory]), InputError);
    const [problem] = error.problems;
    assertEquals(problem?.didYouMean, "clusterCIDR");
    assertEquals([problem?.at.line, problem?.at.column], [5, 40]);
    assertStringIncludes(problem?.excerpt ?? "", "clusterCDIR");
  });
});

Deno.test("scenario() prints JSON that holds reports, with the same bytes every time", async () => {
  await withFiles({ "scenario.yaml": differing(LISTED) }, async (directory) => {
    const { output } = await scenario([directory, "--json"]);
    assertEquals(output, (await scenario([directory, "-o", "json"])).output);
    const { summary, scenarios } = JSON.parse(output);
    assertEquals(summary, {
      scenarios: 1,
      passed: 1,
      failed: 0,
      notRun: 0,
      flows: 2,
      expected: 1,
      unexpected: 0,
      unknown: 0,
    });
    const [report] = scenarios;
    assertEquals(report.id, "D99");
    assertEquals(report.status, "passed");
    assertMatch(report.stacks[0].hash, /^[0-9a-f]{64}$/);
    assertEquals(report.divergences[0].class, "specified");
    assertEquals(
      report.divergences[0].divergence.right.outcome.verdict,
      "dropped",
    );
    const lines = (await scenario([directory, "-o", "ndjson"])).output;
    assertEquals(JSON.parse(lines), report);
  });
});

Deno.test("scenario() prints JUnit with a case for each step", async () => {
  await withFiles({ "scenario.yaml": differing("") }, async (directory) => {
    const { output } = await scenario([directory, "-o", "junit"]);
    assertStringIncludes(
      output,
      '<testsuite name="one" tests="1" failures="1"',
    );
    assertStringIncludes(output, 'name="ask"');
    assertStringIncludes(output, "verdict: expected forwarded, got dropped");
  });
});

Deno.test("scenario() takes other stacks and another seed", async () => {
  await withFiles({ "scenario.yaml": differing(LISTED) }, async (directory) => {
    const { output, exit } = await scenario([
      directory,
      "--stack",
      "cilium,istio",
      "--seed=7",
      "--json",
      "--fail-on=unexpected",
    ]);
    const [report] = JSON.parse(output).scenarios;
    assertEquals(report.seed, 7);
    assertEquals(report.baseline, "cilium");
    assertEquals(report.stacks.map(({ name }: { name: string }) => name), [
      "cilium",
      "istio",
    ]);
    assertEquals(exit, 0);
  });
});

Deno.test("scenario() replays a recording beside it, filtered and limited", async () => {
  const line = (port: number, index: number) => {
    const time = `2026-01-01T00:00:0${index}Z`;
    return JSON.stringify({
      flow: {
        time,
        verdict: "FORWARDED",
        IP: { source: "10.0.1.5", destination: "10.0.1.6", ipVersion: "IPv4" },
        l4: {
          TCP: {
            source_port: 40_000 + index,
            destination_port: port,
            flags: { SYN: true },
          },
        },
        source: { namespace: "default", pod_name: "a" },
        destination: { namespace: "default", pod_name: "b" },
        is_reply: false,
      },
      node_name: "n1",
      time,
    });
  };
  const replaying = (expect: string) =>
    `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: recorded}
fixtures: nodes.yaml
stacks: {kube-proxy: kube-proxy, cilium: cilium}
steps:
  - name: yesterday
    replay: {hubble: flows.jsonl, where: "dst.port in [80,81]", limit: 2}
    expect: {${expect}, unknown: {max: 1%}}`;
  const files = {
    "flows.jsonl": [80, 99, 81, 80].map(line).join("\n"),
    "a.scenario.yaml": replaying("parity: {on: [status]}"),
    "b.scenario.yaml": replaying("parity: {on: [verdict]}"),
  };
  await withFiles(files, async (directory) => {
    const { output, exit } = await scenario([directory, "--json"]);
    assertEquals(exit, 1);
    const [agreeing, differing] = JSON.parse(output).scenarios;
    assertEquals([agreeing.status, agreeing.flows], ["passed", 2]);
    assertEquals(differing.failures.length, 1);
    const [{ kind, field, flow, count }] = differing.failures;
    assertEquals([kind, field, flow, count], [
      "parity",
      "verdict",
      "yesterday #1",
      2,
    ]);
  });
});

Deno.test("scenario() does not run what needs files that are not there", async () => {
  const needy = `needs: ../no/such/place\n${differing("")}`;
  await withFiles({ "scenario.yaml": needy }, async (directory) => {
    const { output, exit } = await scenario([directory]);
    assertEquals(exit, 0);
    assertStringIncludes(output, "one  not run: ../no/such/place is missing");
    const junit = await scenario([directory, "-o", "junit"]);
    assertStringIncludes(junit.output, "<skipped");
  });
});

Deno.test("scenario() colours for a terminal, and shows journeys when asked to", async () => {
  await withFiles({ "scenario.yaml": differing(LISTED) }, async (directory) => {
    const plain = await scenario([directory, "--detailed"]);
    assertEquals(plain.output.includes("\x1b"), false);
    assertStringIncludes(plain.output, "delivered");
    const { output } = await scenario([directory], { palette: ANSI });
    assertStringIncludes(output, "\x1b[32mok");
    const summary = await scenario([directory, "--summary"]);
    assertEquals(summary.output.includes("DIFF"), false);
  });
});

Deno.test("scenario() shows no control characters of an input", async () => {
  const hostile = differing("").replace("name: ask", 'name: "ask\\u001b[2Jme"');
  await withFiles({ "scenario.yaml": hostile }, async (directory) => {
    const { output } = await scenario([directory]);
    assertEquals(output.includes("\x1b"), false);
    assertStringIncludes(output, "ask\\u001b[2Jme");
  });
});

Deno.test("scenario() explains itself and says what is nearest to a slip", async () => {
  const { output, exit } = await scenario(["--help"]);
  assertEquals(exit, 0);
  assertStringIncludes(output, "Examples:");
  const slips: [string[], string][] = [
    [["--stak", "a"], "did you mean --stack?"],
    [["-o", "jsn"], "did you mean json?"],
    [["--fail-on", "unknwon"], "did you mean unknown?"],
    [["--seed", "x"], "--seed is a whole number"],
    [
      ["--only", "D98", "scenarios/D05-lb-source-ranges-in-cluster"],
      "there is no scenario D98",
    ],
  ];
  for (const [args, message] of slips) {
    const error = await assertRejects(() => scenario(args), UsageError);
    assertStringIncludes(error.message, message);
  }
  await assertRejects(
    () => scenario(["no/such/path"]),
    InputError,
    "no/such/path",
  );
});

Deno.test("scenario() counts what no stack reads, and says once what has no effect", async () => {
  const unread = `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: unread}
fixtures: [nodes.yaml, more.yaml]
stacks: {cilium: {use: cilium, values: {bgpControlPlane: {enabled: true}}}}
steps:
  - {send: {from: pod/default/b, to: "tcp://10.0.1.5:80"}}`;
  const more = ["a", "b"].map((name) =>
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec: {hosts: [b]}`
  ).join("\n---\n");
  const files = { "scenario.yaml": unread, "more.yaml": more };
  await withFiles(files, async (directory) => {
    const { output, notes } = await scenario([directory]);
    assertStringIncludes(output, "not read by any stack: VirtualService 2");
    assertEquals(notes, [
      "note: cilium: values.bgpControlPlane is not modelled",
    ]);
    const json = await scenario([directory, "--json"]);
    assertEquals(json.notes, []);
    const [report] = JSON.parse(json.output).scenarios;
    assertEquals(report.unread, { VirtualService: 2 });
    assertEquals(report.warnings.length, 1);
    const mesh = await scenario([directory, "--stack", "cilium+istio"]);
    assertEquals(mesh.output.includes("not read"), false);
  });
});

Deno.test("scenario() writes every format of a report", async () => {
  await withFiles({ "scenario.yaml": differing("") }, async (directory) => {
    const starts = {
      sarif: "{",
      github: "::",
      md: "#",
      html: "<!doctype html>",
    };
    for (const [format, start] of Object.entries(starts)) {
      const { output, exit } = await scenario([directory, "-o", format]);
      assertEquals(exit, 1);
      assertEquals(output.slice(0, start.length).toLowerCase(), start, format);
    }
  });
});

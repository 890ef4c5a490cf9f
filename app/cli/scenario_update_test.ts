import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "./_exit.ts";
import { withFiles } from "./_fixtures.ts";
import { scenario } from "./scenario.ts";

const HEAD = `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: one, id: D99}
fixtures: nodes.yaml
vars: {said: forwarded}
stacks: {kube-proxy: kube-proxy, cilium: cilium}
divergences: [{id: D99}]
steps:
`;

/** Updates a scenario with these steps; gives the steps after that, what was said, and the exit status. */
async function update(steps: string): Promise<[string, string[], number]> {
  let updated: [string, string[], number] = ["", [], -1];
  await withFiles({ "scenario.yaml": HEAD + steps }, async (directory) => {
    const file = `${directory}/scenario.yaml`;
    const { output, exit } = await scenario([file, "--update"]);
    const text = Deno.readTextFileSync(file);
    assertEquals(text.startsWith(HEAD), true);
    const said = output.split("\n")
      .filter((line) => /^(updated|left) /.test(line))
      .map((line) => line.replace(`${directory}/`, ""));
    updated = [text.slice(HEAD.length), said, exit];
  });
  return updated;
}

Deno.test("scenario() writes what came out over what was expected, and nothing else", async () => {
  const [steps, said, exit] = await update(`
  # who asks
  - name:   ask
    send: { from: pod/default/a,   to: "tcp://10.0.1.6:80" }
    expect:
      # as of today
      cilium: {verdict: forward,  reason: "none" , encryption: wireguard}   # sic
      kube-proxy:
        backend: 10.0.1.7:80 # another
        reply: false
`);
  assertEquals(
    steps,
    `
  # who asks
  - name:   ask
    send: { from: pod/default/a,   to: "tcp://10.0.1.6:80" }
    expect:
      # as of today
      cilium: {verdict: drop,  reason: POLICY_DENIED , encryption: []}   # sic
      kube-proxy:
        backend: 10.0.1.6:80 # another
        reply: true
`,
  );
  assertEquals(exit, 0);
  assertEquals(said, [
    "updated scenario.yaml:15:7  steps[0].expect.cilium.verdict: forward -> drop",
    'updated scenario.yaml:15:7  steps[0].expect.cilium.reason: "none" -> POLICY_DENIED',
    "updated scenario.yaml:15:7  steps[0].expect.cilium.encryption: wireguard -> []",
    "updated scenario.yaml:16:7  steps[0].expect.kube-proxy.backend: 10.0.1.7:80 -> 10.0.1.6:80",
    "updated scenario.yaml:16:7  steps[0].expect.kube-proxy.reply: false -> true",
  ]);
});

Deno.test("scenario() leaves patterns, vars, and what is said of several stacks to their author", async () => {
  const steps = `
  - name: ask
    send: {from: pod/default/a, to: "tcp://10.0.1.6:80"}
    expect:
      all: {verdict: forwarded}
      cilium: {rule: "KUBE-*", reason: "\${said}", status: 200}
`;
  const [after, said, exit] = await update(steps);
  assertEquals([after, exit], [steps, 1]);
  assertEquals(said.map((line) => line.replace(/^.*expect\./, "")), [
    "all.verdict: it is said of all stacks, and some are as it says",
    "cilium.reason: its text is shared, made up of vars, or a block",
    "cilium.rule: KUBE-* is a pattern",
    "cilium.status: there is no HTTP answer any more",
  ]);
});

Deno.test("scenario() updates what is said of all stacks when all agree", async () => {
  const [steps, said] = await update(`
  - name: ask
    send: {from: pod/default/b, to: "tcp://10.0.1.5:80"}
    expect: {all: {verdict: dropped}}
`);
  assertStringIncludes(steps, "expect: {all: {verdict: forwarded}}");
  assertEquals(said.length, 1);
});

Deno.test("scenario() does not update and watch at once", async () => {
  await assertRejects(
    () => scenario(["--update", "--watch"]),
    UsageError,
    "--watch",
  );
});

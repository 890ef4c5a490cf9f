import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { readFileLog } from "../store/file_log.ts";
import { withFiles } from "./_fixtures.ts";
import { scenario } from "./scenario.ts";

/** A plugin that drops what goes to one port, as its options say, or does worse. */
const PLUGIN = `import { definePlugin } from "plumbline";
export default definePlugin({
  manifest: {
    name: "no-port", version: "1.2.3", apiVersion: "v1", consumes: [],
    kinds: [], hooks: { check: { hook: "from-pod", priority: 0 } },
    scope: "flow", models: [],
  },
  options: {
    "~standard": {
      version: 1, vendor: "test",
      validate: (value) => typeof value.port === "number"
        ? { value } : { issues: [{ message: "port is a number" }] },
    },
  },
  initialState: () => null,
  evolve: (state) => state,
  compile: (state, cluster, { port }) => port,
  attach: (port) => ({
    check: ({ destinationPort }) => {
      if (destinationPort === 13) throw new Error("thirteen");
      return destinationPort === port
        ? { kind: "drop", reason: "NO_PORT", rule: { name: "no port " + port } }
        : undefined;
    },
  }),
});
`;

/** The bundler keeps a process of its own that ends some time after it is told to. */
const LEAVES_A_PROCESS = { sanitizeOps: false, sanitizeResources: false };

function files(
  stacks: string,
  { port = 80, path = "plugins/no_port.ts" } = {},
) {
  return {
    "sub/scenario.yaml": `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: own}
fixtures: ../nodes.yaml
stacks: ${stacks}
steps:
  - name: ask
    send: {from: pod/default/a, to: "tcp://10.0.1.6:${port}"}
    expect: {mine: {verdict: drop, reason: NO_PORT, rule: no port 80}}
`,
    [`sub/${path}`]: PLUGIN,
  };
}

async function problemsOf(directory: string): Promise<string[]> {
  const error = await assertRejects(
    () => scenario([`${directory}/sub/scenario.yaml`]),
    InputError,
  );
  assert(error.problems.every(({ excerpt }) => excerpt !== undefined));
  return error.problems.map(({ at, message }) =>
    `${at.line}:${at.column} ${message}`
  );
}

const MINE = "{mine: [kube-proxy, {use: ./plugins/no_port.ts, port: 80}]}";

Deno.test(
  "scenario() runs a plugin by its path beside ours, and names its bundle in the log",
  LEAVES_A_PROCESS,
  async () => {
    await withFiles(files(MINE), async (directory) => {
      const runs = `${directory}/runs`;
      const file = `${directory}/sub/scenario.yaml`;
      const { output, exit } = await scenario([file, "--record", runs]);
      assertEquals(exit, 0, output);
      const [name] = [...Deno.readDirSync(runs)].map(({ name }) => name)
        .filter((name) => name.endsWith(".dplog"));
      using log = readFileLog(`${runs}/${name}`);
      const plugins = log.header["plugins"] as { name: string }[];
      assertEquals(plugins.map(({ name }) => name), ["iptables", "no-port"]);
      assert(/"sha256":"[0-9a-f]{64}"/.test(JSON.stringify(plugins[1])));
    });
  },
);

Deno.test(
  "scenario() gives single nodes plugins by path",
  LEAVES_A_PROCESS,
  async () => {
    const stacks =
      "{mine: {default: kube-proxy, nodes: {n1: [{use: plugins/no_port.ts, port: 80}]}}}";
    await withFiles(files(stacks), async (directory) => {
      const { output, exit } = await scenario([
        `${directory}/sub/scenario.yaml`,
      ]);
      assertEquals(exit, 0, output);
    });
  },
);

Deno.test(
  "scenario() takes plugins by path on the command line, joined to a preset",
  LEAVES_A_PROCESS,
  async () => {
    const given = files("{mine: kube-proxy}");
    const easy = given["sub/plugins/no_port.ts"]!
      .replace('typeof value.port === "number"', "true")
      .replace(
        "compile: (state, cluster, { port }) => port",
        "compile: () => 80",
      );
    await withFiles(
      { ...given, "sub/plugins/no_port.ts": easy },
      async (directory) => {
        const { output, exit } = await scenario([
          `${directory}/sub/scenario.yaml`,
          "--stack",
          `kube-proxy,kube-proxy+${directory}/sub/plugins/no_port.ts`,
          "--json",
        ]);
        assertEquals(exit, 1);
        const [{ divergences }] = JSON.parse(output).scenarios;
        assertEquals(divergences.length, 1);
        assertStringIncludes(output, "no port 80");
      },
    );
  },
);

Deno.test(
  "scenario() says whose plugin failed, and where it is used",
  LEAVES_A_PROCESS,
  async () => {
    await withFiles(files(MINE, { port: 13 }), async (directory) => {
      assertEquals(await problemsOf(directory), [
        "5:30 Cannot run plugin ./plugins/no_port.ts: thirteen",
      ]);
    });
    const unset = MINE.replace(", port: 80", "");
    await withFiles(files(unset), async (directory) => {
      assertEquals(await problemsOf(directory), [
        "5:30 Cannot run plugin ./plugins/no_port.ts: cannot use no-port: port is a number",
      ]);
    });
  },
);

Deno.test("scenario() opens no plugin outside of the scenario's directory", async () => {
  for (
    const path of ["/etc/hostname.ts", "../../../../etc/passwd", "../x.ts"]
  ) {
    const stacks = `{mine: [kube-proxy, {use: "${path}", port: 80}]}`;
    const given = { ...files(stacks), "x.ts": "export default 1" };
    await withFiles(given, async (directory) => {
      const [problem, ...rest] = await problemsOf(directory);
      assertEquals(rest, []);
      assert(
        /outside of the scenario's directory|no such/.test(problem!),
        problem,
      );
    });
  }
  const link = files("{mine: [./plugins/link.ts]}");
  await withFiles(link, async (directory) => {
    Deno.writeTextFileSync(`${directory}/outside.ts`, "export default 1");
    Deno.symlinkSync(
      `${directory}/outside.ts`,
      `${directory}/sub/plugins/link.ts`,
    );
    const [problem] = await problemsOf(directory);
    assertStringIncludes(problem!, "outside of the scenario's directory");
  });
});

Deno.test(
  "scenario() bundles no file from elsewhere into a plugin",
  LEAVES_A_PROCESS,
  async () => {
    const given = files(MINE);
    const curious = `import secret from "../../secret.json";\n${PLUGIN}`
      .replace('"NO_PORT"', "secret.token");
    const outside = { ...given, "sub/plugins/no_port.ts": curious };
    const all = { ...outside, "secret.json": '{"token": "hidden"}' };
    await withFiles(all, async (directory) => {
      const error = await assertRejects(
        () => scenario([`${directory}/sub/scenario.yaml`]),
        InputError,
      );
      assertStringIncludes(error.message, "none of the plugin's own files");
      assertEquals(error.message.includes("hidden"), false);
      // Below the scenario's own directory it may.
      Deno.renameSync(`${directory}/secret.json`, `${directory}/sub/open.json`);
      Deno.writeTextFileSync(
        `${directory}/sub/plugins/no_port.ts`,
        curious.replace("../../secret.json", "../open.json"),
      );
      const { output } = await scenario([`${directory}/sub/scenario.yaml`]);
      assertStringIncludes(output, "got hidden");
    });
  },
);

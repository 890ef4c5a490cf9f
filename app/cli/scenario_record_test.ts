import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { replayLog } from "../replay_log.ts";
import { Catalog } from "../store/catalog.ts";
import { readFileLog } from "../store/file_log.ts";
import { differing, withFiles } from "./_fixtures.ts";
import { scenario } from "./scenario.ts";

const FILES = {
  "scenario.yaml": differing("divergences: [{id: D99}]"),
};

function logsIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name)
    .filter((name) => name.endsWith(".dplog")).sort()
    .map((name) => `${directory}/${name}`);
}

Deno.test("scenario() keeps a log of each run, whose tape gives the same again", async () => {
  await withFiles(FILES, async (directory) => {
    const runs = `${directory}/runs`;
    const args = [`${directory}/scenario.yaml`, "--record", runs, "--json"];
    const { output, exit } = await scenario(args);
    assertEquals(exit, 0);
    const [{ stacks }] = JSON.parse(output).scenarios;
    const logs = logsIn(runs);
    assertEquals(logs.length, 2);
    for (const [index, path] of logs.entries()) {
      const replayed = await replayLog(path);
      const { name, hash } = stacks
        .find(({ name }: { name: string }) => name === replayed.stack);
      assertEquals([replayed.before, replayed.now], [hash, hash]);
      assertEquals(replayed.otherPlugins, false);
      using log = readFileLog(path);
      assertEquals(log.header["scenario"], "one");
      assertEquals(log.header["seed"], 0);
      assert(/^[0-9a-f]{64}$/.test(`${log.header["scenarioSha256"]}`));
      const [plugin] = log.header["plugins"] as { name: string }[];
      assertEquals(plugin?.name, name === "cilium" ? "ebpf" : "iptables");
      assertEquals(index < 2, true);
    }
    using catalog = await Catalog.open(`${runs}/catalog.kv`);
    const known = await catalog.runs();
    assertEquals(known.map(({ log }) => log).sort(), logs);
    const [written] = await catalog.scenarios("one");
    assertEquals(written?.hash, known[0]?.scenario);
  });
});

Deno.test("scenario() keeps the same run once, and another when the cluster is another", async () => {
  await withFiles(FILES, async (directory) => {
    const runs = `${directory}/runs`;
    const args = [`${directory}/scenario.yaml`, "--record", runs];
    await scenario(args);
    const { exit } = await scenario(args);
    assertEquals([exit, logsIn(runs).length], [0, 2]);
    const nodes = Deno.readTextFileSync(`${directory}/nodes.yaml`);
    const open = nodes.replace("[Ingress]", "[Egress]");
    Deno.writeTextFileSync(`${directory}/nodes.yaml`, open);
    const { output } = await scenario(args);
    assertEquals(output.includes("not deterministic"), false);
    assertEquals(logsIn(runs).length, 4);
  });
});

Deno.test("scenario() fails when the same run gave something else before", async () => {
  await withFiles(FILES, async (directory) => {
    const runs = `${directory}/runs`;
    const args = [`${directory}/scenario.yaml`, "--record", runs];
    await scenario(args);
    {
      using catalog = await Catalog.open(`${runs}/catalog.kv`);
      const [run] = await catalog.runs();
      await catalog.recordRun({ ...run!, digest: "0123456789abcdef0" });
    }
    const { output, exit } = await scenario(args);
    assertEquals(exit, 1);
    assertStringIncludes(
      output,
      "not deterministic: outcomes: expected 0123456789abcdef as the same run before",
    );
    // What it gives now is kept, and is what counts from here on.
    assertEquals((await scenario(args)).exit, 0);
  });
});

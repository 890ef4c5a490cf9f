import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { Catalog, type RunRecord } from "./catalog.ts";

const RUN: RunRecord = {
  id: "a1",
  scenario: "shop",
  stack: "kube-proxy",
  seed: 7,
  digest: "d1",
  events: 12,
  log: ".runs/a1.dplog",
  header: { scenario: "shop", seed: 7 },
};

Deno.test("recordRun() makes runs and outcomes that can be found again", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/catalog.kv`;
    {
      using catalog = await Catalog.open(path);
      assertEquals(await catalog.recordRun(RUN), null);
      await catalog.recordRun({ ...RUN, id: "a2", stack: "ebpf", log: null });
      await catalog.recordRun({ ...RUN, id: "a3", seed: 10 });
      await catalog.recordRun({ ...RUN, id: "b1", scenario: "shop2" });
    }
    using catalog = await Catalog.open(path);
    assertEquals(await catalog.run("a1"), RUN);
    assertEquals(await catalog.run("zz"), null);
    const ids = (await catalog.runs()).map((run) => run.id);
    assertEquals(ids, ["a1", "a2", "a3", "b1"]);
    const outcome = { runId: "a1", digest: "d1" };
    assertEquals(await catalog.outcome(RUN), outcome);
    assertEquals(await catalog.outcome({ ...RUN, seed: 8 }), null);
    const outcomes = await catalog.outcomes("shop");
    assertEquals(
      outcomes.map(({ stack, seed, runId }) => [stack, seed, runId]),
      [["ebpf", 7, "a2"], ["kube-proxy", 7, "a1"], ["kube-proxy", 10, "a3"]],
    );
  });
});

Deno.test("recordRun() tells what the same run gave before", async () => {
  using catalog = await Catalog.open(":memory:");
  await catalog.recordRun(RUN);
  const again = await catalog.recordRun({ ...RUN, digest: "d2" });
  assertEquals(again, { runId: "a1", digest: "d1" });
  assertEquals((await catalog.outcome(RUN))?.digest, "d2");
});

Deno.test("recordScenario() keeps every content of a name", async () => {
  using catalog = await Catalog.open(":memory:");
  const shop = { name: "shop", hash: "h1", path: "scenarios/shop" };
  await catalog.recordScenario(shop);
  await catalog.recordScenario(shop);
  await catalog.recordScenario({ ...shop, hash: "h2" });
  await catalog.recordScenario({ ...shop, name: "bank" });
  assertEquals((await catalog.scenarios()).length, 3);
  const hashes = (await catalog.scenarios("shop")).map(({ hash }) => hash);
  assertEquals(hashes, ["h1", "h2"]);
});

Deno.test("snapshotBefore() finds the nearest one, larger than a value may be", async () => {
  using catalog = await Catalog.open(":memory:");
  const large = Uint8Array.from({ length: 700_001 }, (_, index) => index * 7);
  const small = new Uint8Array([1, 2, 3]);
  const none = new Uint8Array(0);
  const runId = "a1";
  await catalog.recordSnapshot({ runId, position: 20_000, bytes: large });
  await catalog.recordSnapshot({ runId, position: 9_000, bytes: small });
  await catalog.recordSnapshot({ runId, position: 0, bytes: none });
  const found = await catalog.snapshotBefore(runId, 20_000);
  assertEquals(found?.bytes, large);
  const earlier = await catalog.snapshotBefore(runId, 19_999);
  assertEquals(earlier, { runId, position: 9_000, bytes: small });
  const first = await catalog.snapshotBefore(runId, 1);
  assertEquals(first, { runId, position: 0, bytes: none });
  assertEquals(await catalog.snapshotBefore("a2", 99), null);
  const bytes = new Uint8Array(LIMITS.snapshotBytes + 1);
  await assertRejects(
    () => catalog.recordSnapshot({ runId, position: 30_000, bytes }),
    InputError,
    "snapshot at position 30000 is 16777217 bytes long",
  );
});

Deno.test("recordRun() says so when a value is too large", async () => {
  using catalog = await Catalog.open(":memory:");
  const header = { note: "x".repeat(70_000) };
  await assertRejects(
    () => catalog.recordRun({ ...RUN, header }),
    InputError,
    "Cannot use catalog :memory:: Value too large (max 65536 bytes)",
  );
  assertEquals(await catalog.runs(), []);
});

Deno.test("open() says so when it cannot be a catalog", async () => {
  await inFolder(async (folder) => {
    await assertRejects(
      () => Catalog.open(`${folder}/missing/catalog.kv`),
      InputError,
      "unable to open database file",
    );
    const path = `${folder}/notes.txt`;
    Deno.writeTextFileSync(path, "no database\n".repeat(500));
    const error = await assertRejects(() => Catalog.open(path), InputError);
    assertStringIncludes(error.message, "file is not a database");
  });
});

Deno.test("recordRun() waits its turn when two processes write", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/catalog.kv`;
    (await Catalog.open(path)).close();
    const program = new URL(
      "../../tests/_crash/record_runs.ts",
      import.meta.url,
    );
    const outputs = await Promise.all(
      ["a", "b"].map((name) =>
        new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--quiet", program.pathname, path, name, "100"],
        }).output()
      ),
    );
    for (const { stderr } of outputs) {
      assertEquals(new TextDecoder().decode(stderr), "");
    }
    using catalog = await Catalog.open(path);
    assertEquals((await catalog.runs()).length, 200);
  });
});

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = Deno.makeTempDirSync({ prefix: "plumbline-" });
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type {
  CompareAnswer,
  FlowRow,
  JourneysAnswer,
  Run,
  ScenarioInfo,
  Summary,
} from "../app/server/schemas.ts";
import { type Client, ended, withServer } from "./_api.ts";

Deno.test("a run has what a comparison has, and journeys are as they were", async () => {
  await withServer(async (client) => {
    const { scenarios } = await get<{ scenarios: ScenarioInfo[] }>(
      client,
      "/scenarios",
    );
    for (const { id, missing, problems } of scenarios) {
      // What is wrong with a scenario is for the tests of the library.
      if (missing.length + problems.length > 0) continue;
      const body = { scenario: id, trace: "full" };
      const compared = await client.post("/compare", body);
      const started = await client.post("/runs", { scenario: id });
      const run = await ended(client, (await started.json() as Run).id);
      assertEquals(run.failure, null, id);
      await checkSame(client, {
        run,
        compared: await compared.json() as CompareAnswer,
      });
    }
  });
});

async function checkSame(
  client: Client,
  { run, compared }: {
    readonly run: Run;
    readonly compared: CompareAnswer;
  },
): Promise<void> {
  const { id } = run;
  const summary = await get<Summary>(client, `/runs/${id}/summary`);
  assertEquals(summary, compared.summary, run.name);
  assertEquals(
    run.stacks.map(({ hash }) => hash),
    summary.stacks.map(({ hash }) => hash),
  );
  const { items } = await get<{ items: FlowRow[] }>(
    client,
    `/runs/${id}/outcomes?limit=1000`,
  );
  const bare = compared.flows.map((row) => ({
    ...row,
    outcomes: row.outcomes.map(({ hops: _, ...one }) => one),
  }));
  const found = items.map((row) => ({
    ...row,
    outcomes: row.outcomes.map(({ logPosition: _, ...one }) => one),
  }));
  assertEquals(JSON.stringify(found), JSON.stringify(bare));
  for (const { index, outcomes } of compared.flows) {
    const { journeys } = await get<JourneysAnswer>(
      client,
      `/runs/${id}/flows/${index}/journeys`,
    );
    for (const [stack, { hops, outcome }] of outcomes.entries()) {
      const about = `${run.name} ${index} ${stack}`;
      assertEquals(journeys[stack]!.outcome, outcome, about);
      assertEquals(journeys[stack]!.hops, hops, about);
    }
  }
  await checkPositions(client, { run, items });
}

/** The log has each flow where its row says. */
async function checkPositions(
  client: Client,
  { run, items }: { readonly run: Run; readonly items: readonly FlowRow[] },
): Promise<void> {
  for (const { flow, outcomes } of items.slice(0, 3)) {
    for (const { stack, logPosition } of outcomes) {
      const query = `from=${logPosition}&limit=1&stack=${
        encodeURIComponent(stack)
      }`;
      const { events } = await get<{ events: { data: unknown }[] }>(
        client,
        `/runs/${run.id}/log?${query}`,
      );
      assertEquals(events[0]!.data, { flow: { ...flow } });
    }
  }
}

Deno.test("a run that takes more than it may fails, and leaves the others alone", async () => {
  const long = `apiVersion: plumbline/v1
kind: Scenario
metadata: { name: long }
fixtures: [nodes.yaml]
steps:
  - send: { from: node/n1, to: "tcp://172.18.0.3:80", count: 90000 }
`;
  const files = {
    "nodes.yaml": await Deno.readTextFile("scenarios/two-nodes.yaml"),
  };
  const failed = async (
    limits: { readonly wallMs: number; readonly heapMegabytes: number },
  ) => {
    let reason = "";
    await withServer(async (client) => {
      const uploaded = await client.post("/scenarios", {
        scenario: long,
        files,
      });
      const { id } = await uploaded.json() as { id: string };
      const started = await client.post("/runs", { scenario: id });
      const run = await ended(client, (await started.json() as Run).id);
      assertEquals(run.status, "failed");
      reason = run.failure!.reason;
      const D13 = "D13-flannel-never-enforced";
      const other = await client.post("/compare", { scenario: D13 });
      assertEquals(other.status, 200);
      await other.body?.cancel();
    }, { workers: 1, runLimits: { running: 1, ...limits } });
    return reason;
  };
  assertStringIncludes(
    await failed({ wallMs: 1_000, heapMegabytes: 2_048 }),
    "longer than 1 s",
  );
  assertStringIncludes(
    await failed({ wallMs: 60_000, heapMegabytes: 32 }),
    "more than 32 MB",
  );
});

Deno.test("progress comes as it is made", async () => {
  await withServer(async (client) => {
    const nodes = await Deno.readTextFile("scenarios/two-nodes.yaml");
    const uploaded = await client.post("/scenarios", {
      scenario: `apiVersion: plumbline/v1
kind: Scenario
metadata: { name: some }
fixtures: [nodes.yaml]
steps:
  - send: { from: node/n1, to: "tcp://172.18.0.3:80", count: 10000 }
`,
      files: { "nodes.yaml": nodes },
    });
    const { id } = await uploaded.json() as { id: string };
    const started = await client.post("/runs", { scenario: id });
    const run = await started.json() as Run;
    const events = await (await client.ask(`/runs/${run.id}/events`)).text();
    const told = [...events.matchAll(/^data: (.*)$/gm)]
      .map(([, data]) => JSON.parse(data!) as Run);
    const counts = told.map(({ progress }) => progress.flows);
    assert(counts.some((count) => count > 0 && count < 10_000), `${counts}`);
    assertEquals(counts, counts.toSorted((a, b) => a - b));
    assertEquals(told.at(-1)!.status, "finished");
  }, { workers: 1 });
});

async function get<T>({ ask }: Client, path: string): Promise<T> {
  const response = await ask(path);
  assertEquals(response.status, 200, path);
  return await response.json() as T;
}

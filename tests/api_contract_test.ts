import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { ProblemDetails, Run } from "../app/server/schemas.ts";
import {
  type ApiDocument,
  type Client,
  Contract,
  ended,
  withServer,
} from "./_api.ts";

const D05 = "D05-lb-source-ranges-in-cluster";
const D13 = "D13-flannel-never-enforced";
const NODES = await Deno.readTextFile("scenarios/two-nodes.yaml");
const FLOWS = [{ from: "node/n1", to: "tcp://172.18.0.3:80" }];
const YAML = { "content-type": "application/yaml" };

const HUBBLE = [0, 1].map((second) =>
  JSON.stringify({
    flow: {
      time: `2026-01-01T00:00:0${second}Z`,
      verdict: "FORWARDED",
      IP: {
        source: "203.0.113.9",
        destination: "172.18.0.2",
        ipVersion: "IPv4",
      },
      l4: {
        TCP: {
          source_port: 40_000 + second,
          destination_port: 80,
          flags: { SYN: true },
        },
      },
      is_reply: false,
      node_name: "n1",
      Type: "L3_L4",
    },
  })
).join("\n");

Deno.test("every route answers as the OpenAPI document says", async () => {
  await withServer(async (client) => {
    const document = await documentOf(client);
    const contract = new Contract(document);
    await checkLibrary(client, contract);
    await checkUploads(client, contract);
    await checkCompare(client, contract);
    await checkRuns(client, contract);
    await checkResults(client, contract);
    await checkSystem(client, contract);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) {
        const operation = `${method} ${path}`;
        const good = [200, 201, 202, 204]
          .some((status) => contract.seen.has(`${operation} ${status}`));
        assert(good, `${operation} was not tested`);
      }
    }
  });
});

Deno.test("Contract.check() finds what is not in the document", async () => {
  await withServer(async (client) => {
    const contract = new Contract(await documentOf(client));
    const { headers } = await client.ask("/healthz");
    const wrong = [{ status: "fine" }, { status: "ok", more: 1 }, {}];
    for (const body of wrong) {
      const response = new Response(JSON.stringify(body), { headers });
      await assertRejects(() => contract.check("get /healthz", response));
    }
    await assertRejects(async () => {
      await contract.check("get /healthz", await client.ask("/nothing"));
    });
  }, { workers: 0 });
});

async function documentOf({ ask }: Client): Promise<ApiDocument> {
  const response = await ask("/openapi.json");
  assertEquals(response.status, 200);
  const document = await response.json();
  assertEquals(document.openapi, "3.1.0");
  return document as ApiDocument;
}

async function checkLibrary({ ask }: Client, contract: Contract) {
  const plugins = await contract.check("get /plugins", await ask("/plugins"));
  assertEquals(
    (plugins as { plugins: { name: string }[] }).plugins
      .map(({ name }) => name),
    ["iptables", "ebpf", "mesh", "wireguard", "gateway"],
  );
  await contract.check("get /stacks", await ask("/stacks"));
  const { scenarios } = await contract.check(
    "get /scenarios",
    await ask("/scenarios"),
  ) as { scenarios: { id: string; problems: unknown[] }[] };
  assertEquals(scenarios.find(({ id }) => id === D05)?.problems, []);
  const source = await contract.check(
    "get /scenarios/{id}",
    await ask(`/scenarios/${D05}`),
  );
  assertStringIncludes(JSON.stringify(source), "loadBalancerSourceRanges");
  for (const id of ["nothing", "..%2f..%2fdeno.json", "s-0", "x".repeat(300)]) {
    const response = await ask(`/scenarios/${id}`);
    assertEquals(response.status, 404, id);
    await contract.check("get /scenarios/{id}", response);
  }
  const extra = await ask("/stacks?limit=1");
  assertEquals(extra.status, 400);
  await contract.check("get /stacks", extra);
}

async function checkUploads({ ask, post }: Client, contract: Contract) {
  const upload = (path: string, body: string, type = YAML) =>
    ask(path, { method: "POST", headers: type, body });
  const clusters = "post /clusters";
  const first = await contract.check(
    clusters,
    await upload("/clusters?name=nodes.yaml", NODES),
  );
  const again = await upload("/clusters", NODES);
  assertEquals(await contract.check(clusters, again), first);
  assertEquals(again.status, 201);
  await contract.check("get /clusters", await ask("/clusters"));
  const bad = await upload("/clusters?name=a.yaml", "kind: [\n");
  const details = await contract.check(clusters, bad) as ProblemDetails;
  assertEquals(bad.status, 422);
  const [problem] = details.problems!;
  assertEquals([problem!.file, problem!.line], ["a.yaml", 2]);
  const binary = await ask("/clusters", {
    method: "POST",
    headers: YAML,
    body: new Uint8Array([0xff, 0xfe, 0]),
  });
  assertEquals(binary.status, 422);
  await contract.check(clusters, binary);
  const plain = await upload("/clusters", NODES, {
    "content-type": "text/plain",
  });
  assertEquals(plain.status, 415);
  await contract.check(clusters, plain);
  const named = await upload("/clusters?name=../../a.yaml", NODES);
  assertEquals(named.status, 400);
  await contract.check(clusters, named);

  const ndjson = { "content-type": "application/x-ndjson" };
  const flows = "post /flows";
  await contract.check(flows, await upload("/flows", HUBBLE, ndjson));
  await contract.check("get /flows", await ask("/flows"));
  const noFlows = await upload("/flows?name=a.jsonl", "hello\n", ndjson);
  assertEquals(noFlows.status, 422);
  const said = await contract.check(flows, noFlows) as ProblemDetails;
  assertEquals(said.problems![0]!.file, "a.jsonl");

  const scenarios = "post /scenarios";
  const scenario = `apiVersion: plumbline/v1
kind: Scenario
metadata: { name: own }
fixtures: [nodes/two.yaml]
stacks: { kube-proxy: kube-proxy, cilium: cilium }
steps:
  - send: { from: node/n1, to: "tcp://172.18.0.3:80" }
`;
  const files = { "nodes/two.yaml": NODES };
  await contract.check(
    scenarios,
    await post("/scenarios", { scenario, files }),
  );
  const missing = await upload("/scenarios", scenario);
  assertEquals(missing.status, 422);
  await contract.check(scenarios, missing);
  for (const path of ["/etc/passwd", "../../../../etc/passwd", "."]) {
    const reaching = scenario.replace("nodes/two.yaml", `"${path}"`);
    const response = await upload("/scenarios", reaching);
    assertEquals(response.status, 422, path);
    await contract.check(scenarios, response);
  }
  const wrong = await post("/scenarios", { scenario: 1 });
  assertEquals(wrong.status, 400);
  await contract.check(scenarios, wrong);
}

async function checkCompare({ ask, post }: Client, contract: Contract) {
  const operation = "post /compare";
  const check = async (body: unknown, status: number) => {
    const response = await post("/compare", body);
    assertEquals(response.status, status, JSON.stringify(body).slice(0, 200));
    return await contract.check(operation, response);
  };
  await check({ scenario: D05 }, 200);
  await check({ scenario: D05, trace: "full", seed: 1 }, 200);
  await check({ scenario: D05, stacks: ["cilium", "ingress-nginx"] }, 200);
  const own = { manifests: NODES, flows: FLOWS };
  await check({ ...own, stacks: ["kube-proxy", "cilium"] }, 200);
  const options = { values: { kubeProxyReplacement: false } };
  await check({
    ...own,
    manifests: [{ file: "a.yaml", text: NODES }],
    stacks: ["cilium", { name: "partial", use: "cilium", options }],
    trace: "full",
  }, 200);
  await check({ scenario: "nothing" }, 404);
  await check({ scenario: 5 }, 400);
  await check({ ...own, stacks: [] }, 400);
  await check({ ...own, flows: [], stacks: ["cilium"] }, 400);
  await check({ ...own, stacks: ["cilium"], seed: -1 }, 400);
  await check({ ...own, stacks: ["cilium"], more: true }, 400);
  await check({ ...own, stacks: ["cilium", "cilium"] }, 422);
  await check({ ...own, stacks: ["./plugin.ts"] }, 422);
  await check({ ...own, stacks: ["cilium"], manifests: "a: [" }, 422);
  const misspelt = await check(
    { ...own, stacks: ["cilum"] },
    422,
  ) as ProblemDetails;
  assertEquals(misspelt.problems![0]!.didYouMean, "cilium");
  assertEquals(misspelt.problems![0]!.file, "request");
  const flow = { from: "node/n1", to: "tcp//x", count: 1 };
  const target = await check(
    { ...own, flows: [flow], stacks: ["cilium"] },
    422,
  ) as ProblemDetails;
  assertStringIncludes(target.problems![0]!.excerpt!, "tcp//x");
  const many = { ...FLOWS[0], count: 5_000 };
  await check({ ...own, flows: [many], stacks: ["cilium"] }, 422);
  const noJson = await ask("/compare", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{",
  });
  assertEquals(noJson.status, 400);
  await contract.check(operation, noJson);
}

async function checkRuns(client: Client, contract: Contract) {
  const { ask, post } = client;
  const start = "post /runs";
  const key = { "idempotency-key": "one" };
  const first = await post("/runs", { scenario: D13 }, key);
  assertEquals(first.status, 202);
  const location = first.headers.get("location");
  const run = await contract.check(start, first) as Run;
  assertEquals(location, `/runs/${run.id}`);
  const again = await contract.check(
    start,
    await post("/runs", { scenario: D13 }, key),
  ) as Run;
  assertEquals(again.id, run.id);
  const other = await post("/runs", { scenario: D05 }, key);
  assertEquals(other.status, 409);
  await contract.check(start, other);
  const badKey = await post("/runs", { scenario: D05 }, {
    "idempotency-key": "a b",
  });
  assertEquals(badKey.status, 400);
  await contract.check(start, badKey);
  for (const body of [{ scenario: "no" }, { cluster: "c", flows: "f" }]) {
    const stacks = ["cilium"];
    const response = await post("/runs", { ...body, stacks });
    assertEquals(response.status, 404);
    await contract.check(start, response);
  }
  for (const stacks of [["cilum"], ["./plugin.ts"], ["cilium", "cilium"]]) {
    const response = await post("/runs", { scenario: D05, stacks });
    assertEquals(response.status, 422);
    await contract.check(start, response);
  }
  const events = await contract.check(
    "get /runs/{id}/events",
    await ask(`/runs/${run.id}/events`),
  ) as string;
  assert(events.startsWith("event: run\ndata: {"), events);
  assertStringIncludes(events, '"status":"finished"');
  assertEquals((await ended(client, run.id)).status, "finished");
  await contract.check("get /runs/{id}", await ask(`/runs/${run.id}`));
  const restart = "post /runs/{id}/restart";
  const done = await ask(`/runs/${run.id}/restart`, { method: "POST" });
  assertEquals(done.status, 409);
  await contract.check(restart, done);
  for (const id of ["r-1", "..", "%2e%2e%2fcatalog.kv", "r-000000000-"]) {
    const response = await ask(`/runs/${id}`);
    assertEquals(response.status, 404, id);
    if (id !== "..") await contract.check("get /runs/{id}", response);
  }
  const page = await contract.check(
    "get /runs",
    await ask("/runs?limit=1"),
  ) as { next: string };
  await contract.check("get /runs", await ask(`/runs?cursor=${page.next}`));
  for (const limit of ["0", "0x10", "-1", "1e3", "", "9999999"]) {
    const response = await ask(`/runs?limit=${limit}`);
    assertEquals(response.status, 400, limit);
    await contract.check("get /runs", response);
  }
}

async function checkResults(client: Client, contract: Contract) {
  const { ask, post } = client;
  const { items } = await (await ask("/runs")).json() as { items: Run[] };
  const { id } = items[0]!;
  const get = async (rest: string, query = "", status = 200) => {
    const path = rest.replace("{flow}", "0");
    const response = await ask(`/runs/${id}/${path}${query}`);
    assertEquals(response.status, status, `${rest}${query}`);
    return await contract.check(`get /runs/{id}/${rest}`, response);
  };
  await get("outcomes");
  await get("outcomes", "?brief=true&limit=20000");
  await get("outcomes", "?limit=1001", 400);
  await get("outcomes", "?cursor=1", 400);
  await get("outcomes", "?cursor=../x", 400);
  await get("outcomes", "?verdict=lost", 400);
  await get("outcomes", "?verdict=dropped&stack=none", 404);
  const all: unknown[] = [];
  for (let next: string | null = ""; next !== null;) {
    const cursor: string = next === "" ? "" : `&cursor=${next}`;
    const page = await get("outcomes", `?limit=1${cursor}`) as {
      items: unknown[];
      next: string | null;
    };
    all.push(...page.items);
    next = page.next;
  }
  assertEquals(all.length, 2);
  const only = async (query: string) =>
    (await get("outcomes", query) as { items: { step: string }[] }).items
      .map(({ step }) => step);
  const stranger = "a pod of another namespace";
  assertEquals(await only("?changed=true"), [stranger]);
  assertEquals(await only("?verdict=dropped"), [stranger]);
  assertEquals(await only("?verdict=dropped&stack=flannel"), []);
  assertEquals(await only("?q=NP-NS&brief=true"), [stranger]);
  await get("flows/{flow}/journeys");
  for (const flow of ["9", "99999999999999999999", "x", "0/.."]) {
    const response = await ask(`/runs/${id}/flows/${flow}/journeys`);
    assertEquals(response.status, 404, flow);
  }
  await get("divergences");
  await get("summary");
  await get("rules");
  await get("edges");
  await get("log", "?from=3&limit=2&stack=cilium");
  await get("log", "?type=flow.closed");
  await get("log", "?from=99999");
  await get("state", "?at=5");
  await get("state", "?at=99999", 404);
  await get("state", "", 400);
  await get("log/file", "?stack=cilium");
  await get("log/file", "?stack=..%2f..", 404);
  const file = `scenarios/${D13}/nginx.yaml`;
  await get("source", `?line=70&file=${encodeURIComponent(file)}`);
  await get("source", "?line=1&file=/etc/passwd", 404);
  await get("source", `?line=0&file=${encodeURIComponent(file)}`, 404);
  for (const format of ["html", "junit", "sarif", "markdown"]) {
    const text = await get("report", `?format=${format}`) as string;
    assertStringIncludes(text, "flannel-never-enforced");
  }
  await checkFork({ id, post }, contract);
  await checkEnd({ client, id }, contract);
}

async function checkFork(
  { id, post }: { id: string; post: Client["post"] },
  contract: Contract,
) {
  const operation = "post /runs/{id}/fork";
  const remove = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: deny-from-other-namespaces, namespace: default }
`;
  const forked = await contract.check(
    operation,
    await post(`/runs/${id}/fork`, { at: 8, remove }),
  ) as { summary: { comparisons: { left: string; changed: number }[] } };
  assertEquals(
    forked.summary.comparisons.map(({ left, changed }) => [left, changed]),
    [["flannel", 0], ["network-policy", 1], ["cilium", 1]],
  );
  for (
    const [body, status] of [
      [{ at: 99_999 }, 404],
      [{ at: -1 }, 400],
      [{ at: 8, apply: "kind: [" }, 422],
      [{ at: 8, stacks: ["nothing"] }, 422],
    ] as const
  ) {
    const response = await post(`/runs/${id}/fork`, body);
    assertEquals(response.status, status, JSON.stringify(body));
    await contract.check(operation, response);
  }
}

async function checkEnd(
  { client, id }: { client: Client; id: string },
  contract: Contract,
) {
  const { ask, post } = client;
  const badFilter = await post("/runs", {
    cluster: await only(client, "clusters"),
    flows: await only(client, "flows"),
    stacks: ["cilium"],
    where: "port == 1",
  });
  assertEquals(badFilter.status, 422);
  await contract.check("post /runs", badFilter);
  const recorded = await contract.check(
    "post /runs",
    await post("/runs", {
      cluster: await only(client, "clusters"),
      flows: await only(client, "flows"),
      stacks: ["kube-proxy", "cilium"],
      where: "protocol == tcp",
    }),
  ) as Run;
  const run = await ended(client, recorded.id);
  assertEquals([run.status, run.progress.flows], ["finished", 2]);
  const uploaded = await post("/runs", {
    scenario: await only(client, "scenarios"),
  });
  const own = await contract.check("post /runs", uploaded) as Run;
  assertEquals((await ended(client, own.id)).status, "finished");
  const remove = "delete /runs/{id}";
  const kept = await ask(`/runs/${id}`, { method: "DELETE" });
  const after = await contract.check(remove, kept) as Run;
  assertEquals(after.status, "finished");
  const gone = await ask(`/runs/${id}?purge=true`, { method: "DELETE" });
  assertEquals(gone.status, 204);
  await contract.check(remove, gone);
  const none = await ask(`/runs/${id}`, { method: "DELETE" });
  assertEquals(none.status, 404);
  await contract.check(remove, none);
}

/** The id of the one upload of a kind. */
async function only({ ask }: Client, kind: string): Promise<string> {
  const lists = await (await ask(`/${kind}`)).json() as Record<
    string,
    { id: string; kind?: string }[]
  >;
  return lists[kind]!.find((one) => one.kind !== "library")!.id;
}

async function checkSystem(client: Client, contract: Contract) {
  const { ask, post } = client;
  const stopped = await post("/runs", { scenario: D05 });
  const { id } = await stopped.json() as Run;
  await ask(`/runs/${id}`, { method: "DELETE" });
  const run = await ended(client, id);
  if (run.status === "cancelled") {
    const response = await ask(`/runs/${id}/restart`, { method: "POST" });
    assertEquals(response.status, 202);
    await contract.check("post /runs/{id}/restart", response);
    assertEquals((await ended(client, id)).status, "finished");
  }
  const metrics = await contract.check("get /metrics", await ask("/metrics"));
  assertStringIncludes(metrics as string, "plumbline_runs_running 0");
  for (const path of ["/healthz", "/readyz"]) {
    await contract.check(`get ${path}`, await ask(path));
    const put = await ask(path, { method: "PUT" });
    assertEquals([put.status, put.headers.get("allow")], [405, "GET, HEAD"]);
    await put.body?.cancel();
  }
  const nothing = await ask("/nothing");
  assertEquals(nothing.status, 404);
  assertEquals(
    nothing.headers.get("content-type"),
    "application/problem+json",
  );
  await nothing.body?.cancel();
  const docs = await (await ask("/docs")).text();
  assertStringIncludes(docs, "POST /compare");
  assert(!/<script|<style| style=| on\w+=/.test(docs), "nothing inline");
}

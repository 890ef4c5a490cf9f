import { assert, assertEquals } from "@std/assert";
import { serverCommand } from "../app/cli/serve.ts";
import { readFileLog } from "../app/store/file_log.ts";
import type { Run } from "../app/server/schemas.ts";
import { ended } from "./_api.ts";

const D13 = "D13-flannel-never-enforced";

/** Flows that take long enough to be killed in. */
const MANY = 30_000;

/** Flows that are through before a server that stops loses patience. */
const SOME = 8_000;

const LONG = `apiVersion: plumbline/v1
kind: Scenario
metadata: { name: long }
fixtures: [nodes.yaml]
stacks: { kube-proxy: kube-proxy, cilium: cilium }
steps:
  - send: { from: node/n1, to: "tcp://172.18.0.3:80", count: COUNT }
`;

Deno.test("kill -9 of the server loses no run", async () => {
  const data = await Deno.makeTempDir({ prefix: "plumbline-kill-" });
  try {
    const first = await startServer(data);
    const done = await first.run(D13);
    assertEquals((await ended(first, done.id)).status, "finished");
    const log = await first.log(done.id);
    const long = await uploadLong(first, MANY);
    const runs = [await first.run(long), await first.run(long)];
    const waiting = await first.run(D13);
    for (const { id } of runs) await underWay(first, id);
    await first.end("SIGKILL");
    await noneLeft(data);

    const second = await startServer(data);
    const listed = (await second.get<{ items: Run[] }>("/runs")).items;
    assertEquals(listed.map(({ id }) => id), [
      waiting.id,
      runs[1]!.id,
      runs[0]!.id,
      done.id,
    ]);
    const status = (id: string) => listed.find((one) => one.id === id)!.status;
    assertEquals(status(done.id), "finished");
    for (const { id } of runs) assertEquals(status(id), "interrupted");
    assertEquals((await ended(second, waiting.id)).status, "finished");
    assertEquals(await second.log(done.id), log);
    const again = await second.post<Run>(`/runs/${runs[0]!.id}/restart`);
    assertEquals([again.status, again.attempt], ["queued", 2]);
    const finished = await ended(second, again.id);
    assertEquals(finished.status, "finished");
    assertEquals(finished.progress.flows, MANY);
    checkLog(`${data}/runs/${again.id}/2/1.dplog`, finished);
    assertEquals(await second.end("SIGTERM"), 0);
    await noneLeft(data);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("a server that is told to stop lets runs finish, and keeps those that wait", async () => {
  const data = await Deno.makeTempDir({ prefix: "plumbline-stop-" });
  try {
    const first = await startServer(data);
    const long = await uploadLong(first, SOME);
    const runs: Run[] = [];
    for (let count = 0; count < 4; count++) runs.push(await first.run(long));
    for (const { id } of runs.slice(0, 2)) await underWay(first, id);
    assertEquals(await first.end("SIGTERM"), 0);
    const second = await startServer(data);
    const hashes = new Set<string>();
    for (const { id } of runs) {
      const run = await ended(second, id);
      assertEquals([run.status, run.attempt], ["finished", 1], id);
      hashes.add(JSON.stringify(run.stacks));
    }
    assertEquals(hashes.size, 1);
    const cancelled = await second.run(long);
    await underWay(second, cancelled.id);
    const path = `/runs/${cancelled.id}`;
    const stopped = await second.ask(path, { method: "DELETE" });
    assertEquals((await stopped.json() as Run).status, "cancelled");
    assert(workersOf(data).length <= 2, "the run's own process is gone");
    assertEquals(await second.end("SIGINT"), 0);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

/** A server in a process of its own, with the permissions that it has in earnest. */
class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #url: string;

  constructor(child: Deno.ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
  }

  ask(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.#url}${path}`, init);
  }

  async get<T>(path: string): Promise<T> {
    const response = await this.ask(path);
    assertEquals(response.status, 200, path);
    return await response.json() as T;
  }

  async post<T>(path: string, body?: unknown): Promise<T> {
    const response = await this.ask(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert(response.ok, `${path}: ${text}`);
    return JSON.parse(text) as T;
  }

  run(scenario: string): Promise<Run> {
    return this.post<Run>("/runs", { scenario });
  }

  async log(id: string): Promise<Uint8Array> {
    const response = await this.ask(`/runs/${id}/log/file`);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** Ends the process; gives its exit code. */
  async end(signal: Deno.Signal): Promise<number> {
    this.#child.kill(signal);
    const { code } = await this.#child.status;
    await this.#child.stdin.close().catch(() => {});
    return code;
  }
}

async function startServer(data: string): Promise<ServerProcess> {
  const child = serverCommand({
    host: "127.0.0.1",
    port: 0,
    data,
    token: null,
    origins: [],
  }, { stdout: "piped" }).spawn();
  let said = "";
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said.includes("\n")) break;
  }
  const [, url] = /(http:\/\/[\d.:]+)\//.exec(said) ?? [];
  assert(url !== undefined, said);
  return new ServerProcess(child, url);
}

async function uploadLong(
  server: ServerProcess,
  count: number,
): Promise<string> {
  const nodes = await Deno.readTextFile("scenarios/two-nodes.yaml");
  const { id } = await server.post<{ id: string }>("/scenarios", {
    scenario: LONG.replace("COUNT", `${count}`),
    files: { "nodes.yaml": nodes },
  });
  return id;
}

/** Waits until a run has done some of its flows. */
async function underWay(server: ServerProcess, id: string): Promise<void> {
  for (;;) {
    const run = await server.get<Run>(`/runs/${id}`);
    assert(["queued", "running"].includes(run.status), run.status);
    if (run.progress.flows > 0) return;
    await pause(10);
  }
}

/** Workers end with the server that started them, however it ends. */
async function noneLeft(data: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (workersOf(data).length === 0) return;
    await pause(25);
  }
  throw new Error(`there are workers left: ${workersOf(data)}`);
}

/** Ids of worker processes that work for a data directory. */
function workersOf(data: string): string[] {
  if (Deno.build.os !== "linux") return [];
  return [...Deno.readDirSync("/proc")].map(({ name }) => name)
    .filter((name) => {
      try {
        const line = Deno.readTextFileSync(`/proc/${name}/cmdline`);
        return line.includes(data) && line.includes("worker.ts");
      } catch {
        return false;
      }
    });
}

function checkLog(path: string, run: Run): void {
  using log = readFileLog(path);
  assertEquals(log.verify().events, run.stacks[1]!.events);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

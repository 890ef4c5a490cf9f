import { assert, assertEquals, assertRejects } from "@std/assert";
import { readBody } from "../app/server/body.ts";
import { HttpProblem } from "../app/server/problem.ts";
import type {
  CompareAnswer,
  ProblemDetails,
  Run,
} from "../app/server/schemas.ts";
import { type Client, ended, withServer } from "./_api.ts";
import { hostileRequest } from "./_hostile_requests.ts";

const REQUESTS = 1_000;
const AT_ONCE = 8;

Deno.test("1,000 hostile requests leave the server up and correct", async () => {
  await withServer(async (client) => {
    const before = await hashes(client);
    const scenario = "D13-flannel-never-enforced";
    const started = await client.post("/runs", { scenario });
    const { id } = await ended(client, (await started.json() as Run).id);
    const log = await logOf(client, id);
    let next = 0;
    const attack = async () => {
      while (next < REQUESTS) {
        await checkHostile(client, { seed: next++, run: id });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, attack));
    assertEquals(await hashes(client), before);
    assertEquals(await logOf(client, id), log);
    assertEquals((await client.ask("/healthz")).status, 200);
    assertEquals(
      (Object.prototype as unknown as { polluted?: unknown }).polluted,
      undefined,
    );
  });
});

/** Whatever it was: no error of ours, no path of ours, and problems as the standard has them. */
async function checkHostile(
  client: Client,
  { seed, run }: { readonly seed: number; readonly run: string },
): Promise<void> {
  const { about, path, init } = hostileRequest(seed, run);
  const label = `${seed}: ${about} ${init.method ?? "GET"} ${path}`;
  let response: Response;
  try {
    response = await client.ask(path, init);
  } catch (error) {
    // What no client could send, Request refuses by itself.
    assert(error instanceof TypeError, `${label}: ${error}`);
    return;
  }
  const text = await response.text();
  const { status } = response;
  assert(status < 500, `${label}: ${status} ${text}`);
  assertEquals(response.headers.get("x-injected"), null, label);
  assert(!text.includes("root:x:0"), label);
  if (status < 400 || init.method === "HEAD") return;
  assertEquals(
    response.headers.get("content-type"),
    "application/problem+json",
    label,
  );
  const details = JSON.parse(text) as ProblemDetails;
  assertEquals(details.status, status, label);
  assert(!text.includes(client.data), `${label}: ${text}`);
}

async function hashes({ post }: Client): Promise<unknown> {
  const response = await post("/compare", {
    scenario: "D05-lb-source-ranges-in-cluster",
  });
  return (await response.json() as CompareAnswer).summary.stacks;
}

async function logOf({ ask }: Client, id: string): Promise<Uint8Array> {
  const response = await ask(`/runs/${id}/log/file`);
  return new Uint8Array(await response.arrayBuffer());
}

Deno.test("readBody() gives up on a client that is too slow", async () => {
  const slow = new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(1)),
  });
  const request = new Request("http://localhost/", {
    method: "POST",
    body: slow,
  });
  const error = await assertRejects(async () => {
    for await (
      const _ of readBody(request, { maxBytes: 10, idleMs: 20 })
    ) continue;
  }, HttpProblem);
  assertEquals(error.code, "timeout");
});

Deno.test("clients that never finish keep nobody else from an answer", async () => {
  await withServer(async ({ server }) => {
    const http = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      server.app.fetch,
    );
    const { port } = http.addr as Deno.NetAddr;
    const starts = [
      "GET /stacks HTTP/1.1\r\nHost: localhost\r\n",
      "POST /compare HTTP/1.1\r\nHost: localhost\r\n" +
      "content-type: application/json\r\ncontent-length: 100\r\n\r\n{",
      "POST /clusters HTTP/1.1\r\nHost: localhost\r\n" +
      "content-type: application/yaml\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
      "\x16\x03\x01\x02\x00",
    ];
    const slow = await Promise.all(Array.from({ length: 60 }, async (_, at) => {
      const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      const start = new TextEncoder().encode(starts[at % starts.length]!);
      await connection.write(start);
      return connection;
    }));
    for (let count = 0; count < 20; count++) {
      const response = await fetch(`http://127.0.0.1:${port}/stacks`);
      assertEquals(response.status, 200);
      await response.body?.cancel();
    }
    for (const connection of slow) connection.close();
    await http.shutdown();
  });
});

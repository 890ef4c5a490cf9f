import { print } from "../../app/cli/_exit.ts";
import { openServer } from "../../app/server/open_server.ts";

const WARM_UP = 20;
const REQUESTS = 200;

/** Time of a small comparison over HTTP on loopback, one after the other. */
export async function benchApi(
  scenario = "D05-lb-source-ranges-in-cluster",
): Promise<void> {
  const data = await Deno.makeTempDir({ prefix: "plumbline-bench-" });
  const server = await openServer({ data, assets: new Map() });
  const http = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    server.app.fetch,
  );
  const { port } = http.addr as Deno.NetAddr;
  try {
    const times: number[] = [];
    for (let count = 0; count < WARM_UP + REQUESTS; count++) {
      const start = performance.now();
      await compare(`http://127.0.0.1:${port}/compare`, scenario);
      if (count >= WARM_UP) times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    const at = (share: number) =>
      times[Math.floor(share * (times.length - 1))]!.toFixed(1);
    print(
      `\ncomparison of ${scenario} over HTTP, ms: ` +
        `p50 ${at(0.5)}, p95 ${at(0.95)}, most ${at(1)}`,
    );
  } finally {
    await http.shutdown();
    await server.stop(0);
    await Deno.remove(data, { recursive: true });
  }
}

async function compare(url: string, scenario: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ scenario }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
}

if (import.meta.main) await benchApi();

/**
 * The server as a process: `main.ts HOST PORT DATA [ORIGIN...]`, with the
 * token in the environment. `deno task serve` starts it with the permissions
 * that these need and no others, and ends it by closing its stdin.
 */
import { InputError } from "../../core/errors.ts";
import { openServer } from "./open_server.ts";

/** Milliseconds that runs may take to finish once the server is to stop. */
const GRACE_MS = 10_000;

/** Milliseconds after which answers on their way are cut off. */
const LAST_ANSWERS_MS = 2_000;

const encoder = new TextEncoder();

async function main(): Promise<number> {
  const [hostname = "127.0.0.1", port = "8080", data = ".runs", ...origins] =
    Deno.args;
  const token = Deno.env.get("PLUMBLINE_TOKEN") ?? null;
  const { app, stop } = await openServer({
    data,
    access: { token, origins },
    report,
  });
  const server = Deno.serve({
    hostname,
    port: Number(port),
    onListen: ({ hostname, port }) => {
      const host = hostname.includes(":") ? `[${hostname}]` : hostname;
      say(Deno.stdout, `Plumbline serves http://${host}:${port}/\n`);
    },
    onError: (error) => {
      report(error);
      return new Response(null, { status: 500 });
    },
  }, app.fetch);
  await stopAsked();
  const stopped = stop(GRACE_MS);
  const shut = server.shutdown();
  await stopped;
  await Promise.race([shut, waited(LAST_ANSWERS_MS)]);
  return 0;
}

/** Resolves on SIGTERM, on SIGINT, and when whoever started the server is gone. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    Deno.addSignalListener("SIGINT", resolve);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", resolve);
    Deno.stdin.readable.pipeTo(new WritableStream()).then(resolve, resolve);
  });
}

function waited(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function report(error: unknown): void {
  const text = error instanceof Error ? error.stack : String(error);
  say(Deno.stderr, `internal error: ${text}\n`);
}

function say(
  to: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  to.writeSync(encoder.encode(text));
}

try {
  Deno.exit(await main());
} catch (error) {
  const known = error instanceof InputError ||
    error instanceof Deno.errors.AddrInUse ||
    error instanceof Deno.errors.AddrNotAvailable;
  if (!known) report(error);
  else say(Deno.stderr, `error: ${error.message}\n`);
  Deno.exit(known ? 2 : 3);
}

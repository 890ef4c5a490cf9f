/**
 * Reads a recording and prints what it cost: how many flows, and the most
 * memory the process had.
 *
 *     deno run -A tests/stream_memory.ts capture|hubble PATH
 *     deno run -A tests/stream_memory.ts capture|hubble --size-mb=1024
 *
 * With a size it writes such a recording to a temporary file first.
 */
import { readCapture } from "../app/input/capture.ts";
import { readHubble } from "../app/input/hubble.ts";

const [kind, what] = Deno.args;
const sizeMb = /^--size-mb=(\d+)$/.exec(what ?? "")?.[1];
if ((kind !== "capture" && kind !== "hubble") || what === undefined) {
  throw new TypeError(
    "Usage: stream_memory.ts capture|hubble PATH|--size-mb=N",
  );
}
const path = sizeMb === undefined ? what : await Deno.makeTempFile();
if (sizeMb !== undefined) await write(path, Number(sizeMb) * 2 ** 20);
try {
  await measure(path);
} finally {
  if (sizeMb !== undefined) await Deno.remove(path);
}

async function write(path: string, sizeBytes: number): Promise<void> {
  // In a process of its own: what writing costs is not to be counted.
  const code = `
    import * as recordings from ${
    JSON.stringify(import.meta.resolve("./_recordings.ts"))
  };
    await recordings.${kind === "capture" ? "writeCapture" : "writeFlowLines"}(
      ${JSON.stringify(path)}, ${sizeBytes});`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=ts", code],
  }).output();
  if (!success) throw new Error("Cannot write the recording");
}

async function measure(path: string): Promise<void> {
  const recording = kind === "capture" ? readCapture(path) : readHubble(path);
  let flows = 0;
  let mostBytes = 0;
  const sample = () => {
    mostBytes = Math.max(mostBytes, Deno.memoryUsage().rss);
  };
  const timer = setInterval(sample, 10);
  for await (const batch of recording) {
    flows += batch.length;
    sample();
  }
  clearInterval(timer);
  sample();
  const { stats } = recording;
  const text = JSON.stringify({ flows, mostBytes, stats }) + "\n";
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

import { assert, assertEquals } from "@std/assert";
import { writeCapture, writeFlowLines } from "./_recordings.ts";

const SIZE_BYTES = 150 * 2 ** 20;
const MOST_BYTES = 300 * 2 ** 20;

Deno.test("readHubble() reads 150 MB of flow lines in less than 300 MB of memory", async () => {
  await measure("hubble", writeFlowLines);
});

Deno.test("readCapture() reads 150 MB of packets in less than 300 MB of memory", async () => {
  await measure("capture", writeCapture);
});

async function measure(
  kind: "hubble" | "capture",
  write: typeof writeCapture,
): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    const { connections } = await write(path, SIZE_BYTES);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--allow-read",
        new URL("./stream_memory.ts", import.meta.url).pathname,
        kind,
        path,
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(text.startsWith("{"), new TextDecoder().decode(stderr));
    const { flows, mostBytes } = JSON.parse(text);
    assertEquals(flows, connections);
    assert(
      mostBytes < MOST_BYTES,
      `used ${Math.round(mostBytes / 2 ** 20)} MB`,
    );
  } finally {
    await Deno.remove(path);
  }
}

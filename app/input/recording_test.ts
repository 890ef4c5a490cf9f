import { assert, assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { concat, pcapOf } from "../../core/import/_captures.ts";
import { flowLine } from "../../core/import/_flow_lines.ts";
import { udpPacket } from "../../core/packet/_packets.ts";
import { sampleCaptures, samplePath } from "../../tests/_sample_captures.ts";
import { readCapture } from "./capture.ts";
import { readHubble } from "./hubble.ts";
import type { Recording } from "./recording.ts";

async function withFile(
  content: Uint8Array | string,
  test: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

async function sizesOf(
  recording: Recording<unknown, unknown>,
): Promise<number[]> {
  const sizes: number[] = [];
  for await (const batch of recording) sizes.push(batch.length);
  return sizes;
}

const PACKETS = Array.from(
  { length: 2500 },
  (_, index) => udpPacket(`10.0.0.1:${index + 1} > 10.0.0.2:53`),
);

Deno.test("readCapture() gives flows in batches, and stats of the whole", async () => {
  await withFile(pcapOf(PACKETS), async (path) => {
    const recording = readCapture(path, { openConnections: 100 });
    assertEquals(await sizesOf(recording), [1000, 1000, 500]);
    const { packets, flows, incomplete } = recording.stats;
    assertEquals([packets, flows, incomplete], [2500, 2500, []]);
  });
});

Deno.test("readCapture() reads a capture that was cut off, and says so", async () => {
  const bytes = pcapOf(PACKETS);
  await withFile(bytes.subarray(0, bytes.length - 3), async (path) => {
    const recording = readCapture(path);
    assertEquals(await sizesOf(recording), [1000, 1000, 499]);
    assertEquals(recording.stats.incomplete.length, 1);
    assert(
      recording.stats.incomplete[0]?.includes("packet 2500: the file ends"),
    );
  });
});

Deno.test("readCapture() gives the flows before a damage, then the error", async () => {
  const damage = new Uint8Array(16).fill(0xff);
  await withFile(concat([pcapOf(PACKETS), damage]), async (path) => {
    let flows = 0;
    await assertRejects(
      async () => {
        for await (const batch of readCapture(path)) flows += batch.length;
      },
      InputError,
      "Cannot read packet 2501",
    );
    assertEquals(flows, 2500);
  });
});

Deno.test("readCapture() refuses a file too short to tell what it is", async () => {
  for (const content of ["", "abc", "hello"]) {
    await withFile(content, async (path) => {
      await assertRejects(
        () => sizesOf(readCapture(path)),
        InputError,
        "Cannot read capture",
      );
    });
  }
});

Deno.test("readCapture() reads every sample capture or fails with an InputError", async () => {
  for (const name of sampleCaptures()) {
    try {
      await sizesOf(readCapture(samplePath(name)));
    } catch (error) {
      assert(error instanceof InputError, `${name}: ${error}`);
      assert(error.message.includes(name));
    }
  }
});

Deno.test("readHubble() gives flows in batches, and stats of the whole", async () => {
  const lines = PACKETS.map((_, index) =>
    flowLine(`udp web:${index + 1} > dns:53`)
  );
  await withFile(`${lines.join("\n")}\n{\n`, async (path) => {
    const recording = readHubble(path);
    assertEquals(await sizesOf(recording), [1000, 1000, 500]);
    const { stats } = recording;
    assertEquals([stats.lines, stats.flows, stats.malformed], [2501, 2500, 1]);
    assertEquals(stats.problems[0]?.at, { file: path, line: 2501, column: 2 });
  });
});

Deno.test("readHubble() reports a line that is too long, and reads on", async () => {
  const long = `{"flow":"${"x".repeat(5_000_000)}"}`;
  const text = `${long}\n${flowLine("udp web:1 > dns:53")}`;
  await withFile(text, async (path) => {
    const recording = readHubble(path);
    assertEquals(await sizesOf(recording), [1]);
    assertEquals(
      recording.stats.problems[0]?.message,
      "Cannot read flow: the line is too long",
    );
  });
});

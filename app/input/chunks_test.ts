import { assert, assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { readChunks } from "./chunks.ts";

async function contentOf(path: string): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of readChunks(path)) parts.push(chunk.slice());
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function withFile(
  bytes: Uint8Array,
  test: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => i * i + (i >> 7));

Deno.test("readChunks() gives the bytes of a file", async () => {
  await withFile(BYTES, async (path) => {
    assertEquals(await contentOf(path), BYTES);
  });
});

Deno.test("readChunks() gives nothing of an empty file", async () => {
  await withFile(new Uint8Array(0), async (path) => {
    assertEquals((await contentOf(path)).length, 0);
  });
});

Deno.test("readChunks() decompresses what begins as gzip does", async () => {
  await withFile(await gzip(BYTES), async (path) => {
    assertEquals(await contentOf(path), BYTES);
  });
});

Deno.test("readChunks() refuses gzip data that is damaged or cut off", async () => {
  const compressed = await gzip(BYTES);
  const damaged = compressed.slice();
  damaged.fill(0xff, 1000, 1100);
  for (const bytes of [damaged, compressed.subarray(0, 5000)]) {
    await withFile(bytes, async (path) => {
      await assertRejects(
        () => contentOf(path),
        InputError,
        "its gzip data is damaged or cut off",
      );
    });
  }
});

Deno.test("readChunks() closes the file when the reader stops early", async () => {
  for (const bytes of [BYTES, await gzip(BYTES)]) {
    await withFile(bytes, async (path) => {
      for await (const chunk of readChunks(path)) {
        assert(chunk.length > 0);
        break;
      }
    });
  }
});

Deno.test("readChunks() refuses a file that is not there", async () => {
  await assertRejects(
    () => contentOf("no/such/file.pcap"),
    InputError,
    "no/such/file.pcap:1:1: Cannot open file: it is not there",
  );
});

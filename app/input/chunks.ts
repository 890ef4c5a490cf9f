import { InputError } from "../../core/errors.ts";

/** Bytes read at a time. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The bytes of a file in chunks, of any size of file, decompressed where it
 * begins as gzip does. A chunk is good until the next is asked for.
 */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  using file = await open(path);
  const buffer = new Uint8Array(CHUNK_BYTES);
  const count = await file.read(buffer);
  if (count === null) return;
  const plain = chunksOf(file, { buffer, count });
  const isGzip = count >= 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  yield* isGzip ? decompress(path, plain) : plain;
}

/** What was read already, then the rest. */
async function* chunksOf(
  file: Deno.FsFile,
  first: { buffer: Uint8Array; count: number },
): AsyncGenerator<Uint8Array> {
  const { buffer } = first;
  let count: number | null = first.count;
  while (count !== null) {
    yield buffer.subarray(0, count);
    count = await file.read(buffer);
  }
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      const at = { file: path, line: 1, column: 1 };
      throw new InputError([{
        message: "Cannot open file: it is not there",
        at,
      }], {
        cause,
      });
    }
    throw cause;
  }
}

async function* decompress(
  path: string,
  compressed: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  // The stream reads ahead, so that it needs bytes of its own.
  const source = ReadableStream.from(copies(compressed));
  const plain = source.pipeThrough(new DecompressionStream("gzip"));
  try {
    yield* plain;
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const at = { file: path, line: 1, column: 1 };
    throw new InputError([{
      message: "Cannot decompress file: its gzip data is damaged or cut off",
      at,
    }], { cause });
  }
}

async function* copies(
  chunks: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks) yield chunk.slice();
}

import { captureReader } from "../core/import/capture_reader.ts";
import type { CapturedPacket } from "../core/import/captured_packet.ts";

const ROOT = new URL("../../shared/samples/pcap/", import.meta.url);

/** Names of the sample captures; empty, and said so, where they are missing. */
export function sampleCaptures(): string[] {
  try {
    return [...filesIn("")].sort();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const text = "not run: ../shared/samples/pcap is missing\n";
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    return [];
  }
}

/** The bytes of one of them. */
export function sampleBytes(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(name, ROOT));
}

/** Where one of them is. */
export function samplePath(name: string): string {
  return new URL(name, ROOT).pathname;
}

/** All packets of a capture, read in chunks of a few bytes. */
export function packetsOf(
  bytes: Uint8Array,
  { chunkBytes = 1000, file = "test.pcap" } = {},
): CapturedPacket[] {
  const reader = captureReader(file, bytes);
  const packets: CapturedPacket[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    reader.push(bytes.subarray(at, at + chunkBytes));
    packets.push(...reader.packets());
  }
  reader.end();
  return packets;
}

function* filesIn(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const name = folder + entry.name;
    if (entry.isDirectory) yield* filesIn(`${name}/`);
    else if (/\.pcap(?:ng)?$/.test(name)) yield name;
  }
}

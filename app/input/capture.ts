import type {
  CaptureFlow,
  CaptureStats,
} from "../../core/import/capture_record.ts";
import { captureReader } from "../../core/import/capture_reader.ts";
import {
  PacketFold,
  type PacketFoldOptions,
} from "../../core/import/fold_packets.ts";
import { readChunks } from "./chunks.ts";
import { batchesOf, type Recording } from "./recording.ts";

/**
 * Reads a pcap or pcapng file, gzipped or not, as flows. Throws an
 * `InputError` where the file makes no sense, after the batches of what came
 * before; a file that is only cut off ends with its last whole packet, and the
 * stats say so.
 */
export function readCapture(
  path: string,
  options: Omit<PacketFoldOptions, "file"> = {},
): Recording<CaptureFlow, CaptureStats> {
  const fold = new PacketFold({ ...options, file: path });
  const incomplete: string[] = [];
  return {
    get stats() {
      return fold.stats(incomplete);
    },
    [Symbol.asyncIterator]: () =>
      batchesOf(fold, feed(path, { fold, incomplete })),
  };
}

async function* feed(
  path: string,
  to: { fold: PacketFold; incomplete: string[] },
): AsyncGenerator<void> {
  let start = new Uint8Array(0);
  let reader;
  for await (const chunk of readChunks(path)) {
    if (reader === undefined) {
      start = joined(start, chunk);
      if (start.length < 4) continue;
      reader = captureReader(path, start);
      reader.push(start);
    } else {
      reader.push(chunk);
    }
    for (const packet of reader.packets()) to.fold.add(packet);
    yield;
  }
  // Too short even for a magic number: let the detection say so.
  reader ??= captureReader(path, start);
  const cut = reader.end();
  if (cut !== null) to.incomplete.push(cut.message);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

import { InputError } from "../../core/errors.ts";
import { captureReader } from "../../core/import/capture_reader.ts";
import { readChunks } from "./chunks.ts";

/** Whether a file, gzipped or not, begins as a pcap or pcapng capture does. */
export async function isCapture(path: string): Promise<boolean> {
  let start = new Uint8Array(0);
  for await (const chunk of readChunks(path)) {
    start = Uint8Array.from([...start, ...chunk.subarray(0, 4)]);
    if (start.length >= 4) break;
  }
  try {
    captureReader(path, start);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

import {
  HubbleImport,
  type HubbleImportOptions,
  type HubbleStats,
} from "../../core/import/hubble.ts";
import type { HubbleFlowRecord } from "../../core/import/hubble_record.ts";
import { readChunks } from "./chunks.ts";
import { type Lines, LineSplitter } from "./lines.ts";
import { batchesOf, type Recording } from "./recording.ts";

/**
 * Reads a flow recording, gzipped or not, as flows. Lines that make no sense
 * are left out; the stats have them all.
 */
export function readHubble(
  path: string,
  options: Omit<HubbleImportOptions, "file"> = {},
): Recording<HubbleFlowRecord, HubbleStats> {
  const recording = new HubbleImport({ ...options, file: path });
  return {
    get stats() {
      return recording.stats();
    },
    [Symbol.asyncIterator]: () => batchesOf(recording, feed(path, recording)),
  };
}

async function* feed(
  path: string,
  recording: HubbleImport,
): AsyncGenerator<void> {
  const splitter = new LineSplitter();
  for await (const chunk of readChunks(path)) {
    addLines(recording, splitter.push(chunk));
    yield;
  }
  addLines(recording, splitter.end());
  yield;
}

function addLines(recording: HubbleImport, lines: Lines): void {
  for (const line of lines) {
    if (line === null) recording.addLongLine();
    else recording.addLine(line);
  }
}

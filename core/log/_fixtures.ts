import { BlockLog } from "./block_log.ts";
import type { LogEvent, LogHeader } from "./log_event.ts";
import { MemoryBytes } from "./memory_bytes.ts";

/** A header for tests. */
export const HEADER: LogHeader = { scenario: "shop", seed: 7 };

/** `count` events, from `position` on; only tests use them. */
export function someEvents(count: number, position = 0): LogEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "flow.opened",
    version: 1,
    position: position + index,
    timeNs: (position + index) * 10,
    data: { flow: `f${position + index}`, port: 80, name: "Zoë" },
  }));
}

/** A log of blocks of these sizes, in memory. */
export function someLog(
  sizes: readonly number[],
): { readonly log: BlockLog; readonly bytes: MemoryBytes } {
  const bytes = new MemoryBytes(undefined, "run.dplog");
  const log = BlockLog.create(bytes, HEADER);
  for (const size of sizes) log.append(someEvents(size, log.head.position));
  return { log, bytes };
}

/** Everything that is stored. */
export function allBytes(bytes: MemoryBytes): Uint8Array {
  return bytes.read(0, bytes.length);
}

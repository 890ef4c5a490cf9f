import type { LogEvent } from "../../core/log/mod.ts";

/** Header of the log that is written by a process made to be killed. */
export const CRASH_HEADER = { scenario: "crash" };

/** The block that starts at a position: a function of it, so that a reader knows what to find. */
export function crashEvents(position: number): LogEvent[] {
  const count = 1 + position % 400;
  return Array.from({ length: count }, (_, index) => ({
    type: "flow.opened",
    version: 1,
    position: position + index,
    timeNs: position + index,
    data: { text: "x".repeat(Math.imul(position + index, 7919) & 511) },
  }));
}

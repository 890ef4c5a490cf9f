import { SERVER_LIMITS } from "../limits.ts";
import type { RunPlace } from "../protocol.ts";
import type { LogPage } from "../schemas.ts";
import { openRunLog } from "./run_log.ts";

/** Events of a log from a position on, of one type or of all. */
export function readLog(
  place: RunPlace,
  { stack, name, from, limit, type }: {
    readonly stack: number;
    readonly name: string;
    readonly from: number;
    readonly limit: number;
    readonly type: string | null;
  },
): LogPage {
  using log = openRunLog(place, stack);
  const events: LogPage["events"] = [];
  let lengthBytes = 0;
  const page = (next: number | null): LogPage => ({
    stack: name,
    events,
    next,
    length: log.head.position,
  });
  for (const event of log.read(from)) {
    const full = events.length === limit ||
      lengthBytes > SERVER_LIMITS.logPageBytes;
    if (full) return page(event.position);
    if (type !== null && event.type !== type) continue;
    events.push({ ...event });
    lengthBytes += JSON.stringify(event.data).length;
  }
  return page(null);
}

import { reviveEvent } from "../cluster/revive.ts";
import type { Event, Tape } from "../event.ts";
import type { LogEvent } from "../log/mod.ts";
import type { FlowResult } from "./engine.ts";

/** Event types that only a run writes; all others are on its tape. */
const DERIVED: ReadonlySet<string> = new Set(["hop.taken", "flow.closed"]);

/**
 * A run as a log holds it: the tape, and behind each flow its hops, if they
 * were traced, and its outcome.
 */
export function* runEvents(
  tape: Tape,
  results: readonly FlowResult[],
): Generator<LogEvent> {
  let position = 0;
  let next = 0;
  for (const event of tape) {
    yield { ...event, position: position++ };
    const result = results[next];
    if (result?.position !== event.position) continue;
    next++;
    const { timeNs } = event;
    const flow = result.flow.id;
    for (const hop of result.journey) {
      yield derived("hop.taken", { position: position++, timeNs }, {
        flow,
        hop,
      });
    }
    const { outcome } = result;
    yield derived("flow.closed", { position: position++, timeNs }, { outcome });
  }
}

/** The tape of a run that was logged, ready to be replayed. */
export function tapeOf(events: Iterable<LogEvent>, file: string): Tape {
  const tape: Event[] = [];
  for (const logged of events) {
    if (DERIVED.has(logged.type)) continue;
    const at = { file, line: 1, column: logged.position + 1 };
    const event = { ...logged, position: tape.length } as Event;
    tape.push(reviveEvent(event, at));
  }
  return tape;
}

function derived(
  type: string,
  place: { readonly position: number; readonly timeNs: number },
  data: unknown,
): LogEvent {
  return { type, version: 1, ...place, data };
}

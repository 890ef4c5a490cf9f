import { join } from "node:path";
import type { Tape } from "../../../core/event.ts";
import type { BlockLog } from "../../../core/log/mod.ts";
import { tapeOf } from "../../../core/replay/run_record.ts";
import type { RunHeader } from "../../record_runs.ts";
import { readFileLog } from "../../store/file_log.ts";
import { MissingError, type RunPlace } from "../protocol.ts";

/** Where the log of one stack of a run is. */
export function logPath({ directory }: RunPlace, stack: number): string {
  return join(directory, `${stack}.dplog`);
}

/** The tape of a run and the stacks it went through. */
export interface LoggedRun {
  readonly tape: Tape;
  readonly headers: readonly RunHeader[];
}

/** Opens the log of one stack to read it. */
export function openRunLog(place: RunPlace, stack: number): BlockLog {
  try {
    return readFileLog(logPath(place, stack));
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    if (!(cause instanceof Deno.errors.NotFound)) throw error;
    throw new MissingError("the run has no log of that stack");
  }
}

let last: { readonly key: string; readonly run: LoggedRun } | undefined;

/** Events of a run that is kept in memory. */
const KEPT_EVENTS = 200_000;

/** Reads a run back. The last one is kept: who looks at one flow looks at another. */
export function readRun(place: RunPlace, stacks: number): LoggedRun {
  if (last?.key === place.directory) return last.run;
  const headers: RunHeader[] = [];
  for (let stack = 0; stack < stacks; stack++) {
    using log = openRunLog(place, stack);
    headers.push(log.header as unknown as RunHeader);
  }
  using log = openRunLog(place, 0);
  const run = { tape: tapeOf(log.read(), "run.dplog"), headers };
  last = run.tape.length > KEPT_EVENTS
    ? undefined
    : { key: place.directory, run };
  return run;
}

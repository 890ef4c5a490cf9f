import type { Event } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { BlockLog, LogEvent } from "../../core/log/mod.ts";
import type { FlowResult } from "../../core/replay/engine.ts";
import { runEvents } from "../../core/replay/run_record.ts";

/** Writes the events of a run to its log, block by block, as the replay goes on. */
export class RunLogWriter {
  readonly #log: BlockLog;
  readonly #hops: boolean;
  #waiting: LogEvent[] = [];
  #position = 0;

  /** Takes over the log: `close()` closes it. Without `hops` journeys are left out. */
  constructor(
    log: BlockLog,
    { hops = true }: { readonly hops?: boolean } = {},
  ) {
    this.#log = log;
    this.#hops = hops;
  }

  /** Events so far. */
  get events(): number {
    return this.#position;
  }

  get runId(): string {
    return this.#log.runId;
  }

  /** Takes an event, and what became of it when it is a flow. */
  add(event: Event, result: FlowResult | undefined): void {
    for (const one of runEvents([event], this.#kept(result))) {
      this.#waiting.push({ ...one, position: this.#position++ });
    }
    if (this.#waiting.length >= LIMITS.blockEvents) this.#flush();
  }

  /** Writes what is left. */
  close(): void {
    this.#flush();
    this.#log.close();
  }

  /** Closes the log without what is left. */
  abandon(): void {
    this.#log.close();
  }

  #kept(result: FlowResult | undefined): readonly FlowResult[] {
    if (result === undefined) return [];
    return this.#hops ? [result] : [{ ...result, journey: [] }];
  }

  #flush(): void {
    if (this.#waiting.length > 0) this.#log.append(this.#waiting);
    this.#waiting = [];
  }
}

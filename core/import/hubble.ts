import { InputError, type Problem } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { HubbleFold } from "./fold_hubble.ts";
import type { HubbleConnection } from "./_hubble_connection.ts";
import { parseHubbleLine } from "./hubble_line.ts";
import type { HubbleFlowRecord } from "./hubble_record.ts";
import { recordsOf } from "./_hubble_records.ts";
import { outsidePlace, type PlaceOf } from "./recorded_flow.ts";
import { Tally } from "./_tally.ts";
import { formatTimestamp } from "./timestamp.ts";

/** How much of a flow recording the flows stand for. JSON-safe. */
export interface HubbleStats {
  readonly lines: number;
  /** Flow lines that belong to a connection. */
  readonly folded: number;
  readonly flows: number;
  /** Lines left out, by what they are. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Events that the recorder lost. */
  readonly lost: number;
  readonly malformed: number;
  /** The first of the malformed lines. */
  readonly problems: readonly Problem[];
  /** Flows to a backend that a Service may have picked. */
  readonly unknownIntent: number;
  /** Connections closed early because too many were open: what came of them later counts as another flow. */
  readonly evicted: number;
  /** Time of the first flow, where the tape begins. */
  readonly start: string | null;
  /** Why there may have been more than what was read; empty when all is well. */
  readonly incomplete: readonly string[];
}

/** How to name and place the flows of a recording. */
export interface HubbleImportOptions {
  readonly file: string;
  /** Begins the id of every flow; the number of its first line ends it. */
  readonly name?: string;
  /** Who has the address of a sender that is no pod. */
  readonly placeOf?: PlaceOf;
  readonly openConnections?: number;
}

/** A line as a container runtime logs it: time, stream, partial or full, text. */
const LOG_LINE =
  /^\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::[^ ]{0,16})? /;

/**
 * Reads a flow recording line by line: `hubble observe -o jsonpb`, an exporter
 * file, the older bare flows, or any of them in a container's log.
 *
 * @example
 * ```ts
 * const recording = new HubbleImport({ file: "flows.jsonl" });
 * for (const line of text.split("\n")) recording.addLine(line);
 * const flows = [...recording.take(), ...recording.finish()];
 * recording.stats().incomplete; // why some may be missing
 * ```
 */
export class HubbleImport {
  readonly #options: Required<HubbleImportOptions>;
  readonly #fold: HubbleFold;
  readonly #skipped = new Tally();
  readonly #lostAt = new Tally();
  readonly #absent = new Set<string>();
  readonly #problems: Problem[] = [];
  /** What a container runtime has cut up and not yet finished. */
  #partial = "";
  #lines = 0;
  #folded = 0;
  #flows = 0;
  #lost = 0;
  #malformed = 0;
  #unknownIntent = 0;

  constructor(options: HubbleImportOptions) {
    this.#options = {
      name: "hubble",
      placeOf: outsidePlace,
      openConnections: LIMITS.openConnections,
      ...options,
    };
    this.#fold = new HubbleFold(this.#options);
  }

  /** Takes the next line in, without its line break. */
  addLine(line: string): void {
    this.#lines++;
    const log = line.startsWith("{") ? null : LOG_LINE.exec(line);
    const text = this.#partial +
      (log === null ? line : line.slice(log[0].length));
    const partial = log?.[2] === "P";
    if (partial && text.length <= LIMITS.lineBytes) {
      this.#partial = text;
      return;
    }
    const column = this.#partial === "" ? 1 + (log?.[0].length ?? 0) : 1;
    this.#partial = "";
    if (text.trim() === "") return;
    // In a container's log the program's own messages stand between the flows.
    if (log !== null && !text.startsWith("{")) this.#skipped.add("log message");
    else this.#addText(text, column);
  }

  /** Counts a line that is too long to be looked at. */
  addLongLine(): void {
    this.#lines++;
    this.#addProblem({
      message: "Cannot read flow: the line is too long",
      at: { file: this.#options.file, line: this.#lines, column: 1 },
      expected: `at most ${LIMITS.lineBytes} bytes`,
    });
  }

  /** The flows that ended since the last call; not in the order in which they began. */
  take(): HubbleFlowRecord[] {
    return this.#fold.take().flatMap((one) => this.#records(one));
  }

  /** The flows that are left when no more lines come. */
  *finish(): Generator<HubbleFlowRecord> {
    for (const one of this.#fold.finish()) yield* this.#records(one);
  }

  stats(): HubbleStats {
    const { startNs } = this.#fold.clock;
    return {
      lines: this.#lines,
      folded: this.#folded,
      flows: this.#flows,
      skipped: this.#skipped.toRecord(),
      lost: this.#lost,
      malformed: this.#malformed,
      problems: this.#problems,
      unknownIntent: this.#unknownIntent,
      evicted: this.#fold.evicted,
      start: startNs === null ? null : formatTimestamp(startNs),
      incomplete: this.#incomplete(),
    };
  }

  /** Throws all problems at once if any line could not be read. */
  requireWellFormed(): void {
    if (this.#problems.length > 0) throw new InputError(this.#problems);
  }

  #addText(text: string, column: number): void {
    const at = { file: this.#options.file, line: this.#lines, column };
    const line = parseHubbleLine(text, at);
    switch (line.kind) {
      case "flow": {
        const skip = this.#fold.add(line.flow);
        if (skip === null) this.#folded++;
        else this.#skipped.add(skip);
        return;
      }
      case "skipped":
        return this.#skipped.add(line.what);
      case "lost":
        this.#lost += line.count;
        return this.#lostAt.add(line.where, line.count);
      case "absent":
        this.#skipped.add("node_status");
        for (const node of line.nodes) {
          if (this.#absent.size < LIMITS.recordedDetails) {
            this.#absent.add(`${node} (${line.state})`);
          }
        }
        return;
      case "malformed":
        return this.#addProblem(line.problem);
    }
  }

  #addProblem(problem: Problem): void {
    this.#malformed++;
    if (this.#problems.length < LIMITS.problemsPerFile) {
      this.#problems.push(problem);
    }
  }

  #incomplete(): string[] {
    const lost = Object.entries(this.#lostAt.toRecord()).map(
      ([where, count]) => `${count} events were lost at ${where}`,
    );
    const absent = [...this.#absent].sort().map(
      (node) => `node ${node} is not in the recording`,
    );
    const malformed = this.#malformed === 0
      ? []
      : [`${this.#malformed} lines could not be read`];
    const cut = this.#partial === "" ? [] : ["the last log line is cut off"];
    return [...lost, ...absent, ...malformed, ...cut];
  }

  #records(connection: HubbleConnection): HubbleFlowRecord[] {
    const records = recordsOf(connection, {
      ...this.#options,
      clock: this.#fold.clock,
    });
    this.#flows += records.length;
    if (records[0]?.recorded.intent === "unknown") {
      this.#unknownIntent += records.length;
    }
    return records;
  }
}

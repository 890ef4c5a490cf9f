import { join } from "node:path";
import type { RunPlace } from "../protocol.ts";
import type { BriefRow, FlowRow } from "../schemas.ts";

/** Bytes gathered before they are written. */
const CHUNK_LENGTH = 256 * 1024;

/** Whole rows, or those with as little as a list of many needs. */
export type RowForm = "whole" | "brief";

/** Where the rows of a run are: one JSON document a line. */
export function rowsPath({ directory }: RunPlace, form: RowForm): string {
  return join(directory, form === "whole" ? "flows.ndjson" : "brief.ndjson");
}

/** Writes the rows of a run. */
export class RowWriter {
  readonly #file: Deno.FsFile;
  readonly #encoder = new TextEncoder();
  #lines: string[] = [];
  #length = 0;

  constructor(place: RunPlace, form: RowForm) {
    this.#file = Deno.openSync(rowsPath(place, form), {
      write: true,
      createNew: true,
    });
  }

  add(row: FlowRow | BriefRow): void {
    const line = JSON.stringify(row);
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= CHUNK_LENGTH) this.#flush();
  }

  /** All rows are there, and on the disk. */
  end(): void {
    this.#flush();
    this.#file.syncSync();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const bytes = this.#encoder.encode(`${this.#lines.join("\n")}\n`);
    for (let at = 0; at < bytes.length;) {
      at += this.#file.writeSync(bytes.subarray(at));
    }
    this.#lines = [];
    this.#length = 0;
  }
}

/** A row without what is only wanted of one at a time. */
export function briefRow(
  { index, position, step, flow, text, outcomes, differs }: FlowRow,
): BriefRow {
  return {
    index,
    position,
    step,
    id: flow.id,
    text,
    outcomes: outcomes.map(({ stack, outcome }) => ({
      stack,
      verdict: outcome.verdict,
      reason: outcome.reason,
      backend: outcome.backend,
    })),
    differs,
  };
}

import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";
import type { RunPlace } from "./protocol.ts";
import { type RowForm, rowsPath } from "./job/row_writer.ts";
import type { BriefRow, FlowRow } from "./schemas.ts";

/** Which rows of a run. */
export interface RowFilter {
  /** Where to go on, as the page before said. */
  readonly cursor?: string | undefined;
  readonly limit: number;
  readonly verdict?: string | undefined;
  readonly stack?: string | undefined;
  readonly q?: string | undefined;
  readonly changed: boolean;
  readonly form: RowForm;
}

const CHUNK_BYTES = 256 * 1024;
const LINE_BREAK = 0x0a;

/** How a row ends in which all stacks agree; no text in it can look like that. */
const UNCHANGED = '"differs":[]}';

/** A page of the rows of a run, as JSON. The rows go out as they were written. */
export async function readRows(
  place: RunPlace,
  filter: RowFilter,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(rowsPath(place, filter.form));
  const { size } = await file.stat();
  const start = await startOf(file, { cursor: filter.cursor, size });
  const rows: string[] = [];
  let at = start;
  for await (const { line, endBytes } of linesFrom(file, start)) {
    if (rows.length === filter.limit) break;
    if (isWanted(line, filter)) rows.push(line);
    at = endBytes;
    if (at - start > SERVER_LIMITS.scannedBytes) break;
  }
  const next = at < size ? `"${at.toString(36)}"` : "null";
  return new TextEncoder().encode(
    `{"items":[${rows.join(",")}],"next":${next}}`,
  );
}

/** Where a cursor points; only the beginning of a row is taken. */
async function startOf(
  file: Deno.FsFile,
  { cursor, size }: {
    readonly cursor: string | undefined;
    readonly size: number;
  },
): Promise<number> {
  if (cursor === undefined) return 0;
  const bad = new HttpProblem("bad-request", "That is no cursor of this list");
  if (!/^[0-9a-z]{1,10}$/.test(cursor)) throw bad;
  const start = parseInt(cursor, 36);
  if (start < 1 || start > size) throw bad;
  await file.seek(start - 1, Deno.SeekMode.Start);
  const before = new Uint8Array(1);
  await file.read(before);
  if (before[0] !== LINE_BREAK) throw bad;
  return start;
}

async function* linesFrom(
  file: Deno.FsFile,
  start: number,
): AsyncGenerator<{ line: string; endBytes: number }> {
  await file.seek(start, Deno.SeekMode.Start);
  const decoder = new TextDecoder();
  let rest = new Uint8Array(0);
  let at = start;
  for (;;) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const count = await file.read(chunk);
    if (count === null) return;
    const bytes = new Uint8Array(rest.length + count);
    bytes.set(rest);
    bytes.set(chunk.subarray(0, count), rest.length);
    let from = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_BREAK, from);
      if (end < 0) break;
      at += end + 1 - from;
      yield { line: decoder.decode(bytes.subarray(from, end)), endBytes: at };
      from = end + 1;
    }
    rest = bytes.slice(from);
  }
}

function isWanted(
  line: string,
  { verdict, stack, q, changed }: RowFilter,
): boolean {
  if (changed && line.endsWith(UNCHANGED)) return false;
  if (verdict === undefined && q === undefined) return true;
  const row = JSON.parse(line) as FlowRow | BriefRow;
  if (q !== undefined) {
    const id = "flow" in row ? row.flow.id : row.id;
    const words = `${row.text}\n${id}`.toLowerCase();
    if (!words.includes(q.toLowerCase())) return false;
  }
  return verdict === undefined ||
    row.outcomes.some((one) => {
      const found = "outcome" in one ? one.outcome.verdict : one.verdict;
      return found === verdict && (stack ?? one.stack) === one.stack;
    });
}

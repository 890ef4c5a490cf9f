import { InputError, invariant } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { blockError, type BlockPlace } from "./_damage.ts";
import { decodeUtf8, parseJson } from "./_text.ts";
import type { RawBlock } from "./block.ts";
import type { JsonWriter } from "./canonical_json.ts";
import type { LogEvent } from "./log_event.ts";

const NEWLINE = 0x0a;

/**
 * Cuts events into blocks: a new one after so many events, or when the next
 * event would make it too large. The raw bytes are a view into the writer and
 * hold until the next block is asked for.
 */
export function* cutBlocks(
  events: readonly LogEvent[],
  writer: JsonWriter,
): Generator<RawBlock> {
  writer.truncate(0);
  let count = 0;
  let firstPosition = events[0]?.position ?? 0;
  let timeNs = 0;
  for (const [index, event] of events.entries()) {
    const before = writer.length;
    checkOrder(event, firstPosition + count, timeNs);
    timeNs = event.timeNs;
    writer.write(event);
    writer.writeByte(NEWLINE);
    checkSize(event, writer.length - before);
    if (writer.length > LIMITS.blockBytes) {
      const raw = writer.bytes().subarray(0, before);
      yield { firstPosition, count, raw };
      writer.discard(before);
      firstPosition = event.position;
      count = 0;
    }
    count++;
    if (count === LIMITS.blockEvents || index === events.length - 1) {
      yield { firstPosition, count, raw: writer.bytes() };
      writer.truncate(0);
      firstPosition += count;
      count = 0;
    }
  }
}

/** The events of a block; an InputError when they are not what a log holds. */
export function parseEvents(
  { raw, count, firstPosition }: RawBlock,
  place: BlockPlace,
): LogEvent[] {
  const text = decodeText(raw, place);
  const events: LogEvent[] = [];
  let timeNs = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const position = firstPosition + events.length;
    const event = parseEvent(text.slice(start, end), position);
    if (event === undefined || event.timeNs < timeNs) {
      throw blockError(place, `position ${position} holds no event`);
    }
    timeNs = event.timeNs;
    events.push(event);
    start = end + 1;
  }
  if (events.length !== count) {
    throw blockError(place, `it holds ${events.length} events, not ${count}`);
  }
  return events;
}

function checkOrder(event: LogEvent, position: number, timeNs: number): void {
  invariant(
    event.position === position,
    `Cannot append event ${event.position}: the next position is ${position}`,
  );
  invariant(
    Number.isSafeInteger(event.timeNs) && event.timeNs >= timeNs,
    `Cannot append event ${position}: its time ${event.timeNs} is no time after ${timeNs}`,
  );
  invariant(
    Number.isSafeInteger(event.version) && typeof event.type === "string",
    `Cannot append event ${position}: it has no type and version`,
  );
}

function checkSize(event: LogEvent, lengthBytes: number): void {
  if (lengthBytes <= LIMITS.blockBytes) return;
  throw new InputError([{
    message: `Cannot append event ${event.position} (${event.type}): it is ` +
      `${lengthBytes} bytes long`,
    at: { file: "log", line: 1, column: 1 },
    expected: `at most ${LIMITS.blockBytes} bytes`,
  }]);
}

function decodeText(raw: Uint8Array, place: BlockPlace): string {
  const text = decodeUtf8(raw);
  if (text === undefined) throw blockError(place, "its text is not UTF-8");
  return text;
}

function parseEvent(line: string, position: number): LogEvent | undefined {
  // A level of nesting takes two characters, so most lines are too short to nest too deep.
  if (line.length >= 2 * LIMITS.eventDepth && nestsTooDeep(line)) {
    return undefined;
  }
  const value = parseJson(line);
  return isEvent(value) && value.position === position ? value : undefined;
}

function isEvent(value: unknown): value is LogEvent {
  if (value === null || typeof value !== "object") return false;
  const event = value as Readonly<Record<string, unknown>>;
  return typeof event.type === "string" &&
    Number.isSafeInteger(event.version) &&
    Number.isSafeInteger(event.timeNs) &&
    Number.isSafeInteger(event.position) &&
    event.data !== undefined;
}

/** Counts brackets outside strings: readers walk events by recursion. */
function nestsTooDeep(line: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < line.length; index++) {
    const unit = line[index];
    if (quoted) {
      if (unit === "\\") index++;
      else if (unit === '"') quoted = false;
    } else if (unit === '"') {
      quoted = true;
    } else if (unit === "{" || unit === "[") {
      if (++depth > LIMITS.eventDepth) return true;
    } else if (unit === "}" || unit === "]") {
      depth--;
    }
  }
  return false;
}

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { InputError, InternalError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { Ip } from "../packet/ip.ts";
import { allBytes, HEADER, someEvents, someLog } from "./_fixtures.ts";
import { BlockLog } from "./block_log.ts";
import type { LogEvent } from "./log_event.ts";
import { MemoryBytes } from "./memory_bytes.ts";

Deno.test("append() and read() give back what was written", () => {
  const event = fc.record({
    type: fc.string(),
    version: fc.nat(),
    timeNs: fc.nat(),
    data: fc.jsonValue(),
  });
  const batches = fc.array(fc.array(event, { maxLength: 5 }), { maxLength: 6 });
  fc.assert(fc.property(batches, fc.nat({ max: 30 }), (batches, from) => {
    const bytes = new MemoryBytes();
    const log = BlockLog.create(bytes, HEADER);
    const written: LogEvent[] = [];
    let timeNs = 0;
    for (const batch of batches) {
      const events = batch.map((event, index) => ({
        ...event,
        position: written.length + index,
        timeNs: timeNs += event.timeNs,
      }));
      assertEquals(log.append(events).position, written.length + batch.length);
      written.push(...events);
    }
    const expected: unknown = JSON.parse(JSON.stringify(written));
    assertEquals([...log.read()], expected);
    assertEquals([...log.read(from)], (expected as unknown[]).slice(from));
    log.close();
    const again = BlockLog.openToRead(bytes);
    assertEquals([...again.read()], expected);
    assertEquals(again.verify().events, written.length);
    assertEquals(again.runId, log.runId);
  }));
});

Deno.test("append() stores the same events as the same bytes", () => {
  const [first, second] = [someLog([3, 500, 7]), someLog([3, 500, 7])];
  first.log.close();
  second.log.close();
  assertEquals(allBytes(first.bytes), allBytes(second.bytes));
});

Deno.test("runId is that of format version 1 for ever", () => {
  const { log } = someLog([2, 3]);
  assertEquals(
    log.runId,
    "093133146a6f9f0c5d7cade90d6e95ae44dfe30c9e81350e38a0af8a2e948b5a",
  );
});

Deno.test("runId depends on the header, the events and their order of keys not at all", () => {
  const make = (seed: number, event: LogEvent) => {
    const log = BlockLog.create(new MemoryBytes(), { seed });
    log.append([event]);
    return log.runId;
  };
  const event = someEvents(1)[0]!;
  const turned = Object.fromEntries(Object.entries(event).reverse());
  const runId = make(1, event);
  assertEquals(make(1, turned as unknown as LogEvent), runId);
  assertNotEquals(make(2, event), runId);
  assertNotEquals(make(1, { ...event, timeNs: 1 }), runId);
});

Deno.test("append() cuts long batches into blocks of a fixed size", () => {
  const { log } = someLog([LIMITS.blockEvents * 2 + 1]);
  assertEquals(log.verify().blocks, 3);
  assertEquals(log.head.position, LIMITS.blockEvents * 2 + 1);
  const from = LIMITS.blockEvents - 1;
  assertEquals([...log.read(from)][0]?.position, from);
});

Deno.test("append() cuts blocks that would be too large, and refuses an event that is", () => {
  const log = BlockLog.create(new MemoryBytes(), HEADER);
  const text = "x".repeat(LIMITS.blockBytes * 0.4);
  log.append(someEvents(3).map((event) => ({ ...event, data: text })));
  assertEquals(log.verify().blocks, 2);
  assertEquals([...log.read(1)].map((event) => event.position), [1, 2]);
  const error = assertThrows(
    () => log.append([{ ...someEvents(1, 3)[0]!, data: text + text + text }]),
    InputError,
    "Cannot append event 3 (flow.opened)",
  );
  assertStringIncludes(error.message, `at most ${LIMITS.blockBytes}`);
  assertEquals(log.head.position, 3);
});

Deno.test("append() takes the same events again and changes nothing", () => {
  const { log, bytes } = someLog([3, 4]);
  const before = allBytes(bytes);
  log.append(someEvents(3));
  log.append(someEvents(4, 3));
  assertEquals(allBytes(bytes), before);
  // A writer that died after its first block tries the whole batch again.
  const resumed = someLog([LIMITS.blockEvents]).log;
  resumed.append(someEvents(LIMITS.blockEvents + 5));
  assertEquals(resumed.head.position, LIMITS.blockEvents + 5);
  assertEquals(resumed.verify().blocks, 2);
});

Deno.test("append() refuses other events where some are", () => {
  const { log } = someLog([3, 4]);
  const other = someEvents(4, 3).map((event) => ({ ...event, version: 2 }));
  const message = "Cannot append at position 3: block 2 of the log, at byte";
  assertThrows(() => log.append(other), InputError, message);
  assertThrows(() => log.append(someEvents(2)), InputError, "position 0");
  assertThrows(() => log.append(someEvents(2, 4)), InputError, "position 4");
  assertEquals(log.verify().events, 7);
});

Deno.test("append() refuses gaps, time that goes back, and what is no JSON", () => {
  const { log, bytes } = someLog([3]);
  const before = allBytes(bytes);
  const [event] = someEvents(1, 3);
  const bad = [
    someEvents(1, 4),
    [event!, event!],
    [{ ...event!, timeNs: 1 }],
    [{ ...event!, timeNs: NaN }],
    [{ ...event!, data: undefined }],
    [{ ...event!, data: { port: 0 / 0 } }],
  ];
  for (const events of bad) {
    assertThrows(() => log.append(events), InternalError);
    assertEquals(allBytes(bytes), before);
  }
});

Deno.test("append() writes addresses as text", () => {
  const log = BlockLog.create(new MemoryBytes(), HEADER);
  log.append([{ ...someEvents(1)[0]!, data: { ip: Ip.of("10.0.0.1") } }]);
  assertEquals([...log.read()][0]?.data, { ip: "10.0.0.1" });
});

Deno.test("append() goes on behind a footer, which moves", () => {
  const { log, bytes } = someLog([3, 4]);
  log.close();
  const closed = allBytes(bytes);
  const again = BlockLog.openToAppend(bytes);
  again.close();
  assertEquals(allBytes(bytes), closed);
  const longer = BlockLog.openToAppend(bytes);
  longer.append(someEvents(2, 7));
  longer.close();
  const whole = someLog([3, 4, 2]);
  whole.log.close();
  assertEquals(allBytes(bytes), allBytes(whole.bytes));
});

Deno.test("append() refuses a log that was closed or opened to read", () => {
  const { log, bytes } = someLog([1]);
  log.close();
  const events = someEvents(1, 1);
  assertThrows(() => log.append(events), InternalError, "closed");
  const reader = BlockLog.openToRead(bytes);
  assertThrows(() => reader.append(events), InternalError, "closed");
});

Deno.test("append() stops for good when a write fails", () => {
  class FullDisk extends MemoryBytes {
    full = false;
    override write(offset: number, bytes: Uint8Array): void {
      super.write(offset, this.full ? bytes.subarray(0, 20) : bytes);
      if (this.full) throw new Error("No space left on device");
    }
  }
  const bytes = new FullDisk();
  const log = BlockLog.create(bytes, HEADER);
  log.append(someEvents(3));
  bytes.full = true;
  assertThrows(() => log.append(someEvents(3, 3)), Error, "No space left");
  bytes.full = false;
  assertThrows(() => log.append(someEvents(3, 3)), InternalError);
  log.close();
  const again = BlockLog.openToAppend(bytes);
  assertEquals(again.append(someEvents(3, 3)).position, 6);
  assertEquals(again.verify().events, 6);
});

Deno.test("an empty log is a log", () => {
  const { log, bytes } = someLog([]);
  assertEquals([...log.read()], []);
  log.append([]);
  log.close();
  const again = BlockLog.openToRead(bytes);
  assertEquals(again.verify().tail, "footer");
  assertEquals(again.head.position, 0);
  assertEquals(again.header, HEADER);
  assert(/^[0-9a-f]{64}$/.test(again.runId));
});

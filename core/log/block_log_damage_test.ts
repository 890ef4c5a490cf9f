import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { InputError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { allBytes, HEADER, someEvents, someLog } from "./_fixtures.ts";
import { crc32, equalBytes, sha256 } from "./_native.ts";
import { BLOCK_HEAD_BYTES, chainHash, encodeBlock } from "./block.ts";
import { BlockLog } from "./block_log.ts";
import { encodeHeader } from "./file_header.ts";
import { encodeFooter, type IndexEntry } from "./footer.ts";
import { MemoryBytes } from "./memory_bytes.ts";

const SIZES = [3, 2, 4];
const EVENTS = someEvents(9);

Deno.test("openToRead() never misreads a log with a changed byte", () => {
  for (const closed of [true, false]) {
    const { log, bytes } = someLog(SIZES);
    if (closed) log.close();
    const whole = allBytes(bytes);
    for (let at = 0; at < whole.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = whole.slice();
        changed[at] = changed[at]! ^ flip;
        const events = attempt(() => {
          const reader = BlockLog.openToRead(new MemoryBytes(changed));
          reader.verify();
          return [...reader.read()];
        });
        // Only a footer can be damaged and do no harm.
        if (events !== undefined) assert(closed && at > whole.length - 200);
        assertEquals(events ?? EVENTS, EVENTS, `byte ${at}`);
      }
    }
  }
});

Deno.test("openToAppend() overwrites nothing in a log with a changed byte", () => {
  const { log, bytes } = someLog(SIZES);
  log.close();
  const whole = allBytes(bytes);
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at] = changed[at]! ^ 0xff;
    const store = new MemoryBytes(changed);
    const opened = attempt(() => BlockLog.openToAppend(store));
    if (opened === undefined) assert(equalBytes(allBytes(store), changed));
    else assertEquals([...opened.read()], EVENTS);
  }
});

Deno.test("openToAppend() cuts off a torn tail of any length and goes on", () => {
  for (const closed of [true, false]) {
    const { log, bytes } = someLog(SIZES);
    if (closed) log.close();
    const whole = allBytes(bytes);
    const headerLength = encodeHeader(HEADER).bytes.length;
    for (let length = 0; length < whole.length; length++) {
      const store = new MemoryBytes(whole.subarray(0, length));
      if (length < headerLength) {
        assertThrows(() => BlockLog.openToAppend(store), InputError, "block 0");
        continue;
      }
      const reader = BlockLog.openToRead(store);
      const kept = [...reader.read()];
      assertEquals(kept, EVENTS.slice(0, kept.length));
      assert([0, 3, 5, 9].includes(kept.length));
      const writer = BlockLog.openToAppend(store);
      assertEquals(writer.head.position, kept.length);
      // The same batches again: those that are there are passed over.
      writer.append(someEvents(3));
      writer.append(someEvents(2, 3));
      writer.append(someEvents(4, 5));
      if (closed) writer.close();
      assertEquals(allBytes(store), whole);
    }
  }
});

Deno.test("openToAppend() cuts off zeros that a power cut left", () => {
  const { bytes } = someLog(SIZES);
  bytes.write(bytes.length, new Uint8Array(100_000));
  const log = BlockLog.openToAppend(bytes);
  assertEquals(log.verify().tail, "torn");
  assertEquals(log.append(someEvents(1, 9)).position, 10);
  assertEquals(log.verify().tail, "nothing");
});

Deno.test("a damaged block is named by file, block and byte, and those before are read", () => {
  for (const closed of [true, false]) {
    const { log, bytes } = someLog(SIZES);
    const [, second] = blockOffsets(bytes);
    if (closed) log.close();
    const changed = allBytes(bytes);
    changed[second! + BLOCK_HEAD_BYTES + 5]! ^= 1;
    const store = new MemoryBytes(changed, "run.dplog");
    const reader = BlockLog.openToRead(store);
    const error = assertThrows(() => reader.verify(), InputError);
    assertStringIncludes(
      error.message,
      `run.dplog:1:${second! + 1}: Cannot read block 2 at byte ${second}: ` +
        "its bytes are damaged",
    );
    assertStringIncludes(error.message, "the 3 events before it are whole");
    const seen: number[] = [];
    assertThrows(
      () => {
        for (const event of reader.read()) seen.push(event.position);
      },
      InputError,
      "block 2",
    );
    assertEquals(seen, [0, 1, 2]);
    assertThrows(() => BlockLog.openToAppend(store), InputError, "block 2");
    assertEquals(allBytes(store), changed);
  }
});

Deno.test("a block from another log breaks the chain", () => {
  const { bytes } = someLog(SIZES);
  const otherBytes = new MemoryBytes();
  const other = BlockLog.create(otherBytes, { ...HEADER, seed: 8 });
  for (const size of SIZES) other.append(someEvents(size, other.head.position));
  const [, second] = blockOffsets(bytes);
  const mixed = allBytes(bytes);
  mixed.set(allBytes(otherBytes).subarray(second), second);
  const log = BlockLog.openToRead(new MemoryBytes(mixed));
  assertThrows(
    () => log.verify(),
    InputError,
    `Cannot read block 2 at byte ${second}: its hash does not follow`,
  );
});

Deno.test("openToRead() names a newer version, another file and a cut header", () => {
  const { bytes } = someLog([1]);
  const newer = allBytes(bytes);
  newer[9] = 2;
  const cases: [Uint8Array, string][] = [
    [newer, "it has format version 2, a newer one"],
    [new TextEncoder().encode("# pcap or so"), "it is not a Plumbline log"],
    [new Uint8Array(0), "it is not a Plumbline log"],
    [allBytes(bytes).subarray(0, 12), "it ends within its header"],
    [allBytes(bytes).subarray(0, 30), "it ends within its header"],
  ];
  for (const [content, part] of cases) {
    const store = new MemoryBytes(content, "x.dplog");
    const error = assertThrows(() => BlockLog.openToRead(store), InputError);
    assertMatch(error.message, /^x\.dplog:1:\d+: Cannot read log: /);
    assertStringIncludes(error.message, part);
  }
});

Deno.test("forged lengths are refused before memory is taken for them", () => {
  const { bytes } = someLog(SIZES);
  const [first] = blockOffsets(bytes);
  const patches: [number, number, string][] = [
    [4, 0xffff_ffff, "it is larger than"],
    [4, LIMITS.blockBytes, "it does not unpack to"],
    [4, 1, "it does not unpack to"],
    [8, 0xffff_ffff, "it is larger than"],
    [12, 0, "it has 0 events"],
    [12, 0xffff_ffff, "it has 4294967295 events"],
    [12, 2, "it holds 3 events, not 2"],
    [16, 7, "it starts at position 7"],
  ];
  for (const [field, value, part] of patches) {
    const changed = allBytes(bytes);
    const head = changed.subarray(first, first! + BLOCK_HEAD_BYTES);
    const view = new DataView(head.buffer, head.byteOffset);
    view.setUint32(field, value, true);
    view.setUint32(60, crc32(head.subarray(0, 60)), true);
    const log = BlockLog.openToRead(new MemoryBytes(changed));
    assertThrows(() => log.verify(), InputError, part);
  }
  const header = allBytes(bytes);
  new DataView(header.buffer).setUint32(11, 0xffff_ffff, true);
  const store = new MemoryBytes(header);
  assertThrows(() => BlockLog.openToRead(store), InputError, "damaged");
});

Deno.test("a block that unpacks to more than it says is refused", () => {
  const raw = new Uint8Array(LIMITS.blockBytes).fill(0x20);
  const bytes = forgeRaw([raw], 1);
  new DataView(bytes.buffer).setUint32(headerLength() + 4, 1000, true);
  const head = bytes.subarray(headerLength(), headerLength() + 60);
  new DataView(bytes.buffer).setUint32(headerLength() + 60, crc32(head), true);
  const log = BlockLog.openToRead(new MemoryBytes(bytes));
  assertThrows(() => log.verify(), InputError, "does not unpack to 1000");
});

Deno.test("forged events are refused though their hashes are right", () => {
  const [event] = someEvents(1);
  const deep = "[".repeat(500_000) + "]".repeat(500_000);
  const line = JSON.stringify(event);
  const lines = [
    "",
    "null",
    "[]",
    "{",
    line + line,
    line.replace(`"position":0`, `"position":1`),
    line.replace(`"position":0`, `"position":"0"`),
    line.replace(`"timeNs":0`, `"timeNs":-1`),
    line.replace(`"timeNs":0`, `"timeNs":1e300`),
    line.replace(`"version":1`, `"version":1.5`),
    line.replace(`"data"`, `"date"`),
    line.replace(`"flow.opened"`, "7"),
    line.replace("80", deep),
    `${line}\n${line}`,
  ];
  for (const text of lines) {
    const bytes = forgeRaw([new TextEncoder().encode(`${text}\n`)], 1);
    const log = BlockLog.openToRead(new MemoryBytes(bytes));
    assertThrows(() => log.verify(), InputError, "Cannot read block 1 at byte");
    assertThrows(() => [...log.read()], InputError);
  }
  const notText = new Uint8Array([0x22, 0xff, 0x22, 0x0a]);
  const log = BlockLog.openToRead(new MemoryBytes(forgeRaw([notText], 1)));
  assertThrows(() => log.verify(), InputError, "its text is not UTF-8");
});

Deno.test("brackets in the text of an event are no nesting", () => {
  const log = BlockLog.create(new MemoryBytes(), HEADER);
  const data = { text: `\\"[`.repeat(5_000) };
  log.append([{ ...someEvents(1)[0]!, data }]);
  assertEquals([...log.read()][0]?.data, data);
});

Deno.test("verify() sees time go back from one block to the next", () => {
  const late = someEvents(1).map((event) => ({ ...event, timeNs: 99 }));
  const store = new MemoryBytes(forge([late, someEvents(1, 1)]));
  const log = BlockLog.openToRead(store);
  assertThrows(() => log.verify(), InputError, "block 2");
});

Deno.test("a log without its footer reads the same", () => {
  const { log, bytes } = someLog(SIZES);
  const open = BlockLog.openToRead(new MemoryBytes(allBytes(bytes)));
  assertEquals(open.verify().tail, "nothing");
  log.close();
  const closed = BlockLog.openToRead(bytes);
  assertEquals(closed.verify().tail, "footer");
  assertEquals([...open.read(4)], [...closed.read(4)]);
  assertEquals(open.runId, closed.runId);
});

Deno.test("a damaged footer is named; the events are read all the same", () => {
  const { log, bytes } = someLog(SIZES);
  const footerStart = bytes.length;
  log.close();
  const changed = allBytes(bytes);
  changed[footerStart + 20]! ^= 1;
  const store = new MemoryBytes(changed, "run.dplog");
  const reader = BlockLog.openToRead(store);
  assertEquals([...reader.read()], EVENTS);
  const message = `Cannot read footer at byte ${footerStart}, after block 3`;
  assertThrows(() => reader.verify(), InputError, message);
  assertThrows(() => BlockLog.openToAppend(store), InputError, message);
  assertEquals(allBytes(store), changed);
});

Deno.test("a forged footer leads nobody astray", () => {
  const { bytes } = someLog(SIZES);
  const blocks = allBytes(bytes);
  const entries = entriesOf(bytes);
  const [one, two, three] = [entries[0]!, entries[1]!, entries[2]!];
  const zero = new Uint8Array(32);
  const forgeries: IndexEntry[][] = [
    [],
    [one, two],
    [one, three],
    [two, three],
    [one, three, two],
    [one, { ...two, firstPosition: 4 }, three],
    [one, { ...two, offsetBytes: two.offsetBytes + 1 }, three],
    [one, two, { ...three, offsetBytes: three.offsetBytes + 1 }],
    [one, { ...two, chainHash: zero }, three],
    [one, two, { ...three, chainHash: zero }],
    [one, two, three, { ...three, offsetBytes: 2 ** 52, firstPosition: 9 }],
    [one, two, { ...three, firstPosition: 2 ** 53 }],
  ];
  for (const [index, forgery] of forgeries.entries()) {
    const content = new Uint8Array([...blocks, ...encodeFooter(forgery)]);
    const reader = BlockLog.openToRead(new MemoryBytes(content));
    assertThrows(() => reader.verify(), InputError, "Cannot read");
    const events = attempt(() => [...reader.read()]);
    assertEquals(events ?? EVENTS, EVENTS, `forgery ${index}`);
    const store = new MemoryBytes(content);
    assertThrows(() => BlockLog.openToAppend(store), InputError, "footer");
    assertEquals(allBytes(store), content);
  }
});

/** What it returns, or undefined when it throws an InputError; other errors are failures. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

function entriesOf(bytes: MemoryBytes): IndexEntry[] {
  const entries: IndexEntry[] = [];
  let offsetBytes = headerLength();
  while (offsetBytes < bytes.length) {
    const head = bytes.read(offsetBytes, BLOCK_HEAD_BYTES);
    const view = new DataView(head.buffer);
    const firstPosition = view.getUint32(16, true);
    entries.push({ offsetBytes, firstPosition, chainHash: head.slice(24, 56) });
    offsetBytes += BLOCK_HEAD_BYTES + view.getUint32(8, true);
  }
  return entries;
}

function blockOffsets(bytes: MemoryBytes): number[] {
  return entriesOf(bytes).map((entry) => entry.offsetBytes);
}

function headerLength(): number {
  return encodeHeader(HEADER).bytes.length;
}

/** A log of these blocks, whatever is in them, with hashes that are right. */
function forge(blocks: readonly (readonly object[])[]): Uint8Array {
  const raws = blocks.map((events) =>
    new TextEncoder().encode(
      events.map((event) => `${JSON.stringify(event)}\n`).join(""),
    )
  );
  return forgeRaw(raws, blocks[0]!.length);
}

function forgeRaw(raws: readonly Uint8Array[], count: number): Uint8Array {
  const header = encodeHeader(HEADER).bytes;
  const parts = [header];
  let previous = sha256(header);
  for (const [index, raw] of raws.entries()) {
    const hash = chainHash(previous, raw);
    const firstPosition = index * count;
    parts.push(encodeBlock({ raw, count, firstPosition }, hash));
    previous = hash;
  }
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

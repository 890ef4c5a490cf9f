import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import type { LogEvent } from "../../core/log/mod.ts";
import { openFileLog, readFileLog } from "./file_log.ts";

const HEADER = { scenario: "shop", seed: 7 };

Deno.test("openFileLog() starts a log and goes on with it", () => {
  inFolder((path) => {
    {
      using log = openFileLog(path, HEADER);
      log.append(someEvents(3, 0));
    }
    const first = Deno.readFileSync(path);
    {
      using log = openFileLog(path, HEADER);
      assertEquals(log.head.position, 3);
    }
    assertEquals(Deno.readFileSync(path), first);
    {
      using log = openFileLog(path, HEADER);
      log.append(someEvents(1200, 3));
    }
    using log = readFileLog(path);
    assertEquals(log.verify().events, 1203);
    assertEquals([...log.read(1200)], someEvents(3, 1200));
    assertEquals(log.header, HEADER);
  });
});

Deno.test("readFileLog() reads a log while it grows", () => {
  inFolder((path) => {
    using log = openFileLog(path, HEADER);
    log.append(someEvents(3, 0));
    using reader = readFileLog(path);
    log.append(someEvents(3, 3));
    assertEquals([...reader.read()], someEvents(3, 0));
    assertEquals([...log.read()], someEvents(6, 0));
  });
});

Deno.test("openFileLog() cuts off a torn tail, readFileLog() does not", () => {
  inFolder((path) => {
    openFileLog(path, HEADER)[Symbol.dispose]();
    {
      using log = openFileLog(path, HEADER);
      log.append(someEvents(3, 0));
      log.append(someEvents(3, 3));
    }
    const whole = Deno.readFileSync(path);
    const torn = whole.subarray(0, whole.length - 200);
    Deno.writeFileSync(path, torn);
    {
      using log = readFileLog(path);
      assertEquals(log.verify(), { ...log.verify(), tail: "torn", events: 3 });
    }
    assertEquals(Deno.readFileSync(path), torn);
    {
      using log = openFileLog(path, HEADER);
      log.append(someEvents(3, 3));
    }
    assertEquals(Deno.readFileSync(path), whole);
  });
});

Deno.test("openFileLog() keeps a second writer out", () => {
  inFolder((path) => {
    {
      using log = openFileLog(path, HEADER);
      log.append(someEvents(3, 0));
      const before = Deno.readFileSync(path);
      const error = assertThrows(() => openFileLog(path, HEADER), InputError);
      assertStringIncludes(error.message, "another process is writing it");
      assertEquals(Deno.readFileSync(path), before);
    }
    openFileLog(path, HEADER)[Symbol.dispose]();
  });
});

Deno.test("openFileLog() refuses the log of another run and damage, and changes neither", () => {
  inFolder((path) => {
    {
      using log = openFileLog(path, HEADER);
      log.append(someEvents(3, 0));
    }
    const whole = Deno.readFileSync(path);
    const other = { ...HEADER, seed: 8 };
    const message = `Cannot append to log ${path}: it is of another run`;
    assertThrows(() => openFileLog(path, other), InputError, message);
    assertEquals(Deno.readFileSync(path), whole);
    const damaged = whole.slice();
    damaged[150]! ^= 1;
    Deno.writeFileSync(path, damaged);
    assertThrows(() => openFileLog(path, HEADER), InputError, "block 1");
    assertEquals(Deno.readFileSync(path), damaged);
    // Nothing is left locked behind an error.
    Deno.writeFileSync(path, whole);
    openFileLog(path, HEADER)[Symbol.dispose]();
  });
});

Deno.test("readFileLog() names files that are missing, folders, or no logs", () => {
  inFolder((path) => {
    const missing = `Cannot open log ${path}: there is no such file`;
    assertThrows(() => readFileLog(path), InputError, missing);
    Deno.mkdirSync(path);
    assertThrows(() => readFileLog(path), InputError, "it is a folder");
    assertThrows(() => openFileLog(path, {}), InputError, "it is a folder");
    const inMissing = `${path}/missing/x.dplog`;
    assertThrows(() => openFileLog(inMissing, {}), InputError, "no such file");
    Deno.writeTextFileSync(`${path}/notes`, "hello");
    const notes = `${path}/notes`;
    assertThrows(() => readFileLog(notes), InputError, "not a Plumbline log");
    assertThrows(() => openFileLog(notes, {}), InputError, "not a Plumbline");
    assertEquals(Deno.readTextFileSync(notes), "hello");
  });
});

function someEvents(count: number, position: number): LogEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "flow.opened",
    version: 1,
    position: position + index,
    timeNs: position + index,
    data: { flow: `f${position + index}` },
  }));
}

function inFolder(test: (path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "plumbline-" });
  try {
    test(`${folder}/run.dplog`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

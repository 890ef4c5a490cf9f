import { assertEquals } from "@std/assert";
import { BlockLog, MemoryBytes } from "../log/mod.ts";
import { replay } from "./engine.ts";
import { runEvents, tapeOf } from "./run_record.ts";
import { standardTape } from "./standard_tape.ts";
import { stackOf } from "./testing.ts";

Deno.test("a run read back from its log replays to the same hash", () => {
  const tape = standardTape();
  const run = replay(tape, stackOf(), { seed: 5, trace: "full" });
  const log = BlockLog.create(new MemoryBytes(), { seed: 5 });
  log.append([...runEvents(tape, run.results)]);
  const read = [...log.read()];
  const closed = read.filter((event) => event.type === "flow.closed");
  assertEquals(closed.length, run.results.length);
  const again = replay(tapeOf(read, "run.dplog"), stackOf(), {
    seed: 5,
    trace: "outcome",
  });
  assertEquals(again.hash, run.hash);
});

Deno.test("the same run gives the same bytes", () => {
  const bytes = () => {
    const tape = standardTape();
    const run = replay(tape, stackOf(), { seed: 5, trace: "full" });
    const memory = new MemoryBytes();
    const log = BlockLog.create(memory, { seed: 5 });
    log.append([...runEvents(tape, run.results)]);
    return log.runId;
  };
  assertEquals(bytes(), bytes());
});

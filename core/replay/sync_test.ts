import { assertEquals } from "@std/assert";
import { type Programmed, SyncTally, syncWrites } from "./sync.ts";

/** A program of one writer; what is written always is one rule. */
function program(parts: Readonly<Record<string, string>>) {
  const programmed: Programmed = {
    writer: "IPv4",
    always: { rules: 1 },
    parts: new Map(
      Object.entries(parts).map(([key, version]) => [key, {
        version,
        written: { rules: 2 },
        removed: { elements: 3 },
      }]),
    ),
  };
  return new Map([["proxy IPv4", programmed]]);
}

Deno.test("syncWrites() writes what is new or another, takes out what went, and nothing where nothing changed", () => {
  const before = program({ a: "1", b: "1" });
  assertEquals(syncWrites(before, program({ a: "1", b: "1" })), {});
  assertEquals(syncWrites(before, program({ a: "1", b: "2" })), { rules: 3 });
  assertEquals(syncWrites(before, program({ a: "1" })), {
    elements: 3,
    rules: 1,
  });
  assertEquals(syncWrites(undefined, before), { rules: 5 });
});

Deno.test("syncWrites() takes nothing out of what goes along with another part", () => {
  const parts = (...keys: readonly string[]): Programmed => ({
    writer: "IPv4",
    always: {},
    parts: new Map(
      keys.map((key) => [key, {
        version: "",
        written: { servers: 1 },
        removed: { servers: 1 },
        ...(key === "pod" ? { within: "service" } : {}),
      }]),
    ),
  });
  const of = (program: Programmed) => new Map([["proxy", program]]);
  const before = of(parts("service", "pod"));
  assertEquals(syncWrites(before, of(parts())), { servers: 1 });
  assertEquals(syncWrites(before, of(parts("service"))), { servers: 1 });
});

Deno.test("SyncTally.outcome() has the node that most is written on, and names who does not say", () => {
  const tally = new SyncTally();
  tally.writer("proxy IPv4", true);
  tally.writer("agent", false);
  tally.node("n1", { before: undefined, now: program({ a: "1" }) });
  tally.node("n2", { before: undefined, now: program({ a: "1", b: "1" }) });
  tally.node("n3", { before: program({ a: "1" }), now: program({ a: "1" }) });
  assertEquals(tally.outcome(), {
    nodes: 2,
    node: "n2",
    written: { rules: 5 },
    full: { rules: 5 },
    total: { rules: 8 },
    silent: ["agent"],
  });
});

Deno.test("SyncTally.outcome() is null where nobody says what is written", () => {
  const tally = new SyncTally();
  tally.writer("agent", false);
  tally.node("n1", { before: undefined, now: new Map() });
  assertEquals(tally.outcome(), null);
});

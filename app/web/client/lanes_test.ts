import { assertEquals } from "@std/assert";
import type { Hop } from "../../../core/replay/hop.ts";
import { changedWords, lanesOf } from "./lanes.ts";

function hop(change: Partial<Hop>): Hop {
  return {
    depth: 0,
    direction: "original",
    node: "n1",
    pod: null,
    hook: "prerouting",
    plugin: null,
    action: "rewrite",
    detail: "",
    rule: null,
    packet: "tcp 10.0.0.1:1 > 10.0.0.2:80",
    ...change,
  };
}

const START = hop({ hook: "socket" });
const DROP = hop({ hook: "forward", action: "drop" });
const CROSS = hop({ hook: "wire", action: "cross", detail: "n1 -> n2, none" });

Deno.test("lanesOf() finds what all lanes begin with, and marks where each parts from the baseline", () => {
  const { lanes, common } = lanesOf([
    { stack: "a", hops: [START, CROSS] },
    { stack: "b", hops: [START, DROP] },
    { stack: "c", hops: [START, CROSS] },
  ], { baseline: "a", stack: "b" });
  assertEquals(common, 1);
  assertEquals(
    lanes.map(({ hops }) => hops.map(({ parts }) => parts)),
    [[false, true], [false, true], [false, false]],
  );
  assertEquals(lanes.map(({ differs }) => differs), [true, true, false]);
});

Deno.test("lanesOf() marks the baseline where the chosen stack leaves it", () => {
  const { lanes } = lanesOf([
    { stack: "a", hops: [START, CROSS, CROSS] },
    { stack: "early", hops: [DROP] },
    { stack: "late", hops: [START, CROSS, DROP] },
  ], { baseline: "a", stack: "late" });
  assertEquals(lanes[0]!.hops.map(({ parts }) => parts), [false, false, true]);
});

Deno.test("lanesOf() folds what only let the packet pass into the hop after it", () => {
  const rule = { name: "NetworkPolicy shop/allow" };
  const { lanes } = lanesOf([{
    stack: "a",
    hops: [
      START,
      hop({ action: "accept", rule }),
      hop({ action: "bypass" }),
      CROSS,
    ],
  }], { baseline: "a", stack: null });
  assertEquals(lanes[0]!.hops.length, 2);
  assertEquals(lanes[0]!.hops[1]!.passed.map((one) => one.rule), [rule]);
});

Deno.test("lanesOf() shows a packet as encrypted or in a tunnel up to the far end of the wire", () => {
  const secret = { ...CROSS, detail: "n1 -> n2, mtls+wireguard" };
  const { lanes } = lanesOf([{
    stack: "a",
    hops: [
      hop({ action: "encapsulate" }),
      hop({ action: "encrypt" }),
      secret,
      hop({ node: "n2", hook: "delivered", action: "deliver" }),
    ],
  }], { baseline: "a", stack: null });
  const { hops } = lanes[0]!;
  assertEquals(hops.map(({ encrypted }) => encrypted), [
    false,
    true,
    true,
    false,
  ]);
  assertEquals(hops.map(({ tunnel }) => tunnel), [true, true, true, false]);
});

Deno.test("changedWords() marks the part of a header that the hop before had not", () => {
  const before = "tcp 10.0.0.1:1 > 10.96.0.1:443";
  const parts = changedWords(before, "tcp 10.0.0.1:1 > 10.0.0.5:6443");
  assertEquals(
    parts.filter(({ changed }) => changed).map(({ text }) => text),
    ["10.0.0.5:6443"],
  );
  assertEquals(
    changedWords(null, before).some(({ changed }) => changed),
    false,
  );
});

import { assertEquals } from "@std/assert";
import type { Hop } from "../replay/hop.ts";
import { alignedJourneys, type JourneyStep } from "./aligned_journeys.ts";

function hop(action: Hop["action"], rule?: string): Hop {
  return {
    depth: 0,
    direction: "original",
    node: "n1",
    pod: null,
    hook: "forward",
    plugin: "p",
    action,
    detail: "",
    rule: rule === undefined ? null : { name: rule },
    packet: "",
  };
}

function shown(step: JourneyStep | null): string {
  if (step === null) return "";
  const passed = step.passed.map(({ rule }) => `(${rule?.name})`);
  return [...passed, step.hop?.action ?? "-"].join(" ");
}

Deno.test("alignedJourneys() sets what was done side by side, and what let it pass before it", () => {
  const rows = alignedJourneys(
    [hop("accept"), hop("rewrite"), hop("accept", "a"), hop("drop")],
    [
      hop("rewrite"),
      hop("route"),
      hop("deliver"),
      hop("accept", "b"),
    ],
    { common: 1 },
  );
  assertEquals(
    rows.map(({ left, right, state }) => [state, shown(left), shown(right)]),
    [
      ["same", "rewrite", "rewrite"],
      ["parts", "(a) drop", "route"],
      ["after", "", "deliver"],
      ["after", "", "(b) -"],
    ],
  );
});

import { assertEquals } from "@std/assert";
import type { Outcome } from "../replay/outcome.ts";
import { compareOutcomes } from "./compare_outcomes.ts";

function outcome(change: Partial<Outcome> = {}): Outcome {
  return {
    flow: "f",
    verdict: "forwarded",
    reason: null,
    rule: null,
    decidedAt: null,
    backend: "10.0.0.1:80",
    receiver: "pod a/b",
    backends: [],
    source: "10.0.0.9",
    identity: null,
    encryption: ["none"],
    http: null,
    reply: true,
    cost: {},
    ...change,
  };
}

const EVEN = [
  { backend: "10.0.0.1:80", weight: 1 },
  { backend: "10.0.0.2:80", weight: 1 },
];

Deno.test("compareOutcomes() finds no difference between equal outcomes", () => {
  assertEquals(compareOutcomes(outcome(), outcome()), []);
});

Deno.test("compareOutcomes() allows two picks from the same weighted set, and what follows from them", () => {
  const left = outcome({ backends: EVEN });
  const right = outcome({
    backends: EVEN.map(({ backend }) => ({ backend, weight: 0.5 })).reverse(),
    backend: "10.0.0.2:80",
    source: "192.168.0.1",
    encryption: ["none", "wireguard"],
  });
  assertEquals(compareOutcomes(left, right), []);
});

Deno.test("compareOutcomes() allows the rounding of netfilter's probabilities", () => {
  const rounded = EVEN.map((item, index) => ({
    ...item,
    weight: index === 0 ? 0.5000000001 : 0.4999999999,
  }));
  assertEquals(
    compareOutcomes(
      outcome({ backends: EVEN }),
      outcome({ backends: rounded }),
    ),
    [],
  );
});

Deno.test("compareOutcomes() shows sets that differ, even when the pick is the same", () => {
  const right = outcome({ backends: [EVEN[0]!] });
  assertEquals(compareOutcomes(outcome({ backends: EVEN }), right), [{
    field: "backend",
    left: "10.0.0.1:80 50%, 10.0.0.2:80 50%",
    right: "10.0.0.1:80",
  }]);
});

Deno.test("compareOutcomes() finds verdict, source, encryption, identity and status", () => {
  const fields = (right: Partial<Outcome>, left: Partial<Outcome> = {}) =>
    compareOutcomes(outcome(left), outcome(right)).map(({ field }) => field);
  assertEquals(fields({ verdict: "dropped", backend: null }), ["verdict"]);
  assertEquals(fields({ source: "192.168.0.1" }), ["source"]);
  assertEquals(fields({ encryption: ["wireguard"] }), ["encryption"]);
  assertEquals(fields({ identity: "a" }), [], "one side has no identities");
  assertEquals(fields({ identity: "a" }, { identity: "b" }), ["identity"]);
  const http = { status: 200, route: "r", request: "GET /", location: null };
  assertEquals(
    fields({ http: { ...http, status: 503 } }, { http }),
    ["status"],
  );
});

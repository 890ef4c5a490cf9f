import { assertEquals } from "@std/assert";
import { fragmentOf, linkTo, placeOf } from "./place.ts";

Deno.test("placeOf() reads back what fragmentOf() writes", () => {
  const place = {
    scenario: "D05-lb",
    stacks: ["kube-proxy", "cilium"],
    run: null,
    view: "flows" as const,
    flow: 3,
    stack: "cilium",
    event: 12,
    filter: "dst.port==53 && verdict!=same",
    only: "unexpected",
  };
  assertEquals(placeOf(fragmentOf({ ...place, event: null })), {
    ...place,
    event: null,
  });
  assertEquals(placeOf(fragmentOf({ ...place, view: "events" })).event, 12);
});

Deno.test("placeOf() takes an event alone for a place in the event log", () => {
  const { view, event } = placeOf("#run=r-1&e=412");
  assertEquals({ view, event }, { view: "events", event: 412 });
});

Deno.test("placeOf() takes nothing from a fragment that makes no sense", () => {
  assertEquals(placeOf("#flow=-1&e=1e99&view=nothing"), placeOf(""));
});

Deno.test("linkTo() leaves out what is as usual", () => {
  assertEquals(linkTo({ run: "r-1" }), "#run=r-1");
});

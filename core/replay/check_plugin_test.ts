import { assertEquals } from "@std/assert";
import { Ip } from "../packet/ip.ts";
import { checkPlugin } from "./check_plugin.ts";
import { definePlugin, type Handler, noOptions } from "./plugin.ts";

const rule = { name: "no mail" };

function plugin(run: Handler, more: { version?: string } = {}) {
  return definePlugin({
    manifest: {
      name: "probe",
      version: more.version ?? "1.0.0",
      apiVersion: "v1",
      consumes: ["policy.applied", "policy.deleted"],
      kinds: [],
      hooks: { run: { hook: "forward", priority: 0 } },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => ({ seen: [] as string[] }),
    evolve: (state, event) => {
      state.seen.push(event.type);
      return state;
    },
    compile: () => null,
    attach: () => ({ run }),
  });
}

function broken(checked: Parameters<typeof checkPlugin>[0]): string[] {
  return checkPlugin(checked).flatMap((check) => check.broken ?? []);
}

Deno.test("checkPlugin() finds nothing wrong with a sound plugin", () => {
  const sound = plugin((packet) =>
    packet.destinationPort === 53
      ? { kind: "drop", reason: "no names", rule }
      : undefined
  );
  assertEquals(broken(sound), []);
});

Deno.test("checkPlugin() asks for a rule behind every decision", () => {
  assertEquals(
    broken(plugin(() => ({ kind: "drop", reason: "x", rule: null }))),
    ["run returns drop without a rule"],
  );
});

Deno.test("checkPlugin() catches a handler that writes to the packet", () => {
  const writing = plugin((packet) => {
    (packet as { source: Ip }).source = Ip.of("10.9.9.9");
    return undefined;
  });
  assertEquals(
    broken(writing)[0]?.startsWith("throws Cannot assign to read only"),
    true,
  );
});

Deno.test("checkPlugin() catches state that does not come from the tape", () => {
  let calls = 0;
  const counting = plugin(() =>
    ++calls % 5 === 0 ? { kind: "drop", reason: "fifth", rule } : undefined
  );
  assertEquals(
    broken(counting)[0],
    "two replays differ",
  );
});

Deno.test("checkPlugin() catches state that is shared wider than the scope says", () => {
  const limiting = plugin((_, context) => {
    const table = context.table<number>("count");
    const count = (table.get("all") ?? 0) + 1;
    table.set("all", count);
    return count > 3 ? { kind: "drop", reason: "limit", rule } : undefined;
  });
  assertEquals(broken(limiting), [
    "scope is flow, yet outcomes change when senders are replayed apart",
  ]);
});

Deno.test("checkPlugin() catches a state that JSON cannot hold", () => {
  const holding = definePlugin({
    ...plugin(() => undefined),
    initialState: () => ({ seen: new Map<string, number>() }),
    evolve: (state) => state,
    compile: () => null,
  });
  assertEquals(
    broken(holding)[0],
    "throws Cannot write canonical JSON: seen is no plain object and has no toJSON",
  );
});

Deno.test("checkPlugin() asks for a semantic version", () => {
  assertEquals(
    broken(plugin(() => undefined, { version: "two" })),
    ["version two is no semantic version"],
  );
});

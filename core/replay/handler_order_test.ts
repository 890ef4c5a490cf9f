import { assertEquals, assertThrows } from "@std/assert";
import { orderHandlers, sortedPlugins, StackError } from "./handler_order.ts";
import { definePlugin, type Manifest, noOptions } from "./plugin.ts";
import { use } from "./testing.ts";

function plugin(name: string, more: Partial<Manifest<"run">> = {}) {
  return use(definePlugin({
    manifest: {
      name,
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: { run: { hook: "forward", priority: 0 } },
      scope: "flow",
      models: [],
      ...more,
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
    attach: () => ({}),
  }));
}

function order(...uses: ReturnType<typeof plugin>[]): string[] {
  const sorted = sortedPlugins(uses);
  return orderHandlers(sorted).forward.map((handler) =>
    sorted[handler.plugin]!.plugin.manifest.name
  );
}

Deno.test("orderHandlers() goes by priority, then before and after, then name", () => {
  assertEquals(
    order(
      plugin("c"),
      plugin("b", { hooks: { run: { hook: "forward", priority: -1 } } }),
      plugin("a", { after: ["c"] }),
    ),
    ["b", "c", "a"],
  );
});

Deno.test("orderHandlers() does not care for the place in the list", () => {
  const [a, b, c] = [plugin("a"), plugin("b", { before: ["a"] }), plugin("c")];
  assertEquals(order(a, b, c), ["b", "a", "c"]);
  assertEquals(order(c, b, a), order(a, b, c));
});

Deno.test("orderHandlers() names both sides of a cycle", () => {
  assertThrows(
    () => order(plugin("a", { after: ["b"] }), plugin("b", { after: ["a"] })),
    StackError,
    "a must run after b",
  );
});

Deno.test("orderHandlers() says which plugin is missing", () => {
  assertThrows(
    () => order(plugin("a", { after: ["x"] }), plugin("b")),
    StackError,
    "Cannot order plugin a: it must run after x, which is not in the stack (a, b)",
  );
});

Deno.test("sortedPlugins() refuses the same plugin twice", () => {
  assertThrows(
    () => order(plugin("a"), plugin("a")),
    StackError,
    "plugin a is in it twice",
  );
});

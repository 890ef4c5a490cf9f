import { assertEquals } from "@std/assert";
import type { Edge } from "../../server/schemas.ts";
import { mapLayout } from "./map_layout.ts";

type Counts = Edge["stacks"][number];

function edge(
  to: string,
  { changed = 0, ...right }: Partial<Counts> & { changed?: number },
): Edge {
  const counts = {
    forwarded: 1,
    failed: 0,
    unknown: 0,
    encryption: ["none"],
    receivers: ["Pod shop/db"],
  };
  return {
    from: "Deployment shop/web",
    to,
    flows: 1,
    changed,
    stacks: [
      { ...counts, stack: "a" },
      { ...counts, stack: "b", ...right },
    ],
  };
}

function changes(...edges: Edge[]) {
  const layout = mapLayout(edges, { baseline: "a", stack: "b" });
  return layout.edges.map((
    { change, differences },
  ) => [change, ...differences]);
}

Deno.test("mapLayout() says which edges are removed, changed and the same", () => {
  assertEquals(
    changes(
      edge("tcp://gone.shop:80", { forwarded: 0, failed: 1, changed: 1 }),
      edge("tcp://secret.shop:80", { encryption: ["wireguard"], changed: 1 }),
      edge("tcp://same.shop:80", {}),
    ),
    [
      ["removed", "forwarded 1 → 0"],
      ["changed", "encryption none → wireguard"],
      ["same"],
    ],
  );
});

Deno.test("mapLayout() says which edges are added", () => {
  const blocked = edge("tcp://new.shop:80", {});
  const stacks = blocked.stacks.map((one) =>
    one.stack === "a" ? { ...one, forwarded: 0, failed: 1 } : one
  );
  assertEquals(changes({ ...blocked, stacks }), [["added", "forwarded 0 → 1"]]);
});

Deno.test("mapLayout() puts ends into the boxes of their namespaces, none over another", () => {
  const { nodes, groups } = mapLayout([
    edge("tcp://db.shop:80", {}),
    edge("tcp://10.0.0.1:80", {}),
    edge("tcp://[fd00::1]:80", {}),
    edge("tcp://example.com:443", {}),
  ], { baseline: "a", stack: "b" });
  assertEquals(
    groups.map(({ name }) => name).sort(),
    ["addresses", "com", "shop", "shop"],
  );
  const places = nodes.map(({ x, y }) => `${x} ${y}`);
  assertEquals(new Set(places).size, nodes.length);
});

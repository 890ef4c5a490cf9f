import { assertEquals } from "@std/assert";
import { compareAge } from "./_age.ts";
import { kubeObject } from "./_fixtures.ts";

function names(
  ...written: [key: string, createdAt: string | null, appliedNs: number][]
) {
  return written.map(([key, createdAt, appliedNs]) => ({
    appliedNs,
    object: kubeObject("VirtualService", key, {
      spec: {},
      ...(createdAt === null ? {} : { createdAt }),
    }),
  })).sort(compareAge).map(({ object }) => object.metadata.name);
}

Deno.test("compareAge() puts the oldest first, and names decide between contemporaries", () => {
  assertEquals(
    names(["x/a", "2024-01-01T00:00:00Z", 0], [
      "x/b",
      "2023-01-01T00:00:00Z",
      0,
    ]),
    ["b", "a"],
  );
  assertEquals(
    names(["x/b", "2024-01-01T00:00:00Z", 0], [
      "x/a",
      "2024-01-01T00:00:00Z",
      9,
    ]),
    ["a", "b"],
  );
  assertEquals(names(["x/b", null, 0], ["y/a", null, 0]), ["a", "b"]);
});

Deno.test("compareAge() takes what has no time for as old as its place on the tape", () => {
  assertEquals(
    names(["x/a", null, 5], ["x/b", null, 4], [
      "x/c",
      "2024-01-01T00:00:00Z",
      9,
    ]),
    ["c", "b", "a"],
  );
});

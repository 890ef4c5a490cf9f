import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ArrayMap } from "./array_map.ts";
import type { BpfMap, MapType } from "./bpf_map.ts";
import { createMap } from "./create_map.ts";
import { HashMap } from "./hash_map.ts";
import { LpmTrie } from "./lpm_trie.ts";
import { MapOfMaps } from "./map_of_maps.ts";

Deno.test("HashMap keeps flags, a full map and an absent key apart", () => {
  const map = new HashMap(spec("hash", 1, 2));
  assertEquals(map.update(b(1), b(10), "exist"), "ENOENT");
  assertEquals(map.update(b(1), b(10), "noexist"), undefined);
  assertEquals(map.update(b(1), b(11), "noexist"), "EEXIST");
  assertEquals(map.update(b(2), b(20)), undefined);
  assertEquals(map.update(b(3), b(30)), "E2BIG");
  assertEquals(map.update(b(3), b(30), "exist"), "ENOENT");
  assertEquals(map.update(b(1), b(12)), undefined, "a full map replaces");
  assertEquals(map.lookup(b(1)), b(12));
  assertEquals(map.delete(b(3)), "ENOENT");
  assertEquals(map.delete(b(1)), undefined);
  assertEquals(map.update(b(3), b(30)), undefined);
  assertEquals(keys(map), ["2", "3"]);
});

Deno.test("HashMap keeps what it was given, not the bytes of the caller", () => {
  const map = new HashMap(spec("hash", 1, 2));
  const key = b(1);
  const value = b(10);
  map.update(key, value);
  key[0] = 2;
  value[0] = 20;
  assertEquals(map.lookup(b(1)), b(10));
  map.lookup(b(1))![0] = 30;
  assertEquals(map.lookup(b(1)), b(30), "a lookup gives a pointer");
});

Deno.test("HashMap of type lru_hash throws out the entry longest unused", () => {
  const map = new HashMap(spec("lru_hash", 1, 3));
  for (const one of [1, 2, 3]) map.update(b(one), b(one));
  map.lookup(b(1));
  map.peek(b(2));
  assertEquals(map.update(b(4), b(4)), undefined);
  assertEquals(keys(map), ["1", "3", "4"]);
  map.update(b(3), b(33));
  map.update(b(5), b(5));
  assertEquals(keys(map), ["3", "4", "5"]);
  assertEquals(map.update(b(6), b(6), "exist"), "ENOENT");
  assertEquals(map.delete(b(4)), undefined);
  assertEquals(map.delete(b(4)), "ENOENT");
  assertEquals(map.size, 2);
});

Deno.test("ArrayMap has every index from the start and never loses one", () => {
  const map = new ArrayMap(spec("array", 4, 2));
  assertEquals(map.lookup(b(1, 0, 0, 0)), b(0));
  assertEquals(map.lookup(b(2, 0, 0, 0)), undefined);
  assertEquals(map.update(b(2, 0, 0, 0), b(1)), "E2BIG");
  assertEquals(map.update(b(0, 0, 0, 0), b(1), "noexist"), "EEXIST");
  assertEquals(map.update(b(0, 0, 0, 0), b(1), "exist"), undefined);
  assertEquals(map.delete(b(0, 0, 0, 0)), "EINVAL");
  assertEquals([...map.entries()].map(({ value }) => value[0]), [1, 0]);
});

Deno.test("LpmTrie finds the longest prefix that the key may have", () => {
  const map = new LpmTrie(spec("lpm_trie", 8, 8));
  const put = (length: number, first: number, value: number) =>
    map.update(prefix(length, first), b(value));
  put(0, 0, 1);
  put(8, 10, 2);
  put(9, 10, 3);
  put(32, 10, 4);
  assertEquals(map.lookup(prefix(32, 10)), b(4));
  assertEquals(map.lookup(prefix(31, 10)), b(3), "no longer than the key");
  assertEquals(map.lookup(prefix(8, 10)), b(2));
  assertEquals(map.lookup(prefix(32, 11)), b(1));
  assertEquals(map.lookup(prefix(33, 10)), undefined);
  assertEquals(put(33, 10, 5), "EINVAL");
  assertEquals(map.delete(prefix(10, 10)), "ENOENT");
  assertEquals(map.delete(prefix(32, 10)), undefined);
  assertEquals(map.lookup(prefix(32, 10)), b(3));
});

Deno.test("LpmTrie is full with ENOSPC, and then still replaces", () => {
  const map = new LpmTrie(spec("lpm_trie", 8, 1));
  assertEquals(map.update(prefix(8, 10), b(1), "exist"), "ENOENT");
  assertEquals(map.update(prefix(8, 10), b(1)), undefined);
  assertEquals(map.update(prefix(8, 11), b(1)), "ENOSPC");
  assertEquals(map.update(prefix(8, 10), b(2), "noexist"), "EEXIST");
  assertEquals(map.update(prefix(8, 10), b(2)), undefined);
});

Deno.test("LpmTrie takes bits behind the prefix for nothing", () => {
  const map = new LpmTrie(spec("lpm_trie", 8, 8));
  map.update(new Uint8Array([9, 0, 0, 0, 10, 0x7f, 1, 1]), b(1));
  assertEquals(map.lookup(prefix(32, 10)), b(1));
  map.update(prefix(9, 10), b(2));
  assertEquals(map.size, 1);
  assertEquals([...map.entries()][0]!.key, prefix(9, 10), "the last written");
});

Deno.test("LpmTrie walks what lies in a prefix before the prefix", () => {
  const map = new LpmTrie(spec("lpm_trie", 8, 8));
  const order = [[0, 0], [8, 11], [8, 10], [9, 10], [32, 10]] as const;
  for (const [length, first] of order) map.update(prefix(length, first), b(0));
  assertEquals(
    [...map.entries()].map(({ key }) => `${key[0]}:${key[4]}`),
    ["32:10", "9:10", "8:10", "8:11", "0:0"],
  );
});

Deno.test("LpmTrie answers as a walk over all its entries would", () => {
  const length = fc.integer({ min: 0, max: 16 });
  const one = fc.tuple(length, fc.nat(255), fc.nat(255));
  fc.assert(fc.property(fc.array(one), one, (entries, asked) => {
    const map = new LpmTrie(spec("lpm_trie", 6, 100));
    const key = ([length, a, b]: [number, number, number]) =>
      new Uint8Array([length, 0, 0, 0, a, b]);
    for (const [at, entry] of entries.entries()) {
      map.update(key(entry), b(at));
    }
    const bitsOf = ([, a, b]: [number, number, number]) =>
      (a << 8 | b).toString(2).padStart(16, "0");
    const best = [...entries.entries()]
      .filter(([, entry]) =>
        entry[0] <= asked[0] &&
        bitsOf(entry).slice(0, entry[0]) === bitsOf(asked).slice(0, entry[0])
      )
      .sort(([a, [lengthA]], [b, [lengthB]]) => lengthB - lengthA || b - a)[0];
    assertEquals(
      map.lookup(key(asked))?.[0],
      best === undefined ? undefined : best[0] & 255,
    );
  }));
});

Deno.test("MapOfMaps shows ids to user space and maps to programs", () => {
  const map = new MapOfMaps({ ...spec("hash_of_maps", 1, 1), valueBytes: 4 });
  const first = new HashMap(spec("hash", 1, 1));
  const second = new HashMap(spec("hash", 1, 1));
  assertEquals(map.install(b(7), first), undefined);
  assertEquals(map.lookup(b(7)), b(1, 0, 0, 0));
  assert(map.inner(b(7)) === first);
  map.install(b(7), second);
  assert(map.inner(b(7)) === second);
  assertEquals(map.update(b(7), b(1, 0, 0, 0)), "EINVAL", "replaced and gone");
  assertEquals(map.install(b(8), first), "E2BIG");
  assertEquals(map.update(b(7), b(9, 0, 0, 0)), "EINVAL");
  assertEquals(map.delete(b(7)), undefined);
  assertEquals(map.inner(b(7)), undefined);
});

Deno.test("createMap() makes a map that a model of it agrees with", () => {
  const operation = fc.record({
    kind: fc.constantFrom("update", "delete", "lookup"),
    key: fc.nat(5),
    value: fc.nat(255),
    flag: fc.constantFrom("any" as const, "noexist" as const, "exist" as const),
  });
  fc.assert(fc.property(fc.array(operation), (operations) => {
    const map = createMap(spec("percpu_hash", 1, 3));
    const model = new Map<number, number>();
    for (const { kind, key, value, flag } of operations) {
      const there = model.has(key);
      if (kind === "lookup") {
        assertEquals(map.lookup(b(key))?.[0], model.get(key));
      } else if (kind === "delete") {
        assertEquals(map.delete(b(key)) === undefined, model.delete(key));
      } else {
        const fits = there || model.size < 3;
        const allowed = flag === "any" || (flag === "exist") === there;
        const refused = map.update(b(key), b(value), flag);
        assertEquals(refused === undefined, fits && allowed);
        if (refused === undefined) model.set(key, value);
      }
    }
    assertEquals(
      [...map.entries()].map(({ key }) => key[0]),
      [...model.keys()],
      "in order of insertion",
    );
  }));
});

function spec(type: MapType, keyBytes: number, maxEntries: number) {
  return { name: "map", type, keyBytes, valueBytes: 1, maxEntries };
}

function b(...bytes: number[]): Uint8Array {
  return new Uint8Array(bytes.map((one) => one & 255));
}

function prefix(length: number, first: number): Uint8Array {
  return new Uint8Array([length, 0, 0, 0, first, 0, 0, 0]);
}

function keys(map: BpfMap): string[] {
  return [...map.entries()].map(({ key }) => key.join("."));
}

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InternalError } from "../../../core/errors.ts";
import type { BpfMap, MapErrno, MapType, UpdateFlag } from "./bpf_map.ts";
import { createMap } from "./create_map.ts";
import { HashMap } from "./hash_map.ts";
import { MapOfMaps } from "./map_of_maps.ts";

const FLAGS = ["any", "noexist", "exist"] as const;

/** What each flag says to a key that is there, that is not, and that is not in a full map (kernel/bpf). */
const ANSWERS: Readonly<
  Record<
    string,
    {
      readonly keyBytes: number;
      readonly there: readonly (MapErrno | undefined)[];
      readonly absent: readonly (MapErrno | undefined)[];
      readonly full: readonly (MapErrno | undefined)[];
    }
  >
> = {
  hash: {
    keyBytes: 5,
    there: [undefined, "EEXIST", undefined],
    absent: [undefined, undefined, "ENOENT"],
    full: ["E2BIG", "E2BIG", "ENOENT"],
  },
  percpu_hash: {
    keyBytes: 5,
    there: [undefined, "EEXIST", undefined],
    absent: [undefined, undefined, "ENOENT"],
    full: ["E2BIG", "E2BIG", "ENOENT"],
  },
  lru_hash: {
    keyBytes: 5,
    there: [undefined, "EEXIST", undefined],
    absent: [undefined, undefined, "ENOENT"],
    full: [undefined, undefined, "ENOENT"],
  },
  lru_percpu_hash: {
    keyBytes: 5,
    there: [undefined, "EEXIST", undefined],
    absent: [undefined, undefined, "ENOENT"],
    full: [undefined, undefined, "ENOENT"],
  },
  lpm_trie: {
    keyBytes: 5,
    there: [undefined, "EEXIST", undefined],
    absent: [undefined, undefined, "ENOENT"],
    full: ["ENOSPC", "ENOSPC", "ENOENT"],
  },
};

function spec(type: MapType, keyBytes: number, maxEntries: number) {
  return { name: "map", type, keyBytes, valueBytes: 1, maxEntries };
}

/** Eight bits behind a prefix length, which to a hash is a part of the key like any other. */
function key(last: number): Uint8Array {
  return new Uint8Array([8, 0, 0, 0, last]);
}

const VALUE = new Uint8Array(1);

Deno.test("update() answers each flag as the kernel does, map by map", () => {
  for (const [type, answers] of Object.entries(ANSWERS)) {
    const fresh = (entries: number) => {
      const map = createMap(spec(type as MapType, answers.keyBytes, 2));
      for (let one = 0; one < entries; one++) map.update(key(one), VALUE);
      return map;
    };
    const ask = (entries: number, at: number) =>
      FLAGS.map((flag) => fresh(entries).update(key(at), VALUE, flag));
    assertEquals(ask(1, 0), answers.there, `${type}, there`);
    assertEquals(ask(1, 9), answers.absent, `${type}, absent`);
    assertEquals(ask(2, 9), answers.full, `${type}, full`);
    assertEquals(ask(2, 1), answers.there, `${type}, there in a full map`);
    assertEquals(fresh(1).delete(key(9)), "ENOENT", `${type}, delete`);
  }
});

Deno.test("an array has its indexes from the start, and room for no other", () => {
  for (const type of ["array", "percpu_array"] as const) {
    const index = (at: number) => new Uint8Array([at, 0, 0, 0]);
    const ask = (at: number) =>
      FLAGS.map((flag) =>
        createMap(spec(type, 4, 2)).update(index(at), VALUE, flag)
      );
    assertEquals(ask(1), [undefined, "EEXIST", undefined]);
    assertEquals(ask(2), ["E2BIG", "E2BIG", "E2BIG"]);
    assertEquals(createMap(spec(type, 4, 2)).delete(index(0)), "EINVAL");
  }
});

Deno.test("a map of maps answers flags as a hash does", () => {
  const inner = () => new HashMap(spec("hash", 1, 1));
  const map = new MapOfMaps({ ...spec("hash_of_maps", 1, 1), valueBytes: 4 });
  const at = (one: number) => new Uint8Array([one]);
  const install = (one: number, flag: UpdateFlag) =>
    map.install(at(one), inner(), flag);
  assertEquals(install(1, "exist"), "ENOENT");
  assertEquals(install(1, "noexist"), undefined);
  assertEquals(install(1, "noexist"), "EEXIST");
  assertEquals(install(2, "any"), "E2BIG");
  assertEquals(map.find(at(1))?.value, map.lookup(at(1)));
});

Deno.test("keys and values of another size are the caller's mistake", () => {
  for (const type of Object.keys(ANSWERS)) {
    const map = createMap(spec(type as MapType, 5, 2));
    const mistakes = [
      () => map.lookup(new Uint8Array(4)),
      () => map.find(new Uint8Array(6)),
      () => map.delete(new Uint8Array(4)),
      () => map.update(new Uint8Array(4), VALUE),
      () => map.update(key(1), new Uint8Array(2)),
    ];
    for (const mistake of mistakes) assertThrows(mistake, InternalError);
  }
});

Deno.test("a refused update changes nothing", () => {
  const map = createMap(spec("lru_hash", 5, 2));
  map.update(key(1), VALUE);
  map.update(key(2), VALUE);
  map.update(key(3), VALUE, "exist");
  map.update(key(1), new Uint8Array([7]), "noexist");
  assertEquals(contents(map), ["1:0", "2:0"]);
  // Neither of the two counted as a use: the first is still the oldest.
  map.update(key(4), VALUE);
  assertEquals(contents(map), ["2:0", "4:0"]);
});

Deno.test("an LRU map throws out what a list of uses says, whatever the operations", () => {
  const operation = fc.record({
    kind: fc.constantFrom("update", "delete", "lookup", "peek"),
    last: fc.nat(6),
    flag: fc.constantFrom(...FLAGS),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const map = new HashMap(spec("lru_hash", 5, 3));
      let uses: number[] = [];
      const use = (one: number) =>
        uses = [...uses.filter((other) => other !== one), one];
      for (const { kind, last, flag } of operations) {
        const there = uses.includes(last);
        if (kind === "delete") {
          assertEquals(map.delete(key(last)), there ? undefined : "ENOENT");
          uses = uses.filter((one) => one !== last);
        } else if (kind === "update") {
          const refused = map.update(key(last), VALUE, flag);
          const allowed = flag === "any" || (flag === "exist") === there;
          assertEquals(refused === undefined, allowed);
          if (!allowed) continue;
          if (!there && uses.length === 3) uses = uses.slice(1);
          use(last);
        } else {
          const found = kind === "peek"
            ? map.peek(key(last))
            : map.lookup(key(last));
          assertEquals(found !== undefined, there);
          if (there && kind === "lookup") use(last);
        }
      }
      assertEquals(
        [...map.entries()].map(({ key }) => key[4]!).sort(),
        uses.toSorted(),
      );
    }),
    { numRuns: 200 },
  );
});

Deno.test("a trie gives back the entry that answered, under its own key", () => {
  const trie = createMap(spec("lpm_trie", 8, 8));
  const prefix = (length: number, ...bytes: number[]) =>
    new Uint8Array([length, 0, 0, 0, ...bytes]);
  trie.update(prefix(8, 10, 0, 0, 0), new Uint8Array([1]));
  trie.update(prefix(24, 10, 1, 2, 0), new Uint8Array([2]));
  const found = (...bytes: number[]) => {
    const entry = trie.find(prefix(32, ...bytes));
    return entry && [entry.key[0], entry.value[0]];
  };
  assertEquals(found(10, 1, 2, 3), [24, 2]);
  assertEquals(found(10, 1, 3, 3), [8, 1]);
  assertEquals(found(11, 1, 2, 3), undefined);
});

function contents(map: BpfMap): string[] {
  return [...map.entries()].map(({ key, value }) => `${key[4]}:${value[0]}`);
}

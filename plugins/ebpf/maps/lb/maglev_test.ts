import { assert, assertEquals } from "@std/assert";
import { Ip } from "../../../../core/packet/ip.ts";
import type { LbAddress } from "./lb_address.ts";
import { MAGLEV_DEFAULTS, maglevTable } from "./maglev.ts";
import { murmur3 } from "./murmur3.ts";

const SMALL = { ...MAGLEV_DEFAULTS, size: 1021 };

Deno.test("murmur3() hashes as MurmurHash3_x64_128 does", () => {
  const hash = (text: string, seed: number) =>
    murmur3(new TextEncoder().encode(text), seed)
      .map((half) => half.toString(16).padStart(16, "0")).join(" ");
  assertEquals(hash("", 0), "0000000000000000 0000000000000000");
  assertEquals(hash("hello", 0), "cbd8a7b341bd9b02 5b1e906a48ae1d19");
  assertEquals(
    hash("The quick brown fox jumps over the lazy dog", 0),
    "e34bbc7bbc071b6c 7a433ca9c49a9347",
  );
});

Deno.test("maglevTable() gives backends places by their weights, as Cilium's own tests expect", () => {
  const backends = [2, 13, 111, 10].map((weight, at) => ({
    id: at + 1,
    weight,
    address: address(at + 1),
  }));
  assertEquals(counts(maglevTable(backends, SMALL)), {
    1: 16,
    2: 98,
    3: 832,
    4: 75,
  });
});

Deno.test("maglevTable() is the same for backends in any order", () => {
  const backends = [1, 2, 3].map((id) => ({
    id,
    weight: 100,
    address: address(id),
  }));
  assertEquals(
    maglevTable(backends.toReversed(), SMALL),
    maglevTable(backends, SMALL),
  );
});

Deno.test("maglevTable() moves little when a backend goes away", () => {
  const backends = [1, 2, 3].map((id) => ({
    id,
    weight: 1,
    address: address(id),
  }));
  const before = maglevTable(backends, SMALL);
  const after = maglevTable(backends.slice(0, 2), SMALL);
  const moved = before.filter((id, at) => id !== 3 && after[at] !== id).length;
  assert(moved < SMALL.size / 100, `${moved} places moved`);
});

Deno.test("maglevTable() of one backend is all its own, of none zeros", () => {
  const one = [{ id: 7, weight: 100, address: address(1) }];
  assertEquals(counts(maglevTable(one, SMALL)), { 7: 1021 });
  assertEquals(counts(maglevTable([], SMALL)), { 0: 1021 });
});

function address(number: number): LbAddress {
  return { ip: Ip.v4(number), port: number, protocol: "TCP", scope: 0 };
}

function counts(table: Uint32Array): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const id of table) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

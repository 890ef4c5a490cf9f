import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InternalError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { Ip } from "../packet/ip.ts";
import { canonicalJson, JsonWriter } from "./canonical_json.ts";

Deno.test("canonicalJson() sorts keys by code unit at every depth", () => {
  assertEquals(
    canonicalJson({ b: { z: 1, a: [{ y: 2, x: 3 }] }, a: null, B: true }),
    `{"B":true,"a":null,"b":{"a":[{"x":3,"y":2}],"z":1}}`,
  );
  // U+FB33 sorts after the surrogates of U+1F600 by code unit, before it by code point.
  assertEquals(
    canonicalJson({ "\u{fb33}": 1, "\u{1f600}": 2, "é": 3, "10": 4, "9": 5 }),
    `{"10":4,"9":5,"é":3,"\u{1f600}":2,"\u{fb33}":1}`,
  );
});

Deno.test("canonicalJson() writes what JSON.parse() reads back", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
    assertEquals(
      canonicalJson(JSON.parse(canonicalJson(value))),
      canonicalJson(value),
    );
    assertEquals(
      JSON.parse(canonicalJson(value)),
      JSON.parse(JSON.stringify(value)),
    );
  }));
});

Deno.test("canonicalJson() gives one text whatever the order of keys", () => {
  const record = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue());
  fc.assert(fc.property(record, (value) => {
    const reversed = Object.fromEntries(Object.entries(value).reverse());
    assertEquals(canonicalJson(reversed), canonicalJson(value));
  }));
});

Deno.test("canonicalJson() escapes as JSON.stringify() does", () => {
  for (
    const text of ['"', "\\", "\n\u0000\u001f", "\u007f", "\ud800", "é€😀"]
  ) {
    assertEquals(canonicalJson(text), JSON.stringify(text));
  }
  for (const number of [0, -0, 1e21, 1.5, -7, 2 ** 53, 5e-324]) {
    assertEquals(canonicalJson(number), JSON.stringify(number));
  }
});

Deno.test("canonicalJson() writes addresses as text", () => {
  assertEquals(canonicalJson({ ip: Ip.of("fd00::1") }), `{"ip":"fd00::1"}`);
});

Deno.test("canonicalJson() refuses what JSON cannot hold and says where", () => {
  const bad: [unknown, string][] = [
    [{ a: [1, { b: NaN }] }, "a.1.b is NaN"],
    [{ a: -Infinity }, "a is -Infinity"],
    [{ a: undefined }, "a is of type undefined"],
    [[, 1], "0 is of type undefined"],
    [() => 1, "the value is of type function"],
    [{ a: 1n }, "a is of type bigint"],
    [{ a: Symbol("x") }, "a is of type symbol"],
    [{ a: new Map() }, "a is no plain object"],
    [{ a: new Uint8Array(2) }, "a is no plain object"],
  ];
  for (const [value, part] of bad) {
    const error = assertThrows(() => canonicalJson(value), InternalError);
    assertStringIncludes(error.message, part);
  }
});

Deno.test("canonicalJson() stops at a cycle", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  assertThrows(() => canonicalJson(cycle), InternalError, "nests deeper");
});

Deno.test("JsonWriter sorts wide and endlessly varying objects too", () => {
  const writer = new JsonWriter();
  const wide = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index) => [`k${index}`, index]),
  );
  writer.write(wide);
  const sorted = Object.fromEntries(
    Object.keys(wide).sort().map((key) => [key, wide[key]]),
  );
  assertEquals(
    new TextDecoder().decode(writer.bytes()),
    JSON.stringify(sorted),
  );
  for (let index = 0; index < LIMITS.jsonShapes + 10; index++) {
    writer.truncate(0);
    writer.write({ [`z${index}`]: 1, a: 2 });
  }
  assertEquals(
    new TextDecoder().decode(writer.bytes()),
    `{"a":2,"z${LIMITS.jsonShapes + 9}":1}`,
  );
});

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";

Deno.test("parseTimestamp() reads all nine digits, which Date does not", () => {
  assertEquals(
    parseTimestamp("2023-08-21T12:12:13.517394084Z"),
    1692619933517394084n,
  );
});

Deno.test("parseTimestamp() reads offsets, and times without a fraction", () => {
  assertEquals(parseTimestamp("1970-01-01T02:00:00+02:00"), 0n);
  assertEquals(
    parseTimestamp("1969-12-31T23:59:59.5-00:30"),
    1_799_500_000_000n,
  );
});

Deno.test("parseTimestamp() agrees with Date", () => {
  const anyDate = fc.date({
    min: new Date("1600-01-01"),
    max: new Date("9000-01-01"),
    noInvalidDate: true,
  });
  fc.assert(fc.property(anyDate, (date) => {
    const timeNs = BigInt(date.getTime()) * 1_000_000n;
    assertEquals(parseTimestamp(date.toISOString()), timeNs);
    assertEquals(
      formatTimestamp(timeNs),
      date.toISOString().replace("Z", "000000Z"),
    );
  }));
});

Deno.test("parseTimestamp() refuses what is no time", () => {
  for (
    const text of [
      "",
      "2023-08-21",
      "2023-13-01T00:00:00Z",
      "2023-08-21T12:12:13",
      "2023-08-21T24:00:00Z",
      "x2023-08-21T12:12:13Z",
    ]
  ) {
    assertEquals(parseTimestamp(text), undefined, text);
  }
});

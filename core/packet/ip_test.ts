import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Cidr, compareIp, Ip } from "./ip.ts";

const word = fc.nat({ max: 0xffffffff });
const anyV4 = word.map((value) => Ip.v4(value));
const anyV6 = fc.tuple(word, word, word, word)
  .map((words) => Ip.v6(...words));
/** Zero words are what the short form is about. */
const sparseV6 = fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff, 0x10000), {
  minLength: 4,
  maxLength: 4,
}).map((words) => Ip.v6(words[0]!, words[1]!, words[2]!, words[3]!));
const anyIp = fc.oneof(anyV4, anyV6, sparseV6);

const CANONICAL: readonly [written: string, canonical: string][] = [
  // RFC 5952 section 4.1: no leading zeros.
  ["2001:0db8::0001", "2001:db8::1"],
  // Section 4.2.1: shortened as far as possible.
  ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
  // Section 4.2.2: one group alone is not shortened.
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  // Section 4.2.3: the longest run, and of equal ones the first.
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  // Section 4.3: lower case.
  ["2001:DB8::ABCD", "2001:db8::abcd"],
  // Section 5: IPv4-mapped.
  ["::ffff:c000:0201", "::ffff:192.0.2.1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["1::", "1::"],
  ["::1.2.3.4", "::102:304"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["10.0.0.1", "10.0.0.1"],
];

for (const [written, canonical] of CANONICAL) {
  Deno.test(`Ip.parse() writes ${written} as ${canonical}`, () => {
    assertEquals(Ip.of(written).text, canonical);
  });
}

for (
  const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.-4",
    " 1.2.3.4",
    "1.2.3.4 ",
    "0x1.2.3.4",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "::g",
    "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "fe80::1%eth0",
    "[::1]",
    "::1/128",
    "١.٢.٣.٤",
  ]
) {
  Deno.test(`Ip.parse() refuses ${JSON.stringify(text)}`, () => {
    assertEquals(Ip.parse(text), undefined);
    assertThrows(() => Ip.of(text), TypeError);
  });
}

Deno.test("Ip.parse() and text are inverses", () => {
  fc.assert(fc.property(anyIp, (ip) => {
    const again = Ip.of(ip.text);
    assert(again.equals(ip));
    assertEquals(again.text, ip.text);
  }));
});

Deno.test("Ip.parse() reads what a URL reads as an address, the same way", () => {
  fc.assert(fc.property(anyV6, (ip) => {
    // WHATWG URLs write IPv6 as RFC 5952 does, but for mapped addresses.
    if (ip.text.startsWith("::ffff:")) return;
    assertEquals(new URL(`http://[${ip.text}]/`).hostname, `[${ip.text}]`);
  }));
});

Deno.test("Ip.parse() never throws on any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    Ip.parse(text);
    Cidr.parse(text);
  }));
});

Deno.test("Ip.parse() never throws on a mutated address, and reads it only if it is one", () => {
  const piece = fc.constantFrom(..."0123456789abcdefF.:/% -");
  fc.assert(fc.property(anyIp, fc.nat(50), piece, (ip, at, character) => {
    const text = ip.text.slice(0, at) + character + ip.text.slice(at + 1);
    const read = Ip.parse(text);
    if (read !== undefined) assert(Ip.of(read.text).equals(read));
    Cidr.parse(text);
  }));
});

Deno.test("Ip.plus() wraps within the last 32 bits", () => {
  assertEquals(Ip.of("10.0.0.255").plus(1).text, "10.0.1.0");
  assertEquals(Ip.of("255.255.255.255").plus(1).text, "0.0.0.0");
  assertEquals(Ip.of("fd00::ffff").plus(1).text, "fd00::1:0");
});

Deno.test("Ip.isLoopback is true for 127.0.0.0/8 and ::1", () => {
  for (const text of ["127.0.0.1", "127.255.0.9", "::1"]) {
    assert(Ip.of(text).isLoopback, text);
  }
  for (const text of ["128.0.0.1", "::2", "::ffff:127.0.0.1", "::"]) {
    assert(!Ip.of(text).isLoopback, text);
  }
});

Deno.test("Ip serialises to JSON as its text", () => {
  assertEquals(JSON.stringify({ ip: Ip.of("::1") }), '{"ip":"::1"}');
  assertEquals(JSON.stringify([Cidr.of("10.1.2.3/8")]), '["10.0.0.0/8"]');
});

Deno.test("compareIp() orders IPv4 before IPv6, then by value", () => {
  const texts = ["::1", "10.0.0.2", "9.0.0.1", "fd00::", "200.0.0.1", "::"];
  assertEquals(
    texts.map(Ip.of).sort(compareIp).map((ip) => ip.text),
    ["9.0.0.1", "10.0.0.2", "200.0.0.1", "::", "::1", "fd00::"],
  );
});

Deno.test("compareIp() is a total order", () => {
  fc.assert(fc.property(anyIp, anyIp, (a, b) => {
    assertEquals(Math.sign(compareIp(a, b)) + Math.sign(compareIp(b, a)), 0);
    assertEquals(compareIp(a, b) === 0, a.equals(b));
  }));
});

Deno.test("Cidr.contains() agrees with a comparison of bits", () => {
  const bits = (ip: Ip) =>
    [ip.w0, ip.w1, ip.w2, ip.w3].slice(ip.family === 4 ? 3 : 0)
      .map((one) => one.toString(2).padStart(32, "0")).join("");
  fc.assert(fc.property(anyIp, fc.nat(128), fc.nat(128), (ip, size, flip) => {
    const most = ip.family === 4 ? 32 : 128;
    const length = Math.min(size, most);
    const cidr = new Cidr(ip, length);
    const at = flip % most;
    const flipped = [...bits(ip)]
      .map((bit, index) => index === at ? (bit === "0" ? "1" : "0") : bit)
      .join("");
    const words = (flipped.match(/.{32}/g) ?? []).map((part) =>
      parseInt(part, 2)
    );
    const other = ip.family === 4
      ? Ip.v4(words[0]!)
      : Ip.v6(words[0]!, words[1]!, words[2]!, words[3]!);
    assert(cidr.contains(ip));
    assertEquals(cidr.contains(other), at >= length);
    assertEquals(Cidr.of(cidr.text).text, cidr.text);
    assert(cidr.base.equals(Cidr.of(cidr.text).base));
  }));
});

Deno.test("Cidr.parse() clears host bits and refuses lengths that do not exist", () => {
  assertEquals(Cidr.of("10.1.2.3/8").text, "10.0.0.0/8");
  assertEquals(Cidr.of("10.1.2.3").text, "10.1.2.3/32");
  assertEquals(Cidr.of("fd00::1/64").text, "fd00::/64");
  assertEquals(Cidr.of("0.0.0.0/0").contains(Ip.of("255.1.2.3")), true);
  assertEquals(Cidr.of("::/0").contains(Ip.of("1.2.3.4")), false);
  for (const text of ["1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "/8"]) {
    assertEquals(Cidr.parse(text), undefined, text);
  }
});

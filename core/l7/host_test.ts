import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { compareDomains, inDomain, intersectDomains } from "./host.ts";

Deno.test("inDomain() lets a star stand for any number of labels, or for one", () => {
  assertEquals(inDomain("*.example.com", "a.example.com"), true);
  assertEquals(inDomain("*.example.com", "a.b.example.com"), true);
  assertEquals(inDomain("*.example.com", "a.b.example.com", "one"), false);
  assertEquals(inDomain("*.example.com", "example.com"), false);
  assertEquals(inDomain("*.example.com", ".example.com"), false);
  assertEquals(inDomain("*.example.com", "badexample.com"), false);
  assertEquals(inDomain("api.*", "api.test"), true);
  assertEquals(inDomain("api.*", "api."), false);
  assertEquals(inDomain("*", ""), true);
});

Deno.test("compareDomains() puts exact before suffix before prefix before all", () => {
  const domains = ["*", "a.*", "*.com", "*.a.com", "x.a.com", "x.*"];
  assertEquals([...domains].sort(compareDomains), [
    "x.a.com",
    "*.a.com",
    "*.com",
    "a.*",
    "x.*",
    "*",
  ]);
});

Deno.test("intersectDomains() keeps the narrower of two that meet", () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ["*", "a.test", "a.test"],
    ["*.test", "a.test", "a.test"],
    ["*.test", "*.a.test", "*.a.test"],
    ["*.a.test", "*.b.test", undefined],
    ["*.test", "test", undefined],
    ["a.test", "b.test", undefined],
    ["a.test", "a.test", "a.test"],
  ];
  for (const [a, b, expected] of cases) {
    assertEquals(intersectDomains(a, b), expected, `${a} and ${b}`);
    assertEquals(intersectDomains(b, a), expected, `${b} and ${a}`);
  }
});

Deno.test("intersectDomains() holds just the hosts that both hold", () => {
  const label = fc.constantFrom("a", "b", "c");
  const host = fc.array(label, { minLength: 1, maxLength: 3 })
    .map((labels) => labels.join("."));
  const domain = fc.oneof(
    fc.constant("*"),
    host,
    host.map((name) => `*.${name}`),
  );
  fc.assert(fc.property(domain, domain, host, (a, b, name) => {
    const both = intersectDomains(a, b);
    assertEquals(
      both !== undefined && inDomain(both, name),
      inDomain(a, name) && inDomain(b, name),
    );
  }));
});

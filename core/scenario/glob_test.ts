import { assertEquals } from "@std/assert";
import { matchesGlob, matchesRule } from "./glob.ts";

Deno.test("matchesGlob() lets a star stand for anything", () => {
  const cases: [string, string, boolean][] = [
    ["10.0.1.5:80", "10.0.1.5:80", true],
    ["10.0.1.5:80", "10.0.*", true],
    ["10.0.1.5:80", "*:80", true],
    ["10.0.1.5:80", "10.*.5:*", true],
    ["10.0.1.5:80", "10.0.1.5", false],
    ["10.0.1.5:80", "*:81", false],
    ["", "*", true],
    ["", "", true],
    ["a", "", false],
    ["aXbXc", "a*X*c", true],
    ["a*b", "a*b", true],
    ["?", "?", true],
    ["x", "?", false],
  ];
  for (const [text, pattern, expected] of cases) {
    assertEquals(matchesGlob(text, pattern), expected, `${text} ${pattern}`);
  }
});

Deno.test("matchesGlob() is quick on hostile patterns", () => {
  assertEquals(matchesGlob("a".repeat(20_000), "*a".repeat(50) + "b"), false);
});

Deno.test("matchesRule() takes a chain without its table", () => {
  const name = "filter KUBE-PROXY-FIREWALL:2";
  assertEquals(matchesRule(name, "KUBE-PROXY-FIREWALL/*"), true);
  assertEquals(matchesRule(name, "KUBE-PROXY-FIREWALL:2"), true);
  assertEquals(matchesRule(name, "filter KUBE-PROXY-FIREWALL:*"), true);
  assertEquals(matchesRule(name, "KUBE-PROXY-FIREWALL/1"), false);
  assertEquals(matchesRule(name, "PROXY-FIREWALL/*"), false);
  assertEquals(
    matchesRule("NetworkPolicy shop/deny ingress[0]", "NetworkPolicy shop/*"),
    true,
  );
});

import { assertEquals } from "@std/assert";
import { withAliases } from "./trust_domains.ts";

Deno.test("withAliases() adds every name of the trust domain to principals that name it", () => {
  const domains = ["td", "old"];
  assertEquals(withAliases(["td/ns/a/sa/b"], domains), [
    "td/ns/a/sa/b",
    "old/ns/a/sa/b",
  ]);
  assertEquals(withAliases(["*d/ns/a/sa/b"], ["td", "other"]), [
    "*d/ns/a/sa/b",
    "other/ns/a/sa/b",
  ]);
});

Deno.test("withAliases() leaves principals of others and short ones alone", () => {
  const domains = ["td", "old"];
  for (const principal of ["else/ns/a/sa/b", "*/sa/b", "*", "td"]) {
    assertEquals(withAliases([principal], domains), [principal]);
  }
  assertEquals(withAliases(["td/ns/a/sa/b"], ["td"]), ["td/ns/a/sa/b"]);
});

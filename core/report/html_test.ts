import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HOSTILE, sampleReport } from "./_fixtures.ts";
import { htmlReport } from "./html.ts";

/** Every tag with its attributes, in order; text is left out. */
function tags(html: string): string[] {
  const body = html.replace(/<style>[^<]*<\/style>/, "");
  const found = [...body.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
  const rest = body.replace(/<[^>]*>/g, "");
  assert(!/[<>"]/.test(rest), "text holds no markup");
  assert(!/&(?!(?:amp|lt|gt|quot);)/.test(rest), "every & is an entity");
  return found;
}

Deno.test("htmlReport() has the same tags, whatever the texts", () => {
  const plain = tags(htmlReport(sampleReport()));
  for (const hostile of HOSTILE) {
    const html = htmlReport(sampleReport((name) => name + hostile));
    assertEquals(tags(html), plain, hostile);
  }
});

Deno.test("htmlReport() needs nothing but itself", () => {
  const html = htmlReport(sampleReport());
  assert(!/<(?:script|link|img|iframe|object|form)\b/.test(html));
  assert(!/\b(?:src|on[a-z]+)=/.test(html));
  assert(!/url\(|@import|https?:\/\/(?!web\.shop)/.test(html));
  assertEquals(
    [...html.matchAll(/href="([^"]*)"/g)].map(([, target]) => target),
    ["#s1", "#s2"],
  );
  assertStringIncludes(html, "default-src 'none'");
  assertStringIncludes(html, "prefers-color-scheme: dark");
  assertStringIncludes(html, "@media print");
});

Deno.test("htmlReport() marks the row where journeys part, in words too", () => {
  const html = htmlReport(sampleReport());
  const rows = [...html.matchAll(/<tr class="(same|parts|after)">.*<\/tr>/g)];
  assertEquals(rows.map(([, state]) => state), [
    "same",
    "parts",
    "same",
    "parts",
  ]);
  const [parts] = rows[1]!;
  assertStringIncludes(parts, "▶ 2, part here");
  assertStringIncludes(parts, "n1 forward drop (denied)");
  assertStringIncludes(parts, "deny, policy.yaml:3:5");
  assertStringIncludes(parts, "allow, policy.yaml:9:5");
});

Deno.test("htmlReport() heads its sections and tables in order", () => {
  const html = htmlReport(sampleReport());
  const levels = [...html.matchAll(/<h(\d)/g)].map(([, level]) => level);
  assertEquals(levels.join(""), "123333" + "3" + "2");
  assertEquals(
    html.split("<table").length,
    html.split("<caption>").length,
  );
});

Deno.test("htmlReport() gives the same bytes for the same report", () => {
  assertEquals(htmlReport(sampleReport()), htmlReport(sampleReport()));
});

import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { HOSTILE, sampleReport } from "./_fixtures.ts";
import { sarifReport } from "./sarif.ts";

const Message = z.strictObject({ text: z.string().min(1) });
const Physical = z.strictObject({
  artifactLocation: z.strictObject({
    uri: z.string().regex(/^[A-Za-z0-9%._~!*'()/:-]+$/),
  }),
  region: z.strictObject({
    startLine: z.int().min(1),
    startColumn: z.int().min(1),
  }),
});
const Location = z.strictObject({
  id: z.int().min(0).optional(),
  physicalLocation: Physical,
  logicalLocations: z.array(
    z.strictObject({ fullyQualifiedName: z.string() }),
  ).optional(),
  message: Message.optional(),
});
const Level = z.enum(["none", "note", "warning", "error"]);
const Rule = z.strictObject({
  id: z.string(),
  shortDescription: Message,
  fullDescription: Message,
});
const Result = z.strictObject({
  ruleId: z.string(),
  ruleIndex: z.int().min(0),
  kind: z.literal("open").optional(),
  level: Level,
  message: Message,
  locations: z.array(Location).max(1),
  relatedLocations: z.array(Location).optional(),
  occurrenceCount: z.int().min(1),
  partialFingerprints: z.record(z.string(), z.string()).optional(),
  properties: z.record(z.string(), z.unknown()),
});
/** The part of the schema of SARIF 2.1.0 that we write; strict, so that nothing else slips in. */
const Sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal("2.1.0"),
  runs: z.tuple([z.strictObject({
    tool: z.strictObject({
      driver: z.strictObject({
        name: z.literal("Plumbline"),
        rules: z.array(Rule),
      }),
    }),
    invocations: z.array(z.strictObject({
      executionSuccessful: z.boolean(),
      toolExecutionNotifications: z.array(
        z.strictObject({ level: Level, message: Message }),
      ),
    })),
    columnKind: z.literal("utf16CodeUnits"),
    results: z.array(Result),
  })]),
});

function runOf(text: string) {
  return Sarif.parse(JSON.parse(text)).runs[0];
}

Deno.test("sarifReport() has the shape of SARIF 2.1.0, whatever the texts", () => {
  for (const hostile of HOSTILE) {
    const run = runOf(sarifReport(sampleReport((name) => name + hostile)));
    const { rules } = run.tool.driver;
    for (const { ruleId, ruleIndex, kind, level } of run.results) {
      assertEquals(rules[ruleIndex]?.id, ruleId);
      assertEquals(kind === "open", level === "none");
    }
    assertEquals(new Set(rules.map(({ id }) => id)).size, rules.length);
  }
});

Deno.test("sarifReport() puts a divergence at its step, with both rules beside it", () => {
  const { results } = runOf(sarifReport(sampleReport()));
  const [failure, unexpected, expected, unknown] = results;
  assertEquals(
    [failure, unexpected, expected, unknown].map((result) => result?.level),
    ["error", "error", "note", "none"],
  );
  assertEquals(unexpected?.ruleId, "cause-2c70e12b7a06");
  assertEquals(expected?.ruleId, "D98");
  assertEquals(unexpected?.locations[0]?.physicalLocation, {
    artifactLocation: { uri: "scenario.yaml" },
    region: { startLine: 12, startColumn: 5 },
  });
  assertEquals(
    unexpected?.relatedLocations?.map(({ physicalLocation, message }) => [
      physicalLocation.artifactLocation.uri,
      physicalLocation.region.startLine,
      message?.text,
    ]),
    [["policy.yaml", 3, "old: deny"], ["policy.yaml", 9, "new: allow"]],
  );
  assertEquals(
    unexpected?.message.text,
    "verdict: old dropped, new forwarded. pod/shop/client -> tcp://web.shop:80  GET http://web.shop/path. Decided by old: [deny](1); new: [allow](2).",
  );
});

Deno.test("sarifReport() escapes brackets, which would be links", () => {
  const report = sampleReport((name) => name === "deny" ? "a[0](1)" : name);
  const [, unexpected] = runOf(sarifReport(report)).results;
  assert(unexpected!.message.text.includes("[a\\[0\\](1)](1)"));
});

Deno.test("sarifReport() says what was not run, and leaves out places that are no files", () => {
  const report = sampleReport((name) => name === "scenario.yaml" ? "--" : name);
  const run = runOf(sarifReport(report));
  assertEquals(
    run.invocations[0]?.toolExecutionNotifications.map(({ message }) =>
      message.text
    ),
    ["another was not run: a file is missing", "a note"],
  );
  assertEquals(run.results[1]?.locations, []);
});

Deno.test("sarifReport() gives the same bytes for the same report", () => {
  assertEquals(sarifReport(sampleReport()), sarifReport(sampleReport()));
});

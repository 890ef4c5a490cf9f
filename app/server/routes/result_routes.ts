import { join } from "node:path";
import { z } from "zod";
import { readRows } from "../read_rows.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { HttpProblem } from "../problem.ts";
import {
  type AnyRoute,
  defineRoute,
  json,
  jsonBytes,
  wholeNumber,
} from "../route.ts";
import {
  compareAnswerSchema,
  divergencesSchema,
  edgesSchema,
  flowRowPageSchema,
  forkRequestSchema,
  journeysSchema,
  logPageSchema,
  rulesSchema,
  type Run,
  sourceLinesSchema,
  stateSchema,
  type Summary,
  summarySchema,
  VERDICTS,
} from "../schemas.ts";
import type { RunPlace } from "../protocol.ts";
import type { ServerParts } from "../server_parts.ts";

const TAG = "Results";

const runId = z.strictObject({ id: z.string().max(100) });
const stack = z.string().max(200).optional()
  .describe("Name of a stack; the baseline");
const position = wholeNumber(Number.MAX_SAFE_INTEGER);

/** What a run that is finished has to show. */
export function resultRoutes(parts: ServerParts): AnyRoute[] {
  return [
    ...flowRoutes(parts),
    ...summaryRoutes(parts),
    ...sourceRoutes(parts),
    ...logRoutes(parts),
  ];
}

function flowRoutes({ runs, pool }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "get",
      path: "/runs/{id}/outcomes",
      summary: "Flows with what every stack made of them, page by page",
      tag: TAG,
      params: runId,
      query: z.strictObject({
        cursor: z.string().max(50).optional(),
        limit: wholeNumber(SERVER_LIMITS.briefItems, { min: 1 }).default(100)
          .describe(`Up to ${SERVER_LIMITS.pageItems}; of brief rows more`),
        brief: z.enum(["true", "false"]).default("false")
          .describe("Rows with as little as a list of many needs"),
        verdict: z.enum(VERDICTS).optional(),
        stack: z.string().max(200).optional()
          .describe("Stack that the verdict is of; any of them"),
        q: z.string().max(200).optional()
          .describe("Text that the flow, in words, or its name has"),
        changed: z.enum(["true", "false"]).default("false")
          .describe("Only flows in which stacks differ"),
      }),
      answers: { 200: { description: "Flows", schema: flowRowPageSchema } },
      problems: ["conflict"],
      handle: async ({ params: { id }, query }) => {
        const { run, place } = await runs.placeOf(id);
        if (query.stack !== undefined) stackIndex(run, query.stack);
        const form = query.brief === "true" ? "brief" : "whole";
        if (form === "whole" && query.limit > SERVER_LIMITS.pageItems) {
          throw new HttpProblem(
            "bad-request",
            `A page has up to ${SERVER_LIMITS.pageItems} whole rows`,
          );
        }
        const changed = query.changed === "true";
        return jsonBytes(await readRows(place, { ...query, changed, form }));
      },
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/flows/{flow}/journeys",
      summary: "The way of one flow through every stack, hop by hop",
      tag: TAG,
      params: z.strictObject({
        id: z.string().max(100),
        flow: position.describe("Index of the flow, as its row has it"),
      }),
      answers: { 200: { description: "Journeys", schema: journeysSchema } },
      problems: ["conflict", "limit"],
      handle: async ({ params: { id, flow: index } }) => {
        const { run, place } = await runs.placeOf(id);
        const stacks = run.stacks.length;
        const baseline = stackIndex(run, undefined);
        return jsonBytes(
          await pool.ask({ kind: "journeys", place, stacks, baseline, index }),
        );
      },
    }),
    defineRoute({
      method: "post",
      path: "/runs/{id}/fork",
      summary:
        "Replay a run with other objects from an event on, and compare it with itself",
      tag: TAG,
      params: runId,
      body: {
        kind: "json",
        schema: forkRequestSchema,
        maxBytes: SERVER_LIMITS.jsonBytes,
      },
      answers: {
        200: {
          description: "Flows after the fork: each stack, then `NAME (forked)`",
          schema: compareAnswerSchema,
        },
      },
      problems: ["bad-input", "conflict", "limit"],
      handle: async ({ params: { id }, body: request }) => {
        const { run, place } = await runs.placeOf(id);
        const stacks = run.stacks.length;
        return jsonBytes(
          await pool.ask({ kind: "fork", place, stacks, request }),
        );
      },
    }),
  ];
}

function summaryRoutes({ runs }: ServerParts): AnyRoute[] {
  const file = async (id: string, name: string) => {
    const { place } = await runs.placeOf(id);
    return await Deno.readFile(join(place.directory, `${name}.json`));
  };
  return [
    defineRoute({
      method: "get",
      path: "/runs/{id}/divergences",
      summary: "What differs, grouped by cause",
      tag: TAG,
      params: runId,
      answers: {
        200: { description: "Causes", schema: divergencesSchema },
      },
      problems: ["conflict"],
      handle: async ({ params: { id } }) => {
        const text = new TextDecoder().decode(await file(id, "summary"));
        const { baseline, flows, changed, comparisons, unknowns, judgement } =
          JSON.parse(text) as Summary;
        return json({
          baseline,
          flows,
          changed,
          comparisons,
          unknowns,
          judgement,
        });
      },
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/summary",
      summary: "What all flows together come to",
      tag: TAG,
      params: runId,
      answers: { 200: { description: "Summary", schema: summarySchema } },
      problems: ["conflict"],
      handle: async ({ params: { id } }) =>
        jsonBytes(await file(id, "summary")),
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/rules",
      summary: "Rules of each stack, and how often they had a say",
      tag: TAG,
      params: runId,
      answers: { 200: { description: "Rules", schema: rulesSchema } },
      problems: ["conflict"],
      handle: async ({ params: { id } }) => jsonBytes(await file(id, "rules")),
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/edges",
      summary: "Who talks to whom, and what of it changes",
      tag: TAG,
      params: runId,
      answers: { 200: { description: "Edges", schema: edgesSchema } },
      problems: ["conflict"],
      handle: async ({ params: { id } }) => jsonBytes(await file(id, "edges")),
    }),
  ];
}

const REPORT_TYPES = {
  html: "text/html; charset=utf-8",
  junit: "application/xml",
  sarif: "application/sarif+json",
  markdown: "text/markdown; charset=utf-8",
} as const;

const REPORT_ENDINGS = {
  html: "html",
  junit: "xml",
  sarif: "sarif",
  markdown: "md",
} as const;

function sourceRoutes({ runs, pool }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "get",
      path: "/runs/{id}/source",
      summary: "Lines round one of a file that the run was made from",
      tag: TAG,
      params: runId,
      query: z.strictObject({
        file: z.string().max(1_000).describe("As the source of a rule has it"),
        line: position,
      }),
      answers: { 200: { description: "Lines", schema: sourceLinesSchema } },
      problems: ["conflict", "limit"],
      handle: async ({ params: { id }, query }) => {
        const { place } = await runs.placeOf(id);
        return jsonBytes(await pool.ask({ kind: "source", place, ...query }));
      },
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/report",
      summary: "A report as a file that opens without a server",
      tag: TAG,
      params: runId,
      query: z.strictObject({
        format: z.enum(["html", "junit", "sarif", "markdown"]).default("html"),
      }),
      answers: {
        200: { description: "The report", type: "application/octet-stream" },
      },
      problems: ["conflict", "limit"],
      handle: async ({ params: { id }, query: { format } }) => {
        const { run, place } = await runs.placeOf(id);
        const bytes = await pool.ask({ kind: "report", place, format });
        const text = JSON.parse(new TextDecoder().decode(bytes)) as string;
        const ending = REPORT_ENDINGS[format];
        return new Response(text, {
          headers: {
            "content-type": REPORT_TYPES[format],
            // It may run no script here, where it would have the server's own origin.
            "content-disposition": `attachment; filename="${run.id}.${ending}"`,
          },
        });
      },
    }),
  ];
}

function logRoutes({ runs, pool }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "get",
      path: "/runs/{id}/log",
      summary: "Events of the log of one stack, from a position on",
      tag: TAG,
      params: runId,
      query: z.strictObject({
        from: position.default(0),
        limit: wholeNumber(SERVER_LIMITS.pageItems, { min: 1 }).default(100),
        stack,
        type: z.string().max(50).optional()
          .describe("Only events of this type: policy.applied"),
      }),
      answers: { 200: { description: "Events", schema: logPageSchema } },
      problems: ["conflict", "limit"],
      handle: async (
        { params: { id }, query: { from, limit, type, ...rest } },
      ) => {
        const { run, place } = await runs.placeOf(id);
        const stack = stackIndex(run, rest.stack);
        const { name } = run.stacks[stack]!;
        const page = { stack, name, from, limit, type: type ?? null };
        return jsonBytes(await pool.ask({ kind: "log", place, ...page }));
      },
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/log/file",
      summary: "The log of one stack as a file: deno task log verify FILE",
      tag: TAG,
      params: runId,
      query: z.strictObject({ stack }),
      answers: {
        200: { description: "The file", type: "application/octet-stream" },
      },
      problems: ["conflict"],
      handle: async ({ params: { id }, query }) => {
        const { run, place } = await runs.placeOf(id);
        return await logFile(place, {
          stack: stackIndex(run, query.stack),
          name: run.id,
        });
      },
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/state",
      summary: "What exists and what governs after an event of the log",
      tag: TAG,
      params: runId,
      query: z.strictObject({
        at: position.describe("Position of the event"),
        stack,
      }),
      answers: { 200: { description: "The state", schema: stateSchema } },
      problems: ["conflict", "limit"],
      handle: async ({ params: { id }, query }) => {
        const { run, place } = await runs.placeOf(id);
        const stack = stackIndex(run, query.stack);
        return jsonBytes(
          await pool.ask({ kind: "state", place, stack, at: query.at }),
        );
      },
    }),
  ];
}

async function logFile(
  { directory }: RunPlace,
  { stack, name }: { readonly stack: number; readonly name: string },
): Promise<Response> {
  const file = await Deno.open(join(directory, `${stack}.dplog`));
  const { size } = await file.stat();
  return new Response(file.readable, {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": `${size}`,
      "content-disposition": `attachment; filename="${name}-${stack}.dplog"`,
    },
  });
}

/** Where a stack stands in a run; the baseline when none is named. */
function stackIndex(run: Run, name: string | undefined): number {
  const wanted = name ?? run.baseline;
  const index = run.stacks.findIndex((stack) => stack.name === wanted);
  if (index >= 0) return index;
  const known = run.stacks.map((stack) => stack.name).join(", ");
  throw new HttpProblem(
    "not-found",
    `The run has no stack ${name}: it has ${known}`,
  );
}

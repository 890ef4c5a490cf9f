import { z } from "zod";
import { SERVER_LIMITS } from "../limits.ts";
import { HttpProblem } from "../problem.ts";
import { type AnyRoute, defineRoute, json, wholeNumber } from "../route.ts";
import { eventStream } from "../run_events.ts";
import {
  type Run,
  runPageSchema,
  type RunRequest,
  runRequestSchema,
  runSchema,
} from "../schemas.ts";
import type { ServerParts } from "../server_parts.ts";

const TAG = "Runs";

const runId = z.strictObject({ id: z.string().max(100) });

/** Idempotency keys: any visible characters. */
const KEY = /^[\x21-\x7e]{1,200}$/;

/** Starting, watching and stopping runs. */
export function runRoutes(parts: ServerParts): AnyRoute[] {
  return [...startRoutes(parts), ...watchRoutes(parts), ...stopRoutes(parts)];
}

function startRoutes(parts: ServerParts): AnyRoute[] {
  const { runs } = parts;
  return [
    defineRoute({
      method: "post",
      path: "/runs",
      summary: "Start a run: a scenario, or uploaded manifests and flows",
      tag: TAG,
      headers: {
        "Idempotency-Key":
          "The same key and request again gives the run that it started",
      },
      body: {
        kind: "json",
        schema: runRequestSchema,
        maxBytes: SERVER_LIMITS.runRequestBytes,
      },
      answers: { 202: { description: "It is queued", schema: runSchema } },
      problems: ["bad-input", "limit", "not-found", "conflict"],
      handle: async ({ body, request }) => {
        const key = keyOf(request);
        const name = await nameOf(parts, body);
        return accepted(await runs.start(body, { key, name }));
      },
    }),
    defineRoute({
      method: "post",
      path: "/runs/{id}/restart",
      summary: "Start a run again that was interrupted, stopped or failed",
      tag: TAG,
      params: runId,
      answers: { 202: { description: "It is queued", schema: runSchema } },
      problems: ["conflict"],
      handle: async ({ params: { id } }) => accepted(await runs.restart(id)),
    }),
  ];
}

function watchRoutes(parts: ServerParts): AnyRoute[] {
  const { runs } = parts;
  return [
    defineRoute({
      method: "get",
      path: "/runs",
      summary: "Runs, the newest first",
      tag: TAG,
      query: z.strictObject({
        cursor: z.string().max(100).optional(),
        limit: wholeNumber(SERVER_LIMITS.pageItems, { min: 1 }).default(50),
      }),
      answers: { 200: { description: "Runs", schema: runPageSchema } },
      handle: async ({ query: { cursor, limit } }) => {
        const items = await runs.list({ before: cursor, limit });
        const last = items.length < limit ? undefined : items.at(-1);
        return json({ items, next: last?.id ?? null });
      },
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}",
      summary: "A run as it stands",
      tag: TAG,
      params: runId,
      answers: { 200: { description: "The run", schema: runSchema } },
      handle: async ({ params: { id } }) => json(await runs.get(id)),
    }),
    defineRoute({
      method: "get",
      path: "/runs/{id}/events",
      summary:
        "Progress as server-sent events: `run` with the run as it stands, until it is over",
      tag: TAG,
      params: runId,
      answers: {
        200: { description: "Events", type: "text/event-stream" },
      },
      handle: ({ params: { id }, request }) =>
        eventStream(parts, { id, signal: request.signal }),
    }),
  ];
}

function stopRoutes({ runs }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "delete",
      path: "/runs/{id}",
      summary: "Stop a run and its work, or remove all that there is of it",
      tag: TAG,
      params: runId,
      query: z.strictObject({
        purge: z.enum(["true", "false"]).default("false")
          .describe("Remove its record and its files too"),
      }),
      answers: {
        200: { description: "It is stopped", schema: runSchema },
        204: { description: "It is removed" },
      },
      handle: async ({ params: { id }, query: { purge } }) => {
        const run = await runs.cancel(id);
        if (purge === "false") return json(run);
        await runs.purge(id);
        return new Response(null, { status: 204 });
      },
    }),
  ];
}

function keyOf(request: Request): string | null {
  const key = request.headers.get("idempotency-key");
  if (key === null || KEY.test(key)) return key;
  throw new HttpProblem(
    "bad-request",
    "An idempotency key has 1 to 200 visible characters",
  );
}

/** What a run is called; what is wrong with its request shows here, as far as it can. */
async function nameOf(
  { pool }: ServerParts,
  request: RunRequest,
): Promise<string> {
  const bytes = await pool.ask({ kind: "check-run", request });
  return (JSON.parse(new TextDecoder().decode(bytes)) as { name: string }).name;
}

function accepted(run: Run): Response {
  const response = json(run, 202);
  response.headers.set("location", `/runs/${run.id}`);
  return response;
}

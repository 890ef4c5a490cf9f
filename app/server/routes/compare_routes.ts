import { SERVER_LIMITS } from "../limits.ts";
import { type AnyRoute, defineRoute, jsonBytes } from "../route.ts";
import { compareAnswerSchema, compareRequestSchema } from "../schemas.ts";
import type { ServerParts } from "../server_parts.ts";

/** Comparing at once. */
export function compareRoutes({ pool }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "post",
      path: "/compare",
      summary:
        `Compare stacks at once: a scenario, or manifests and flows; up to ${SERVER_LIMITS.comparedFlows} flows`,
      tag: "Compare",
      body: {
        kind: "json",
        schema: compareRequestSchema,
        maxBytes: SERVER_LIMITS.jsonBytes,
      },
      answers: {
        200: { description: "What differs", schema: compareAnswerSchema },
      },
      problems: ["bad-input", "limit", "not-found"],
      handle: async ({ body, request: { signal } }) =>
        jsonBytes(
          await pool.ask({ kind: "compare", request: body }, { signal }),
        ),
    }),
  ];
}

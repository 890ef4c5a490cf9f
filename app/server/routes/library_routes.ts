import { z } from "zod";
import { type AnyRoute, defineRoute, jsonBytes } from "../route.ts";
import {
  pluginListSchema,
  scenarioListSchema,
  scenarioSourceSchema,
  stackListSchema,
} from "../schemas.ts";
import type { ServerParts } from "../server_parts.ts";

const TAG = "Library";

/** What there is to run, and to run it through. */
export function libraryRoutes({ pool, uploads }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "get",
      path: "/plugins",
      summary: "Plugins, with the real things that each claims to model",
      tag: TAG,
      answers: { 200: { description: "Plugins", schema: pluginListSchema } },
      handle: async () => jsonBytes(await pool.ask({ kind: "plugins" })),
    }),
    defineRoute({
      method: "get",
      path: "/stacks",
      summary: "Presets: stacks that go by a name",
      tag: TAG,
      answers: { 200: { description: "Presets", schema: stackListSchema } },
      handle: async () => jsonBytes(await pool.ask({ kind: "stacks" })),
    }),
    defineRoute({
      method: "get",
      path: "/scenarios",
      summary: "Scenarios of the library, and those that were uploaded",
      tag: TAG,
      answers: {
        200: { description: "Scenarios", schema: scenarioListSchema },
      },
      handle: async () => {
        const uploaded = (await uploads.list("scenario")).map(({ id }) => id);
        return jsonBytes(await pool.ask({ kind: "scenarios", uploaded }));
      },
    }),
    defineRoute({
      method: "get",
      path: "/scenarios/{id}",
      summary: "A scenario with its text and the files that it names",
      tag: TAG,
      params: z.strictObject({ id: z.string().max(200) }),
      answers: {
        200: { description: "The scenario", schema: scenarioSourceSchema },
      },
      problems: ["bad-input", "limit"],
      handle: async ({ params: { id } }) =>
        jsonBytes(await pool.ask({ kind: "scenario-source", id })),
    }),
  ];
}

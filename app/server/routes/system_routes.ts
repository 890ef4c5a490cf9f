import { type AnyRoute, defineRoute, json } from "../route.ts";
import { statusSchema } from "../schemas.ts";
import type { ServerParts } from "../server_parts.ts";

const TAG = "System";

/** How the server is. */
export function systemRoutes({ metrics, stopping }: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "get",
      path: "/metrics",
      summary: "Metrics, as Prometheus reads them",
      tag: TAG,
      answers: { 200: { description: "Metrics", type: "text/plain" } },
      handle: () =>
        new Response(metrics.text(), {
          headers: { "content-type": "text/plain; version=0.0.4" },
        }),
    }),
    defineRoute({
      method: "get",
      path: "/healthz",
      summary: "The server is there",
      tag: TAG,
      answers: { 200: { description: "It is", schema: statusSchema } },
      handle: () => json({ status: "ok" }),
    }),
    defineRoute({
      method: "get",
      path: "/readyz",
      summary: "The server takes work",
      tag: TAG,
      answers: {
        200: { description: "It does", schema: statusSchema },
        503: { description: "It is stopping", schema: statusSchema },
      },
      handle: () =>
        stopping.aborted
          ? json({ status: "stopping" }, 503)
          : json({ status: "ok" }),
    }),
  ];
}

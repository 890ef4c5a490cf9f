import { Hono } from "hono";
import { DOCS_STYLE, DOCS_STYLE_PATH, docsPage } from "./docs_page.ts";
import { openApiDocument } from "./openapi.ts";
import { HttpProblem, problemResponse } from "./problem.ts";
import { type AnyRoute, type AppEnvironment, json, mount } from "./route.ts";
import { compareRoutes } from "./routes/compare_routes.ts";
import { libraryRoutes } from "./routes/library_routes.ts";
import { resultRoutes } from "./routes/result_routes.ts";
import { runRoutes } from "./routes/run_routes.ts";
import { systemRoutes } from "./routes/system_routes.ts";
import { uploadRoutes } from "./routes/upload_routes.ts";
import {
  type Access,
  addSecurityHeaders,
  checkHost,
  checkOrigin,
  checkToken,
} from "./security.ts";
import type { ServerParts } from "./server_parts.ts";
import { type Assets, serveAsset } from "./static_page.ts";

/** What an API is made with. */
export interface ApiOptions {
  readonly access: Access;
  readonly assets: Assets;
  readonly version: string;
  /** Told of errors of our own. */
  readonly report: (error: unknown) => void;
}

/** Every route of the API. */
export function apiRoutes(parts: ServerParts): AnyRoute[] {
  return [
    ...compareRoutes(parts),
    ...libraryRoutes(parts),
    ...uploadRoutes(parts),
    ...runRoutes(parts),
    ...resultRoutes(parts),
    ...systemRoutes(parts),
  ];
}

/**
 * The API with the page. It needs no socket: `app.request(path)` asks it.
 *
 * @example
 * ```ts ignore
 * const app = createApi(parts, options);
 * const response = await app.request("http://localhost/stacks");
 * ```
 */
export function createApi(
  parts: ServerParts,
  { access, assets, version, report }: ApiOptions,
): Hono<AppEnvironment> {
  const routes = apiRoutes(parts);
  const app = new Hono<AppEnvironment>();
  app.use(async (context, next) => {
    const startMs = performance.now();
    context.set("route", "other");
    await next();
    addSecurityHeaders(context.res, context.req.path);
    parts.metrics.addRequest({
      method: knownMethod(context.req.method),
      route: context.get("route"),
      status: context.res.status,
      seconds: (performance.now() - startMs) / 1_000,
    });
  });
  app.use(checkHost(access));
  app.use(checkOrigin(access));
  const isOpen = (path: string) => path === DOCS_STYLE_PATH || assets.has(path);
  app.use(checkToken(access, { isOpen }));
  mount(app, routes);
  const document = openApiDocument(routes, { version });
  app.get("/openapi.json", () => json(document));
  const docs = docsPage(routes);
  app.get("/docs", ({ html }) => html(docs));
  app.get(DOCS_STYLE_PATH, () => styleSheet(DOCS_STYLE));
  app.get("*", ({ req }) => serveAsset(assets, req.path) ?? nothing(req.path));
  app.all("*", ({ req }) => nothing(req.path));
  app.onError((error) => {
    const known = error instanceof HttpProblem;
    if (!known) report(error);
    return problemResponse(error);
  });
  return app;
}

function nothing(path: string): never {
  throw new HttpProblem("not-found", `There is nothing at ${path}`);
}

function styleSheet(text: string): Response {
  return new Response(text, {
    headers: { "content-type": "text/css; charset=utf-8" },
  });
}

/** Methods that callers make up would be labels without end. */
function knownMethod(method: string): string {
  const known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  return known.includes(method) ? method : "other";
}

import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { HttpProblem } from "./problem.ts";

/** Who may ask. */
export interface Access {
  /** Null: anyone who reaches the server, which is then on loopback only. */
  readonly token: string | null;
  /** Origins of pages elsewhere that may ask; none when empty. */
  readonly origins: readonly string[];
}

/** Paths that hold nothing of anyone's. */
const OPEN = new Set([
  "/",
  "/healthz",
  "/readyz",
  "/openapi.json",
  "/docs",
]);

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/** Headers of every answer. */
export function addSecurityHeaders(response: Response, path: string): void {
  for (const [name, value] of Object.entries(HEADERS)) {
    response.headers.set(name, value);
  }
  const { headers } = response;
  if (!headers.has("cache-control")) {
    headers.set("cache-control", path === "/" ? "no-cache" : "no-store");
  }
}

/**
 * Without a token only names of this machine are answered to: a page whose
 * own name points at 127.0.0.1 is still a page from elsewhere.
 */
export function checkHost({ token }: Access): MiddlewareHandler {
  return async function host({ req }, next) {
    if (token !== null || isLocal(hostOf(req.raw))) return await next();
    throw new HttpProblem("forbidden", "The server answers to localhost only");
  };
}

/** A page from elsewhere may ask only when its origin is allowed. */
export function checkOrigin({ origins }: Access): MiddlewareHandler {
  return async function origin(context, next) {
    const { req } = context;
    const from = req.header("origin");
    if (from === undefined) return await next();
    const host = req.header("host") ?? new URL(req.url).host;
    const own = from === `http://${host}` || from === `https://${host}`;
    const allowed = origins.includes(from);
    if (!own && !allowed) {
      throw new HttpProblem("forbidden", "Pages of that origin may not ask");
    }
    if (req.method === "OPTIONS" && allowed) {
      return new Response(null, {
        status: 204,
        headers: {
          ...corsHeaders(from),
          "access-control-allow-methods": "GET, POST, DELETE",
          "access-control-allow-headers":
            "authorization, content-type, idempotency-key",
          "access-control-max-age": "600",
        },
      });
    }
    await next();
    if (!allowed) return;
    for (const [name, value] of Object.entries(corsHeaders(from))) {
      context.res.headers.set(name, value);
    }
    context.res.headers.set("cross-origin-resource-policy", "cross-origin");
  };
}

/** Wants the token, where there is one. */
export function checkToken(
  { token }: Access,
  { isOpen }: { readonly isOpen: (path: string) => boolean },
): MiddlewareHandler {
  const wanted = token === null ? null : digest(token);
  return async function authorization({ req }, next) {
    if (wanted === null || OPEN.has(req.path) || isOpen(req.path)) {
      return await next();
    }
    const [, given = ""] = /^Bearer +(\S+)$/i
      .exec(req.header("authorization") ?? "") ?? [];
    // Digests are of one length, so that nothing is learnt from the time it takes.
    if (timingSafeEqual(digest(given), wanted)) return await next();
    throw new HttpProblem("unauthorized", "Send authorization: Bearer TOKEN", {
      headers: { "www-authenticate": 'Bearer realm="plumbline"' },
    });
  };
}

/** Whether an address or a name is this machine and nothing else. */
export function isLocal(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") ||
    host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function corsHeaders(origin: string): Record<string, string> {
  return { "access-control-allow-origin": origin, "vary": "origin" };
}

function hostOf(request: Request): string {
  const written = request.headers.get("host") ?? new URL(request.url).host;
  const [, v6, name] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]*))(?::\d{1,5})?$/i
    .exec(written) ?? [];
  return (v6 ?? name ?? "").toLowerCase();
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

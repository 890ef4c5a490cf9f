import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UsageError } from "../app/cli/_exit.ts";
import { servingOf } from "../app/cli/serve.ts";
import { openServer } from "../app/server/open_server.ts";
import { InputError } from "../core/errors.ts";
import { withServer } from "./_api.ts";

const TOKEN = "a-token-that-nobody-guesses";
const NO_TOKEN = { token: undefined };

Deno.test("a server with a token answers to those who bring it", async () => {
  const asset = { type: "text/plain", bytes: new TextEncoder().encode("hi") };
  await withServer(async ({ ask }) => {
    const status = async (path: string, authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await ask(path, { headers });
      await response.body?.cancel();
      return response.status;
    };
    for (const path of ["/stacks", "/runs", "/metrics", "/nothing"]) {
      assertEquals(await status(path), 401, path);
      assertEquals(await status(path, `Bearer ${TOKEN}x`), 401, path);
      assertEquals(await status(path, `Basic ${TOKEN}`), 401, path);
      assertEquals(await status(path, "Bearer "), 401, path);
    }
    assertEquals(await status("/runs", `Bearer ${TOKEN}`), 200);
    assertEquals(await status("/runs", `bearer ${TOKEN}`), 200);
    const open = ["/healthz", "/readyz", "/", "/a.txt", "/docs", "/docs.css"];
    for (const path of open) assertEquals(await status(path), 200, path);
    const refused = await ask("/runs");
    assertStringIncludes(refused.headers.get("www-authenticate")!, "Bearer");
    await refused.body?.cancel();
  }, {
    workers: 0,
    access: { token: TOKEN, origins: [] },
    assets: new Map([["/", asset], ["/a.txt", asset]]),
  });
});

Deno.test("a server without a token answers to names of this machine only", async () => {
  await withServer(async ({ server }) => {
    const status = async (host: string) => {
      const request = new Request("http://localhost/healthz", {
        headers: { host },
      });
      const response = await server.app.request(request);
      await response.body?.cancel();
      return response.status;
    };
    for (
      const host of ["localhost:8080", "127.0.0.1", "[::1]:1", "LOCALHOST"]
    ) {
      assertEquals(await status(host), 200, host);
    }
    const others = [
      "example.com",
      "127.0.0.1.example.com",
      "localhost.example.com:8080",
      "192.168.0.1",
      "[::2]",
      "a@localhost",
    ];
    for (const host of others) assertEquals(await status(host), 403, host);
  }, { workers: 0 });
});

Deno.test("pages from elsewhere may ask only from origins that are allowed", async () => {
  const allowed = "https://pages.example.com";
  await withServer(async ({ ask }) => {
    const from = async (origin: string, method = "GET") => {
      const response = await ask("/runs", {
        method,
        headers: { origin, host: "localhost" },
      });
      await response.body?.cancel();
      return response;
    };
    const own = await from("http://localhost");
    assertEquals(own.status, 200);
    assertEquals(own.headers.get("access-control-allow-origin"), null);
    for (const origin of ["https://evil.example", "null"]) {
      const response = await from(origin);
      assertEquals(response.status, 403, origin);
      assertEquals(response.headers.get("access-control-allow-origin"), null);
      assertEquals((await from(origin, "OPTIONS")).status, 403);
    }
    const listed = await from(allowed);
    assertEquals(listed.headers.get("access-control-allow-origin"), allowed);
    const preflight = await from(allowed, "OPTIONS");
    assertEquals(preflight.status, 204);
    assertStringIncludes(
      preflight.headers.get("access-control-allow-headers")!,
      "authorization",
    );
  }, { workers: 0, access: { token: null, origins: [allowed] } });
});

Deno.test("every answer has the security headers", async () => {
  await withServer(async ({ ask }) => {
    for (const path of ["/", "/healthz", "/nothing", "/docs", "/runs"]) {
      const { headers, body } = await ask(path);
      await body?.cancel();
      const policy = headers.get("content-security-policy")!;
      assertStringIncludes(policy, "frame-ancestors 'none'");
      assertStringIncludes(policy, "script-src 'self';");
      assert(!policy.includes("unsafe"), path);
      assertEquals(headers.get("x-content-type-options"), "nosniff");
      assertEquals(headers.get("referrer-policy"), "no-referrer");
    }
  }, { workers: 0 });
});

Deno.test("servingOf() wants a token for an address that others reach", () => {
  for (const host of ["0.0.0.0", "::", "192.168.0.1", "example.com"]) {
    const args = ["--host", host];
    const error = assertThrows(() => servingOf(args, NO_TOKEN), UsageError);
    assertStringIncludes(error.message, "there is no token");
    assertEquals(servingOf(args, { token: TOKEN })?.host, host);
  }
  assertEquals(servingOf([], NO_TOKEN)?.host, "127.0.0.1");
  assertEquals(servingOf(["--help"], NO_TOKEN), null);
});

Deno.test("servingOf() refuses what makes no sense", () => {
  const refused = [
    ["--port", "99999"],
    ["--port", "x"],
    ["--cors", "*"],
    ["--cors", "https://a.example/path"],
    ["--prot", "1"],
    ["here"],
  ];
  for (const args of refused) {
    assertThrows(() => servingOf(args, NO_TOKEN), UsageError);
  }
  assertThrows(() => servingOf([], { token: "short" }), UsageError);
  assertThrows(
    () => servingOf(["--token-file", "/nowhere/token"], NO_TOKEN),
    InputError,
  );
});

Deno.test("openServer() refuses a data directory that another server has", async () => {
  await withServer(async ({ data }) => {
    const error = await assertRejects(
      () => openServer({ data, workers: 0, assets: new Map() }),
      InputError,
    );
    assertStringIncludes(error.message, "another server does");
  }, { workers: 0 });
});

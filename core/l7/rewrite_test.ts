import { assertEquals } from "@std/assert";
import type { HttpRequest } from "../packet/packet.ts";
import { compileRegex } from "./_regex.ts";
import {
  changeHeaders,
  parseSubstitution,
  redirectLocation,
  rewritePath,
  rewriteRequest,
} from "./rewrite.ts";
import { NO_FILTERS, type PathMatch, type Redirect } from "./route.ts";

const REQUEST: HttpRequest = {
  method: "GET",
  scheme: "http",
  authority: "h.test:8080",
  path: "/foo/bar?q=1",
  headers: [["X-Set", "old"], ["X-Add", "old"], ["X-Gone", "old"]],
};

function prefix(value: string): PathMatch {
  return { kind: "element-prefix", value };
}

Deno.test("rewritePath() follows the table of HTTPPathModifier (2a.22)", () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["/foo/bar", "/foo", "/xyz", "/xyz/bar"],
    ["/foo/bar", "/foo", "/xyz/", "/xyz/bar"],
    ["/foo/bar", "/foo/", "/xyz", "/xyz/bar"],
    ["/foo/bar", "/foo/", "/xyz/", "/xyz/bar"],
    ["/foo", "/foo", "/xyz", "/xyz"],
    ["/foo/", "/foo", "/xyz", "/xyz/"],
    ["/foo/bar", "/foo", "", "/bar"],
    ["/foo/", "/foo", "", "/"],
    ["/foo", "/foo", "", "/"],
    ["/foo/", "/foo", "/", "/"],
    ["/foo", "/foo", "/", "/"],
  ];
  for (const [path, matched, value, expected] of cases) {
    assertEquals(
      rewritePath(path, { kind: "element-prefix", value }, prefix(matched)),
      expected,
      `${path} ${matched} -> ${value}`,
    );
  }
});

Deno.test("rewritePath() by characters, by the whole, by expression; the query stays", () => {
  const matched: PathMatch = {
    kind: "string-prefix",
    value: "/foo",
    ignoreCase: false,
  };
  assertEquals(
    rewritePath("/foobar?q", { kind: "string-prefix", value: "/x" }, matched),
    "/xbar?q",
  );
  assertEquals(
    rewritePath("/foobar?q", { kind: "full", value: "/x" }, matched),
    "/x?q",
  );
  const regex = (pattern: string, text: string, whole: boolean) => ({
    kind: "regex" as const,
    pattern,
    regex: compileRegex(pattern, { full: false, caseInsensitive: false }),
    substitution: parseSubstitution(text, whole ? "$" : "\\"),
    whole,
  });
  assertEquals(
    rewritePath("/a/1/b/2", regex("/([0-9])", "/n\\1", false), null),
    "/a/n1/b/n2",
  );
  assertEquals(
    rewritePath("/api/v1?q", regex("/api(/|$)(.*)", "/$2", true), null),
    "/v1?q",
  );
});

Deno.test("changeHeaders() removes, sets and adds without regard to case (2a.24)", () => {
  const headers = changeHeaders(REQUEST.headers, {
    set: [["x-set", "new"]],
    add: [["x-add", "new"]],
    remove: ["x-gone"],
  });
  assertEquals(headers, [["X-Add", "old"], ["x-set", "new"], ["x-add", "new"]]);
});

Deno.test("rewriteRequest() changes host, path and headers", () => {
  const request = rewriteRequest(REQUEST, {
    ...NO_FILTERS,
    host: "other.test",
    path: { kind: "element-prefix", value: "/" },
    requestHeaders: [
      { set: [["a", "1"]], add: [], remove: [] },
      { set: [], add: [["a", "2"]], remove: [] },
    ],
  }, prefix("/foo"));
  assertEquals(request.authority, "other.test");
  assertEquals(request.path, "/bar?q=1");
  assertEquals(request.headers.slice(-2), [["a", "1"], ["a", "2"]]);
});

Deno.test("redirectLocation() leaves out what the scheme implies", () => {
  const redirect: Redirect = {
    scheme: null,
    host: null,
    port: null,
    path: null,
    keepQuery: true,
    status: 302,
  };
  const location = (change: Partial<Redirect>, defaultPort: number | null) =>
    redirectLocation(REQUEST, { ...redirect, ...change }, {
      match: prefix("/foo"),
      defaultPort,
    });
  assertEquals(location({}, 8080), "http://h.test:8080/foo/bar?q=1");
  assertEquals(location({}, 80), "http://h.test/foo/bar?q=1");
  assertEquals(location({}, null), "http://h.test/foo/bar?q=1");
  assertEquals(
    location({ scheme: "https", port: 443, keepQuery: false }, 8080),
    "https://h.test/foo/bar",
  );
  assertEquals(
    location({ host: "x", path: { kind: "full", value: "/y" } }, 80),
    "http://x/y?q=1",
  );
  assertEquals(location({ location: "https://fixed/" }, 80), "https://fixed/");
});

import { assertEquals } from "@std/assert";
import type { HttpRequest } from "../packet/packet.ts";
import { compileRegex } from "./_regex.ts";
import { type Route, type RouteMatch, routeMatch } from "./route.ts";
import {
  explainRoute,
  matchRoute,
  type RouteTable,
  routeTable,
} from "./route_table.ts";
import { exactText, regexText } from "./text_match.ts";

function get(
  path: string,
  authority = "h.test",
  headers: HttpRequest["headers"] = [],
): HttpRequest {
  return { method: "GET", scheme: "http", authority, path, headers };
}

function route(name: string, parts: Partial<RouteMatch>): Route<string> {
  const rule = { name };
  return {
    name,
    matches: [routeMatch(rule, parts)],
    action: { kind: "respond", status: 200, reason: name },
    rule,
  };
}

function tableOf(...routes: readonly Route<string>[]): RouteTable<string> {
  return routeTable("t", [{ name: "all", domains: ["*"], routes }]);
}

function taken(table: RouteTable<string>, request: HttpRequest): string {
  const result = matchRoute(table, request);
  return result.kind === "route"
    ? result.route.name
    : result.kind === "none"
    ? `no ${result.missing}`
    : `unknown: ${result.reason}`;
}

function regex(pattern: string, { full = true, caseInsensitive = false } = {}) {
  return {
    kind: "regex",
    pattern,
    regex: compileRegex(pattern, { full, caseInsensitive }),
  } as const;
}

Deno.test("matchRoute() reads every kind of path without the query", () => {
  const table = tableOf(
    route("exact", { path: { kind: "exact", value: "/a", ignoreCase: false } }),
    route("any case", {
      path: { kind: "exact", value: "/Any", ignoreCase: true },
    }),
    route("elements", { path: { kind: "element-prefix", value: "/v2/" } }),
    route("characters", {
      path: { kind: "string-prefix", value: "/v3", ignoreCase: false },
    }),
    route("expression", { path: regex("/r[0-9]+") }),
    route("nginx", {
      path: regex("^/N[A-Z]", { full: false, caseInsensitive: true }),
    }),
  );
  const cases: readonly (readonly [string, string])[] = [
    ["/a?x", "exact"],
    ["/a/", "no route"],
    ["/aNY", "any case"],
    ["/v2", "elements"],
    ["/v2/x", "elements"],
    ["/v2x", "no route"],
    ["/v3x", "characters"],
    ["/r12", "expression"],
    ["/r12/x", "no route"],
    ["/nx/y", "nginx"],
  ];
  for (const [path, expected] of cases) {
    assertEquals(taken(table, get(path)), expected, path);
  }
});

Deno.test("matchRoute() asks method, headers, query, scheme and authority", () => {
  const named = (name: string, value: string, invert = false) => ({
    name,
    value: exactText(value),
    invert,
  });
  const table = tableOf(
    route("post", { method: exactText("POST") }),
    route("header", { headers: [named("A", "1")] }),
    route("query", { queryParameters: [named("q", "1")] }),
    route("secure", { scheme: exactText("https") }),
    route("port", { authority: regexText(".*:81") }),
    route("without", { headers: [named("b", "1", true)] }),
  );
  assertEquals(taken(table, { ...get("/"), method: "POST" }), "post");
  assertEquals(taken(table, get("/", "h", [["a", "1"]])), "header");
  assertEquals(taken(table, get("/?q=1&q=2")), "query");
  assertEquals(taken(table, { ...get("/"), scheme: "https" }), "secure");
  assertEquals(taken(table, get("/", "h:81")), "port");
  assertEquals(taken(table, get("/")), "without");
  assertEquals(taken(table, get("/", "h", [["B", "1"]])), "no route");
});

Deno.test("matchRoute() picks the most specific host, and looks further only when told", () => {
  const hosts = [
    { name: "all", domains: ["*"], routes: [route("all", {})] },
    {
      name: "wide",
      domains: ["*.test"],
      routes: [
        route("wide", { path: { kind: "element-prefix", value: "/w" } }),
      ],
    },
    {
      name: "exact",
      domains: ["A.test"],
      routes: [
        route("exact", { path: { kind: "element-prefix", value: "/e" } }),
      ],
    },
  ];
  const strict = routeTable("t", hosts);
  assertEquals(taken(strict, get("/e", "a.TEST:80")), "exact");
  assertEquals(taken(strict, get("/w", "a.test")), "no route");
  assertEquals(taken(strict, get("/w", "b.test")), "wide");
  assertEquals(taken(strict, get("/w", "b.other")), "all");
  const loose = routeTable("t", hosts, { fallThrough: true });
  assertEquals(taken(loose, get("/w", "a.test")), "wide");
  assertEquals(taken(loose, get("/x", "a.test")), "all");
  const none = routeTable("t", hosts.slice(1));
  assertEquals(taken(none, get("/", "b.other")), "no host");
});

Deno.test("matchRoute() is unknown where something not modelled comes first, and only there", () => {
  const path = regex("(?=x).*");
  const table = tableOf(
    route("first", { path: { kind: "element-prefix", value: "/first" } }),
    route("lookahead", { path, method: exactText("POST") }),
    route("later", {}),
  );
  assertEquals(taken(table, get("/first")), "first");
  assertEquals(taken(table, get("/else")), "later");
  const [start] = taken(table, { ...get("/else"), method: "POST" }).split(": ");
  assertEquals(start, "unknown");
});

Deno.test("routeTable() leaves a domain to the first host that claims it", () => {
  const table = routeTable("t", [
    { name: "a", domains: ["h.test"], routes: [route("a", {})] },
    { name: "b", domains: ["h.test", "*"], routes: [route("b", {})] },
  ]);
  assertEquals(taken(table, get("/")), "a");
  assertEquals(taken(table, get("/", "x.test")), "b");
});

Deno.test("explainRoute() says why each candidate before the taken one was not", () => {
  const table = tableOf(
    route("post", { method: exactText("POST") }),
    route("header", {
      headers: [{ name: "a", value: { kind: "present" }, invert: false }],
    }),
    route("taken", {}),
    route("never asked", {}),
  );
  assertEquals(
    explainRoute(table, get("/")).map((candidate) =>
      `${candidate.route}: ${candidate.rejected}`
    ),
    ["post: method", "header: header a", "taken: null"],
  );
});

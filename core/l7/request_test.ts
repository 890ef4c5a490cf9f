import { assertEquals } from "@std/assert";
import type { HttpRequest } from "../packet/packet.ts";
import {
  headerValue,
  queryParameter,
  splitAuthority,
  splitPath,
} from "./request.ts";

Deno.test("splitAuthority() lowers the host and takes the port off", () => {
  const cases: readonly (readonly [string, string, number | null])[] = [
    ["Example.COM", "example.com", null],
    ["example.com:8080", "example.com", 8080],
    ["[2001:DB8::1]:443", "[2001:db8::1]", 443],
    ["[2001:db8::1]", "[2001:db8::1]", null],
    ["2001:db8::1", "2001:db8::1", null],
    ["example.com:", "example.com:", null],
    ["", "", null],
  ];
  for (const [authority, host, port] of cases) {
    assertEquals(splitAuthority(authority), { host, port }, authority);
  }
});

Deno.test("splitPath() keeps the query apart and cuts the fragment", () => {
  assertEquals(splitPath("/a?b=c?d#e"), { path: "/a", query: "b=c?d" });
  assertEquals(splitPath("/a#?b"), { path: "/a", query: null });
  assertEquals(splitPath("/a?"), { path: "/a", query: "" });
});

Deno.test("headerValue() ignores case, joins repeats and reads pseudo headers", () => {
  const request: HttpRequest = {
    method: "GET",
    scheme: "http",
    authority: "h:80",
    path: "/p?q",
    headers: [["X-A", "1"], ["x-a", "2"], ["constructor", "c"]],
  };
  assertEquals(headerValue(request, "x-A"), "1,2");
  assertEquals(headerValue(request, "constructor"), "c");
  assertEquals(headerValue(request, "toString"), undefined);
  assertEquals(headerValue(request, ":authority"), "h:80");
  assertEquals(headerValue(request, "Host"), "h:80");
  assertEquals(headerValue(request, ":path"), "/p?q");
});

Deno.test("queryParameter() takes the first of a name, as written", () => {
  assertEquals(queryParameter("a=1&a=2&b&c=%20", "a"), "1");
  assertEquals(queryParameter("a=1&b&c=%20", "b"), "");
  assertEquals(queryParameter("c=%20", "c"), "%20");
  assertEquals(queryParameter("aa=1", "a"), undefined);
  assertEquals(queryParameter(null, "a"), undefined);
});

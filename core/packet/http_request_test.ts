import { assertEquals } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import { parseHttpRequest } from "./http_request.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("parseHttpRequest() reads request line and headers", () => {
  const request = parseHttpRequest(
    bytes("GET /a?b=1 HTTP/1.1\r\nHost: web.shop\r\nX-A:  1 \r\n\r\nbody"),
  );
  assertEquals(request, {
    method: "GET",
    scheme: "http",
    authority: "web.shop",
    path: "/a?b=1",
    headers: [["Host", "web.shop"], ["X-A", "1"]],
  });
});

Deno.test("parseHttpRequest() leaves out the header that goes on in the next segment", () => {
  const request = parseHttpRequest(
    bytes("POST / HTTP/1.0\r\nA: 1\r\nHost: web.sh"),
  );
  assertEquals(request?.headers, [["A", "1"]]);
  assertEquals(request?.authority, "");
});

Deno.test("parseHttpRequest() reads the other forms of a target", () => {
  const absolute = parseHttpRequest(
    bytes("GET http://user:pw@web.shop:81/x HTTP/1.1\r\nHost: proxy\r\n\r\n"),
  );
  assertEquals([absolute?.authority, absolute?.path], ["web.shop:81", "/x"]);
  const bare = parseHttpRequest(bytes("GET http://web.shop HTTP/1.1\r\n\r\n"));
  assertEquals([bare?.authority, bare?.path], ["web.shop", "/"]);
  const connect = parseHttpRequest(
    bytes("CONNECT web.shop:443 HTTP/1.1\r\nHost: web.shop:443\r\n\r\n"),
  );
  assertEquals([connect?.authority, connect?.path], ["web.shop:443", ""]);
});

Deno.test("parseHttpRequest() redacts secrets", () => {
  const request = parseHttpRequest(bytes(
    "GET /x?token=abc&page=2&api_key=k HTTP/1.1\r\n" +
      "AUTHORIZATION: Bearer abc\r\nCookie: a=b\r\nHost: h\r\n\r\n",
  ));
  assertEquals(request?.path, "/x?token=REDACTED&page=2&api_key=REDACTED");
  assertEquals(request?.headers, [
    ["AUTHORIZATION", "REDACTED"],
    ["Cookie", "REDACTED"],
    ["Host", "h"],
  ]);
});

for (
  const text of [
    "",
    "SSH-2.0-OpenSSH_9.6 whatever\r\n",
    "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "get / http/1.1\r\n\r\n plus more",
    "GET  / HTTP/1.1\r\n\r\n plus more",
    "GET /without-a-line-break HTTP/1.1",
  ]
) {
  Deno.test(`parseHttpRequest() does not take ${JSON.stringify(text)} for a request`, () => {
    assertEquals(parseHttpRequest(bytes(text)), undefined);
  });
}

Deno.test("parseHttpRequest() never throws on mutated requests", () => {
  const request = bytes("GET http://a/b HTTP/1.1\r\nHost: web\r\nA: b\r\n\r\n");
  for (let seed = 0; seed < 2000; seed++) {
    parseHttpRequest(mutate(request, seed));
  }
});

import { assertEquals, assertStringIncludes } from "@std/assert";
import { get, meshObject, outcomeOf } from "./_fixtures.ts";

const peer = (mode: string) =>
  meshObject(
    "PeerAuthentication",
    "shop/default",
    `{ mtls: { mode: ${mode} } }`,
  );
const policy = (spec: string) =>
  meshObject("AuthorizationPolicy", "shop/p", spec);
const plain = (url = "http://web/", to = "tcp://10.244.2.5:8080") =>
  get(url, { from: "pod/bare/client", to });

Deno.test("a sidecar that is STRICT cuts plaintext without an answer of its own", () => {
  const { verdict, reason, http, rule } = outcomeOf(plain(), {
    objects: [peer("STRICT")],
  });
  assertEquals([verdict, http], ["rejected", null]);
  assertStringIncludes(reason ?? "", "no filter chains matched");
  assertEquals(rule?.name, "PeerAuthentication shop/default mtls");
});

Deno.test("a sidecar that is PERMISSIVE takes both, but sees no identity in plaintext", () => {
  const mutual = outcomeOf(get("http://web/"), {
    objects: [peer("PERMISSIVE")],
  });
  assertEquals([mutual.verdict, mutual.identity], [
    "forwarded",
    "spiffe://cluster.local/ns/shop/sa/client",
  ]);
  const bare = outcomeOf(plain(), { objects: [peer("PERMISSIVE")] });
  assertEquals([bare.verdict, bare.identity], ["forwarded", null]);
  const byName = policy(
    "{ rules: [{ from: [{ source: { namespaces: [bare] } }] }] }",
  );
  assertEquals(outcomeOf(plain(), { objects: [byName] }).http?.status, 403);
});

Deno.test("a sidecar with mutual TLS disabled hands a client's mutual TLS on, and nobody can read it", () => {
  const insist = meshObject(
    "DestinationRule",
    "shop/web",
    "{ host: web, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }",
  );
  const onTcp = outcomeOf({ from: "pod/shop/client", to: "tcp://web:90" }, {
    objects: [peer("DISABLE"), insist],
  });
  assertEquals(onTcp.verdict, "error");
  assertStringIncludes(onTcp.reason ?? "", "TLS not terminated");
  const onHttp = outcomeOf(get("http://web/"), {
    objects: [peer("DISABLE"), insist],
  });
  assertEquals([onHttp.http?.status, onHttp.verdict], [503, "rejected"]);
});

Deno.test("a sidecar tells the application's own TLS from the mesh's", () => {
  const https = (port: number) =>
    plain(`https://web:${port}/`, `tcp://10.244.2.5:${port}`);
  assertEquals(outcomeOf(https(9090)).verdict, "forwarded");
  assertEquals(outcomeOf(https(8080)).verdict, "rejected");
  const strict = outcomeOf(https(9090), { objects: [peer("STRICT")] });
  assertStringIncludes(strict.reason ?? "", "invalid mTLS");
});

Deno.test("a sidecar refuses what is no HTTP on an HTTP port", () => {
  const bytes = outcomeOf({
    from: "pod/bare/client",
    to: "tcp://10.244.2.5:8080",
  });
  assertEquals(bytes.verdict, "error");
  assertStringIncludes(bytes.reason ?? "", "protocol error");
});

Deno.test("a denied request is answered 403, a denied connection is cut", () => {
  const deny = policy("{ action: DENY, rules: [{}] }");
  const http = outcomeOf(get("http://web/"), { objects: [deny] });
  assertEquals([http.http?.status, http.verdict, http.reason], [
    403,
    "rejected",
    "RBAC: access denied",
  ]);
  assertEquals(http.rule?.name, "AuthorizationPolicy shop/p rules[0]");
  const tcp = outcomeOf({ from: "pod/shop/client", to: "tcp://web:90" }, {
    objects: [deny],
  });
  assertEquals([tcp.http, tcp.verdict], [null, "rejected"]);
});

Deno.test("authorization sees the workload's port and the normalised path, which the application gets too", () => {
  const port = policy(
    "{ rules: [{ to: [{ operation: { ports: ['8080'] } }] }] }",
  );
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [port] }).http?.status,
    200,
  );
  const path = policy(
    "{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }] }",
  );
  const ask = (target: string, options = {}) =>
    outcomeOf(plain(`http://web${target}`), { objects: [path], options });
  assertEquals(ask("/public/../admin").http?.status, 403);
  assertEquals(ask("/public/%2e%2E/admin").http?.status, 403);
  assertEquals(ask("//admin").http?.status, 200);
  assertEquals(
    ask("//admin", { pathNormalization: "MERGE_SLASHES" }).http?.status,
    403,
  );
  assertEquals(ask("/a/%2e%2e/b?c=/../d").http?.request, "GET web /b?c=/../d");
});

Deno.test("policies select by label, the root namespace's everywhere, and by reference not at sidecars", () => {
  const deny = (key: string, more = "") =>
    meshObject(
      "AuthorizationPolicy",
      key,
      `{ action: DENY${more}, rules: [{}] }`,
    );
  const status = (object: string) =>
    outcomeOf(get("http://web/"), { objects: [object] }).http?.status;
  assertEquals(
    status(deny("shop/p", ", selector: { matchLabels: { app: other } }")),
    200,
  );
  assertEquals(status(deny("bare/p")), 200);
  assertEquals(status(deny("istio-system/p")), 403);
  assertEquals(
    status(deny("istio-system/p", ", selector: { matchLabels: { app: web } }")),
    403,
  );
  assertEquals(
    status(
      deny("shop/p", ", targetRefs: [{ kind: Service, group: '', name: web }]"),
    ),
    200,
  );
});

Deno.test("an application behind a sidecar sees 127.0.0.6", () => {
  assertEquals(outcomeOf(get("http://web/")).source, "127.0.0.6");
});

Deno.test("a token makes a request unknown where one is validated, its absence lets it pass", () => {
  const jwt = meshObject(
    "RequestAuthentication",
    "shop/j",
    "{ jwtRules: [{ issuer: x }] }",
  );
  const ask = (headers: Record<string, string>) =>
    outcomeOf(get("http://web/", { headers }), { objects: [jwt] }).verdict;
  assertEquals(ask({}), "forwarded");
  assertEquals(ask({ Authorization: "Bearer x" }), "unknown");
});

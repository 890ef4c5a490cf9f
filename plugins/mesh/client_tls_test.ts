import { assertEquals } from "@std/assert";
import { get, meshObject, outcomeOf } from "./_fixtures.ts";

const rule = (spec: string, key = "shop/web") =>
  meshObject("DestinationRule", key, spec);
const tls = (mode: string, host = "web", key = "shop/web") =>
  rule(`{ host: ${host}, trafficPolicy: { tls: { mode: ${mode} } } }`, key);
const peer = (spec: string, key = "shop/default") =>
  meshObject("PeerAuthentication", key, spec);
const encryption = (objects: string[], url = "http://web/", options = {}) =>
  outcomeOf(get(url), { objects, options }).encryption;

Deno.test("a sidecar uses mutual TLS on its own accord exactly towards sidecars that accept it", () => {
  assertEquals(encryption([]), ["mtls"]);
  assertEquals(encryption([], "http://db.bare/"), ["none"]);
  assertEquals(encryption([peer("{ mtls: { mode: DISABLE } }")]), ["none"]);
  assertEquals(encryption([], "http://web/", { autoMtls: false }), ["none"]);
  const port = peer(
    "{ selector: { matchLabels: { app: web } }, portLevelMtls: { 8080: { mode: DISABLE } } }",
  );
  assertEquals(encryption([port]), ["none"]);
  assertEquals(encryption([port], "http://web:70/"), ["mtls"]);
});

Deno.test("a DestinationRule's TLS mode is obeyed even where it breaks the server", () => {
  const disabled = outcomeOf(get("http://web/"), {
    objects: [tls("DISABLE"), peer("{ mtls: { mode: STRICT } }")],
  });
  assertEquals([disabled.http?.status, disabled.verdict], [503, "rejected"]);
  const naked = outcomeOf(get("http://db.bare/"), {
    objects: [tls("ISTIO_MUTUAL", "db.bare.svc.cluster.local")],
  });
  assertEquals([naked.http?.status, naked.verdict], [503, "error"]);
  assertEquals(naked.reason?.includes("TLS not terminated"), true);
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [tls("SIMPLE")] }).verdict,
    "unknown",
  );
});

Deno.test("DestinationRules are looked for at the client, the Service, then the root, without merging", () => {
  const host = "db.bare.svc.cluster.local";
  const at = (...objects: string[]) => encryption(objects, "http://web/");
  const web = "web.shop.svc.cluster.local";
  assertEquals(at(tls("DISABLE", web, "istio-system/r")), ["none"]);
  assertEquals(
    at(
      tls("DISABLE", web, "istio-system/r"),
      rule(`{ host: ${web}, subsets: [] }`),
    ),
    ["mtls"],
  );
  assertEquals(at(tls("DISABLE", web, "bare/r")), ["mtls"]);
  assertEquals(
    encryption([
      tls("ISTIO_MUTUAL", host, "bare/r"),
      tls("DISABLE", host, "shop/r"),
    ], "http://db.bare/"),
    ["none"],
  );
});

Deno.test("the most specific host of a DestinationRule wins within a namespace", () => {
  assertEquals(
    encryption([
      tls("DISABLE", '"*.local"', "shop/a"),
      rule("{ host: web, trafficPolicy: {} }", "shop/b"),
    ]),
    ["mtls"],
  );
  assertEquals(encryption([tls("DISABLE", '"*.local"', "shop/a")]), ["none"]);
});

Deno.test("DestinationRules of one host and namespace merge: subsets add up, the first policy stays", () => {
  const routes = meshObject(
    "VirtualService",
    "shop/web",
    "{ hosts: [web], http: [{ route: [{ destination: { host: web, subset: v2 } }] }] }",
  );
  const a = rule(
    "{ host: web, trafficPolicy: { tls: { mode: DISABLE } }, subsets: [{ name: v1, labels: { version: v1 } }] }",
    "shop/a",
  );
  const b = rule(
    "{ host: web, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }, subsets: [{ name: v2, labels: { version: v2 } }, { name: v1, labels: { version: v2 } }] }",
    "shop/b",
  );
  const outcome = outcomeOf(get("http://web/"), { objects: [routes, a, b] });
  assertEquals([outcome.receiver, outcome.encryption], ["pod shop/web-v2", [
    "none",
  ]]);
});

Deno.test("settings for a port replace all others, those of a subset override them one by one", () => {
  const port =
    "portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: RANDOM } }]";
  assertEquals(
    encryption([
      rule(`{ host: web, trafficPolicy: { tls: { mode: DISABLE }, ${port} } }`),
    ]),
    ["mtls"],
  );
  const routes = meshObject(
    "VirtualService",
    "shop/web",
    "{ hosts: [web], http: [{ route: [{ destination: { host: web, subset: v1 } }] }] }",
  );
  const subset = (policy: string) =>
    rule(
      `{ host: web, trafficPolicy: { tls: { mode: DISABLE } }, subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: ${policy} }] }`,
    );
  assertEquals(
    encryption([routes, subset("{ loadBalancer: { simple: RANDOM } }")]),
    ["none"],
  );
  assertEquals(
    encryption([routes, subset("{ tls: { mode: ISTIO_MUTUAL } }")]),
    ["mtls"],
  );
});

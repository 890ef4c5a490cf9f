import { assert, assertEquals } from "@std/assert";
import type { ShortFlow } from "../../core/replay/testing.ts";
import {
  ciliumPolicy,
  ending,
  HOST_ROUTED,
  REPLACED,
  run,
  SHOP,
} from "./_testing.ts";

function l7(
  app: string,
  { side = "ingress", rules, more = "" }: {
    readonly side?: "ingress" | "egress";
    readonly rules: string;
    readonly more?: string;
  },
): string {
  return ciliumPolicy(
    `l7-${side}-${app}`,
    `{endpointSelector: {matchLabels: {app: ${app}}}, ${side}: [{toPorts: [{ports: [{port: "8080", protocol: TCP}], ${rules}}]}${more}]}`,
  );
}

function get(path: string, more: Partial<ShortFlow> = {}): ShortFlow {
  return {
    from: "pod/shop/client",
    to: "tcp://10.96.0.3:80",
    http: { url: `http://web${path}` },
    ...more,
  };
}

const VALUES = [{}, REPLACED, HOST_ROUTED];
const OPEN = "10.0.1.10 > 10.0.2.10:8080";
const REFUSED = "403 HTTP policy: access denied";

Deno.test("HTTP that no rule allows is answered 403 by the node's proxy, which keeps the client's address", () => {
  const document = l7("web", {
    rules: `rules: {http: [{method: GET, path: "/public.*"}]}`,
  });
  for (const values of VALUES) {
    const results = run([...SHOP, document], {
      values,
      flows: [
        get("/public?x=1"),
        get("/secret"),
        get("/x/public"),
        get("/public", { http: { method: "POST", url: "http://web/public" } }),
        get("/public", { from: "pod/shop/near" }),
      ],
    });
    assertEquals(results.map(ending), [
      OPEN,
      REFUSED,
      REFUSED,
      REFUSED,
      "10.0.1.11 > 10.0.2.10:8080",
    ]);
    assertEquals(results[0]?.outcome.cost.proxies, 1);
    assertEquals(
      results[1]?.outcome.rule?.name,
      "CiliumNetworkPolicy shop/l7-ingress-web ingress[0]",
    );
    assert(results.every(({ outcome }) => outcome.reply));
  }
});

Deno.test("egress rules send the connection through the sender's node, the backend already picked", () => {
  const document = l7("client", {
    side: "egress",
    rules: "rules: {http: [{method: GET}]}",
    more: `, {toPorts: [{ports: [{port: "53"}]}]}`,
  });
  for (const values of VALUES) {
    const results = run([...SHOP, document], {
      values,
      flows: [
        get("/"),
        get("/", { http: { method: "PUT", url: "http://web/" } }),
        get("/", { to: "tcp://10.0.1.11:8080" }),
        get("/", { to: "tcp://8.8.8.8:8080" }),
      ],
    });
    assertEquals(results.map(ending), [
      OPEN,
      REFUSED,
      "10.0.1.10 > 10.0.1.11:8080",
      "192.168.0.1 > 8.8.8.8:8080",
    ]);
    assert(results.every(({ outcome }) => outcome.reply));
  }
});

Deno.test("both sides may look: two proxies in a row", () => {
  const results = run([
    ...SHOP,
    l7("client", { side: "egress", rules: "rules: {http: [{method: GET}]}" }),
    l7("web", { rules: `rules: {http: [{path: "/a"}]}` }),
    l7("near", { rules: `rules: {http: [{path: "/a"}]}` }),
  ], {
    values: REPLACED,
    flows: [
      get("/a"),
      get("/b"),
      get("/a", { to: "tcp://10.0.1.11:8080" }),
    ],
  });
  assertEquals(results.map(ending), [
    OPEN,
    REFUSED,
    "10.0.1.10 > 10.0.1.11:8080",
  ]);
  assertEquals(results.map(({ outcome }) => outcome.cost.proxies), [2, 2, 2]);
});

Deno.test("the HTTP proxy cannot read TLS, its own or a mesh's", () => {
  const [result] = run([
    ...SHOP,
    l7("web", { rules: "rules: {http: [{}]}" }),
  ], { flows: [get("/", { http: { url: "https://web/" } })] });
  assertEquals(
    ending(result!),
    "error the HTTP proxy cannot read TLS records at n2 to-pod",
  );
});

Deno.test("a rule without HTTP for the same peer frees the requests, not the way through the proxy", () => {
  const [result] = run([
    ...SHOP,
    l7("web", { rules: "rules: {http: [{method: GET}]}" }),
    ciliumPolicy(
      "free",
      "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]}",
    ),
  ], {
    flows: [get("/", { http: { method: "PUT", url: "http://web/" } })],
  });
  assertEquals(ending(result!), OPEN);
  assertEquals(result?.outcome.cost.proxies, 1);
});

Deno.test("headers are exact, hosts and methods expressions that match in full", () => {
  const document = l7("web", {
    rules:
      `rules: {http: [{method: "GET|HEAD", host: "web[.]shop.*", headers: ["X-Token: 42", "X-There"]}]}`,
  });
  const ask = (
    url: string,
    headers: Record<string, string>,
    method = "GET",
  ): ShortFlow => ({
    from: "pod/shop/client",
    to: "tcp://10.0.2.10:8080",
    http: { method, url, headers },
  });
  const both = { "x-token": "42", "x-there": "" };
  const results = run([...SHOP, document], {
    flows: [
      ask("http://web.shop/", both, "HEAD"),
      ask("http://web.shop/", both, "GETX"),
      ask("http://other.web.shop/", both),
      ask("http://web.shop/", { "x-token": "42" }),
      ask("http://web.shop/", { ...both, "x-token": "421" }),
    ],
  });
  assertEquals(results.map(ending), [
    OPEN,
    REFUSED,
    REFUSED,
    REFUSED,
    REFUSED,
  ]);
});

Deno.test("server names let TLS through by name, and cut the rest", () => {
  const document = l7("web", {
    rules: `serverNames: [a.example, "*.b.example"]`,
  });
  const hello = (serverName: string): ShortFlow => ({
    from: "pod/shop/client",
    to: "tcp://10.0.2.10:8080",
    tls: { serverName },
  });
  const results = run([...SHOP, document], {
    flows: ["a.example", "x.b.example", "y.x.b.example", "c.example"].map(
      hello,
    ),
  });
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "forwarded",
    "forwarded",
    "rejected",
    "rejected",
  ]);
});

Deno.test("L7 rules that are not modelled, and a proxy that is switched off, are unknown", () => {
  const [kafka] = run([
    ...SHOP,
    l7("web", { rules: `rules: {kafka: [{topic: orders}]}` }),
  ], { flows: [{ from: "pod/shop/client", to: "tcp://10.0.2.10:8080" }] });
  assertEquals(kafka?.outcome.verdict, "unknown");
  const [off] = run([
    ...SHOP,
    l7("web", { rules: "rules: {http: [{}]}" }),
  ], { values: { l7Proxy: false }, flows: [get("/")] });
  assertEquals(off?.outcome.verdict, "unknown");
});

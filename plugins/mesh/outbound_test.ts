import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { get, meshObject, outcomeOf, service } from "./_fixtures.ts";

const virtualService = (spec: string, key = "shop/web") =>
  meshObject("VirtualService", key, spec);
const SUBSETS = meshObject(
  "DestinationRule",
  "shop/web",
  "{ host: web, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }",
);
const to = (subset: string) =>
  `{ destination: { host: web, subset: ${subset} } }`;
const V1 = "pod shop/web-v1";
const V2 = "pod shop/web-v2";

Deno.test("a sidecar picks among the endpoints of an HTTP Service with equal shares", () => {
  const { backends, http, encryption } = outcomeOf(get("http://web/"));
  assertEquals(backends, [
    { backend: "10.244.2.5:8080", weight: 1 },
    { backend: "10.244.2.6:8080", weight: 1 },
  ]);
  assertEquals([http?.status, http?.route, encryption], [200, "default", [
    "mtls",
  ]]);
});

Deno.test("a sidecar finds a Service by every name and address that it has", () => {
  for (
    const host of [
      "web",
      "web.shop",
      "web.shop.svc",
      "web.shop.svc.cluster.local",
      "10.96.0.20",
      "WEB.shop:80",
    ]
  ) {
    const flow = get(`http://${host}/`, { to: "tcp://10.96.0.20:80" });
    assertEquals(outcomeOf(flow).http?.route, "default", host);
  }
});

Deno.test("a VirtualService takes the first match in list order, a prefix being one of characters", () => {
  const rules = virtualService(
    `{ hosts: [web], http: [{ match: [{ uri: { prefix: /v2 } }], route: [${
      to("v2")
    }] }, { match: [{ uri: { exact: /v2/x } }], route: [${
      to("v1")
    }] }, { route: [${to("v1")}] }] }`,
  );
  const receiver = (path: string) =>
    outcomeOf(get(`http://web${path}`), { objects: [SUBSETS, rules] }).receiver;
  assertEquals(receiver("/v2"), V2);
  assertEquals(receiver("/v2example"), V2);
  assertEquals(receiver("/v2/x"), V2);
  assertEquals(receiver("/V2"), V1);
});

Deno.test("a VirtualService stops at a route without match, and at one that matches everything", () => {
  for (
    const first of [
      "",
      "match: [{ uri: { prefix: / } }], ",
      "match: [{ uri: { regex: '.*' } }], ",
    ]
  ) {
    const rules = virtualService(
      `{ hosts: [web], http: [{ ${first}route: [${
        to("v1")
      }] }, { match: [{ headers: { x: { exact: y } } }], route: [${
        to("v2")
      }] }] }`,
    );
    const { receiver } = outcomeOf(
      get("http://web/", { headers: { x: "y" } }),
      { objects: [SUBSETS, rules] },
    );
    assertEquals(receiver, V1, first);
  }
});

Deno.test("a VirtualService's blocks are alternatives, its fields conditions", () => {
  const rules = virtualService(
    `{ hosts: [web], http: [{ match: [{ uri: { exact: /a }, method: { exact: POST } }, { uri: { regex: "/[b-d]+" } }], route: [${
      to("v2")
    }] }, { route: [${to("v1")}] }] }`,
  );
  const receiver = (path: string, method = "GET") =>
    outcomeOf(get(`http://web${path}`, { method }), {
      objects: [SUBSETS, rules],
    }).receiver;
  assertEquals(receiver("/a", "POST"), V2);
  assertEquals(receiver("/a"), V1);
  assertEquals(receiver("/bcd"), V2);
  assertEquals(receiver("/bcde"), V1);
});

Deno.test("a VirtualService asks headers for presence with {}, and withoutHeaders applies where they are missing", () => {
  const present = virtualService(
    `{ hosts: [web], http: [{ match: [{ headers: { x: {} } }], route: [${
      to("v2")
    }] }, { route: [${to("v1")}] }] }`,
  );
  const without = virtualService(
    `{ hosts: [web], http: [{ match: [{ withoutHeaders: { x: { exact: y } } }], route: [${
      to("v2")
    }] }, { route: [${to("v1")}] }] }`,
  );
  const receiver = (rules: string, headers: Record<string, string>) =>
    outcomeOf(get("http://web/", { headers }), { objects: [SUBSETS, rules] })
      .receiver;
  assertEquals([receiver(present, { X: "z" }), receiver(present, {})], [
    V2,
    V1,
  ]);
  assertEquals([
    receiver(without, {}),
    receiver(without, { x: "z" }),
    receiver(without, { x: "y" }),
  ], [V2, V2, V1]);
});

Deno.test("a VirtualService's weights become exact shares of the endpoints behind them", () => {
  const rules = virtualService(
    `{ hosts: [web], http: [{ route: [{ destination: { host: web, subset: v1 }, weight: 90 }, { destination: { host: web, subset: v2 }, weight: 10 }] }] }`,
  );
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [SUBSETS, rules] }).backends,
    [
      { backend: "10.244.2.5:8080", weight: 9 },
      { backend: "10.244.2.6:8080", weight: 1 },
    ],
  );
});

Deno.test("a subset that does not exist is answered 503, as is a host that is in no registry", () => {
  const missing = outcomeOf(get("http://web/"), {
    objects: [
      virtualService(`{ hosts: [web], http: [{ route: [${to("v9")}] }] }`),
    ],
  });
  assertEquals([missing.http?.status, missing.verdict], [503, "error"]);
  assertStringIncludes(missing.reason ?? "", "NC");
  const nobody = outcomeOf(get("http://web/"), {
    objects: [
      virtualService(
        `{ hosts: [web], http: [{ route: [{ destination: { host: web.nowhere } }] }] }`,
      ),
    ],
  });
  assertEquals(nobody.http?.status, 503);
});

Deno.test("short names in a VirtualService are of its own namespace", () => {
  const rules = virtualService(
    `{ hosts: [web.shop.svc.cluster.local], http: [{ route: [{ destination: { host: db } }] }] }`,
    "bare/web",
  );
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [rules] }).receiver,
    "pod bare/db",
  );
});

Deno.test("of two VirtualServices for a host the oldest owns it, and nothing is merged", () => {
  const dated = (name: string, year: number, subset: string) =>
    virtualService(
      `{ hosts: [web], http: [{ match: [{ uri: { prefix: /${name} } }], route: [${
        to(subset)
      }] }] }`,
      `shop/${name}`,
    )
      .replace(
        "namespace: shop }",
        `namespace: shop, creationTimestamp: "${year}-01-01T00:00:00Z" }`,
      );
  const objects = [SUBSETS, dated("a", 2024, "v1"), dated("b", 2023, "v2")];
  assertEquals(outcomeOf(get("http://web/b"), { objects }).receiver, V2);
  const other = outcomeOf(get("http://web/a"), { objects });
  assertEquals([other.http?.status, other.reason], [
    404,
    "NR: no route matched",
  ]);
});

Deno.test("a VirtualService of a gateway alone does not touch sidecars, match blocks of other gateways and ports neither", () => {
  const ofGateway = virtualService(
    `{ hosts: [web], gateways: [shop/gw], http: [{ route: [${to("v2")}] }] }`,
  );
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [SUBSETS, ofGateway] }).backends
      .length,
    2,
  );
  for (
    const other of [
      "gateways: [shop/gw]",
      "port: 8080",
      "sourceLabels: { app: other }",
      "sourceNamespace: bare",
    ]
  ) {
    const rules = virtualService(
      `{ hosts: [web], http: [{ match: [{ ${other} }], route: [${
        to("v2")
      }] }, { route: [${to("v1")}] }] }`,
    );
    assertEquals(
      outcomeOf(get("http://web/"), { objects: [SUBSETS, rules] }).receiver,
      V1,
      other,
    );
  }
  const forClient = virtualService(
    `{ hosts: [web], http: [{ match: [{ sourceLabels: { app: client } }], route: [${
      to("v2")
    }] }, { route: [${to("v1")}] }] }`,
  );
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [SUBSETS, forClient] }).receiver,
    V2,
  );
});

Deno.test("a route rewrites what the backend is asked, or answers itself", () => {
  const rule = (http: string) =>
    outcomeOf(get("http://web/old/x?q=1"), {
      objects: [virtualService(`{ hosts: [web], http: [${http}] }`)],
    });
  const rewritten = rule(
    "{ match: [{ uri: { prefix: /old } }], rewrite: { uri: /new, authority: other }, route: [{ destination: { host: web } }] }",
  );
  assertEquals(rewritten.http?.request, "GET other /new/x?q=1");
  const redirected = rule(
    "{ redirect: { uri: /new, authority: other.example } }",
  );
  assertEquals([redirected.http?.status, redirected.http?.location], [
    301,
    "http://other.example/new?q=1",
  ]);
  assertEquals(rule("{ directResponse: { status: 418 } }").http?.status, 418);
});

Deno.test("a fault aborts its share of requests, none when the percentage is not set", () => {
  const fault = (abort: string) =>
    outcomeOf(get("http://web/"), {
      objects: [
        virtualService(
          `{ hosts: [web], http: [{ fault: { abort: { httpStatus: 418${abort} } }, route: [{ destination: { host: web } }] }] }`,
        ),
      ],
    }).http?.status;
  assertEquals(fault(", percentage: { value: 100 }"), 418);
  assertEquals(fault(""), 200);
});

Deno.test("a wildcard host counts where no exact one does, the most specific first", () => {
  const wild = (host: string, subset: string) =>
    virtualService(
      `{ hosts: ["${host}"], http: [{ route: [{ destination: { host: web.shop.svc.cluster.local, subset: ${subset} } }] }] }`,
      `shop/${subset}`,
    );
  const objects = [
    SUBSETS,
    wild("*.cluster.local", "v1"),
    wild("*.shop.svc.cluster.local", "v2"),
  ];
  assertEquals(outcomeOf(get("http://web/"), { objects }).receiver, V2);
});

Deno.test("an unknown host passes through as it is, or is refused when only the registry counts", () => {
  const flow = get("http://elsewhere.example/", { to: "tcp://203.0.113.7:80" });
  const open = outcomeOf(flow);
  assertEquals([open.verdict, open.receiver], [
    "forwarded",
    "outside 203.0.113.7",
  ]);
  const closed = outcomeOf(flow, {
    options: { outboundTrafficPolicy: "REGISTRY_ONLY" },
  });
  assertEquals([closed.http?.status, closed.http?.route], [502, "block_all"]);
  const tcp = outcomeOf({
    from: "pod/shop/client",
    to: "tcp://203.0.113.7:5555",
  }, { options: { outboundTrafficPolicy: "REGISTRY_ONLY" } });
  assertEquals(tcp.verdict, "rejected");
});

Deno.test("a TCP port never meets HTTP routes, an undeclared port does when the bytes are HTTP", () => {
  const abort = virtualService(
    "{ hosts: [web], http: [{ directResponse: { status: 418 } }] }",
  );
  const status = (port: number) =>
    outcomeOf(get(`http://web:${port}/`), { objects: [abort] }).http?.status;
  assertEquals([status(80), status(90), status(70)], [418, 200, 418]);
  const bytes = outcomeOf({ from: "pod/shop/client", to: "tcp://web:70" }, {
    objects: [abort],
  });
  assertEquals([bytes.verdict, bytes.encryption], ["forwarded", ["mtls"]]);
});

Deno.test("a Host header decides on a shared HTTP port, the address on all others", () => {
  const toDb = outcomeOf(get("http://db.bare/", { to: "tcp://10.96.0.20:80" }));
  assertEquals(toDb.receiver, "pod bare/db");
  const sniffed = outcomeOf(
    get("http://db.bare:70/", { to: "tcp://10.96.0.20:70" }),
  );
  assert(sniffed.receiver?.startsWith("pod shop/web"));
});

Deno.test("tcp and tls routes pick by port and by server name", () => {
  const tcp = virtualService(
    `{ hosts: [web], tcp: [{ match: [{ port: 90 }], route: [{ destination: { host: web, subset: v2, port: { number: 90 } } }] }] }`,
  );
  assertEquals(
    outcomeOf({ from: "pod/shop/client", to: "tcp://web:90" }, {
      objects: [SUBSETS, tcp],
    }).receiver,
    V2,
  );
});

Deno.test("what is seen but not modelled makes the flows that it selects unknown", () => {
  const unknown = (kind: string, spec: string) =>
    outcomeOf(get("http://web/"), {
      objects: [meshObject(kind, "shop/x", spec)],
    }).verdict;
  assertEquals(
    unknown(
      "EnvoyFilter",
      "{ configPatches: [{ applyTo: HTTP_FILTER, match: { context: SIDECAR_OUTBOUND } }] }",
    ),
    "unknown",
  );
  assertEquals(
    unknown(
      "EnvoyFilter",
      "{ workloadSelector: { labels: { app: other } }, configPatches: [{ applyTo: HTTP_FILTER }] }",
    ),
    "forwarded",
  );
  assertEquals(
    unknown(
      "EnvoyFilter",
      "{ configPatches: [{ applyTo: HTTP_FILTER, match: { context: GATEWAY } }] }",
    ),
    "forwarded",
  );
  assertEquals(unknown("WasmPlugin", "{ url: x }"), "unknown");
  assertEquals(
    unknown("Sidecar", "{ egress: [{ hosts: ['bare/*'] }] }"),
    "unknown",
  );
  assertEquals(
    unknown("Sidecar", "{ egress: [{ hosts: ['./*'] }] }"),
    "forwarded",
  );
  assertEquals(
    unknown(
      "VirtualService",
      "{ hosts: [web], http: [{ delegate: { name: y } }] }",
    ),
    "unknown",
  );
  const entry = meshObject(
    "ServiceEntry",
    "shop/x",
    "{ hosts: [api.example], addresses: [203.0.113.0/24], ports: [{ number: 443, name: tls, protocol: TLS }] }",
  );
  assertEquals(
    outcomeOf({ from: "pod/shop/client", to: "tcp://203.0.113.7:443" }, {
      objects: [entry],
    }).verdict,
    "unknown",
  );
  assertEquals(
    outcomeOf({ from: "pod/shop/client", to: "tcp://198.51.100.7:443" }, {
      objects: [entry],
    }).verdict,
    "forwarded",
  );
});

Deno.test("an outcome cites the line of the manifest that decided", () => {
  const { rule } = outcomeOf(get("http://web/"), {
    objects: [
      virtualService(
        "{ hosts: [web], http: [{ directResponse: { status: 418 } }] }",
      ),
    ],
  });
  assertEquals(rule?.name, "VirtualService shop/web http[0]");
  assert((rule?.source?.line ?? 0) > 1);
});

Deno.test("a ServiceEntry without addresses makes its port unknown for all of them", () => {
  const entry = meshObject(
    "ServiceEntry",
    "shop/x",
    "{ hosts: [mongo.example], ports: [{ number: 27017, name: tcp, protocol: TCP }] }",
  );
  const to = (port: number) =>
    outcomeOf({ from: "pod/shop/client", to: `tcp://203.0.113.7:${port}` }, {
      objects: [entry],
    }).verdict;
  assertEquals([to(27017), to(27018)], ["unknown", "forwarded"]);
});

Deno.test("a connection to the proxy's own ports would be a loop and is cut", () => {
  const { verdict, rule } = outcomeOf({
    from: "pod/shop/client",
    to: "tcp://203.0.113.7:15001",
  });
  assertEquals([verdict, rule?.name], ["rejected", "BlackHoleCluster"]);
});

Deno.test("a route matches the normalised path, and an escaped NUL is answered 400", () => {
  const rules = virtualService(
    `{ hosts: [web], http: [{ match: [{ uri: { exact: /admin } }], route: [${
      to("v2")
    }] }, { route: [${to("v1")}] }] }`,
  );
  const objects = [SUBSETS, rules];
  const dotted = outcomeOf(get("http://web/a/%2e%2e/admin"), { objects });
  assertEquals(dotted.receiver, V2);
  assertEquals(outcomeOf(get("http://web/%00"), { objects }).http?.status, 400);
});

Deno.test("routes of Gateway API with a Service as parent go by specificity, and contest a VirtualService", () => {
  const route = (rules: string, key = "shop/r") => {
    const [ns, name] = key.split("/");
    return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${ns} }
spec: { parentRefs: [{ group: "", kind: Service, name: web, namespace: shop }], rules: ${rules} }
`;
  };
  const backend = (name: string) =>
    `backendRefs: [{ name: ${name}, port: 80 }]`;
  const other = service("shop/other", {
    ip: "10.96.0.21",
    selector: "{ app: web, version: v2 }",
    ports: "[{ name: http, port: 80, targetPort: 8080 }]",
  });
  const byPath = route(
    `[{ matches: [{ path: { type: PathPrefix, value: / } }], ${
      backend("web")
    } }, { matches: [{ path: { type: PathPrefix, value: /v2 } }], ${
      backend("other")
    } }]`,
  );
  const objects = [other, byPath];
  assertEquals(outcomeOf(get("http://web/v2/x"), { objects }).receiver, V2);
  assertEquals(
    outcomeOf(get("http://web/v2x"), { objects }).backends.length,
    2,
  );
  const missing = route(`[{ ${backend("nobody")} }]`);
  assertEquals(
    outcomeOf(get("http://web/"), { objects: [missing] }).http?.status,
    500,
  );
  const both = [...objects, virtualService("{ hosts: [web], http: [] }")];
  assertEquals(
    outcomeOf(get("http://web/"), { objects: both }).verdict,
    "unknown",
  );
});

Deno.test("an ExternalName Service is another name for the Service behind it", () => {
  const alias = `
---
apiVersion: v1
kind: Service
metadata: { name: alias, namespace: shop }
spec: { type: ExternalName, externalName: web.shop.svc.cluster.local }
`;
  const { http, backends } = outcomeOf(
    get("http://alias/", { to: "tcp://10.96.0.20:80" }),
    { objects: [alias] },
  );
  assertEquals([http?.route, backends.length], ["default", 2]);
});

Deno.test("a share of a route that leads nowhere keeps its weight, the others are picked from as one set", () => {
  const rules = virtualService(
    `{ hosts: [web], http: [{ route: [{ destination: { host: nowhere.example }, weight: 50 }, { destination: { host: web, subset: v2 }, weight: 50 }] }] }`,
  );
  const objects = [SUBSETS, rules];
  const outcomes = Array.from(
    { length: 40 },
    (_, index) =>
      outcomeOf({ ...get("http://web/"), connection: `c${index}` }, {
        objects,
      }),
  );
  const failed = outcomes.filter(({ http }) => http?.status === 503).length;
  assert(failed > 5 && failed < 35, `${failed} of 40`);
  assert(
    outcomes.every(({ http, receiver }) =>
      http?.status === 503 || receiver === V2
    ),
  );
});

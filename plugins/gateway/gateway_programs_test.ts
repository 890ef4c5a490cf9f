import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { curl, edge, route, services, sharesOf } from "./_curl.ts";

const SHOP = services("shop/one", "shop/two", "shop/three", "shop/four");
const TO_ONE = "backendRefs: [{ name: one, port: 80 }]";
const TO_TWO = "backendRefs: [{ name: two, port: 80 }]";

function path(type: string, value: string): string {
  return `path: { type: ${type}, value: ${JSON.stringify(value)} }`;
}

function rule(match: string, to: string): string {
  return `{ matches: [{ ${match} }], ${to} }`;
}

Deno.test("the more specific host name comes before the more specific path, across routes (2a.1)", () => {
  const manifests = SHOP + edge() +
    route("broad", {
      hostnames: '["*.example.com"]',
      rules: `[${rule(path("Exact", "/a/b/c"), TO_ONE)}]`,
    }) +
    route("narrow", {
      hostnames: '["x.example.com"]',
      rules: `[${rule(path("PathPrefix", "/"), TO_TWO)}]`,
    });
  for (const implementation of ["generic", "envoy-gateway", "istio"]) {
    assertEquals(
      curl({
        manifests,
        options: { implementation },
        requests: ["http://x.example.com/a/b/c", "http://y.example.com/a/b/c"],
      }),
      [
        "shop/two GET x.example.com /a/b/c",
        "shop/one GET y.example.com /a/b/c",
      ],
    );
  }
});

Deno.test("whether a less specific host name is asked next differs by implementation (2a.1)", () => {
  const manifests = SHOP + edge() +
    route("broad", {
      hostnames: '["*.example.com"]',
      rules: `[{ ${TO_ONE} }]`,
    }) +
    route("narrow", {
      hostnames: '["x.example.com"]',
      rules: `[${rule(path("PathPrefix", "/only"), TO_TWO)}]`,
    });
  const ask = (implementation: string) =>
    curl({
      manifests,
      options: { implementation },
      requests: ["http://x.example.com/"],
    });
  assertEquals(ask("generic"), ["shop/one GET x.example.com /"]);
  assertEquals(ask("envoy-gateway"), ["404 no route matched"]);
});

Deno.test("matches compete by path, method, headers and query, each on its own (2a.2, 2a.3)", () => {
  const manifests = SHOP + edge() + route("web", {
    rules: `[
      { matches: [{ ${path("PathPrefix", "/")} }, { ${
      path("Exact", "/exact")
    } }], ${TO_ONE} },
      { matches: [{ ${path("PathPrefix", "/long/er")} }], ${TO_TWO} },
      { matches: [{ method: POST }], backendRefs: [{ name: three, port: 80 }] },
      { matches: [{ headers: [{ name: a, value: "1" }, { name: b, value: "2" }] }], backendRefs: [{ name: four, port: 80 }] },
      { matches: [{ headers: [{ name: a, value: "1" }], queryParams: [{ name: q, value: "1" }] }], ${TO_TWO} },
    ]`,
  });
  assertEquals(
    curl({
      manifests,
      requests: [
        "http://h/exact",
        "http://h/long/er/x",
        "POST http://h/ a:1 b:2",
        "http://h/?q=1 a:1 b:2",
        "http://h/?q=1 a:1",
      ],
    }).map((line) => line.split(" ")[0]),
    ["shop/one", "shop/two", "shop/three", "shop/four", "shop/two"],
  );
});

Deno.test("host names count as written or as narrowed by the listener (2a.4)", () => {
  const manifests = SHOP +
    edge(
      '[{ name: http, port: 80, protocol: HTTP, hostname: "x.example.com", allowedRoutes: { namespaces: { from: All } } }]',
    ) +
    route("broad", {
      hostnames: '["*.example.com"]',
      rules: `[${rule(path("Exact", "/a"), TO_ONE)}]`,
    }) +
    route("narrow", {
      hostnames: '["x.example.com"]',
      rules: `[${rule(path("PathPrefix", "/"), TO_TWO)}]`,
    });
  const ask = (hostnamePrecedence: string) =>
    curl({
      manifests,
      options: { hostnamePrecedence },
      requests: ["http://x.example.com/a"],
    });
  assertEquals(ask("original"), ["shop/two GET x.example.com /a"]);
  assertEquals(ask("intersection"), ["shop/one GET x.example.com /a"]);
});

Deno.test("prefixes match by element, with case, without their trailing slash (2a.5)", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        rules: `[${rule(path("PathPrefix", "/v2/"), TO_ONE)}]`,
      }),
      requests: ["/v2", "/v2/", "/v2/x", "/v2example", "/V2"]
        .map((target) => `http://h${target}`),
    }).map((line) => line.split(" ")[0]),
    ["shop/one", "shop/one", "shop/one", "404", "404"],
  );
});

Deno.test("a rule without matches takes every path; no rule is 404, no backend 500 (2a.6, 2a.19, 2a.20)", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() +
        route("all", { hostnames: "[all.test]", rules: `[{ ${TO_ONE} }]` }) +
        route("none", { hostnames: "[none.test]", rules: "[{}]" }) +
        route("zero", {
          hostnames: "[zero.test]",
          rules: "[{ backendRefs: [{ name: one, port: 80, weight: 0 }] }]",
        }),
      requests: [
        "http://all.test/x",
        "http://none.test/",
        "http://zero.test/",
        "http://other.test/",
      ],
    }),
    [
      "shop/one GET all.test /x",
      "500 no backend",
      "500 no backend",
      "404 no route for the host",
    ],
  );
});

Deno.test("a backend of another namespace needs a grant there (2a.16, 2a.18)", () => {
  const grant = `
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: from-shop, namespace: far }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }]
  to: [{ group: "", kind: Service, name: web }]
`;
  const manifests = services("far/web") + edge() + route("web", {
    rules: "[{ backendRefs: [{ name: web, namespace: far, port: 80 }] }]",
  });
  const requests = ["http://h/"];
  assertEquals(curl({ manifests, requests }), [
    "500 invalid backend: no ReferenceGrant for Service far/web",
  ]);
  assertEquals(curl({ manifests: manifests + grant, requests }), [
    "far/web GET h /",
  ]);
});

Deno.test("an invalid backend keeps its share, answered with 500 (2a.18, 2a.20)", () => {
  const manifests = SHOP + edge() + route("web", {
    rules: `[{ backendRefs: [
      { name: one, port: 80, weight: 6 },
      { name: missing, port: 80, weight: 2 },
      { name: two, port: 81, weight: 1 },
      { name: three, group: x.test, kind: Unknown, weight: 1 },
      { name: four, port: 80, weight: 0 } ] }]`,
  });
  assertEquals(sharesOf({ manifests, requests: ["http://h/"] }), [
    "10.0.0.1:8080 3",
    "status 500 2",
  ]);
});

Deno.test("weights are spread over endpoints in exact whole shares (2a.20)", () => {
  const twin = services("shop/one").replace(/name: one,/g, "name: twin,")
    .replaceAll("10.0.0.1", "10.0.0.9")
    .replace(/kind: Service[^-]*---/, "kind: Service\n---")
    .split("---").at(-1)!;
  const manifests = SHOP + "---" + twin + edge() + route("web", {
    rules:
      "[{ backendRefs: [{ name: one, port: 80, weight: 3 }, { name: two, port: 80 }] }]",
  });
  assertEquals(sharesOf({ manifests, requests: ["http://h/"] }), [
    "10.0.0.1:8080 3",
    "10.0.0.9:8080 3",
    "10.0.0.2:8080 2",
  ]);
});

Deno.test("the port of a redirect is its own, its scheme's, or the listener's (2a.21)", () => {
  const redirect = (value: string, more: string) =>
    `{ matches: [{ ${
      path("PathPrefix", value)
    } }], filters: [{ type: RequestRedirect, requestRedirect: { ${more} } }] }`;
  assertEquals(
    curl({
      manifests: edge(
        "[{ name: http, port: 8080, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }]",
      ) + route("web", {
        rules: `[
          ${redirect("/a", "port: 9000")},
          ${redirect("/b", "scheme: https")},
          ${redirect("/c", "hostname: other.test")},
          ${redirect("/d", "scheme: https, port: 443, statusCode: 301")},
          ${redirect("/e", "scheme: http, hostname: x.test, port: 8443")} ]`,
      }),
      requests: ["/a", "/b", "/c", "/d?q=1", "/e"].map((target) =>
        `http://h.test:8080${target}`
      ),
      port: 8080,
    }),
    [
      "302 to http://h.test:9000/a",
      "302 to https://h.test/b",
      "302 to http://other.test:8080/c",
      "301 to https://h.test/d?q=1",
      "302 to http://x.test:8443/e",
    ],
  );
});

Deno.test("URLRewrite beside RequestRedirect is not guessed at (2a.23)", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        rules: `[{ filters: [
          { type: URLRewrite, urlRewrite: { hostname: x } },
          { type: RequestRedirect, requestRedirect: { hostname: y } } ], ${TO_ONE} }]`,
      }),
      requests: ["http://h/"],
    }),
    ["unknown: URLRewrite beside RequestRedirect is not allowed"],
  );
});

Deno.test("of header conditions with one name the first counts (2a.25)", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        rules:
          `[{ matches: [{ headers: [{ name: Tier, value: gold }, { name: tier, value: tin }] }], ${TO_ONE} }]`,
      }),
      requests: ["http://h/ TIER:gold", "http://h/ tier:tin"],
    }),
    ["shop/one GET h /", "404 no route matched"],
  );
});

Deno.test("a mirror that is not valid does not hurt the request (2a.26)", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        rules:
          `[{ filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: missing, port: 80 } } }], ${TO_ONE} }]`,
      }),
      requests: ["http://h/"],
    }),
    ["shop/one GET h /"],
  );
});

Deno.test("HTTPRoute and GRPCRoute never share a host: the older stays (2a.29)", () => {
  const grpc = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: grpc, namespace: shop, creationTimestamp: "2026-01-02T00:00:00Z" }
spec:
  parentRefs: [{ name: edge, namespace: infra }]
  rules: [{ backendRefs: [{ name: two, port: 80 }] }]
`;
  const ask = (createdAt: string) =>
    curl({
      manifests: SHOP + edge() + grpc +
        route("web", { createdAt, rules: `[{ ${TO_ONE} }]` }),
      requests: ["http://h/"],
    });
  assertEquals(ask("2026-01-01T00:00:00Z"), ["shop/one GET h /"]);
  assertEquals(ask("2026-01-03T00:00:00Z"), ["shop/two GET h /"]);
});

Deno.test("gRPC methods: service and method, then service, then method (2a.29)", () => {
  const grpc = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: grpc, namespace: shop }
spec:
  parentRefs: [{ name: edge, namespace: infra }]
  rules:
  - { matches: [{ method: { method: Get } }], backendRefs: [{ name: three, port: 80 }] }
  - { matches: [{ method: { service: shop.Cart } }], backendRefs: [{ name: two, port: 80 }] }
  - { matches: [{ method: { service: shop.Cart, method: Get } }], backendRefs: [{ name: one, port: 80 }] }
`;
  assertEquals(
    curl({
      manifests: SHOP + edge() + grpc,
      requests: ["/shop.Cart/Get", "/shop.Cart/Put", "/x.Y/Get", "/x.Y/Put"]
        .map((target) => `POST http://h${target}`),
    }).map((line) => line.split(" ")[0]),
    ["shop/one", "shop/two", "shop/three", "404"],
  );
});

Deno.test("regular expressions come where the implementation puts them", () => {
  const manifests = SHOP + edge() + route("web", {
    rules: `[
      ${rule(path("PathPrefix", "/app/long"), TO_ONE)},
      ${rule(path("RegularExpression", "/app/.*"), TO_TWO)} ]`,
  });
  const ask = (implementation: string) =>
    curl({
      manifests,
      options: { implementation },
      requests: ["http://h/app/long/x"],
    })[0]!.split(" ")[0];
  assertEquals(
    ["envoy-gateway", "cilium", "istio", "nginx-gateway-fabric"].map(ask),
    ["shop/two", "shop/two", "shop/one", "shop/one"],
  );
});

Deno.test("a regular expression whose reading is not known is unknown where it decides", () => {
  const manifests = SHOP + edge() + route("web", {
    rules: `[
      ${rule(path("Exact", "/exact"), TO_ONE)},
      ${rule(path("RegularExpression", "/r.*"), TO_TWO)} ]`,
  });
  assertEquals(
    curl({
      manifests,
      options: { implementation: "nginx-gateway-fabric" },
      requests: ["http://h/exact", "http://h/r"],
    }),
    [
      "shop/one GET h /exact",
      "unknown: how this implementation reads regular expressions is not modelled",
    ],
  );
});

Deno.test("preflight requests of a CORS filter are unknown, the others are not", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        rules:
          `[{ filters: [{ type: CORS, cors: { allowOrigins: ["*"] } }], ${TO_ONE} }]`,
      }),
      requests: [
        "OPTIONS http://h/ Origin:x Access-Control-Request-Method:GET",
        "http://h/ Origin:x",
      ],
    }),
    [
      "unknown: answers to CORS preflight requests are not modelled",
      "shop/one GET h /",
    ],
  );
});

Deno.test("paths are normalised as the implementation does", () => {
  const manifests = SHOP + edge() + route("web", {
    rules: `[${rule(path("Exact", "/a/b"), TO_ONE)}]`,
  });
  const ask = (implementation: string) =>
    curl({
      manifests,
      options: { implementation },
      requests: ["http://h/a/x/../b", "http://h/a//b", "http://h/a%2Fb"],
    });
  assertEquals(ask("generic"), [
    "404 no route matched",
    "404 no route matched",
    "404 no route matched",
  ]);
  assertEquals(ask("istio"), [
    "shop/one GET h /a/b",
    "404 no route matched",
    "404 no route matched",
  ]);
  assertEquals(ask("envoy-gateway"), [
    "shop/one GET h /a/b",
    "shop/one GET h /a/b",
    "307 to /a/b",
  ]);
});

Deno.test("the order of routes in a file leaves every answer alone", () => {
  const routes = [
    route("a", {
      createdAt: "2026-01-02T00:00:00Z",
      rules: `[${rule(path("PathPrefix", "/x"), TO_ONE)}]`,
    }),
    route("b", {
      createdAt: "2026-01-01T00:00:00Z",
      rules: `[${rule(path("PathPrefix", "/x"), TO_TWO)}]`,
    }),
    route("c", {
      hostnames: "[h.test]",
      rules: `[{ backendRefs: [{ name: three, port: 80 }] }]`,
    }),
    route("d", {
      rules: `[${
        rule("method: GET", "backendRefs: [{ name: four, port: 80 }]")
      }]`,
    }),
    route("e", { rules: `[{ ${TO_ONE} }]` }),
  ];
  const requests = [
    "http://other.test/x",
    "http://h.test/x",
    "http://other.test/",
    "POST http://other.test/",
  ];
  const expected = curl({
    manifests: SHOP + edge() + routes.join(""),
    requests,
  });
  assertEquals(expected.map((line) => line.split(" ")[0]), [
    "shop/two",
    "shop/three",
    "shop/four",
    "shop/one",
  ]);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(routes, { minLength: routes.length }),
      (shuffled) => {
        const manifests = SHOP + edge() + shuffled.join("");
        assertEquals(curl({ manifests, requests }), expected);
      },
    ),
    { numRuns: 20 },
  );
});

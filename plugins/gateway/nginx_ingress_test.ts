import { assertEquals } from "@std/assert";
import { curl, edge, ingress, route, services } from "./_curl.ts";

const NGINX = { implementation: "ingress-nginx" };
const SHOP = services("shop/web", "shop/api", "shop/other");

Deno.test("a regular expression of ingress-nginx is a prefix without case, of Envoy a full match (D06)", () => {
  const requests = ["http://example.com/uuid"];
  assertEquals(
    curl({
      manifests: SHOP + ingress(
        [["/[A-Z]{3}", "ImplementationSpecific", "web"]],
        { annotations: { "use-regex": "true" } },
      ),
      options: NGINX,
      requests,
    }),
    ["shop/web GET example.com /uuid"],
  );
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        rules:
          '[{ matches: [{ path: { type: RegularExpression, value: "/[A-Z]{3}" } }], backendRefs: [{ name: web, port: 80 }] }]',
      }),
      options: { implementation: "envoy-gateway" },
      requests,
    }),
    ["404 no route matched"],
  );
});

Deno.test("one annotation turns every path of the host into an expression (D07)", () => {
  for (
    const annotations of [
      { "use-regex": "true" },
      { "rewrite-target": "/target" },
    ] as const
  ) {
    const manifests = SHOP +
      ingress([["/[abc]+", "ImplementationSpecific", "api"]], { annotations }) +
      ingress([["/Header", "Exact", "web"]], { name: "b" });
    assertEquals(
      curl({
        manifests,
        options: NGINX,
        requests: ["http://example.com/headers"],
      }),
      ["shop/web GET example.com /headers"],
    );
  }
  assertEquals(
    curl({
      manifests: SHOP +
        ingress([["/[abc]+", "ImplementationSpecific", "api"]]) +
        ingress([["/Header", "Exact", "web"]], { name: "b" }),
      options: NGINX,
      requests: ["http://example.com/headers"],
    }),
    ["404 no route matched"],
  );
});

Deno.test("rewrite-target takes the place of the whole path, groups filled in (D07)", () => {
  const manifests = SHOP +
    ingress([["/IP", "Exact", "web"]], {
      annotations: { "rewrite-target": "/uuid" },
    }) +
    ingress([["/api(/|$)(.*)", "ImplementationSpecific", "api"]], {
      name: "b",
      host: "b.example.com",
      annotations: { "rewrite-target": "/$2" },
    });
  assertEquals(
    curl({
      manifests,
      options: NGINX,
      requests: [
        "http://example.com/ip",
        "http://b.example.com/api/v1/x?q=1",
        "http://b.example.com/api",
      ],
    }),
    [
      "shop/web GET example.com /uuid",
      "shop/api GET b.example.com /v1/x?q=1",
      "shop/api GET b.example.com /",
    ],
  );
});

Deno.test("a path that ends in a slash answers 301 without it (D20)", () => {
  for (const type of ["Exact", "Prefix"]) {
    assertEquals(
      curl({
        manifests: SHOP + ingress([["/my-path/", type, "web"], [
          "/",
          "Prefix",
          "other",
        ]]),
        options: NGINX,
        requests: [
          "http://example.com/my-path?x=1",
          "http://example.com/my-path/",
        ],
      }),
      [
        "301 to http://example.com/my-path/?x=1",
        "shop/web GET example.com /my-path/",
      ],
      type,
    );
  }
});

Deno.test("paths are normalised for the match and forwarded as sent (D20)", () => {
  assertEquals(
    curl({
      manifests: SHOP + ingress([["/uuid", "Exact", "web"]]),
      options: NGINX,
      requests: [
        "http://example.com////uuid",
        "http://example.com/ip/abc/../../uuid",
        "http://example.com/%75uid",
        "http://example.com/uuid/",
      ],
    }),
    [
      "shop/web GET example.com ////uuid",
      "shop/web GET example.com /ip/abc/../../uuid",
      "shop/web GET example.com /%75uid",
      "404 no route matched",
    ],
  );
});

Deno.test("prefixes are by element, implementation-specific paths by character", () => {
  assertEquals(
    curl({
      manifests: SHOP + ingress([
        ["/foo", "Prefix", "web"],
        ["/bar", "ImplementationSpecific", "api"],
      ]),
      options: NGINX,
      requests: [
        "http://example.com/foo",
        "http://example.com/foo/x",
        "http://example.com/foobar",
        "http://example.com/barbar",
      ],
    }),
    [
      "shop/web GET example.com /foo",
      "shop/web GET example.com /foo/x",
      "404 no route matched",
      "shop/api GET example.com /barbar",
    ],
  );
});

Deno.test("expressions are tried by descending length of their text", () => {
  const manifests = SHOP + ingress([
    ["/foo/bar/bar", "Prefix", "web"],
    ["/foo/bar/[A-Z0-9]{3}", "ImplementationSpecific", "api"],
  ], { annotations: { "use-regex": "true" } });
  assertEquals(
    curl({
      manifests,
      options: NGINX,
      requests: ["http://example.com/foo/bar/bar"],
    }),
    ["shop/api GET example.com /foo/bar/bar"],
  );
});

Deno.test("a host with TLS sends plain requests to https with 308", () => {
  const more = 'tls: [{ hosts: ["example.com"], secretName: cert }]';
  const requests = ["http://example.com/a?b=c", "https://example.com/a"];
  const web = [["/", "Prefix", "web"]] as const;
  assertEquals(
    curl({
      manifests: SHOP + ingress(web, { more }),
      options: NGINX,
      requests,
    }),
    ["308 to https://example.com/a?b=c", "shop/web GET example.com /a"],
  );
  assertEquals(
    curl({
      manifests: SHOP +
        ingress(web, { more, annotations: { "ssl-redirect": "false" } }),
      options: NGINX,
      requests,
    }),
    ["shop/web GET example.com /a?b=c", "shop/web GET example.com /a"],
  );
  assertEquals(
    curl({
      manifests: SHOP + ingress(web, { more }),
      options: NGINX,
      requests: ["http://example.com/"],
      port: 443,
    }),
    ["400 no TLS to a listener of TLS"],
  );
});

Deno.test("canaries take their share by header, then by weight", () => {
  const manifests = SHOP + ingress([["/", "Prefix", "web"]]) +
    ingress([["/", "Prefix", "api"]], {
      name: "b",
      annotations: {
        canary: "true",
        "canary-weight": "100",
        "canary-by-header": "X-Canary",
      },
    });
  assertEquals(
    curl({
      manifests,
      options: NGINX,
      requests: [
        "http://example.com/",
        "http://example.com/ X-Canary:never",
        "http://example.com/ X-Canary:always",
        "http://example.com/ X-Canary:perhaps",
      ],
    }),
    [
      "shop/api GET example.com /",
      "shop/web GET example.com /",
      "shop/api GET example.com /",
      "shop/api GET example.com /",
    ],
  );
});

Deno.test("annotations that decide and are not modelled make their paths unknown, no others", () => {
  assertEquals(
    curl({
      manifests: SHOP +
        ingress([["/private", "Prefix", "web"]], {
          annotations: { "auth-url": "https://auth.example.com" },
        }) +
        ingress([["/public", "Prefix", "web"]], { name: "b" }),
      options: NGINX,
      requests: ["http://example.com/private", "http://example.com/public"],
    }),
    [
      "unknown: annotation auth-url is not modelled",
      "shop/web GET example.com /public",
    ],
  );
});

Deno.test("an expression beyond RE2 is unknown where it would come first", () => {
  const [first] = curl({
    manifests: SHOP + ingress([
      ["/(?!private).*", "ImplementationSpecific", "web"],
    ], { annotations: { "use-regex": "true" } }),
    options: NGINX,
    requests: ["http://example.com/public"],
  });
  assertEquals(first?.startsWith("unknown: pattern ^/(?!private).*"), true);
});

Deno.test("redirects, application roots, aliases and www names of Ingresses", () => {
  assertEquals(
    curl({
      manifests: SHOP + ingress([["/", "Prefix", "web"]], {
        annotations: {
          "app-root": "/app",
          "server-alias": "alias.example.com",
          "from-to-www-redirect": "true",
        },
      }) + ingress([["/", "Prefix", "web"]], {
        name: "b",
        host: "b.example.com",
        annotations: {
          "permanent-redirect": "https://new.example.com/p",
          "temporal-redirect": "https://new.example.com/t",
        },
      }),
      options: NGINX,
      requests: [
        "http://example.com/",
        "http://alias.example.com/x",
        "http://www.example.com/x",
        "http://b.example.com/x",
      ],
    }),
    [
      "302 to http://example.com/app",
      "shop/web GET alias.example.com /x",
      "308 to http://example.com/x",
      "302 to https://new.example.com/t",
    ],
  );
});

Deno.test("a wildcard host of an Ingress stands for one label", () => {
  assertEquals(
    curl({
      manifests: SHOP +
        ingress([["/", "Prefix", "web"]], { host: "*.example.com" }),
      options: NGINX,
      requests: [
        "http://a.example.com/",
        "http://a.b.example.com/",
        "http://example.com/",
      ],
    }),
    [
      "shop/web GET a.example.com /",
      "404 no route for the host",
      "404 no route for the host",
    ],
  );
});

Deno.test("only Ingresses of the class are served", () => {
  const other = ingress([["/", "Prefix", "web"]])
    .replace("ingressClassName: nginx", "ingressClassName: other");
  assertEquals(
    curl({
      manifests: SHOP + other +
        ingress([["/", "Prefix", "api"]], { name: "b", host: "b.example.com" }),
      options: NGINX,
      requests: ["http://example.com/", "http://b.example.com/"],
    }),
    ["404 no route for the host", "shop/api GET b.example.com /"],
  );
});

Deno.test("a Service without endpoints is 503, one without an Ingress 404", () => {
  assertEquals(
    curl({
      manifests: SHOP + ingress([["/gone", "Prefix", "missing"]]),
      options: NGINX,
      requests: ["http://example.com/gone", "http://example.com/else"],
    }),
    [
      "503 invalid backend: Service shop/missing not found",
      "404 no route matched",
    ],
  );
});

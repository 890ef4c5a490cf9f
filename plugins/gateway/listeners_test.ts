import { assertEquals } from "@std/assert";
import { curl, edge, route, services } from "./_curl.ts";

const SHOP = services("shop/one", "shop/two");
const TO_ONE = "backendRefs: [{ name: one, port: 80 }]";
const TO_TWO = "backendRefs: [{ name: two, port: 80 }]";

function path(type: string, value: string): string {
  return `path: { type: ${type}, value: ${JSON.stringify(value)} }`;
}

function rule(match: string, to: string): string {
  return `{ matches: [{ ${match} }], ${to} }`;
}

Deno.test("a wildcard stands for any number of labels and never for none; hosts match without case and port (2a.7, 2a.8)", () => {
  assertEquals(
    curl({
      manifests: SHOP + edge() + route("web", {
        hostnames: '["*.Example.com"]',
        rules: `[{ ${TO_ONE} }]`,
      }),
      requests: [
        "http://a.b.example.com/",
        "http://a.example.com:8080/",
        "http://example.com/",
        "http://badexample.com/",
      ],
      port: 80,
    }),
    [
      "shop/one GET a.b.example.com /",
      "shop/one GET a.example.com:8080 /",
      "404 no route for the host",
      "404 no route for the host",
    ],
  );
});

Deno.test("host names that do not meet the listener's are dropped one by one (2a.9)", () => {
  assertEquals(
    curl({
      manifests: SHOP +
        edge(
          '[{ name: http, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: { namespaces: { from: All } } }]',
        ) +
        route("web", {
          hostnames: '["a.example.com", "b.test"]',
          rules: `[{ ${TO_ONE} }]`,
        }),
      requests: ["http://a.example.com/", "http://b.test/"],
    }),
    ["shop/one GET a.example.com /", "404 no listener"],
  );
});

const TWO_LISTENERS = edge(`
  - { name: any, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }
  - { name: narrow, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: { namespaces: { from: All } } }`);

Deno.test("the most specific listener takes a request, and with isolation no other (2a.10, 2a.15)", () => {
  const manifests = SHOP + TWO_LISTENERS +
    route("broad", {
      parent: "{ sectionName: any }",
      rules: `[${rule(path("PathPrefix", "/broad"), TO_ONE)}]`,
    }) +
    route("narrow", {
      parent: "{ sectionName: narrow }",
      rules: `[${rule(path("PathPrefix", "/narrow"), TO_TWO)}]`,
    });
  const ask = (listenerIsolation: boolean) =>
    curl({
      manifests,
      options: { listenerIsolation },
      requests: [
        "http://a.example.com/broad",
        "http://a.example.com/narrow",
        "http://other.test/narrow",
      ],
    }).map((line) => line.split(" ")[0]);
  assertEquals(ask(true), ["404", "shop/two", "404"]);
  assertEquals(ask(false), ["shop/one", "shop/two", "404"]);
});

Deno.test("listeners that are not distinct all fail; of ListenerSets the later one (2a.11, 2a.12)", () => {
  const web = route("web", { rules: `[{ ${TO_ONE} }]` });
  const same = edge(`
  - { name: a, port: 80, protocol: HTTP, hostname: x.test, allowedRoutes: { namespaces: { from: All } } }
  - { name: b, port: 80, protocol: HTTP, hostname: x.test, allowedRoutes: { namespaces: { from: All } } }
  - { name: c, port: 80, protocol: HTTP, hostname: y.test, allowedRoutes: { namespaces: { from: All } } }`);
  const requests = ["http://x.test/", "http://y.test/"];
  assertEquals(curl({ manifests: SHOP + same + web, requests }), [
    "404 no listener",
    "shop/one GET y.test /",
  ]);
  const set = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: more, namespace: infra }
spec:
  parentRef: { name: edge, namespace: infra }
  listeners:
  - { name: z, port: 80, protocol: HTTP, hostname: z.test, allowedRoutes: { namespaces: { from: All } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: z, namespace: infra }
spec:
  parentRefs: [{ kind: ListenerSet, name: more }]
  rules: [{ matches: [], filters: [{ type: RequestRedirect, requestRedirect: { hostname: z } }] }]
`;
  const listeners =
    "[{ name: y, port: 80, protocol: HTTP, hostname: y.test, allowedRoutes: { namespaces: { from: All } } }]";
  const ask = (more: string) =>
    curl({
      manifests: SHOP + edge(listeners) + more + set,
      requests: ["http://z.test/"],
    });
  assertEquals(ask(""), ["404 no listener"]);
  assertEquals(ask("  allowedListeners: { namespaces: { from: Same } }\n"), [
    "302 to http://z/",
  ]);
});

Deno.test("listeners admit routes of their own namespace unless they say more (2a.14)", () => {
  const web = route("web", { rules: `[{ ${TO_ONE} }]` });
  const namespace = `
---
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { edge: "yes" } }
`;
  const ask = (allowed: string) =>
    curl({
      manifests: SHOP + namespace + web +
        edge(`[{ name: http, port: 80, protocol: HTTP, ${allowed} }]`),
      requests: ["http://h/"],
    });
  assertEquals(ask(""), ["404 no route for the host"]);
  assertEquals(
    ask(
      'allowedRoutes: { namespaces: { from: Selector, selector: { matchLabels: { edge: "yes" } } } }',
    ),
    ["shop/one GET h /"],
  );
  assertEquals(
    ask(
      "allowedRoutes: { namespaces: { from: All }, kinds: [{ kind: GRPCRoute }] }",
    ),
    ["404 no route for the host"],
  );
});

Deno.test("section name and port of a parent must both fit (2a.15)", () => {
  const ask = (parent: string) =>
    curl({
      manifests: SHOP + TWO_LISTENERS +
        route("web", { parent, rules: `[{ ${TO_ONE} }]` }),
      requests: ["http://other.test/"],
    });
  assertEquals(ask("{ sectionName: any, port: 80 }"), [
    "shop/one GET other.test /",
  ]);
  assertEquals(ask("{ sectionName: any, port: 81 }"), [
    "404 no route for the host",
  ]);
  assertEquals(ask("{ sectionName: nothing }"), ["404 no route for the host"]);
});

import { assertEquals } from "@std/assert";
import type { KubeObject } from "../cluster/model.ts";
import { matchRoute } from "./route_table.ts";
import { serviceRouteTable } from "./service_routes.ts";

function httpRoute(
  name: string,
  { namespace, port, path = "/" }: {
    readonly namespace: string;
    readonly port?: number;
    readonly path?: string;
  },
) {
  const object: KubeObject = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace },
    spec: {
      hostnames: ["ignored.test"],
      parentRefs: [{
        group: "",
        kind: "Service",
        name: "web",
        namespace: "shop",
        ...(port === undefined ? {} : { port }),
      }],
      rules: [{
        matches: [{ path: { type: "PathPrefix", value: path } }],
        backendRefs: [{ name: "web", port: 80 }],
      }],
    },
    source: { file: "routes.yaml", line: 1, column: 1 },
  };
  const age = { createdAt: null, appliedNs: 0, namespace, name };
  return { object, age };
}

function taken(
  routes: readonly ReturnType<typeof httpRoute>[],
  { client, port = 80, path = "/" }: {
    readonly client: string;
    readonly port?: number;
    readonly path?: string;
  },
): string {
  const table = serviceRouteTable<string>(routes, {
    service: { namespace: "shop", name: "web" },
    port,
    client,
    order: { regexPaths: "after-prefixes", method: "before-headers" },
    regexPaths: null,
    resolve: ({ name }) => ({ kind: "backend", backend: name }),
  });
  if (table === undefined) return "no table";
  const result = matchRoute(table, {
    method: "GET",
    scheme: "http",
    authority: "web",
    path,
    headers: [],
  });
  return result.kind === "route" ? result.route.name : result.kind;
}

Deno.test("serviceRouteTable() gives a consumer its own routes in place of the producer's", () => {
  const routes = [
    httpRoute("producer", { namespace: "shop" }),
    httpRoute("consumer", { namespace: "far", path: "/far" }),
  ];
  assertEquals(
    taken(routes, { client: "shop" }),
    "HTTPRoute shop/producer rule 0",
  );
  assertEquals(
    taken(routes, { client: "other" }),
    "HTTPRoute shop/producer rule 0",
  );
  assertEquals(
    taken(routes, { client: "far", path: "/far" }),
    "HTTPRoute far/consumer rule 0",
  );
  assertEquals(taken(routes, { client: "far" }), "none");
});

Deno.test("serviceRouteTable() is undefined where no route names the Service and port", () => {
  const routes = [httpRoute("producer", { namespace: "shop", port: 80 })];
  assertEquals(taken(routes, { client: "shop", port: 8080 }), "no table");
  assertEquals(taken([], { client: "shop" }), "no table");
});

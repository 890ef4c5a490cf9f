import { assertEquals } from "@std/assert";
import { newEvent } from "../event.ts";
import { clusterOf } from "../import/manifest_fixture.ts";
import type { Cluster } from "./cluster.ts";

const CLUSTER = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.50, ports: [{port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: other}
spec: {clusterIPs: [10.96.0.51, "fd00:10:96::51"], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: db}}
---
apiVersion: v1
kind: Service
metadata: {name: db-all, namespace: shop}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: db}}
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: shop}
spec: {clusterIP: None, selector: {app: nobody}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-late, namespace: shop, labels: {app: db}}
spec: {containers: [{name: db}]}
status:
  podIP: 10.244.0.99
  conditions: [{type: Ready, status: "False"}]
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: web.other.svc.cluster.local.}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: shop}
spec: {type: ExternalName, externalName: api.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: loop, namespace: shop}
spec: {type: ExternalName, externalName: loop.shop.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: number, namespace: shop}
spec: {type: ExternalName, externalName: 192.0.2.1}
`;

function answer(name: string, cluster: Cluster = clusterOf(CLUSTER)): string {
  const found = cluster.resolve(name, "shop");
  if (found.kind === "unknown") return `unknown ${found.name}`;
  if (found.kind === "missing") return "missing";
  const ips = found.ips.map(({ text }) => text).join(" ");
  return `${ips} ${found.service ?? "-"} ${found.name}`;
}

function withRecord(
  name: string,
  { addresses = [], alias = null }: {
    addresses?: string[];
    alias?: string | null;
  },
): Cluster {
  const cluster = clusterOf(CLUSTER);
  cluster.apply(newEvent("record.applied", { name, addresses, alias }));
  return cluster;
}

Deno.test("Cluster.resolve() completes short names by the search domains", () => {
  const web = "10.96.0.50 shop/web web.shop.svc.cluster.local";
  const names = [
    ...["web", "web.shop", "web.shop.svc", "WEB.Shop"],
    ...["web.shop.svc.cluster.local", "web.shop.svc.cluster.local."],
  ];
  for (const name of names) assertEquals(answer(name), web, name);
  assertEquals(
    answer("web.other"),
    "10.96.0.51 fd00:10:96::51 other/web web.other.svc.cluster.local",
  );
});

Deno.test("Cluster.resolve() takes a name with a final dot as it is", () => {
  assertEquals(answer("web."), "missing");
  assertEquals(answer("web.shop.svc."), "missing");
});

Deno.test("Cluster.resolve() gives a headless Service's ready endpoints", () => {
  assertEquals(
    answer("db"),
    "10.244.0.2 10.244.1.2 shop/db db.shop.svc.cluster.local",
  );
  assertEquals(
    answer("db-all"),
    "10.244.0.2 10.244.0.99 10.244.1.2 shop/db-all db-all.shop.svc.cluster.local",
  );
  assertEquals(answer("empty"), "missing");
});

Deno.test("Cluster.resolve() knows the names of single endpoints", () => {
  assertEquals(
    answer("db-1.db"),
    "10.244.1.2 shop/db db-1.db.shop.svc.cluster.local",
  );
  assertEquals(
    answer("10-244-0-2.web.shop.svc.cluster.local"),
    "missing",
  );
  assertEquals(answer("db-late.db.shop.svc"), "missing");
  assertEquals(
    answer("10-244-1-2.db-all.shop"),
    "10.244.1.2 shop/db-all 10-244-1-2.db-all.shop.svc.cluster.local",
  );
});

Deno.test("Cluster.resolve() answers pod names of namespaces there are", () => {
  assertEquals(
    answer("1-2-3-4.shop.pod"),
    "1.2.3.4 - 1-2-3-4.shop.pod.cluster.local",
  );
  assertEquals(
    answer("fd00--9.shop.pod.cluster.local"),
    "fd00::9 - fd00--9.shop.pod.cluster.local",
  );
  assertEquals(answer("1-2-3-4.nowhere.pod.cluster.local"), "missing");
  assertEquals(answer("1-2-3.shop.pod.cluster.local"), "missing");
});

Deno.test("Cluster.resolve() follows ExternalName, and gives up on loops", () => {
  assertEquals(
    answer("alias"),
    "10.96.0.51 fd00:10:96::51 other/web alias.shop.svc.cluster.local",
  );
  assertEquals(answer("outside"), "unknown api.example.com");
  const known = withRecord("api.example.com.", { addresses: ["192.0.2.7"] });
  assertEquals(
    answer("outside", known),
    "192.0.2.7 - outside.shop.svc.cluster.local",
  );
  assertEquals(answer("loop"), "missing");
  assertEquals(answer("number"), "missing");
});

Deno.test("Cluster.resolve() says unknown for outside names without a record", () => {
  assertEquals(answer("api.example.com"), "unknown api.example.com");
  assertEquals(
    answer("a.b.c.d.e.example.com"),
    "unknown a.b.c.d.e.example.com",
  );
  const known = withRecord("API.example.com", {
    addresses: ["192.0.2.9", "2001:db8::1", "192.0.2.7"],
  });
  assertEquals(
    answer("api.example.com", known),
    "192.0.2.7 192.0.2.9 2001:db8::1 - api.example.com",
  );
  const alias = withRecord("api.example.com", {
    alias: "web.shop.svc.cluster.local",
  });
  assertEquals(
    answer("api.example.com", alias),
    "10.96.0.50 shop/web api.example.com",
  );
});

Deno.test("Cluster.resolve() misses cluster names that are not there, and says what it tried", () => {
  const cluster = clusterOf(CLUSTER);
  assertEquals(cluster.resolve("nope", "shop"), {
    kind: "missing",
    tried: [
      "nope.shop.svc.cluster.local",
      "nope.svc.cluster.local",
      "nope.cluster.local",
      "nope",
    ],
  });
  for (
    const name of ["nope.shop.svc", "nope.shop.svc.cluster.local", "", "."]
  ) {
    assertEquals(cluster.resolve(name, "shop").kind, "missing", name);
  }
});

Deno.test("Cluster.resolve() takes an address for itself", () => {
  assertEquals(answer("10.1.2.3"), "10.1.2.3 - 10.1.2.3");
  assertEquals(answer("fd00::1"), "fd00::1 - fd00::1");
});

import { assert, assertEquals } from "@std/assert";
import { newEvent } from "../event.ts";
import { clusterOf, endpointTexts } from "../import/manifest_fixture.ts";
import { applyEvents } from "../import/manifests.ts";
import { Ip } from "../packet/ip.ts";
import type { Cluster } from "./cluster.ts";

const NODES = ["a", "b"].map((name, index) => `
---
apiVersion: v1
kind: Node
metadata: {name: ${name}, labels: {topology.kubernetes.io/zone: z${name}}}
spec: {podCIDRs: [10.0.${index}.0/24, "fd00:0:0:${index}::/64"]}
status:
  addresses:
  - {type: InternalIP, address: 192.168.0.${index + 1}}
  - {type: ExternalIP, address: 203.0.113.${index + 1}}
`).join("");

function podText(
  name: string,
  { node = "a", ip, spec = "", status = "", meta = "" }: {
    node?: string;
    ip: string;
    spec?: string;
    status?: string;
    meta?: string;
  },
): string {
  return `
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {app: web}${meta}}
spec:
  nodeName: ${node}
  containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]
  ${spec}
status: {podIPs: [{ip: ${ip}}], phase: Running${status}}
`;
}

const SERVICE = `
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`;

const SLICE = `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: "", port: 9999}]
endpoints: [{addresses: [10.9.9.9]}]
`;

const TWO_PODS = podText("web-0", { ip: "10.0.0.5" }) +
  podText("web-1", { ip: "10.0.1.5", node: "b" });

function apply(cluster: Cluster, text: string): void {
  const files = [{ file: "step.yaml", text }];
  for (const event of applyEvents(files, { cluster }).events) {
    cluster.apply(event);
  }
}

Deno.test("Cluster.podAt() finds running pods by their own address", () => {
  const host = podText("host", {
    ip: "192.168.0.1",
    spec: "hostNetwork: true",
  });
  const done = podText("done", { ip: "10.0.0.5" })
    .replace("Running", "Succeeded");
  const cluster = clusterOf(NODES, host, done, TWO_PODS);
  assertEquals(cluster.podAt(Ip.of("10.0.0.5"))?.name, "web-0");
  assertEquals(cluster.podAt(Ip.of("192.168.0.1")), undefined);
  assertEquals(cluster.nodeAt(Ip.of("192.168.0.1"))?.name, "a");
  assertEquals(cluster.nodeAt(Ip.of("203.0.113.2"))?.name, "b");
  cluster.apply(
    newEvent("pod.deleted", { namespace: "shop", name: "web-0" }),
  );
  assertEquals(cluster.podAt(Ip.of("10.0.0.5")), undefined);
});

Deno.test("Cluster.podsOn() lists running pods of a node, those of the host network too", () => {
  const host = podText("host", {
    ip: "192.168.0.1",
    spec: "hostNetwork: true",
  });
  const done = podText("done", { ip: "10.0.0.9" }).replace("Running", "Failed");
  const cluster = clusterOf(NODES, host, done, TWO_PODS);
  assertEquals(cluster.podsOn("a").map(({ name }) => name), ["host", "web-0"]);
  assertEquals(cluster.podsOn("c"), []);
});

Deno.test("Cluster.isPodAddress() knows the nodes' ranges and pods outside of them", () => {
  const cluster = clusterOf(NODES, podText("far", { ip: "172.31.0.9" }));
  for (const text of ["10.0.1.77", "172.31.0.9", "fd00:0:0:1::9"]) {
    assert(cluster.isPodAddress(Ip.of(text)), text);
  }
  for (const text of ["10.0.2.1", "192.168.0.1", "172.31.0.8", "fd00:1::9"]) {
    assert(!cluster.isPodAddress(Ip.of(text)), text);
  }
});

Deno.test("Cluster keeps its maps in order of their keys, and counts changes", () => {
  const cluster = clusterOf(NODES, TWO_PODS);
  const before = cluster.revision;
  const pods = cluster.pods;
  const pod = { ...pods.get("shop/web-0")!, name: "aaa", ips: [] };
  cluster.apply(newEvent("pod.applied", { pod }));
  assertEquals(cluster.revision, before + 1);
  assertEquals([...cluster.pods.keys()], [
    "shop/aaa",
    "shop/web-0",
    "shop/web-1",
  ]);
  assert(cluster.pods === pods);
  const dump = {
    node: null,
    format: "iptables-save",
    text: "",
    source: { file: "x", line: 1, column: 1 },
  };
  cluster.apply(newEvent("dump.loaded", dump));
  assertEquals(cluster.revision, before + 1);
});

Deno.test("Cluster.endpointsOf() derives endpoints as the controller would", () => {
  const cluster = clusterOf(
    NODES,
    SERVICE,
    TWO_PODS,
    podText("down", {
      ip: "10.0.0.6",
      status: ', conditions: [{type: Ready, status: "False"}]',
    }),
    podText("leaving", {
      ip: "10.0.0.7",
      meta: ', deletionTimestamp: "2024-01-01T00:00:00Z"',
      status: ', conditions: [{type: Ready, status: "True"}]',
    }),
    podText("ended", { ip: "10.0.0.8" }).replace("Running", "Succeeded"),
    podText("other", { ip: "10.0.0.9" }).replace("app: web", "app: db"),
  );
  assertEquals(endpointTexts(cluster, "shop/web"), [
    "10.0.0.5:8080",
    "10.0.0.6:8080 not ready",
    "10.0.0.7:8080 not ready terminating",
    "10.0.1.5:8080",
  ]);
  const service = cluster.services.get("shop/web")!;
  const [first, , leaving] = cluster.endpointsOf(service, service.ports[0]!, 4);
  assertEquals(first?.zone, "za");
  assertEquals(first?.pod, "shop/web-0");
  assertEquals(leaving?.serving, true);
  assertEquals(endpointTexts(cluster, "shop/web", { family: 6 }), []);
});

Deno.test("Cluster.endpointsOf() publishes pods that are not ready where the Service says so", () => {
  const service = SERVICE.replace(
    "selector:",
    "publishNotReadyAddresses: true, selector:",
  );
  const status = ', conditions: [{type: Ready, status: "False"}]';
  const cluster = clusterOf(
    NODES,
    service,
    podText("down", { ip: "10.0.0.6", status }),
  );
  assertEquals(endpointTexts(cluster, "shop/web"), ["10.0.0.6:8080"]);
});

Deno.test("Cluster.endpointsOf() resolves a named port on each pod, by name and protocol", () => {
  const cluster = clusterOf(
    NODES,
    SERVICE,
    podText("a", { ip: "10.0.0.5" }),
    podText("b", { ip: "10.0.0.6" }).replace("8080", "9090"),
    podText("c", { ip: "10.0.0.7" }).replace("name: http", "name: web"),
    podText("d", { ip: "10.0.0.8" })
      .replace("containerPort: 8080", "containerPort: 1, protocol: UDP"),
  );
  assertEquals(endpointTexts(cluster, "shop/web"), [
    "10.0.0.5:8080",
    "10.0.0.6:9090",
  ]);
});

Deno.test("Cluster.endpointsOf() gives every endpoint of a PreferClose Service its zone as hint", () => {
  const service = SERVICE.replace(
    "selector:",
    "trafficDistribution: PreferClose, selector:",
  );
  const hints = (text: string) => {
    const cluster = clusterOf(NODES, text, TWO_PODS);
    const found = cluster.services.get("shop/web")!;
    return cluster.endpointsOf(found, found.ports[0]!, 4)
      .map(({ zoneHints }) => zoneHints.join());
  };
  assertEquals(hints(service), ["za", "zb"]);
  assertEquals(hints(SERVICE), ["", ""]);
  const auto = service.replace(
    "namespace: shop}",
    "namespace: shop, annotations: {service.kubernetes.io/topology-mode: Auto}}",
  );
  assertEquals(hints(auto), ["", ""]);
});

Deno.test("Cluster.endpointsOf() takes given slices over pods until the pods change", () => {
  const cluster = clusterOf(NODES, SERVICE, TWO_PODS, SLICE);
  assertEquals(endpointTexts(cluster, "shop/web"), ["10.9.9.9:9999"]);
  apply(cluster, podText("web-0", { ip: "10.0.0.5" }));
  assertEquals(endpointTexts(cluster, "shop/web"), ["10.9.9.9:9999"]);
  apply(cluster, podText("web-2", { ip: "10.0.0.6" }));
  assertEquals(endpointTexts(cluster, "shop/web"), [
    "10.0.0.5:8080",
    "10.0.0.6:8080",
    "10.0.1.5:8080",
  ]);
  assertEquals(cluster.slices.size, 0);
  apply(cluster, SLICE);
  assertEquals(endpointTexts(cluster, "shop/web"), ["10.9.9.9:9999"]);
});

Deno.test("Cluster.endpointsOf() keeps given slices of a Service without selector", () => {
  const service = SERVICE.replace("selector: {app: web}, ", "");
  const cluster = clusterOf(NODES, service, SLICE, TWO_PODS);
  apply(cluster, podText("web-0", { ip: "10.0.0.66" }));
  assertEquals(endpointTexts(cluster, "shop/web"), ["10.9.9.9:9999"]);
});

Deno.test("Cluster.endpointsOf() follows the selector when it changes", () => {
  const db = podText("db-0", { ip: "10.0.0.8" })
    .replace("app: web", "app: db");
  const cluster = clusterOf(NODES, SERVICE, TWO_PODS, SLICE, db);
  apply(cluster, SERVICE.replace("app: web", "app: db"));
  assertEquals(endpointTexts(cluster, "shop/web"), ["10.0.0.8:8080"]);
});

Deno.test("Cluster.endpointsOf() is the union of the slices, matched by name and protocol", () => {
  const slice = (name: string, rest: string) => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, labels: {kubernetes.io/service-name: dns}}
addressType: IPv4
${rest}
`;
  const cluster = clusterOf(
    `
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53}
`,
    slice(
      "dns-1",
      `ports: [{name: dns, port: 5353, protocol: UDP}, {name: dns-tcp, port: 5354}]
endpoints:
- {addresses: [10.1.0.10], conditions: {ready: false}}
- {addresses: [10.1.0.9], nodeName: n1, zone: z1, hints: {forZones: [{name: z1}]}}`,
    ),
    slice(
      "dns-2",
      `ports: [{name: dns, port: 5353, protocol: UDP}, {name: dns-tcp}]
endpoints: [{addresses: [10.1.0.10]}, {addresses: [10.1.0.2]}]`,
    ),
  );
  assertEquals(endpointTexts(cluster, "default/dns"), [
    "10.1.0.10:5353",
    "10.1.0.2:5353",
    "10.1.0.9:5353",
  ]);
  assertEquals(endpointTexts(cluster, "default/dns", { port: 1 }), [
    "10.1.0.10:5354 not ready",
    "10.1.0.9:5354",
  ]);
});

Deno.test("Cluster.endpointsOf() gives the same list until something changes", () => {
  const cluster = clusterOf(NODES, SERVICE, TWO_PODS);
  const service = cluster.services.get("shop/web")!;
  const list = () => cluster.endpointsOf(service, service.ports[0]!, 4);
  const before = list();
  assert(list() === before);
  cluster.apply(newEvent("pod.deleted", { namespace: "shop", name: "web-0" }));
  assertEquals(list().length, before.length - 1);
});

Deno.test("Cluster.endpointsOf() forgets a deleted Service's slices", () => {
  const cluster = clusterOf(NODES, SERVICE, SLICE);
  cluster.apply(
    newEvent("service.deleted", { namespace: "shop", name: "web" }),
  );
  apply(cluster, SERVICE);
  assertEquals(endpointTexts(cluster, "shop/web"), []);
});

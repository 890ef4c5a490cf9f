import { assertEquals } from "@std/assert";
import type { Service } from "../cluster/model.ts";
import { asFiles, clusterOf, endpointTexts } from "./manifest_fixture.ts";
import { importManifests } from "./manifests.ts";

function service(
  spec: string,
  { name = "web", status = "", annotations = "" } = {},
): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {${annotations}}}
spec: {${spec}}
status: {${status}}
`;
}

function read(...texts: string[]): Service {
  return clusterOf(...texts).services.get("default/web")!;
}

const DUAL_NODE = `
apiVersion: v1
kind: Node
metadata: {name: n}
spec: {podCIDRs: [10.1.0.0/24, "fd00:1::/64"]}
`;

Deno.test("importManifests() gives a Service the defaults of the API server", () => {
  const { source: _, ...found } = read(service("ports: [{port: 80}]"));
  assertEquals(JSON.parse(JSON.stringify(found)), {
    name: "web",
    namespace: "default",
    labels: {},
    annotations: {},
    type: "ClusterIP",
    headless: false,
    clusterIps: ["10.96.0.11"],
    families: [4],
    externalIps: [],
    loadBalancerIps: [],
    loadBalancerSourceRanges: [],
    externalName: null,
    ports: [{
      name: null,
      protocol: "TCP",
      port: 80,
      targetPort: 80,
      nodePort: null,
      appProtocol: null,
    }],
    selector: null,
    affinityTimeoutS: null,
    externalTrafficPolicy: "Cluster",
    internalTrafficPolicy: "Cluster",
    trafficDistribution: null,
    healthCheckNodePort: null,
    publishNotReadyAddresses: false,
    createdAt: null,
  });
});

Deno.test("importManifests() reads all that a Service says of its traffic", () => {
  const found = read(service(
    `type: LoadBalancer, clusterIP: 10.96.7.7, externalIPs: [192.0.2.1],
     sessionAffinity: ClientIP,
     sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}},
     externalTrafficPolicy: Local, internalTrafficPolicy: Local,
     healthCheckNodePort: 32000, trafficDistribution: PreferClose,
     loadBalancerSourceRanges: [" 10.0.0.0/8 ", "2001:db8::/32"],
     ports: [{name: h, port: 80, targetPort: http, nodePort: 31000, appProtocol: http}]`,
    {
      status: `loadBalancer: {ingress: [{ip: 198.51.100.1},
        {ip: 198.51.100.2, ipMode: Proxy}, {hostname: lb.example.com}]}`,
    },
  ));
  assertEquals(found.affinityTimeoutS, 60);
  assertEquals(found.externalTrafficPolicy, "Local");
  assertEquals(found.internalTrafficPolicy, "Local");
  assertEquals(found.healthCheckNodePort, 32_000);
  assertEquals(found.trafficDistribution, "PreferClose");
  assertEquals(found.loadBalancerSourceRanges.map(({ text }) => text), [
    "10.0.0.0/8",
    "2001:db8::/32",
  ]);
  assertEquals(
    found.loadBalancerIps.map(({ ip, mode }) => `${ip.text} ${mode}`),
    ["198.51.100.1 VIP", "198.51.100.2 Proxy"],
  );
  assertEquals(found.ports[0], {
    name: "h",
    protocol: "TCP",
    port: 80,
    targetPort: "http",
    nodePort: 31_000,
    appProtocol: "http",
  });
});

Deno.test("importManifests() leaves source ranges in an annotation to cloud controllers, and warns", () => {
  const key = "service.beta.kubernetes.io/load-balancer-source-ranges";
  const annotations = `${key}: "10.0.0.0/8, 192.168.0.0/16 ,"`;
  const text = service("type: LoadBalancer, ports: [{port: 1}]", {
    annotations,
  });
  assertEquals(read(text).loadBalancerSourceRanges, []);
  assertEquals(importManifests(asFiles([text])).warnings.length, 1);
});

Deno.test("importManifests() has a load balancer address from the spec when the status has none", () => {
  const found = read(
    service(
      "type: LoadBalancer, loadBalancerIP: 192.0.2.9, ports: [{port: 1}]",
    ),
  );
  assertEquals(found.loadBalancerIps.map(({ ip }) => ip.text), ["192.0.2.9"]);
});

Deno.test("importManifests() gives headless and ExternalName Services no address", () => {
  const headless = read(service("clusterIP: None, selector: {a: b}"));
  assertEquals([headless.headless, headless.clusterIps], [true, []]);
  assertEquals(headless.families, [4]);
  const alias = read(
    service("type: ExternalName, externalName: example.com, selector: {a: b}"),
  );
  assertEquals([alias.externalName, alias.clusterIps], ["example.com", []]);
  assertEquals(alias.headless, false);
});

Deno.test("importManifests() defaults the families of a Service as the API server does", () => {
  const families = (spec: string) =>
    read(DUAL_NODE, service(`${spec} ports: [{port: 80}]`)).families;
  assertEquals(families("selector: {a: b},"), [4]);
  assertEquals(families("ipFamilyPolicy: PreferDualStack,"), [4, 6]);
  assertEquals(families("ipFamilies: [IPv6],"), [6]);
  assertEquals(
    families("ipFamilies: [IPv6], ipFamilyPolicy: RequireDualStack,"),
    [6, 4],
  );
  assertEquals(families("clusterIP: None, selector: {a: b},"), [4]);
  assertEquals(families("clusterIP: None,"), [4, 6]);
  assertEquals(
    families('clusterIPs: ["fd00::7", 10.96.0.7],'),
    [6, 4],
  );
  const single = read(
    service("ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]"),
  );
  assertEquals(single.families, [4]);
});

Deno.test("importManifests() allots addresses and node ports that nobody has", () => {
  const cluster = clusterOf(
    service("clusterIP: 10.96.0.11, ports: [{port: 1}]", { name: "b" }),
    service("type: NodePort, ports: [{port: 1, nodePort: 30000}]", {
      name: "c",
    }),
    service(
      "type: NodePort, ports: [{name: a, port: 1}, {name: b, port: 1, protocol: UDP}]",
      { name: "a" },
    ),
    service(
      "type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 1}]",
      { name: "d" },
    ),
    service(
      "type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 1}]",
      { name: "e" },
    ),
  );
  const lines = [...cluster.services.values()].map((one) =>
    [
      one.name,
      ...one.clusterIps,
      ...one.ports.map(({ nodePort }) => nodePort),
      one.healthCheckNodePort,
    ].join(" ")
  );
  assertEquals(lines, [
    "a 10.96.0.12 30001 30002 ",
    "b 10.96.0.11  ",
    "c 10.96.0.13 30000 ",
    "d 10.96.0.14  ",
    "e 10.96.0.15 30003 30004",
  ]);
});

Deno.test("importManifests() gives the API server and cluster DNS their own addresses", () => {
  const cluster = clusterOf(
    service("ports: [{port: 443}]", { name: "kubernetes" }),
    service("ports: [{port: 53}]", { name: "kube-dns" })
      .replace("name: kube-dns,", "name: kube-dns, namespace: kube-system,"),
  );
  assertEquals(
    [...cluster.services.values()].map(({ clusterIps }) => clusterIps[0]?.text),
    ["10.96.0.1", "10.96.0.10"],
  );
});

Deno.test("importManifests() takes externalTrafficPolicy where there are external addresses", () => {
  const policy = "externalTrafficPolicy: Local, ports: [{port: 1}]";
  assertEquals(read(service(policy)).externalTrafficPolicy, "Cluster");
  assertEquals(
    read(service(`externalIPs: [192.0.2.1], ${policy}`)).externalTrafficPolicy,
    "Local",
  );
});

Deno.test("importManifests() reads the conditions of endpoints with their defaults", () => {
  const cluster = clusterOf(
    service("ports: [{port: 80}]"),
    `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-x, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: null}}
- {addresses: [10.0.0.3], conditions: {ready: false, serving: true, terminating: true}}
- addresses: [10.0.0.4]
  conditions: {ready: false}
  targetRef: {kind: Pod, name: web-0}
  hostname: web-0
- {addresses: [10.0.0.5], topology: {kubernetes.io/hostname: n1}}
`,
  );
  const found = cluster.services.get("default/web")!;
  const endpoints = cluster.endpointsOf(found, found.ports[0]!, 4);
  assertEquals(
    endpoints.map(({ ip, ready, serving, terminating, pod, node }) =>
      [ip, ready, serving, terminating, pod, node].join(" ")
    ),
    [
      "10.0.0.1 true true false  ",
      "10.0.0.2 true true false  ",
      "10.0.0.3 false true true  ",
      "10.0.0.4 false true false default/web-0 ",
      "10.0.0.5 true true false  n1",
    ],
  );
});

Deno.test("importManifests() prefers EndpointSlices to the Endpoints of the same Service", () => {
  const cluster = clusterOf(
    service("ports: [{port: 80}]"),
    "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n" +
      "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 1}]}]\n",
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n" +
      "metadata: {name: w, labels: {kubernetes.io/service-name: web}}\n" +
      "addressType: IPv4\nports: [{port: 2}]\n" +
      "endpoints: [{addresses: [10.0.0.2]}]\n",
  );
  assertEquals(endpointTexts(cluster, "default/web"), ["10.0.0.2:2"]);
});

Deno.test("importManifests() warns of slices that nothing can use", () => {
  const slice = (rest: string) =>
    `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n${rest}\n`;
  const { warnings, events } = importManifests(asFiles([
    slice("metadata: {name: a}\naddressType: IPv4\nendpoints: []"),
    slice(
      "metadata: {name: b, labels: {kubernetes.io/service-name: web}}\n" +
        "addressType: FQDN\nendpoints: [{addresses: [a.example.com]}]",
    ),
  ]));
  assertEquals(warnings.length, 2);
  assertEquals(events.filter(({ type }) => type === "endpoints.applied"), []);
});

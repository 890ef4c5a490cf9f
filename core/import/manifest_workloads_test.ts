import { assertEquals } from "@std/assert";
import type { Cluster } from "../cluster/cluster.ts";
import { asFiles, clusterOf, endpointTexts } from "./manifest_fixture.ts";
import { importManifests } from "./manifests.ts";

function workload(
  kind: string,
  { apiVersion = "apps/v1", name = "web", spec = "", pod = "" }: {
    apiVersion?: string;
    name?: string;
    spec?: string;
    pod?: string;
  } = {},
): string {
  return `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: ${name}}
spec:
  ${spec}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: c}]${pod}}
`;
}

function pod(
  name: string,
  { spec = "", status = "", meta = "" }: {
    spec?: string;
    status?: string;
    meta?: string;
  } = {},
): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${name}${meta}}
spec: {containers: [{name: c}]${spec}}
status: {${status}}
`;
}

function owned(kind: string, name: string, labels = ""): string {
  return `, labels: {${labels}}, ` +
    `ownerReferences: [{kind: ${kind}, name: ${name}, controller: true}]`;
}

function names(cluster: Cluster): string[] {
  return [...cluster.pods.values()].map(({ name }) => name);
}

function workloads(cluster: Cluster): string[] {
  return [...cluster.pods.values()].map(({ name, workload }) =>
    `${name} ${workload.kind}/${workload.name}`
  );
}

function placed(cluster: Cluster): string[] {
  return [...cluster.pods.values()].map(({ name, node, ips }) =>
    `${name} ${node} ${ips.map(({ text }) => text).join(" ")}`
  );
}

function node(name: string, { labels = "", spec = "", status = "" } = {}) {
  return `
apiVersion: v1
kind: Node
metadata: {name: ${name}, labels: {${labels}}}
spec: {${spec}}
status: {${status}}
`;
}

Deno.test("importManifests() names pods as their controllers do", () => {
  const cluster = clusterOf(
    workload("StatefulSet", { name: "db", spec: "replicas: 2" }),
    workload("ReplicaSet", { name: "rs", spec: "replicas: 2" }),
    workload("ReplicationController", { name: "rc", apiVersion: "v1" }),
    workload("Job", { name: "job", apiVersion: "batch/v1" }),
    workload("DaemonSet", { name: "ds" }),
    workload("Deployment", { name: "none", spec: "replicas: 0" }),
  );
  assertEquals(names(cluster), [
    ...["db-0", "db-1", "ds-node-1", "ds-node-2"],
    ...["job-0", "rc-0", "rs-0", "rs-1"],
  ]);
  assertEquals(cluster.pods.get("default/db-1")?.hostname, "db-1");
  assertEquals(
    cluster.pods.get("default/job-0")?.labels["batch.kubernetes.io/job-name"],
    "job",
  );
});

Deno.test("importManifests() gives a CronJob one pod, and none while it is suspended", () => {
  const cron = (suspend: boolean) => `
apiVersion: batch/v1
kind: CronJob
metadata: {name: night}
spec:
  suspend: ${suspend}
  jobTemplate: {spec: {template: {spec: {containers: [{name: c}]}}}}
`;
  assertEquals(names(clusterOf(cron(false))), ["night-0"]);
  assertEquals(names(clusterOf(cron(true))), []);
});

Deno.test("importManifests() makes no pods for a controller that has some listed", () => {
  const set = workload("ReplicaSet", { name: "web-abc" }).replace(
    "metadata: {name: web-abc}",
    "metadata: {name: web-abc" + owned("Deployment", "web") + "}",
  );
  const cluster = clusterOf(
    workload("Deployment", { spec: "replicas: 5" }),
    set,
    pod("web-abc-x1", { meta: owned("ReplicaSet", "web-abc") }),
  );
  assertEquals(workloads(cluster), ["web-abc-x1 Deployment/web"]);
});

Deno.test("importManifests() finds the Deployment of a ReplicaSet that is not listed", () => {
  const cluster = clusterOf(
    workload("Deployment", { name: "api" }),
    pod("web-5f-x", {
      meta: owned("ReplicaSet", "web-5f", "pod-template-hash: 5f"),
    }),
    pod("api-77-x", { meta: owned("ReplicaSet", "api-77") }),
    pod("lone-1", { meta: owned("ReplicaSet", "lone") }),
    pod("static-n1", { meta: owned("Node", "n1") }),
    pod("plain"),
  );
  assertEquals(workloads(cluster), [
    "api-77-x Deployment/api",
    "lone-1 ReplicaSet/lone",
    "plain Pod/plain",
    "static-n1 Pod/static-n1",
    "web-5f-x Deployment/web",
  ]);
});

Deno.test("importManifests() lets a ReplicaSet of a listed Deployment make no pods of its own", () => {
  const set = workload("ReplicaSet", { name: "web-old" }).replace(
    "metadata: {name: web-old}",
    "metadata: {name: web-old" + owned("Deployment", "web") + "}",
  );
  const cluster = clusterOf(workload("Deployment"), set);
  assertEquals(cluster.pods.size, 1);
  assertEquals(workloads(clusterOf(set)), ["web-old-0 Deployment/web"]);
});

Deno.test("importManifests() makes up the nodes that pods and endpoints mention", () => {
  const slice = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports: [{port: 1}]
endpoints: [{addresses: [10.5.5.5], nodeName: n3}]
`;
  const cluster = clusterOf(
    pod("a", {
      spec: ", nodeName: n1",
      status: "podIP: 10.7.1.5, hostIP: 192.0.2.1",
    }),
    pod("b", { spec: ", nodeName: n2", status: "podIP: 10.7.2.5" }),
    pod("c"),
    slice,
  );
  assertEquals(
    [...cluster.nodes.values()].map(({ name, internalIps, podCidrs }) =>
      [name, ...internalIps, ...podCidrs].join(" ")
    ),
    [
      "n1 192.0.2.1 10.7.1.0/24",
      "n2 172.18.0.2 10.7.2.0/24",
      "n3 172.18.0.3 10.244.0.0/24",
    ],
  );
  assertEquals(placed(cluster), [
    "a n1 10.7.1.5",
    "b n2 10.7.2.5",
    "c n3 10.244.0.2",
  ]);
});

Deno.test("importManifests() gives no range to nodes whose pods share one", () => {
  const cluster = clusterOf(
    pod("a", { spec: ", nodeName: n1", status: "podIP: 10.7.1.5" }),
    pod("b", { spec: ", nodeName: n2", status: "podIP: 10.7.1.6" }),
  );
  assertEquals(cluster.nodes.get("n1")?.podCidrs, []);
});

Deno.test("importManifests() warns of a node that is missing among the given ones", () => {
  const texts = [node("n1"), pod("a", { spec: ", nodeName: n2" })];
  const { warnings } = importManifests(asFiles(texts));
  assertEquals(warnings.map(({ message }) => message), [
    "Doubtful Pod default/a: the node n2 is not among the given ones",
  ]);
});

Deno.test("importManifests() never gives an address twice", () => {
  const cluster = clusterOf(
    node("n1", {
      spec: "podCIDR: 10.244.0.0/29",
      status: "addresses: [{type: InternalIP, address: 172.18.0.2}]",
    }),
    node("n2"),
    pod("given", { spec: ", nodeName: n1", status: "podIP: 10.244.0.2" }),
    workload("Deployment", { spec: "replicas: 12", pod: ", nodeName: n1" }),
    workload("StatefulSet", { name: "db", pod: ", nodeName: n2" }),
  );
  const ips = [...cluster.pods.values()].flatMap(({ ips }) =>
    ips.map(({ text }) => text)
  );
  assertEquals(new Set(ips).size, 14);
  // The range of n1 holds six pods; the seventh opens another range.
  const ranges = cluster.nodes.get("n1")?.podCidrs.map(({ text }) => text);
  assertEquals(ranges, ["10.244.0.0/29", "10.244.2.0/24"]);
  assertEquals(cluster.nodes.get("n2")?.internalIps[0]?.text, "172.18.0.3");
});

Deno.test("importManifests() places pods by node selector, then by load", () => {
  const texts = [
    node("a", { labels: "disk: ssd" }),
    node("b"),
    pod("p1"),
    pod("p2"),
    pod("p3", { spec: ", nodeSelector: {disk: ssd}" }),
    pod("p4", { spec: ", nodeSelector: {disk: tape}" }),
  ];
  assertEquals(
    [...clusterOf(...texts).pods.values()].map(({ node }) => node),
    ["a", "b", "a", "b"],
  );
  const { warnings } = importManifests(asFiles(texts));
  assertEquals(warnings.length, 1);
});

Deno.test("importManifests() puts a pod with an address on the node whose range has it", () => {
  const cluster = clusterOf(
    node("a", { spec: "podCIDR: 10.1.0.0/24" }),
    node("b", { spec: "podCIDR: 10.2.0.0/24" }),
    pod("p", { status: "podIP: 10.2.0.7" }),
  );
  assertEquals(placed(cluster), ["p b 10.2.0.7"]);
});

Deno.test("importManifests() gives hostNetwork pods the addresses of their node", () => {
  const cluster = clusterOf(
    workload("DaemonSet", {
      name: "agent",
      pod: ", hostNetwork: true",
    }).replace(
      "{name: c}",
      "{name: c, ports: [{containerPort: 9100, hostPort: 9100}]}",
    ),
  );
  assertEquals(placed(cluster), [
    "agent-node-1 node-1 172.18.0.2",
    "agent-node-2 node-2 172.18.0.3",
  ]);
  assertEquals([...cluster.pods.values()][0]?.ports[0]?.hostPort, null);
});

Deno.test("importManifests() reads readiness, phase and termination of a pod", () => {
  const cluster = clusterOf(
    pod("bare"),
    pod("condition", {
      status: 'phase: Running, conditions: [{type: Ready, status: "False"}]',
    }),
    pod("containers", {
      status:
        "phase: Running, containerStatuses: [{ready: true}, {ready: false}]",
    }),
    pod("pending", { status: "phase: Pending" }),
    pod("done", { status: "phase: Succeeded, podIP: 10.244.0.2" }),
    pod("leaving", { meta: ', deletionTimestamp: "2024-01-01T00:00:00Z"' }),
  );
  const marks = [...cluster.pods.values()].map((one) =>
    [
      one.name,
      ...(one.ready ? ["ready"] : []),
      ...(one.running ? ["running"] : []),
      ...(one.terminating ? ["terminating"] : []),
      ...(one.ips.length > 0 ? ["address"] : []),
    ].join(" ")
  );
  assertEquals(marks, [
    "bare ready running address",
    "condition running address",
    "containers running address",
    "done address",
    "leaving ready running terminating address",
    "pending running",
  ]);
});

Deno.test("importManifests() keeps the ports of containers and of sidecars among init containers", () => {
  const cluster = clusterOf(`
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  serviceAccountName: robot
  initContainers:
  - {name: setup, ports: [{containerPort: 1}]}
  - {name: mesh, restartPolicy: Always, ports: [{containerPort: 15090}]}
  containers:
  - name: c
    ports:
    - {containerPort: 53, protocol: UDP, name: dns, hostPort: 53, hostIP: 127.0.0.1}
`);
  const found = cluster.pods.get("default/a")!;
  assertEquals(found.serviceAccount, "robot");
  assertEquals(found.containers, ["setup", "mesh", "c"]);
  assertEquals(found.ports, [
    {
      name: "dns",
      port: 53,
      protocol: "UDP",
      hostPort: 53,
      hostIp: "127.0.0.1",
    },
    { name: null, port: 15090, protocol: "TCP", hostPort: null, hostIp: null },
  ]);
});

Deno.test("importManifests() makes IPv6 and dual-stack clusters of what is given", () => {
  const service = (spec: string) => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {${spec}, selector: {app: web}, ports: [{port: 80}]}
`;
  const web = workload("Deployment");
  const six = clusterOf(web, service("ipFamilies: [IPv6]"));
  assertEquals(placed(six)[0]?.split(" ").slice(1), [
    "node-1",
    "fd00:10:244::2",
  ]);
  assertEquals(endpointTexts(six, "default/web", { family: 6 }), [
    "fd00:10:244::2:80",
  ]);
  assertEquals(six.nodes.get("node-1")?.internalIps[0]?.text, "fd00:172:18::2");
  const dual = clusterOf(web, service("ipFamilyPolicy: RequireDualStack"));
  assertEquals(placed(dual)[0]?.split(" ").slice(1), [
    "node-1",
    "10.244.0.2",
    "fd00:10:244::2",
  ]);
  const ips = dual.services.get("default/web")?.clusterIps;
  assertEquals(ips?.map(({ text }) => text), ["10.96.0.11", "fd00:10:96::b"]);
  assertEquals(endpointTexts(dual, "default/web", { family: 6 }).length, 1);
  const ranges = dual.nodes.get("node-2")?.podCidrs.map(({ text }) => text);
  assertEquals(ranges, ["10.244.1.0/24", "fd00:10:244:1::/64"]);
});

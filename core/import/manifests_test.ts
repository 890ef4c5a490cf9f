import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Cluster } from "../cluster/cluster.ts";
import { InputError } from "../errors.ts";
import { partPosition } from "../cluster/model.ts";
import { asFiles, clusterOf, endpointTexts } from "./manifest_fixture.ts";
import { applyEvents, deleteEvents, importManifests } from "./manifests.ts";

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]
`;

const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`;

function podTexts(cluster: Cluster): string[] {
  return [...cluster.pods.values()].map(({ name, node, ips }) =>
    `${name} ${node} ${ips.map(({ text }) => text).join(" ")}`
  );
}

function apply(cluster: Cluster, ...texts: string[]): void {
  for (const event of applyEvents(asFiles(texts), { cluster }).events) {
    cluster.apply(event);
  }
}

function remove(cluster: Cluster, ...texts: string[]): void {
  for (const event of deleteEvents(asFiles(texts), { cluster })) {
    cluster.apply(event);
  }
}

Deno.test("importManifests() makes a cluster of a Deployment and a Service alone", () => {
  const cluster = clusterOf(DEPLOYMENT, SERVICE);
  const pods = [...cluster.pods.values()];
  const [hash] = /[^-]+(?=-0$)/.exec(pods[0]!.name)!;
  assertEquals(podTexts(cluster), [
    `web-${hash}-0 node-1 10.244.0.2`,
    `web-${hash}-1 node-2 10.244.1.2`,
    `web-${hash}-2 node-1 10.244.0.3`,
  ]);
  assertEquals(pods[0]?.workload, { kind: "Deployment", name: "web" });
  assertEquals(pods[0]?.labels, { app: "web", "pod-template-hash": hash });
  assertEquals(pods[0]?.source, { file: "1.yaml", line: 2, column: 1 });
  assertEquals(endpointTexts(cluster, "shop/web").length, 3);
  assertEquals(cluster.namespaces.get("shop")?.labels, {
    "kubernetes.io/metadata.name": "shop",
  });
});

Deno.test("importManifests() takes lists, typed lists, several documents and JSON alike", () => {
  const service = { apiVersion: "v1", kind: "Service" };
  const body = {
    metadata: { name: "web" },
    spec: { ports: [{ port: 80 }], clusterIP: "10.96.0.80" },
  };
  const list = (kind: string, items: unknown[]) =>
    JSON.stringify({ apiVersion: "v1", kind, metadata: {}, items }, null, 1);
  const texts = [
    list("List", [{ ...service, ...body }]),
    list("ServiceList", [body]),
    list("List", [JSON.parse(list("ServiceList", [body]))]),
    `---\n---\n${JSON.stringify({ ...service, ...body })}\n---\n# end\n`,
  ];
  for (const text of texts) {
    const found = clusterOf(text).services.get("default/web");
    assertEquals(found?.clusterIps[0]?.text, "10.96.0.80");
  }
  assertEquals(clusterOf(list("List", [])).services.size, 0);
  assertEquals(
    clusterOf("kind: PodList\napiVersion: v1\nitems:\n").pods.size,
    0,
  );
  assertEquals(clusterOf("", "# nothing\n").nodes.size, 2);
});

Deno.test("importManifests() passes other kinds on, with the position of every part", () => {
  const { events } = importManifests(asFiles([`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"all": "again"}'
    note: kept
  managedFields: [{manager: kubectl}]
spec:
  podSelector: {}
  ingress:
  - from:
    - podSelector: {}
`]));
  const object = events.flatMap((event) =>
    event.type === "policy.applied" ? [event.data.object] : []
  )[0]!;
  assertEquals(object.metadata, {
    name: "deny",
    namespace: "default",
    annotations: { note: "kept" },
  });
  assertEquals(object.spec, {
    podSelector: {},
    ingress: [{ from: [{ podSelector: {} }] }],
  });
  const at = partPosition(object, ["spec", "ingress", 0, "from", 0]);
  assertEquals(at, { file: "1.yaml", line: 14, column: 7 });
  assertEquals(object.source.parts!["metadata.managedFields"], undefined);
});

Deno.test("importManifests() gives objects a namespace unless their kind has none", () => {
  const object = (kind: string) =>
    `apiVersion: x/v1\nkind: ${kind}\nmetadata: {name: a}\n`;
  const kinds = [
    ...["HTTPRoute", "ClusterNetworkPolicy", "AdminNetworkPolicy"],
    ...["CiliumClusterwideNetworkPolicy", "GatewayClass", "Cluster"],
  ];
  const { events } = importManifests(asFiles(kinds.map(object)));
  const namespaced = events.flatMap((event) =>
    event.type === "policy.applied" && event.data.object.metadata.namespace
      ? [event.data.object.kind]
      : []
  );
  assertEquals(namespaced, ["Cluster", "HTTPRoute"]);
});

Deno.test("importManifests() keeps Secrets off the tape and counts them", () => {
  const secret = `
apiVersion: v1
kind: Secret
metadata: {name: key}
data: {password: aHVudGVyMg==}
---
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [a.yaml]
`;
  const { events, ignored } = importManifests(asFiles([secret]));
  assertEquals(ignored, { Kustomization: 1, Secret: 1 });
  assert(!JSON.stringify(events).includes("aHVudGVyMg"));
});

Deno.test("importManifests() tells a core kind from another group's of the same name", () => {
  const { events } = importManifests(asFiles([
    "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n" +
    "spec: {template: {}}\n",
  ]));
  assertEquals(events.at(-1)?.type, "policy.applied");
});

Deno.test("importManifests() lets the last of two objects of one name count, and says so", () => {
  const other = SERVICE.replace("80,", "81,");
  const { events, warnings } = importManifests(asFiles([SERVICE, other]));
  const services = events.flatMap((event) =>
    event.type === "service.applied" ? [event.data.service.ports[0]!.port] : []
  );
  assertEquals(services, [81]);
  assertEquals(warnings.map(({ at }) => at.file), ["2.yaml"]);
  assertEquals(importManifests(asFiles([SERVICE, SERVICE])).warnings, []);
});

Deno.test("importManifests() makes the same cluster whatever the order of the documents", () => {
  const documents = [
    DEPLOYMENT,
    SERVICE,
    DEPLOYMENT.replaceAll("web", "api").replace("Deployment", "StatefulSet"),
    SERVICE.replaceAll("web", "api").replace("{sel", "{type: NodePort, sel"),
    SERVICE.replaceAll("web", "lb").replace("{sel", "{type: LoadBalancer, sel"),
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n" +
    "spec: {nodeName: n9, containers: []}\nstatus: {podIP: 10.244.0.7}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: []}\n",
    "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n",
    "apiVersion: v1\nkind: Node\nmetadata: {name: n2}\n" +
    "spec: {podCIDR: 10.244.3.0/24}\n",
    "apiVersion: x/v1\nkind: B\nmetadata: {name: p, namespace: shop}\n",
    "apiVersion: x/v1\nkind: A\nmetadata: {name: p, namespace: late}\n",
  ];
  const eventsOf = (texts: readonly string[]) => {
    const files = texts.map((text) => ({ file: "a.yaml", text }));
    return importManifests(files).events
      .map((event) => JSON.stringify(event)).join("\n");
  };
  const expected = eventsOf(documents);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(documents, { minLength: documents.length }),
      (shuffled) => assertEquals(eventsOf(shuffled), expected),
    ),
    { numRuns: 50, seed: 1 },
  );
});

Deno.test("applyEvents() keeps the addresses, nodes and ports that things have", () => {
  const cluster = clusterOf(
    DEPLOYMENT,
    SERVICE.replace("{sel", "{type: NodePort, sel"),
  );
  const pods = podTexts(cluster);
  const service = cluster.services.get("shop/web")!;
  apply(
    cluster,
    DEPLOYMENT.replace("replicas: 3", "replicas: 4"),
    SERVICE.replace("{sel", "{type: NodePort, sel"),
    SERVICE.replaceAll("web", "aaa").replace("{sel", "{type: NodePort, sel"),
  );
  assertEquals(podTexts(cluster).slice(0, 3), pods);
  assertEquals(cluster.pods.size, 4);
  assertEquals(cluster.nodes.size, 2);
  const after = cluster.services.get("shop/web")!;
  assertEquals(after.clusterIps, service.clusterIps);
  assertEquals(after.ports, service.ports);
  const other = cluster.services.get("shop/aaa")!;
  assertEquals(other.ports[0]?.nodePort, 30_001);
  assertEquals(other.clusterIps[0]?.text, "10.96.0.12");
});

Deno.test("applyEvents() replaces the pods of a Deployment whose template changed", () => {
  const cluster = clusterOf(DEPLOYMENT);
  const before = new Set(cluster.pods.keys());
  apply(cluster, DEPLOYMENT.replace("[{name: web,", "[{name: new,"));
  assertEquals(cluster.pods.size, 3);
  for (const key of cluster.pods.keys()) assert(!before.has(key));
  apply(cluster, DEPLOYMENT.replace("replicas: 3", "replicas: 0"));
  assertEquals(cluster.pods.size, 0);
});

Deno.test("applyEvents() keeps what a Pod's status said when it is applied without one", () => {
  const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n" +
    "spec: {containers: []}\n";
  const status = "status: {podIP: 10.1.2.3, phase: Running, " +
    'conditions: [{type: Ready, status: "False"}]}\n';
  const cluster = clusterOf(pod + status);
  apply(cluster, pod);
  const after = cluster.pods.get("default/a")!;
  assertEquals([after.ready, after.ips[0]?.text], [false, "10.1.2.3"]);
});

Deno.test("applyEvents() adds nodes and the pods that DaemonSets have on them", () => {
  const agent = DEPLOYMENT.replace("Deployment", "DaemonSet")
    .replace("  replicas: 3\n", "").replaceAll("web", "agent");
  const cluster = clusterOf(agent);
  const node = "apiVersion: v1\nkind: Node\nmetadata: {name: node-3}\n";
  apply(cluster, node, agent);
  assertEquals(podTexts(cluster), [
    "agent-node-1 node-1 10.244.0.2",
    "agent-node-2 node-2 10.244.1.2",
    "agent-node-3 node-3 10.244.2.2",
  ]);
  assertEquals(cluster.nodes.get("node-3")?.internalIps[0]?.text, "172.18.0.4");
});

Deno.test("deleteEvents() takes what controllers and namespaces have with them", () => {
  const cluster = clusterOf(DEPLOYMENT, SERVICE);
  remove(cluster, DEPLOYMENT);
  assertEquals(cluster.pods.size, 0);
  assertEquals(endpointTexts(cluster, "shop/web"), []);
  apply(cluster, DEPLOYMENT);
  remove(cluster, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
  assertEquals([cluster.pods.size, cluster.services.size], [0, 0]);
  assertEquals(cluster.namespaces.size, 0);
});

Deno.test("deleteEvents() needs no more than kind and name", () => {
  const policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
    "metadata: {name: deny}\n";
  const cluster = clusterOf(DEPLOYMENT, SERVICE);
  assertEquals(deleteEvents(asFiles([policy]), { cluster }), [{
    type: "policy.deleted",
    version: 1,
    data: {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      namespace: "default",
      name: "deny",
    },
  }]);
  remove(
    cluster,
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n",
    "apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n",
  );
  assertEquals(cluster.services.size, 0);
  assertEquals([...cluster.nodes.keys()], ["node-2"]);
});

Deno.test("applyEvents() and deleteEvents() treat an Endpoints object as a whole", () => {
  const endpoints = (subsets: string) =>
    `apiVersion: v1\nkind: Endpoints\nmetadata: {name: ext}\n${subsets}`;
  const service = "apiVersion: v1\nkind: Service\nmetadata: {name: ext}\n" +
    "spec: {ports: [{port: 80}]}\n";
  const both = "subsets:\n" +
    '- {addresses: [{ip: 192.0.2.1}, {ip: "2001:db8::1"}], ports: [{port: 1}]}\n' +
    "- {notReadyAddresses: [{ip: 192.0.2.2}], ports: [{port: 2}]}\n";
  const cluster = clusterOf(service, endpoints(both));
  assertEquals(endpointTexts(cluster, "default/ext"), [
    "192.0.2.1:1",
    "192.0.2.2:2 not ready",
  ]);
  assertEquals(endpointTexts(cluster, "default/ext", { family: 6 }), [
    "2001:db8::1:1",
  ]);
  apply(
    cluster,
    endpoints(
      "subsets: [{addresses: [{ip: 192.0.2.9}], ports: [{port: 3}]}]\n",
    ),
  );
  assertEquals(endpointTexts(cluster, "default/ext"), ["192.0.2.9:3"]);
  remove(cluster, endpoints(""));
  assertEquals(cluster.slices.size, 0);
});

Deno.test("importManifests() tells what is wrong in a file's other documents beside one that is no YAML", () => {
  const text = `kind: Service
apiVersion: v1
metadata: {name: a}
spec: {type: Nodeport, ports: [{port: 1}]}
---
kind: Pod
metadata: {name: b
`;
  const error = assertThrows(
    () => importManifests([{ file: "a.yaml", text }]),
    InputError,
  );
  assertEquals(error.problems.length, 2);
});

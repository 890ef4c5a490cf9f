/** Manifests for the tests of this folder: two nodes, and whatever pods and Services a test names. */
import { Cluster } from "../../core/cluster/cluster.ts";
import type { KubeObject, Labels, Pod } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { newEvent } from "../../core/event.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Outcome } from "../../core/replay/outcome.ts";
import {
  runFlows,
  type ShortFlow,
  type TestUse,
} from "../../core/replay/testing.ts";
import mesh from "./mod.ts";

/** Two nodes with a range of pod addresses each. */
export const NODES = ["n1", "n2"].map((name, index) => `
apiVersion: v1
kind: Node
metadata: { name: ${name} }
spec: { podCIDR: 10.244.${index + 1}.0/24 }
status:
  addresses: [{ type: InternalIP, address: 192.168.0.1${index + 1} }]
`).join("---");

/** A namespace with labels, as a YAML mapping. */
export function namespace(name: string, labels = "{}"): string {
  return `
---
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: ${labels} }
`;
}

/** A running pod; its service account has its name. */
export function pod(
  key: string,
  { node = "n1", ip, labels = "{}", annotations = "{}", port = 8080 }: {
    readonly node?: string;
    readonly ip: string;
    readonly labels?: string;
    readonly annotations?: string;
    readonly port?: number;
  },
): string {
  const [ns, name] = key.split("/");
  return `
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${ns}, labels: ${labels}, annotations: ${annotations} }
spec:
  nodeName: ${node}
  serviceAccountName: ${name}
  containers: [{ name: app, ports: [{ containerPort: ${port} }] }]
status:
  phase: Running
  podIP: ${ip}
  podIPs: [{ ip: ${ip} }]
  conditions: [{ type: Ready, status: "True" }]
`;
}

/** A Service with one or more ports, as a YAML list. */
export function service(
  key: string,
  { ip, selector, ports }: {
    readonly ip: string;
    readonly selector: string;
    readonly ports: string;
  },
): string {
  const [ns, name] = key.split("/");
  return `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${ns} }
spec: { clusterIP: ${ip}, clusterIPs: [${
    ip === "None" ? '"None"' : ip
  }], selector: ${selector}, ports: ${ports} }
`;
}

/** An object of the mesh's own kinds. */
export function meshObject(
  kind: string,
  key: string,
  spec: string,
): string {
  const [ns, name] = key.split("/");
  const group = kind === "PeerAuthentication" ||
      kind === "AuthorizationPolicy" || kind === "RequestAuthentication"
    ? "security.istio.io/v1"
    : kind === "WasmPlugin"
    ? "extensions.istio.io/v1alpha1"
    : "networking.istio.io/v1";
  return `
---
apiVersion: ${group}
kind: ${kind}
metadata: { name: ${name}, namespace: ${ns} }
spec: ${spec}
`;
}

/** An object as the plugin gets it, for tests of single parts. */
export function kubeObject(
  kind: string,
  key: string,
  { spec, createdAt, annotations }: {
    readonly spec: unknown;
    readonly createdAt?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  },
): KubeObject {
  const [ns, name] = key.split("/") as [string, string];
  return {
    apiVersion: "security.istio.io/v1",
    kind,
    metadata: {
      name,
      namespace: ns,
      ...(createdAt === undefined ? {} : { creationTimestamp: createdAt }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec,
    source: { file: "test.yaml", line: 1, column: 1 },
  };
}

/** A pod as the plugin gets it, for tests of single parts. */
export function podOf(
  key: string,
  fields: Partial<Pod> = {},
): Pod {
  const [ns, name] = key.split("/") as [string, string];
  return {
    namespace: ns,
    name,
    labels: {},
    annotations: {},
    source: { file: "test.yaml", line: 1, column: 1 },
    ips: [Ip.of("10.244.1.5")],
    node: "n1",
    hostNetwork: false,
    ports: [],
    serviceAccount: name,
    workload: { kind: "Pod", name },
    ready: true,
    terminating: false,
    running: true,
    containers: ["app"],
    ...fields,
  };
}

/**
 * A shop in the mesh with a client, two versions of a web server with an HTTP,
 * a TCP and an undeclared port, and a namespace outside the mesh.
 */
const SHOP = [
  NODES,
  namespace("shop", "{ istio-injection: enabled }"),
  namespace("bare"),
  pod("shop/client", { ip: "10.244.1.5", labels: "{ app: client }" }),
  pod("shop/web-v1", {
    node: "n2",
    ip: "10.244.2.5",
    labels: "{ app: web, version: v1 }",
  }),
  pod("shop/web-v2", {
    node: "n2",
    ip: "10.244.2.6",
    labels: "{ app: web, version: v2 }",
  }),
  pod("bare/client", { ip: "10.244.1.9" }),
  pod("bare/db", { node: "n2", ip: "10.244.2.9", labels: "{ app: db }" }),
  service("shop/web", {
    ip: "10.96.0.20",
    selector: "{ app: web }",
    ports:
      "[{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 90, targetPort: 9090 }, { name: any, port: 70, targetPort: 7070 }]",
  }),
  service("bare/db", {
    ip: "10.96.0.30",
    selector: "{ app: db }",
    ports:
      "[{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 5432 }]",
  }),
].join("");

/** What becomes of one flow in the shop. */
export function outcomeOf(
  flow: ShortFlow,
  { objects = [], options = {}, manifests = SHOP, others = [] }: {
    readonly objects?: readonly string[];
    readonly options?: object;
    readonly manifests?: string;
    readonly others?: readonly TestUse[];
  } = {},
): Outcome {
  const [result] = runFlows({
    manifests: manifests + objects.join(""),
    stack: [...others, [mesh, options]],
    flows: [flow],
    trace: "outcome",
  });
  return result!.outcome;
}

/** An HTTP request from the client in the shop. */
export function get(
  url: string,
  { from = "pod/shop/client", to, ...http }: {
    readonly from?: string;
    readonly to?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): ShortFlow {
  const { hostname, port, protocol } = new URL(url);
  const standard = protocol === "https:" ? "443" : "80";
  return {
    from,
    to: to ?? `tcp://${hostname}:${port || standard}`,
    http: { url, ...http },
  };
}

/** A cluster that has one namespace with labels. */
export function makeCluster(name: string, labels: Labels): ClusterView {
  const cluster = new Cluster();
  const source = { file: "test.yaml", line: 1, column: 1 };
  const namespace = { name, labels, annotations: {}, source };
  cluster.apply(newEvent("namespace.applied", { namespace }));
  return cluster;
}

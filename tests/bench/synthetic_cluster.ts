import type {
  KubeObject,
  Node,
  Pod,
  Service,
} from "../../core/cluster/model.ts";
import {
  makeTape,
  type NewEvent,
  newEvent,
  type Tape,
} from "../../core/event.ts";
import { Cidr, Ip } from "../../core/packet/ip.ts";
import { drawUint32 } from "../../core/replay/draw.ts";
import type { FlowIntent } from "../../core/replay/flow.ts";

/** How large a made-up cluster is. */
export interface ClusterSize {
  readonly services: number;
  readonly pods: number;
  readonly policies: number;
  readonly nodes: number;
}

const NAMESPACES = 20;
/** Room for 8,190 pods a node. */
const POD_RANGE_BITS = 19;
const AT = { file: "synthetic.yaml", line: 1, column: 1 };

/**
 * The control events of a made-up cluster: every Service has its share of the
 * pods as backends, and every policy selects one Service's pods and admits
 * the pods of one namespace on the serving port.
 */
export function syntheticCluster(size: ClusterSize): NewEvent[] {
  const events: NewEvent[] = [];
  for (let index = 0; index < NAMESPACES; index++) {
    const name = namespaceName(index);
    events.push(newEvent("namespace.applied", {
      namespace: meta(name, { "kubernetes.io/metadata.name": name }),
    }));
  }
  for (let index = 0; index < size.nodes; index++) {
    events.push(newEvent("node.applied", { node: node(index) }));
  }
  for (let index = 0; index < size.pods; index++) {
    events.push(newEvent("pod.applied", { pod: pod(index, size) }));
  }
  for (let index = 0; index < size.services; index++) {
    events.push(newEvent("service.applied", { service: service(index) }));
  }
  for (let index = 0; index < size.policies; index++) {
    events.push(newEvent("policy.applied", { object: policy(index, size) }));
  }
  return events;
}

/** A tape of the cluster and then `count` flows from pods to Services, one a microsecond. */
export function syntheticTape(size: ClusterSize, count: number): Tape {
  const flows = Array.from({ length: count }, (_, index) => ({
    timeNs: 1_000 + index * 1_000,
    event: newEvent("flow.opened", { flow: flow(index, size) }),
  }));
  const control = syntheticCluster(size)
    .map((event) => ({ timeNs: 0, event }));
  return makeTape([...control, ...flows]);
}

function namespaceName(index: number): string {
  return `team-${index % NAMESPACES}`;
}

function meta(name: string, labels: Record<string, string> = {}) {
  return { name, labels, annotations: {}, source: AT };
}

function podRange(node: number): Ip {
  return Ip.v4(0x0a000000).plus(node * 2 ** (32 - POD_RANGE_BITS));
}

function node(index: number): Node {
  return {
    ...meta(`node-${index}`),
    internalIps: [Ip.v4(0xc0a80000 + index + 1)],
    externalIps: [],
    podCidrs: [new Cidr(podRange(index), POD_RANGE_BITS)],
    zone: null,
  };
}

function pod(index: number, size: ClusterSize): Pod {
  const app = index % size.services;
  const onNode = index % size.nodes;
  return {
    ...meta(`app-${app}-${index}`, { app: `app-${app}` }),
    namespace: namespaceName(app),
    ips: [
      podRange(onNode).plus(Math.floor(index / size.nodes) + 2),
    ],
    node: `node-${onNode}`,
    hostNetwork: false,
    ports: [{
      name: "http",
      port: 8080,
      protocol: "TCP",
      hostPort: null,
      hostIp: null,
    }],
    serviceAccount: "default",
    workload: { kind: "Deployment", name: `app-${app}` },
    ready: true,
    terminating: false,
    running: true,
    containers: ["main"],
  };
}

function service(index: number): Service {
  return {
    ...meta(`app-${index}`),
    namespace: namespaceName(index),
    type: "ClusterIP",
    clusterIps: [Ip.v4(0x0a600000 + index + 1)],
    headless: false,
    externalIps: [],
    loadBalancerIps: [],
    loadBalancerSourceRanges: [],
    externalName: null,
    ports: [{
      name: "http",
      protocol: "TCP",
      port: 80,
      targetPort: 8080,
      nodePort: null,
      appProtocol: null,
    }],
    selector: { app: `app-${index}` },
    affinityTimeoutS: null,
    externalTrafficPolicy: "Cluster",
    internalTrafficPolicy: "Cluster",
    trafficDistribution: null,
    healthCheckNodePort: null,
    publishNotReadyAddresses: false,
    createdAt: null,
  };
}

function policy(index: number, size: ClusterSize): KubeObject {
  const app = index % size.services;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `policy-${index}`, namespace: namespaceName(app) },
    spec: {
      podSelector: { matchLabels: { app: `app-${app}` } },
      policyTypes: ["Ingress"],
      ingress: [{
        from: [{
          namespaceSelector: {
            matchLabels: {
              "kubernetes.io/metadata.name": namespaceName(index * 7),
            },
          },
        }],
        ports: [{ protocol: "TCP", port: 8080 }],
      }],
    },
    source: AT,
  };
}

function flow(index: number, size: ClusterSize): FlowIntent {
  const sender = drawUint32(1, `sender ${index}`) % size.pods;
  const target = drawUint32(1, `target ${index}`) % size.services;
  const app = sender % size.services;
  return {
    id: `f${index}`,
    from: {
      kind: "pod",
      namespace: namespaceName(app),
      name: `app-${app}-${sender}`,
    },
    to: { host: Ip.v4(0x0a600000 + target + 1).text, port: 80 },
    protocol: "tcp",
    sourcePort: null,
    connection: null,
    application: { kind: "opaque", lengthBytes: 100 },
  };
}

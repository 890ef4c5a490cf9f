import { makeTape, newEvent, type Tape } from "../event.ts";
import { importManifests } from "../import/manifests.ts";
import { flowIntent, type ShortFlow } from "./testing.ts";

const MANIFESTS = `
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDR: 10.0.2.0/24}
status:
  addresses:
  - {type: InternalIP, address: 192.168.0.2}
  - {type: ExternalIP, address: 198.51.100.2}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.10}, {ip: "fd00:1::10"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec:
  nodeName: n1
  containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]
status: {phase: Running, podIPs: [{ip: 10.0.1.11}, {ip: "fd00:1::11"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: shop, labels: {app: web}}
spec:
  nodeName: n2
  containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]
status: {phase: Running, podIPs: [{ip: 10.0.2.11}, {ip: "fd00:2::11"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: system, labels: {app: agent}}
spec: {nodeName: n2, hostNetwork: true, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 192.168.0.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.10
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.80}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web-all, namespace: shop}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: http}]
`;

/** A policy that comes while traffic runs, and is deleted again. */
const LATER = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: silence, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`;

const FLOWS: readonly ShortFlow[] = [
  { from: "pod/shop/client", to: "tcp://web:80" },
  {
    from: "pod/shop/client",
    to: "tcp://web:80",
    http: { url: "http://web/items?page=2", headers: { "x-user": "a" } },
  },
  { from: "pod/shop/client", to: "tcp://web-all:8080" },
  { from: "pod/shop/client", to: "tcp://10.0.2.11:8080" },
  { from: "pod/shop/client", to: "udp://10.0.1.11:53" },
  { from: "pod/shop/client", to: "tcp://[fd00:2::11]:8080" },
  { from: "pod/shop/client", to: "icmp://10.0.2.11" },
  { from: "pod/shop/client", to: "tcp://198.51.100.77:443" },
  {
    from: "pod/shop/client",
    to: "tcp://198.51.100.77:443",
    tls: { serverName: "example.com" },
  },
  { from: "pod/shop/client", to: "tcp://10.0.1.10:80" },
  { from: "pod/shop/web-1", to: "tcp://web:80" },
  { from: "pod/system/agent", to: "tcp://web.shop:80" },
  { from: "node/n1", to: "tcp://web.shop.svc.cluster.local:80" },
  { from: "node/n1", to: "tcp://127.0.0.1:30080" },
  { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
  { from: "ip/203.0.113.9", to: "tcp://203.0.113.80:80", via: "n2" },
  { from: "ip/203.0.113.9", to: "tcp://10.0.1.11:8080" },
];

const SECOND_NS = 1_000_000_000;

/**
 * A tape with a little of everything: both address families, all kinds of
 * senders and targets, a policy that comes and goes, objects deleted that
 * never were. What {@link checkPlugin} replays.
 */
export function standardTape(): Tape {
  const read = (text: string) =>
    importManifests([{ file: "standard.yaml", text }]).events;
  const round = (index: number) =>
    FLOWS.map((flow, number) => ({
      timeNs: (2 * index + 1) * SECOND_NS,
      event: newEvent("flow.opened", {
        flow: flowIntent(flow, index * FLOWS.length + number),
      }),
    }));
  const at = (index: number, events: ReturnType<typeof read>) =>
    events.map((event) => ({ timeNs: 2 * index * SECOND_NS, event }));
  const silence = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "silence",
  };
  return makeTape([
    ...at(0, read(MANIFESTS)),
    ...round(0),
    ...at(1, read(LATER)),
    ...round(1),
    ...at(2, [
      newEvent("policy.deleted", silence),
      newEvent("policy.deleted", { ...silence, name: "never-was" }),
      newEvent("pod.deleted", { namespace: "shop", name: "web-2" }),
      newEvent("service.deleted", { namespace: "shop", name: "never-was" }),
    ]),
    ...round(2),
  ]);
}

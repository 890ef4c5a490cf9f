import type { ShortFlow } from "../core/replay/testing.ts";

/** Two nodes, and Services of every kind that kube-proxy serves differently. */
export const SHOP = `
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDRs: [10.244.1.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.168.0.11 }] }
---
apiVersion: v1
kind: Node
metadata: { name: n2 }
spec: { podCIDRs: [10.244.2.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.168.0.12 }] }
${pod("web-1", "n1", "10.244.1.5")}
${pod("web-2", "n2", "10.244.2.5")}
${pod("web-3", "n2", "10.244.2.6")}
${pod("client", "n1", "10.244.1.9")}
${service("web", "10.96.0.10", "type: NodePort, selector: { app: web }", 30080)}
${service("empty", "10.96.0.11", "selector: { app: nobody }")}
${
  service(
    "sticky",
    "10.96.0.12",
    "selector: { app: web }, sessionAffinity: ClientIP",
  )
}
${
  service(
    "guarded",
    "10.96.0.13",
    "type: LoadBalancer, selector: { app: web }, externalTrafficPolicy: Local, loadBalancerSourceRanges: [203.0.113.0/24]",
    30081,
  )
}
status: { loadBalancer: { ingress: [{ ip: 198.51.100.7 }] } }
`;

/** Endpoints of Service `web`. */
export const WEB = ["10.244.1.5:8080", "10.244.2.5:8080", "10.244.2.6:8080"];

function pod(name: string, node: string, ip: string): string {
  return `---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: ${
    name.replace(/-.*/, "")
  } } }
spec: { nodeName: ${node}, containers: [{ name: main, image: none }] }
status:
  phase: Running
  podIP: ${ip}
  conditions: [{ type: Ready, status: "True" }]`;
}

function service(
  name: string,
  ip: string,
  spec: string,
  nodePort?: number,
): string {
  const port = nodePort === undefined ? "" : `, nodePort: ${nodePort}`;
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${ip}, ${spec}, ports: [{ port: 80, targetPort: 8080, protocol: TCP${port} }] }`;
}

const SENDERS: readonly Pick<ShortFlow, "from" | "via">[] = [
  { from: "pod/shop/client" },
  { from: "pod/shop/web-1" },
  { from: "pod/shop/web-2" },
  { from: "node/n1" },
  { from: "node/n2" },
  { from: "ip/203.0.113.77", via: "n1" },
  { from: "ip/198.51.100.200", via: "n2" },
];

const TARGETS = [
  ...["tcp://10.96.0.10:80", "tcp://10.96.0.10:81", "tcp://10.96.0.11:80"],
  ...["tcp://10.96.0.12:80", "tcp://10.96.0.12:80", "tcp://10.96.0.13:80"],
  ...["tcp://198.51.100.7:80", "tcp://192.168.0.11:30080"],
  ...["tcp://192.168.0.12:30080", "tcp://192.168.0.11:30081"],
  ...["tcp://192.168.0.12:30081", "udp://192.168.0.12:53"],
  ...["tcp://10.244.1.5:8080", "udp://10.244.2.5:53", "icmp://10.244.2.6"],
  ...["tcp://203.0.113.9:443", "icmp://192.168.0.12", "tcp://10.96.9.9:80"],
];

/** Everybody to everything, addresses that nobody has included. */
export const SHOP_FLOWS: readonly ShortFlow[] = SENDERS.flatMap((sender) =>
  TARGETS.map((to, index) => ({ ...sender, to, atNs: index * 1_000_000 }))
);

/** Whether policies let a flow through, by how the engine tells who somebody is. */
export interface TrapVerdict {
  /** By address, as agents on iptables and Open vSwitch do. */
  readonly addresses: "forwarded" | "dropped";
  /** By identity, as Cilium does. */
  readonly identities: "forwarded" | "dropped";
}

/** One flow of a trap. */
export interface TrapFlow {
  /** As in scenarios: `pod/shop/client`, `ip/203.0.113.9`. */
  readonly from: string;
  /** Node that packets from outside arrive at. */
  readonly via?: string;
  readonly to: string;
  readonly expected: TrapVerdict;
}

/** What engines get wrong and public suites of cases do not notice. */
export interface PolicyTrap {
  /** A sentence that holds. */
  readonly name: string;
  /** Specs of NetworkPolicies of namespace shop. */
  readonly policies: readonly string[];
  readonly flows: readonly TrapFlow[];
}

const OPEN: TrapVerdict = { addresses: "forwarded", identities: "forwarded" };
const CLOSED: TrapVerdict = { addresses: "dropped", identities: "dropped" };

function node(number: number): string {
  return `kind: Node
apiVersion: v1
metadata: {name: n${number}}
spec: {podCIDRs: [10.0.${number}.0/24, "fd00:0:0:${number}::/64"]}
status: {addresses: [{type: InternalIP, address: 192.168.0.${number}}, {type: InternalIP, address: "fd99::${number}"}]}`;
}

function pod(
  name: string,
  { node, host, port, label = "" }: {
    readonly node: number;
    /** Last part of its addresses; 0: it is on its node's network. */
    readonly host: number;
    readonly port: number;
    readonly label?: string;
  },
): string {
  const ips = host === 0
    ? [`192.168.0.${node}`, `fd99::${node}`]
    : [`10.0.${node}.${host}`, `fd00:0:0:${node}::${host}`];
  return `kind: Pod
apiVersion: v1
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}${label}}}
spec: {nodeName: n${node}, hostNetwork: ${
    host === 0
  }, containers: [{name: main, ports: [{name: http, containerPort: ${port}}]}]}
status: {phase: Running, podIPs: [{ip: "${ips[0]}"}, {ip: "${ips[1]}"}]}`;
}

function service(name: string, host: number): string {
  return `kind: Service
apiVersion: v1
metadata: {name: ${name}, namespace: shop}
spec: {clusterIP: 10.96.0.${host}, selector: {app: ${name}}, ports: [{port: 80, targetPort: http}]}`;
}

/** client and near on n1, web on n2, a pod of the node's network on each; `http` is another number in each pod. */
export const TRAP_CLUSTER: readonly string[] = [
  node(1),
  node(2),
  pod("client", { node: 1, host: 10, port: 7070 }),
  pod("near", { node: 1, host: 11, port: 8080, label: ", tier: back" }),
  pod("web", { node: 2, host: 10, port: 9090 }),
  pod("agent-1", { node: 1, host: 0, port: 9100, label: ", kind: agent" }),
  pod("agent-2", { node: 2, host: 0, port: 9100, label: ", kind: agent" }),
  service("near", 2),
  service("web", 3),
];

/** A trap's NetworkPolicies as manifests. */
export function trapPolicies({ policies }: PolicyTrap): string[] {
  return policies.map((spec, at) =>
    `kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: trap-${at}, namespace: shop}
spec: ${spec}`
  );
}

const WEB = "tcp://10.0.2.10:9090";
const DENY_IN = "{podSelector: {}, policyTypes: [Ingress]}";

/** Cases for tests of engines that enforce NetworkPolicy; each is argued for in `PolicyProfile` or the API's types.go. */
export const POLICY_TRAPS: readonly PolicyTrap[] = [
  {
    name: "NotIn has pods without the label",
    policies: [
      "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [back]}]}}]}]}",
    ],
    flows: [
      { from: "pod/shop/client", to: WEB, expected: OPEN },
      { from: "pod/shop/near", to: WEB, expected: CLOSED },
    ],
  },
  {
    name: "a hostNetwork pod is no policy's subject",
    policies: [DENY_IN],
    flows: [
      {
        from: "pod/shop/client",
        to: "tcp://192.168.0.2:9100",
        expected: OPEN,
      },
      {
        from: "pod/shop/client",
        to: "tcp://192.168.0.1:9100",
        expected: OPEN,
      },
    ],
  },
  {
    name:
      "a hostNetwork pod is its node as a peer: let in at home, not elsewhere",
    policies: [
      "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {kind: agent}}}]}]}",
    ],
    flows: [
      { from: "pod/shop/agent-2", to: WEB, expected: OPEN },
      { from: "pod/shop/agent-1", to: WEB, expected: CLOSED },
    ],
  },
  {
    name: "a node reaches its own pods, whatever isolates them, and no others",
    policies: [DENY_IN],
    flows: [
      { from: "node/n2", to: WEB, expected: OPEN },
      { from: "node/n1", to: WEB, expected: CLOSED },
    ],
  },
  {
    name: "a pod reaches itself, by its address and by its Service",
    policies: ["{podSelector: {}, policyTypes: [Ingress, Egress]}"],
    flows: [
      {
        from: "pod/shop/near",
        to: "tcp://10.0.1.11:8080",
        expected: OPEN,
      },
      { from: "pod/shop/near", to: "tcp://10.96.0.2:80", expected: OPEN },
    ],
  },
  {
    name: "egress sees the backend behind a ClusterIP, never the ClusterIP",
    policies: [
      "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}, {to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 9090}]}, {to: [{podSelector: {matchLabels: {app: near}}}], ports: [{port: 80}]}]}",
    ],
    flows: [
      { from: "pod/shop/client", to: "tcp://10.96.0.3:80", expected: OPEN },
      { from: "pod/shop/client", to: "tcp://10.96.0.2:80", expected: CLOSED },
    ],
  },
  {
    name: "a named port is another number in each pod",
    policies: ["{podSelector: {}, ingress: [{ports: [{port: http}]}]}"],
    flows: [
      { from: "pod/shop/client", to: WEB, expected: OPEN },
      {
        from: "pod/shop/client",
        to: "tcp://10.0.2.10:8080",
        expected: CLOSED,
      },
      {
        from: "pod/shop/client",
        to: "tcp://10.0.1.11:8080",
        expected: OPEN,
      },
      {
        from: "pod/shop/client",
        to: "tcp://10.0.1.11:9090",
        expected: CLOSED,
      },
    ],
  },
  {
    name: "an IPv6 block has pods by address alone",
    policies: [
      '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: "fd00:0:0:1::/64"}}]}]}',
    ],
    flows: [
      {
        from: "pod/shop/client",
        to: "tcp://[fd00:0:0:2::10]:9090",
        expected: { addresses: "forwarded", identities: "dropped" },
      },
      { from: "pod/shop/client", to: WEB, expected: CLOSED },
    ],
  },
  {
    name: "a block with host bits is its network, less its exceptions",
    policies: [
      "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.77/24, except: [203.0.113.130/25]}}]}]}",
    ],
    flows: [
      { from: "ip/203.0.113.9", via: "n2", to: WEB, expected: OPEN },
      { from: "ip/203.0.113.200", via: "n2", to: WEB, expected: CLOSED },
      { from: "ip/198.18.0.9", via: "n2", to: WEB, expected: CLOSED },
    ],
  },
  {
    name: "policyTypes [Egress] leaves an ingress block out, but to Cilium",
    policies: [
      "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: near}}}]}], egress: [{}]}",
    ],
    flows: [
      {
        from: "pod/shop/client",
        to: WEB,
        expected: { addresses: "forwarded", identities: "dropped" },
      },
      { from: "pod/shop/near", to: WEB, expected: OPEN },
    ],
  },
  {
    name: "an answer passes where its own direction is closed",
    policies: [
      "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: [{}]}",
      "{podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress, Egress], egress: [{}]}",
    ],
    flows: [
      { from: "pod/shop/client", to: WEB, expected: OPEN },
      { from: "pod/shop/client", to: "tcp://10.96.0.3:80", expected: OPEN },
      {
        from: "pod/shop/web",
        to: "tcp://10.0.1.11:8080",
        expected: CLOSED,
      },
    ],
  },
];

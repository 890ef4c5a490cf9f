import { assert, assertEquals } from "@std/assert";
import { ending, HOST_ROUTED, REPLACED, run } from "./_testing.ts";

function node(number: number): string {
  return `kind: Node
apiVersion: v1
metadata: {name: n${number}}
spec: {podCIDRs: ["fd00:${number}::/64"]}
status: {addresses: [{type: InternalIP, address: "fd01::${number}"}]}`;
}

function pod(name: string, number: number): string {
  return `kind: Pod
apiVersion: v1
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {nodeName: n${number}, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: "fd00:${number}::5"}]}`;
}

function service(name: string, ip: string): string {
  return `kind: Service
apiVersion: v1
metadata: {name: ${name}, namespace: shop}
spec: {type: NodePort, clusterIP: "${ip}", clusterIPs: ["${ip}"], ipFamilies: [IPv6], selector: {app: ${name}}, ports: [{port: 80, targetPort: 8080, nodePort: ${
    name === "web" ? 30080 : 30081
  }}]}`;
}

const SIX = [
  node(1),
  node(2),
  pod("client", 1),
  pod("web", 2),
  service("client", "fd02::1"),
  service("web", "fd02::2"),
  `kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: p, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: "2001:db8::/32"}}]}]}`,
];

Deno.test("IPv6 takes the same ways: Services, hairpin, node ports, masquerade, policy", () => {
  const flows = [
    { from: "pod/shop/client", to: "tcp://[fd02::2]:80" },
    { from: "pod/shop/client", to: "tcp://[fd02::1]:80" },
    { from: "pod/shop/client", to: "tcp://[2001:db8::1]:443" },
    { from: "ip/2001:db8::7", to: "tcp://[fd01::2]:30080" },
    { from: "ip/2001:db8::7", to: "tcp://[fd01::1]:30080" },
    { from: "ip/2001:dead::7", to: "tcp://[fd00:2::5]:8080" },
  ];
  const expected = [
    "fd00:1::5 > [fd00:2::5]:8080",
    "fe80::1 > [fd00:1::5]:8080",
    "fd01::1 > [2001:db8::1]:443",
    "2001:db8::7 > [fd00:2::5]:8080",
    "dropped POLICY_DENIED at n2 to-pod",
    "dropped POLICY_DENIED at n2 to-pod",
  ];
  for (const values of [REPLACED, HOST_ROUTED]) {
    const results = run(SIX, {
      values: { ...values, socketLB: { hostNamespaceOnly: true } },
      flows,
    });
    assertEquals(results.map(ending), expected);
    assert(results.slice(0, 4).every(({ outcome }) => outcome.reply));
  }
});

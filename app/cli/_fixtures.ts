import { dirname } from "node:path";

/** A node with two pods, of which a policy lets nobody reach the second. */
export const NODES = `apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.0.1.0/24]}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: default, labels: {app: a}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.5}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: default, labels: {app: b}}
spec: {nodeName: n1, containers: [{name: c, ports: [{containerPort: 80}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.6}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: default}
spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Ingress]}
`;

/** A scenario whose stacks differ in its only step, and what it says of that. */
export function differing(rest: string): string {
  return `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: one, id: D99}
fixtures: nodes.yaml
stacks: {kube-proxy: {use: kube-proxy}, cilium: {use: cilium}}
steps:
  - {name: ask, send: {from: pod/default/a, to: "tcp://10.0.1.6:80"}}
${rest}`;
}

/** Runs a test with a directory that has the files. */
export async function withFiles(
  files: Readonly<Record<string, string>>,
  run: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    for (
      const [name, text] of Object.entries({ "nodes.yaml": NODES, ...files })
    ) {
      const path = `${directory}/${name}`;
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
    await run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

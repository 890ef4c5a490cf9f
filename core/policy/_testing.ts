import { Cluster } from "../cluster/cluster.ts";
import type { KubeObject, Pod } from "../cluster/model.ts";
import { importManifests } from "../import/manifests.ts";
import { Ip } from "../packet/ip.ts";
import { PROTOCOL } from "../packet/packet.ts";
import { InputError } from "../errors.ts";
import { isAdminPolicy, readAdminPolicy } from "./admin_policy.ts";
import { isNetworkPolicy, readNetworkPolicy } from "./network_policy.ts";
import type { PolicyDirection } from "./policy.ts";
import { PolicyIndex } from "./policy_index.ts";
import { PLAIN_PROFILE, type PolicyProfile } from "./profile.ts";

/** Manifests, for tests: two nodes, namespaces shop and bank, pods in both. */
export const SHOP = `
kind: Node
apiVersion: v1
metadata: {name: n1, labels: {role: worker}}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
kind: Node
apiVersion: v1
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}
---
kind: Namespace
apiVersion: v1
metadata: {name: bank, labels: {team: money}}
---
${pod("shop/web", { node: "n1", ip: "10.0.1.1" })}
---
${pod("shop/db", { node: "n2", ip: "10.0.2.1", port: 5432 })}
---
${pod("bank/teller", { node: "n1", ip: "10.0.1.2" })}
---
${
  pod("bank/monitor", {
    node: "n1",
    ip: "192.168.0.1",
    more: "hostNetwork: true,",
  })
}
`;

/** A pod labelled `app` by its name, with one port named http. */
export function pod(
  name: string,
  { node, ip, port = 80, more = "" }: {
    readonly node: string;
    readonly ip: string;
    readonly port?: number;
    readonly more?: string;
  },
): string {
  const [namespace, own] = name.split("/");
  return `kind: Pod
apiVersion: v1
metadata: {namespace: ${namespace}, name: ${own}, labels: {app: ${own}}}
spec: {${more} nodeName: ${node}, containers: [{name: main, ports: [{name: http, containerPort: ${port}}]}]}
status: {phase: Running, podIPs: [{ip: "${ip}"}]}`;
}

/** A NetworkPolicy of namespace shop. */
export function policy(name: string, spec: string): string {
  return `kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {namespace: shop, name: ${name}}
spec: ${spec}`;
}

/** Policies and cluster, ready to be asked in short text. */
export class PolicyTest {
  readonly cluster = new Cluster();
  readonly index: PolicyIndex;

  constructor(
    documents: readonly string[],
    profile: Partial<PolicyProfile> = {},
  ) {
    const text = documents.join("\n---\n");
    const objects: KubeObject[] = [];
    for (const event of importManifests([{ file: "test.yaml", text }]).events) {
      this.cluster.apply(event);
      if (event.type === "policy.applied") objects.push(event.data.object);
    }
    const whole = { ...PLAIN_PROFILE, ...profile };
    const read = objects.flatMap((object) =>
      isNetworkPolicy(object)
        ? [readNetworkPolicy(object, whole)]
        : isAdminPolicy(object)
        ? [readAdminPolicy(object)]
        : []
    );
    const problems = read.flatMap((one) => one.problems);
    if (problems.length > 0) throw new InputError(problems);
    this.index = new PolicyIndex(read.flatMap((one) => one.policies), {
      cluster: this.cluster,
      profile: whole,
    });
  }

  /** `judge("ingress shop/db", "10.0.1.1", 5432)`: what the policies of a pod say. */
  judge(
    what: string,
    peer: string,
    port = 80,
    protocol: number = PROTOCOL.tcp,
  ) {
    const [direction, subject] = what.split(" ");
    return this.index.judge({
      direction: direction as PolicyDirection,
      subject: this.#pod(subject!),
      peer: Ip.parse(peer) ?? this.#pod(peer).ips[0]!,
      protocol,
      port,
    });
  }

  #pod(name: string): Pod {
    return this.cluster.pods.get(name)!;
  }
}

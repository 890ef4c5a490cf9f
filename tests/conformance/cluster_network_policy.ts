import { Ip } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import {
  allowed,
  listOf,
  namespaceManifest,
  nodeManifest,
  type Peer,
  podManifest,
  type PolicyWorld,
  policyWorld,
} from "./_policy_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** Conformance tests of the policy API, ClusterNetworkPolicy v1alpha2. */
export const clusterNetworkPolicy: Suite = {
  name: "network-policy/cluster-network-policy",
  *run(directory) {
    const read = (name: string) =>
      JSON.parse(Deno.readTextFileSync(`${directory}/${name}`));
    const fixture: Fixture = read("fixture.json");
    for (const one of read("cases.json") as ApiCase[]) {
      yield judgeCase(one, fixture);
    }
  },
};

interface Fixture {
  readonly namespaces: readonly Parameters<typeof namespaceManifest>[0][];
  readonly pods: readonly Parameters<typeof podManifest>[0][];
  readonly nodes: readonly Parameters<typeof nodeManifest>[0][];
}

interface PolicyObject {
  readonly metadata: { readonly name: string };
}

interface ApiCase {
  readonly shortName: string;
  readonly policies: readonly PolicyObject[];
  readonly steps: readonly {
    readonly name: string;
    readonly phases: readonly Phase[];
  }[];
}

interface Phase {
  readonly actions: readonly {
    readonly replacePolicy?: PolicyObject;
    readonly deletePolicy?: { readonly name: string };
    readonly setNamespaceLabels?: {
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
    };
  }[];
  readonly probes: readonly {
    readonly from: string;
    readonly to: string;
    readonly toIP: string;
    readonly protocol: "TCP" | "UDP" | "SCTP";
    readonly port: number;
    readonly expect: "allow" | "deny";
  }[];
}

function judgeCase(one: ApiCase, fixture: Fixture): CaseResult {
  const policies = new Map(
    one.policies.map((policy) => [policy.metadata.name, policy]),
  );
  const namespaces = new Map(fixture.namespaces.map((one) => [one.name, one]));
  const faults: string[] = [];
  let unknown = false;
  for (const { name, phases } of one.steps) {
    for (const { actions, probes } of phases) {
      for (const action of actions) {
        const { replacePolicy, deletePolicy, setNamespaceLabels } = action;
        if (replacePolicy !== undefined) {
          policies.set(replacePolicy.metadata.name, replacePolicy);
        }
        if (deletePolicy !== undefined) policies.delete(deletePolicy.name);
        if (setNamespaceLabels !== undefined) {
          namespaces.set(setNamespaceLabels.name, setNamespaceLabels);
        }
      }
      const world = policyWorld([{
        file: one.shortName,
        text: listOf([
          ...fixture.nodes.map(nodeManifest),
          ...[...namespaces.values()].map(namespaceManifest),
          ...fixture.pods.map(podManifest),
          ...policies.values(),
        ]),
      }]);
      for (const probe of probes) {
        const got = answer(world, probe);
        if (got === probe.expect) continue;
        unknown ||= got === "unknown";
        const { from, to, protocol, port } = probe;
        faults.push(
          `${name}: ${from} -> ${to} ${protocol} ${port}: ${probe.expect} not ${got}`,
        );
      }
    }
  }
  const id = one.shortName;
  if (faults.length === 0) return { id, status: "passed" };
  const status = unknown ? "unknown" : "failed";
  return { id, status, actual: faults.slice(0, 3).join("; ") };
}

function answer(
  { cluster, index }: PolicyWorld,
  { from, to, toIP, protocol, port }: Phase["probes"][number],
): "allow" | "deny" | "unknown" {
  const source = cluster.pods.get(from)!;
  const destination = cluster.pods.get(to)!;
  const sender: Peer = { name: from, end: source, peer: source.ips[0]! };
  const receiver: Peer = { name: to, end: destination, peer: Ip.of(toIP) };
  const open = allowed(index, {
    from: sender,
    to: receiver,
    protocol: PROTOCOL[protocol.toLowerCase() as "tcp" | "udp" | "sctp"],
    port,
  });
  return open === undefined ? "unknown" : open ? "allow" : "deny";
}

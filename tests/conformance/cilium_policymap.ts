import { PROTOCOL } from "../../core/packet/packet.ts";
import { ciliumProfile } from "../../plugins/ebpf/compile_policies.ts";
import { policyMapOf } from "../../plugins/ebpf/policy_map.ts";
import {
  listOf,
  nodeManifest,
  podManifest,
  policyWorld,
} from "./_policy_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** Sets of rules and the policy map that Cilium's agent makes of them. */
export const ciliumPolicymap: Suite = {
  name: "cilium/policymap",
  *run(directory) {
    const table: Table = JSON.parse(
      Deno.readTextFileSync(`${directory}/mergerules.json`),
    );
    for (const one of table.cases) yield judgeRow(one, table.ruleDefinitions);
  },
};

interface Table {
  readonly ruleDefinitions: Readonly<Record<string, object>>;
  readonly cases: readonly Row[];
}

interface Row {
  readonly case: number;
  readonly rules: readonly string[];
  readonly policyMapIngress: readonly {
    readonly identity: string;
    /** `80/TCP` or `*`. */
    readonly port: string;
    readonly action: string;
    readonly proxyRedirect: boolean;
  }[];
}

const LABELS = { foo: "blue" };

const PROFILE = ciliumProfile({
  enforcement: "default",
  cidrsMatchNodes: false,
  clusterName: "default",
});

function judgeRow(row: Row, definitions: Table["ruleDefinitions"]): CaseResult {
  const { cluster, index } = policyWorld([{
    file: "policymap",
    text: listOf([
      nodeManifest({ name: "node", addresses: ["172.18.0.2"] }),
      podManifest({
        namespace: "default",
        name: "foo",
        labels: LABELS,
        ip: "10.0.0.1",
        ports: [],
      }),
      {
        apiVersion: "cilium.io/v2",
        kind: "CiliumNetworkPolicy",
        metadata: { name: "rules", namespace: "default" },
        specs: row.rules.map((name) => ({
          endpointSelector: { matchLabels: LABELS },
          ...definitions[name],
        })),
      },
    ]),
  }], PROFILE);
  const foo = index.partyOf(cluster.pods.get("default/foo")!);
  const got = policyMapOf(index.rulesOf(foo, "ingress"), [foo]).map((
    { identity, port, action, redirect },
  ) =>
    entry({
      identity: identity === null ? "*" : "foo",
      port: port.replace(`/${PROTOCOL.tcp}`, "/TCP"),
      action,
      proxyRedirect: redirect,
    })
  ).sort();
  const wanted = row.policyMapIngress.map(entry).sort();
  const id = `${row.case} ${row.rules.join(" ")}`;
  const [expected, actual] = [wanted.join("; "), got.join("; ")];
  return expected === actual
    ? { id, status: "passed" }
    : { id, status: "failed", expected, actual };
}

function entry(
  { identity, port, action, proxyRedirect }: Row["policyMapIngress"][number],
): string {
  return `${identity} ${port} ${action}${proxyRedirect ? " redirect" : ""}`;
}

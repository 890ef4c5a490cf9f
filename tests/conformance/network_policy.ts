import type { Pod } from "../../core/cluster/model.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import {
  listOf,
  namespaceManifest,
  nodeManifest,
  podManifest,
  type PolicyWorld,
  policyWorld,
} from "./_policy_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** NetworkPolicy v1 cases that cyclonus generates, with its truth tables. */
export const cyclonus: Suite = {
  name: "network-policy/cyclonus",
  *run(directory) {
    const files = [...Deno.readDirSync(`${directory}/cases`)]
      .map(({ name }) => name).sort();
    for (const file of files) {
      const text = Deno.readTextFileSync(`${directory}/cases/${file}`);
      yield judgeCyclonus(file, JSON.parse(text));
    }
  },
};

interface CyclonusCase {
  readonly steps: readonly {
    readonly state: {
      readonly namespaces: readonly {
        readonly name: string;
        readonly labels: Readonly<Record<string, string>>;
      }[];
      readonly pods: readonly {
        readonly namespace: string;
        readonly name: string;
        readonly labels: Readonly<Record<string, string>>;
        readonly ip: string;
      }[];
      readonly policies: readonly unknown[] | null;
    };
    readonly order: readonly string[];
    /** `TCP/80` -> source -> a letter for each destination in `order`. */
    readonly expected: Readonly<
      Record<string, Readonly<Record<string, string>>>
    >;
  }[];
}

const PROTOCOL_NAMES = ["TCP", "UDP", "SCTP"] as const;

function judgeCyclonus(id: string, one: CyclonusCase): CaseResult {
  const faults: string[] = [];
  for (const [index, step] of one.steps.entries()) {
    const { namespaces, pods, policies } = step.state;
    const world = policyWorld([{
      file: id,
      text: listOf([
        nodeManifest({ name: "node", addresses: ["172.18.0.2"] }),
        ...namespaces.map(namespaceManifest),
        ...pods.map((pod) =>
          podManifest({ ...pod, ports: PROTOCOL_NAMES.flatMap(servedPorts) })
        ),
        ...policies ?? [],
      ]),
    }]);
    for (const [kind, rows] of Object.entries(step.expected)) {
      for (const [from, row] of Object.entries(rows)) {
        const got = step.order.map((to) => letter(world, { from, to, kind }));
        for (const [at, to] of step.order.entries()) {
          // A pod cannot block itself; the tables treat it as any other.
          if (to === from || row[at] === got[at]) continue;
          faults.push(
            `step ${index} ${kind} ${from} -> ${to}: ${row[at]} not ${got[at]}`,
          );
        }
      }
    }
  }
  return faults.length === 0
    ? { id, status: "passed" }
    : { id, status: "failed", actual: faults.slice(0, 3).join("; ") };
}

function servedPorts(protocol: string) {
  return [80, 81].map((port) => ({
    name: `serve-${port}-${protocol.toLowerCase()}`,
    port,
    protocol,
  }));
}

function letter(
  { cluster, index }: PolicyWorld,
  { from, to, kind }: {
    readonly from: string;
    readonly to: string;
    readonly kind: string;
  },
): string {
  const [protocol, port] = kind.split("/");
  const source = cluster.pods.get(from)!;
  const destination = cluster.pods.get(to)!;
  const number = PROTOCOL[protocol!.toLowerCase() as "tcp" | "udp" | "sctp"];
  const ask = (direction: "egress" | "ingress", subject: Pod, peer: Pod) =>
    index.judge({
      direction,
      subject,
      peer: peer.ips[0]!,
      protocol: number,
      port: Number(port),
    }).verdict === "allow";
  const egress = ask("egress", source, destination);
  const ingress = ask("ingress", destination, source);
  return egress ? ingress ? "." : "i" : ingress ? "e" : "b";
}

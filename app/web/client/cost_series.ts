import type { Outcome } from "../../../core/replay/outcome.ts";
import type { CompareAnswer } from "../../server/schemas.ts";

/** What one connection costs in a cluster of so many Services. */
export interface CostPoint {
  readonly services: number;
  /** Netfilter rules evaluated, a connection on average. */
  readonly rules: number;
  /** Map lookups of all kinds, a connection on average. */
  readonly lookups: number;
}

/** The costs of one stack over clusters of growing size. */
export interface CostCurve {
  readonly stack: string;
  readonly points: readonly CostPoint[];
}

/** Sizes of the clusters that are compared. */
export const SERVICE_COUNTS = [10, 50, 100, 250, 500, 1_000] as const;

/** Flows of each cluster: to Services spread evenly over all there are. */
const FLOWS = 8;

/** A cluster of so many Services on two nodes, with a backend they share, and connections to a few of them. */
export function costCluster(services: number): {
  readonly manifests: string;
  readonly flows: readonly { readonly from: string; readonly to: string }[];
} {
  const documents = [
    node("n1", 1),
    node("n2", 2),
    pod("client", { node: "n1", ip: "10.0.1.10" }),
    pod("backend", { node: "n2", ip: "10.0.2.10" }),
    ...Array.from({ length: services }, (_, index) => service(index)),
  ];
  const flows = Array.from({ length: FLOWS }, (_, index) => {
    const wanted = Math.floor((index + 0.5) * services / FLOWS);
    return {
      from: "pod/default/client",
      to: `tcp://${serviceName(wanted)}.default:80`,
    };
  });
  return { manifests: documents.join("---\n"), flows };
}

/** Adds the mean cost of one answer to the curves so far. */
export function withAnswer(
  curves: readonly CostCurve[],
  { services, answer }: {
    readonly services: number;
    readonly answer: CompareAnswer;
  },
): readonly CostCurve[] {
  return answer.summary.stacks.map(({ name: stack }) => {
    const costs = answer.flows.flatMap(({ outcomes }) =>
      outcomes.filter((one) => one.stack === stack)
        .map(({ outcome }) => outcome.cost)
    );
    const before = curves.find((curve) => curve.stack === stack);
    const point = {
      services,
      rules: mean(costs.map((cost) => cost.rules ?? 0)),
      lookups: mean(costs.map(lookupsOf)),
    };
    return { stack, points: [...before?.points ?? [], point] };
  });
}

/** Lookups in maps of every type. */
export function lookupsOf(cost: Outcome["cost"]): number {
  const { hashLookups, lpmLookups, arrayLookups, lruLookups } = cost;
  return [hashLookups, lpmLookups, arrayLookups, lruLookups]
    .reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

function mean(counts: readonly number[]): number {
  if (counts.length === 0) return 0;
  return counts.reduce((sum, count) => sum + count, 0) / counts.length;
}

function serviceName(index: number): string {
  return `service-${String(index).padStart(5, "0")}`;
}

function node(name: string, index: number): string {
  return `apiVersion: v1
kind: Node
metadata: { name: ${name} }
spec: { podCIDR: 10.0.${index}.0/24 }
status:
  addresses: [{ type: InternalIP, address: 172.18.0.${index + 1} }]
`;
}

function pod(
  name: string,
  { node, ip }: { readonly node: string; readonly ip: string },
): string {
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: default, labels: { app: ${name} } }
spec: { nodeName: ${node}, containers: [{ name: app }] }
status: { podIP: ${ip}, podIPs: [{ ip: ${ip} }], phase: Running }
`;
}

function service(index: number): string {
  const ip = `10.96.${Math.floor(index / 200) + 1}.${index % 200 + 10}`;
  return `apiVersion: v1
kind: Service
metadata: { name: ${serviceName(index)}, namespace: default }
spec:
  clusterIP: ${ip}
  selector: { app: backend }
  ports: [{ port: 80, targetPort: 8080 }]
`;
}

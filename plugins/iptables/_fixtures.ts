import { makeTape, type NewEvent, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { type FlowResult, replay } from "../../core/replay/engine.ts";
import {
  flowIntent,
  type ShortFlow,
  stackOf,
} from "../../core/replay/testing.ts";
import iptables from "./mod.ts";

/** Two nodes, a client on n1, and a Deployment with a pod on each node. */
export const CLUSTER = `
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.244.0.0/24 }
status:
  addresses:
    - { type: InternalIP, address: 192.168.0.1 }
    - { type: ExternalIP, address: 198.51.100.1 }
---
apiVersion: v1
kind: Node
metadata: { name: n2 }
spec: { podCIDR: 10.244.1.0/24 }
status:
  addresses:
    - { type: InternalIP, address: 192.168.0.2 }
    - { type: ExternalIP, address: 198.51.100.2 }
---
${pod("client", { node: "n1", ip: "10.244.0.5" })}
---
${pod("web-1", { node: "n1", ip: "10.244.0.6", app: "web" })}
---
${pod("web-2", { node: "n2", ip: "10.244.1.6", app: "web" })}
`;

/** A ready pod. */
export function pod(
  name: string,
  { node, ip, app = name, ready = true }: {
    node: string;
    ip: string;
    app?: string;
    ready?: boolean;
  },
): string {
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: ${app} } }
spec:
  nodeName: ${node}
  containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }]
status:
  podIP: ${ip}
  phase: Running
  conditions: [{ type: Ready, status: "${ready ? "True" : "False"}" }]
`;
}

/** A Service of the pods with the label `app`. */
export function service(
  name: string,
  spec: string,
  { app = "web", status = "{}" }: { app?: string; status?: string } = {},
): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${app} }, ${spec} }
status: ${status}
`;
}

/** Something that happens between flows. */
export interface Step {
  readonly atNs: number;
  readonly manifests?: string;
  readonly events?: readonly NewEvent[];
}

/** What a test sets up. */
export interface Run {
  readonly manifests: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly events?: readonly NewEvent[];
  readonly steps?: readonly Step[];
  readonly seed?: number;
}

/** Runs flows through this plugin alone. */
export function run(
  { manifests, options = {}, events = [], steps = [], seed = 1 }: Run,
  ...flows: readonly ShortFlow[]
): readonly FlowResult[] {
  const text = [CLUSTER, ...manifests].join("\n---\n");
  const imported = importManifests([{ file: "test.yaml", text }]);
  const tape = makeTape([
    ...[...imported.events, ...events].map((event) => ({ timeNs: 0, event })),
    ...steps.flatMap((step) =>
      [
        ...(step.manifests === undefined ? [] : importManifests([
          { file: "step.yaml", text: `${CLUSTER}\n---\n${step.manifests}` },
        ]).events),
        ...(step.events ?? []),
      ].map((event) => ({ timeNs: step.atNs, event }))
    ),
    ...flows.map((flow, index) => ({
      timeNs: flow.atNs ?? 0,
      event: newEvent("flow.opened", { flow: flowIntent(flow, index) }),
    })),
  ]);
  const stack = stackOf([iptables, options]);
  return [...replay(tape, stack, { seed, trace: "full" }).results];
}

/** A dump for one node, or for all. */
export function dump(
  text: string,
  { node = null, format = "iptables-save", file = "node.rules" }: {
    node?: string | null;
    format?: string;
    file?: string;
  } = {},
): NewEvent {
  return newEvent("dump.loaded", {
    node,
    format,
    text,
    source: { file, line: 1, column: 1 },
  });
}

/** The outcome in one line: verdict, backend or reason, and the source as the receiver saw it. */
export function told({ outcome }: FlowResult): string {
  const { verdict, backend, source, reason } = outcome;
  return verdict === "forwarded"
    ? `${backend} from ${source}`
    : `${verdict}: ${reason}`;
}

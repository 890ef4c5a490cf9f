import { assert } from "@std/assert";
import type { NewEvent } from "../../core/event.ts";
import { loadedDump } from "../../core/import/loaded_dump.ts";
import type { FlowResult } from "../../core/replay/engine.ts";
import { runFlows, type ShortFlow } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";

/** Helm values of a cluster without kube-proxy. */
export const REPLACED = { kubeProxyReplacement: true };

/** The same with masquerading in BPF, and so host routing. */
export const HOST_ROUTED = { ...REPLACED, bpf: { masquerade: true } };

/** A node with an internal and an external address: n1 is 192.168.0.1 and 198.51.100.1. */
function node(number: number): string {
  return `kind: Node
apiVersion: v1
metadata: {name: n${number}}
spec: {podCIDR: 10.0.${number}.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.${number}}, {type: ExternalIP, address: 198.51.100.${number}}]}`;
}

/** A pod labelled `app` by its name, with port http. */
export function pod(
  name: string,
  {
    node,
    ip,
    more = "",
    ports = "{name: http, containerPort: 8080}",
    phase = "Running",
  }: {
    readonly node: string;
    readonly ip: string;
    readonly more?: string;
    readonly ports?: string;
    readonly phase?: string;
  },
): string {
  return `kind: Pod
apiVersion: v1
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {nodeName: ${node}, ${more} containers: [{name: main, ports: [${ports}]}]}
status: {phase: ${phase}, podIPs: [{ip: ${ip}}]}`;
}

/** A Service of namespace shop on port 80 for the pods labelled with `app`. */
export function service(
  name: string,
  {
    app = name,
    ip,
    more = "",
    port = "{port: 80, targetPort: 8080}",
    status = "{}",
  }: {
    readonly app?: string;
    readonly ip: string;
    readonly more?: string;
    readonly port?: string;
    readonly status?: string;
  },
): string {
  return `kind: Service
apiVersion: v1
metadata: {name: ${name}, namespace: shop}
spec: {clusterIP: ${ip}, selector: {app: ${app}}, ports: [${port}], ${more}}
status: ${status}`;
}

/** A CiliumNetworkPolicy of namespace shop. */
export function ciliumPolicy(name: string, spec: string): string {
  return `kind: CiliumNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: ${name}, namespace: shop}
spec: ${spec}`;
}

/** A NetworkPolicy of namespace shop. */
export function networkPolicy(name: string, spec: string): string {
  return `kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: ${name}, namespace: shop}
spec: ${spec}`;
}

/** Two nodes; client and near on the first, web on the second, each with a Service. */
export const SHOP: readonly string[] = [
  node(1),
  node(2),
  pod("client", { node: "n1", ip: "10.0.1.10" }),
  pod("near", { node: "n1", ip: "10.0.1.11" }),
  pod("web", { node: "n2", ip: "10.0.2.10" }),
  service("client", { ip: "10.96.0.1" }),
  service("near", { ip: "10.96.0.2" }),
  service("web", {
    ip: "10.96.0.3",
    port: "{port: 80, targetPort: 8080, nodePort: 30080}",
    more: "type: LoadBalancer, loadBalancerSourceRanges: [203.0.113.0/24]",
    status: "{loadBalancer: {ingress: [{ip: 1.2.3.4}]}}",
  }),
];

/** A dump of n1, told by how it begins. */
export function dump(
  text: string,
  { file = "dump.json", node = "n1" }: {
    readonly file?: string;
    readonly node?: string | null;
  } = {},
): NewEvent<"dump.loaded"> {
  return loadedDump({ file, text }, { format: null, node });
}

/** Runs flows through the plugin alone. */
export function run(
  documents: readonly string[],
  { values = {}, version = "1.18", flows, records, options = {}, dumps = [] }: {
    readonly dumps?: readonly NewEvent<"dump.loaded">[];
    /** Options beside version and values. */
    readonly options?: Readonly<Record<string, unknown>>;
    readonly values?: Readonly<Record<string, unknown>>;
    readonly version?: string;
    readonly flows: readonly ShortFlow[];
    readonly records?: Readonly<Record<string, readonly string[]>>;
  },
): FlowResult[] {
  return runFlows({
    manifests: documents.join("\n---\n"),
    stack: [[plugin, { ...options, version, values }]],
    flows,
    events: dumps,
    ...(records === undefined ? {} : { records }),
  });
}

/** Runs one flow. */
export function runOne(
  documents: readonly string[],
  { from, to, http, ...rest }:
    & Omit<Parameters<typeof run>[1], "flows">
    & ShortFlow,
): FlowResult {
  const { values, version, records, options, dumps, ...flow } = rest;
  const [result] = run(documents, {
    ...(options === undefined ? {} : { options }),
    ...(dumps === undefined ? {} : { dumps }),
    ...(values === undefined ? {} : { values }),
    ...(version === undefined ? {} : { version }),
    ...(records === undefined ? {} : { records }),
    flows: [{ ...flow, from, to, ...(http === undefined ? {} : { http }) }],
  });
  assert(result !== undefined);
  return result;
}

/** What became of a flow in one line: `dropped POLICY_DENIED at n2 to-pod`. */
export function ending({ outcome }: FlowResult): string {
  const { verdict, reason, decidedAt, http, backend, source } = outcome;
  if (http !== null && http.status !== 200) return `${http.status} ${reason}`;
  if (verdict === "forwarded") return `${source} > ${backend}`;
  return `${verdict} ${reason}${decidedAt === null ? "" : ` at ${decidedAt}`}`;
}

import { parse } from "@std/yaml";
import type { Pod } from "../../core/cluster/model.ts";
import { record, records, text } from "../../core/l7/json.ts";
import type { Route } from "../../core/l7/route.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Payload } from "../../core/packet/packet.ts";
import { openingPacket } from "../../core/packet/walking_packet.ts";
import { pickIndex } from "../../core/replay/draw.ts";
import type { HookContext, ProxyDecision } from "../../core/replay/plugin.ts";
import { handleInbound } from "../../plugins/mesh/inbound.ts";
import type { Mesh } from "../../plugins/mesh/mesh.ts";
import { handleOutbound } from "../../plugins/mesh/outbound.ts";
import { clusterName, type Upstream } from "../../plugins/mesh/upstream.ts";
import { foldMesh, joinDocuments } from "./_mesh_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

type Case = Readonly<Record<string, unknown>>;

/** The proxy whose configuration is simulated; upstream's tests give it this address. */
const PROXY_IP = "1.1.1.1";

/** Tests of gateways, which another plugin models. */
const GATEWAY_FILE = "gateway_simulation_test.go";

/**
 * Subtests of TestSidecarRoutes whose proxy is in namespace `not-default`; the
 * data leaves that out (istio/istio
 * pilot/pkg/networking/core/sidecar_simulation_test.go).
 */
const OTHER_NAMESPACE = [
  "consumer rule",
  "arbitrary rule",
  "multiple rules",
  "sidecar filter",
];

/** Istio's own simulations of listeners and routes, for sidecars. */
export const istioSimulation: Suite = {
  name: "istio/simulation.json",
  *run(path) {
    const data = record(JSON.parse(Deno.readTextFileSync(path)));
    for (const [index, one] of records(data.cases).entries()) {
      const id = [one.test, one.subtest, one.name, index].join(" / ");
      yield { id, ...judge(one) };
    }
  },
};

function judge(one: Case): Omit<CaseResult, "id"> {
  if (text(one.file)?.endsWith(GATEWAY_FILE)) {
    return { status: "unknown", actual: "gateways are not sidecars" };
  }
  const manifests = joinDocuments(
    text(one.config) ?? "",
    text(one.kubeConfig) ?? "",
  );
  return one.kind === "routes"
    ? judgeRoutes(one, manifests)
    : judgeCalls(one, manifests);
}

/** Compares virtual hosts and the clusters behind them. */
function judgeRoutes(one: Case, manifests: string): Omit<CaseResult, "id"> {
  if (one.test !== "TestSidecarRoutes") {
    return { status: "unknown", actual: "the data has no expectation" };
  }
  if (manifests.includes("kind: Sidecar")) {
    return { status: "unknown", actual: "Sidecar egress is not modelled" };
  }
  const subtest = text(one.subtest) ?? "";
  const namespace = OTHER_NAMESPACE.some((name) => subtest.includes(name))
    ? "not-default"
    : "default";
  const port = subtest.includes("8080") ? 8080 : 80;
  const documents = manifests.split("\n---\n").map(mended);
  const table = foldMesh(joinDocuments(...documents)).routes.tableOf(
    { namespace, labels: {} },
    port,
  );
  const actual = Object.fromEntries(
    Object.keys(record(one.expected)).map((domain) => {
      const entry = table.hosts.find((host) => host.domain === domain);
      const clusters = reachable(entry?.host.routes)?.flatMap(({ action }) =>
        action.kind === "forward"
          ? action.targets.map(({ target }) =>
            target.kind === "backend"
              ? clusterName(target.backend)
              : target.kind
          )
          : [action.kind]
      );
      return [domain, clusters ?? null];
    }),
  );
  return compare(one.expected, actual);
}

/** Istio leaves out what comes after a route that takes everything. */
function reachable(routes: readonly Route<Upstream>[] | undefined) {
  const end =
    routes?.findIndex(({ matches: [match] }) =>
      match === undefined || match.path === null ||
      (match.path.kind !== "regex" && match.path.value === "/" &&
        match.path.kind !== "exact" && match.headers.length === 0)
    ) ?? -1;
  return end < 0 ? routes : routes?.slice(0, end + 1);
}

function judgeCalls(one: Case, manifests: string): Omit<CaseResult, "id"> {
  const mesh = foldMesh(
    joinDocuments(
      ...manifests.split("\n---\n").map(mended).map(asService),
      proxyManifest(one),
    ),
  );
  const pod = mesh.cluster.pods.get("default/proxy")!;
  const results = records(one.calls).map((call) => judgeCall(call, mesh, pod));
  return results.find(({ status }) => status === "failed") ??
    results.find(({ status }) => status === "unknown") ??
    { status: "passed" };
}

function judgeCall(
  { name, call: called, result }: Case,
  mesh: Mesh,
  pod: Pod,
): Omit<CaseResult, "id"> {
  const call = record(called);
  const expected = record(result);
  const payload = payloadOf(call);
  const inbound = call.CallMode === "inbound";
  const packet = openingPacket({
    protocol: "tcp",
    source: Ip.of("9.9.9.9"),
    sourcePort: 40_000,
    destination: Ip.of(inbound ? PROXY_IP : text(call.Address) ?? "1.3.3.7"),
    destinationPort: Number(call.Port),
    mark: 0,
    payload,
  });
  const exchange = {
    packet,
    payload,
    from: { kind: "outside", ip: "9.9.9.9", via: null },
  } as const;
  const context = CONTEXT as unknown as HookContext;
  const decision = inbound
    ? handleInbound(exchange, { mesh, pod, context })
    : handleOutbound(exchange, { mesh, client: pod, context });
  if (decision.kind === "unknown") {
    return { status: "unknown", actual: decision.reason };
  }
  const cluster = inbound
    ? mesh.registry.protocolAt(pod, Number(call.Port)) === null
      ? "InboundPassthroughCluster"
      : `inbound|${call.Port}||`
    : decision.rule?.text ?? decision.rule?.name ?? "";
  const named = /^(outbound\||BlackHoleCluster)/.test(cluster);
  const actual = decision.kind === "forward" || (!inbound && named)
    ? { cluster }
    : { error: errorOf(decision) };
  const wanted = text(expected.Error) === undefined
    ? { cluster: text(expected.ClusterMatched) ?? "" }
    : { error: text(expected.Error) };
  return {
    ...compare(wanted, actual),
    actual: `${name}: ${JSON.stringify(actual)}`,
  };
}

/** The words of upstream's errors, which begin our reasons. */
function errorOf(
  decision: Exclude<ProxyDecision, { kind: "forward" }>,
): string {
  return decision.reason.split(":", 1)[0]!;
}

/** What handlers ask of the engine here. */
const CONTEXT = {
  sawIdentity: () => {},
  draw: () => 0,
  pick: (set: readonly { readonly weight: number }[]) => pickIndex(0, set),
};

function payloadOf(call: Case): Payload {
  const http = call.Protocol !== "tcp";
  const plain: Payload = http
    ? {
      kind: "http",
      request: {
        method: "GET",
        scheme: "http",
        authority: text(call.HostHeader) ?? "",
        path: text(call.Path) ?? "/",
        headers: [],
      },
    }
    : { kind: "opaque", lengthBytes: 1 };
  if (call.TLS !== "tls" && call.TLS !== "mtls") return plain;
  const mutual = call.TLS === "mtls";
  return {
    kind: "tls",
    serverName: text(call.Sni) ?? text(call.HostHeader) ?? null,
    alpn: [mutual ? "istio" : http ? "http/1.1" : ""],
    by: mutual ? "proxy" : "application",
    clientIdentity: mutual ? "spiffe://cluster.local/ns/default/sa/x" : null,
    inside: plain,
  };
}

/** Upstream's fake cluster takes what the API refuses: slices without address type, and ports of one name. */
function mended(document: string): string {
  const object = record(parse(document));
  if (object.kind === "EndpointSlice") {
    return JSON.stringify({ addressType: "IPv4", ...object });
  }
  if (object.kind !== "Service") return document;
  const spec = record(object.spec);
  const ports = records(spec.ports).map((port, index, all) =>
    all.findIndex(({ name }) => name === port.name) === index
      ? port
      : { ...port, name: `${port.name}-${port.port}` }
  );
  return JSON.stringify({ ...object, spec: { ...spec, ports } });
}

/** The pod of the simulated proxy. */
function proxyManifest(one: Case): string {
  const labels = record(record(one.proxy).Labels);
  return `
apiVersion: v1
kind: Pod
metadata: { name: proxy, namespace: default, labels: ${JSON.stringify(labels)} }
spec: { nodeName: n1, containers: [{ name: istio-proxy }] }
status: { phase: Running, podIP: ${PROXY_IP}, podIPs: [{ ip: ${PROXY_IP} }], conditions: [{ type: Ready, status: "True" }] }
---
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 1.1.1.0/24 }
status: { addresses: [{ type: InternalIP, address: 192.168.0.1 }] }
`;
}

/**
 * A ServiceEntry for the proxy's own address becomes a Service without
 * selector and its EndpointSlice: for the proxy's inbound side, which is all
 * that such cases ask about, Istio makes no difference. Others stay what they are.
 */
function asService(document: string): string {
  const object = record(parse(document));
  const spec = record(object.spec);
  const own = records(spec.endpoints).some(({ address }) =>
    address === PROXY_IP
  );
  if (object.kind !== "ServiceEntry" || !own) return document;
  const ports = records(spec.ports).map((port) => ({
    name: `${text(port.protocol)?.toLowerCase() ?? "auto"}-${port.number}`,
    port: port.number,
    protocol: "TCP",
  }));
  const name = text(record(object.metadata).name);
  return joinDocuments(
    JSON.stringify({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec: { clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1"], ports },
    }),
    JSON.stringify({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name,
        namespace: "default",
        labels: { "kubernetes.io/service-name": name },
      },
      addressType: "IPv4",
      endpoints: [{
        addresses: [PROXY_IP],
        targetRef: { kind: "Pod", name: "proxy", namespace: "default" },
      }],
      ports,
    }),
  );
}

function compare(
  expected: unknown,
  actual: unknown,
): Omit<CaseResult, "id"> {
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(actual)];
  return {
    status: wanted === got ? "passed" : "failed",
    expected: wanted,
    actual: got,
  };
}

import type { HttpRequest, Payload } from "../../core/packet/packet.ts";
import {
  list,
  number,
  record,
  records,
  text,
  texts,
} from "../../core/l7/json.ts";
import type { PortProgram } from "../../plugins/gateway/program.ts";
import { type Endings, endingsOf, http, tls } from "./_gateway_case.ts";
import { expectation, unmodelledNeed } from "./_gateway_expectation.ts";
import { foldManifests, type GatewayCluster } from "./_gateway_cluster.ts";
import { meshEndings } from "./_gateway_mesh_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** A case of `cases.jsonl`, its parts unchecked. */
type Case = Readonly<Record<string, unknown>>;

/** Faults of the data, by test; a case of one that does not pass is disputed. */
const FAULTS: Readonly<Record<string, string>> = {
  GRPCRouteRequestHeaderModifier:
    "the manifest gives three rules the same match, and conformance/utils/grpc compareResponse never compares headers",
  MeshHTTPRouteNamedRule:
    "conformance/utils/echo compares neither path nor host of mesh requests, and the case expects the path of another case",
};

/** The address that a Gateway has in these cases; a request without Host is sent to it. */
const GATEWAY_ADDRESS = "192.0.2.10";

/** Traffic cases of the Gateway API conformance tests, put to the programs that the plugin compiles. */
export const gatewayApi: Suite = {
  name: "gateway-api",
  *run(directory) {
    const clusters = new Map<string, GatewayCluster>();
    const lines = Deno.readTextFileSync(`${directory}/cases.jsonl`).split("\n");
    for (const line of lines) {
      if (line.trim() === "") continue;
      const one = record(JSON.parse(line));
      const manifests = texts(one.manifests);
      const key = manifests.join(" ");
      let cluster = clusters.get(key);
      if (cluster === undefined) {
        cluster = foldManifests(manifests.map((file) => ({
          file,
          text: Deno.readTextFileSync(`${directory}/manifests/${file}`),
        })));
        clusters.set(key, cluster);
      }
      yield judge(one, cluster);
    }
  },
};

function judge(one: Case, cluster: GatewayCluster): CaseResult {
  const id = text(one.id) ?? "";
  if (one.afterMutation === true) {
    const actual = "what was changed before this case is not in the data";
    return { id, status: "unknown", actual };
  }
  const endings = endingsFor(one, cluster);
  if (endings.kind === "unknown") {
    return { id, status: "unknown", actual: endings.reason };
  }
  const needs = unmodelledNeed(one);
  if (needs !== undefined) return { id, status: "unknown", actual: needs };
  const problem = expectation(one)(endings);
  const fault = FAULTS[text(one.test) ?? ""];
  return problem === undefined ? { id, status: "passed" } : {
    id,
    status: fault === undefined ? "failed" : "disputed",
    expected: JSON.stringify(one.expect ?? one.expected ?? one.weights),
    actual: fault === undefined ? problem : `${problem} (${fault})`,
  };
}

/** What happens to the traffic of a case. */
function endingsFor(one: Case, cluster: GatewayCluster): Endings {
  const sample = record(list(one.sample)[0]);
  const traffic = one.kind === "distribution" ? { ...sample, ...one } : one;
  const via = text(sample.via) ?? text(one.via) ?? text(one.kind);
  if (via === "websocket") return upgradeEndings(text(one.url) ?? "", cluster);
  if (via === "mesh") return meshEndings({ ...traffic, ...sample }, cluster);
  const address = record(sample.addr ?? one.addr);
  const program = programAt(address, cluster);
  if (program === undefined) {
    return { kind: "unknown", reason: "no such port of a Gateway" };
  }
  const kind = one.kind === "distribution" ? via : text(one.kind);
  return endingsOf(program, payloadOf(kind ?? "", { ...one, ...sample }));
}

/** A WebSocket begins as a request like any other; the URL holds the address as a Python mapping. */
function upgradeEndings(url: string, cluster: GatewayCluster): Endings {
  const [, address = "{}", path] = /^ws:\/\/(\{.*\})(.*)$/.exec(url) ?? [];
  const where = record(JSON.parse(address.replaceAll("'", '"')));
  const program = programAt(where, cluster);
  const request = { path, headers: { Upgrade: "websocket" } };
  return program === undefined
    ? { kind: "unknown", reason: "no such port of a Gateway" }
    : endingsOf(program, http(httpRequest(request, false)));
}

/** The program behind an address: its Gateway, and the port of the listener it names. */
function programAt(
  address: Case,
  { compiled, state }: GatewayCluster,
): PortProgram | undefined {
  const gateway = text(address.gateway) ?? "";
  const object = state.objects[`Gateway ${gateway}`]?.object;
  const listener = records(record(object?.spec).listeners)
    .find(({ name }) => name === address.listenerForPort);
  const port = number(listener?.port) ?? number(address.port);
  const udp = address.protocol === "UDP";
  return compiled.gateways.get(gateway)?.find((program) =>
    program.port === port && (program.protocol === "udp") === udp
  );
}

function payloadOf(kind: string, one: Case): Payload {
  const bytes: Payload = { kind: "opaque", lengthBytes: 100 };
  const serverName = text(one.sni) || null;
  switch (kind) {
    case "http": {
      const payload = http(httpRequest(record(one.request), one.tls === true));
      return one.tls === true ? tls(serverName, payload) : payload;
    }
    case "grpc":
      return http(grpcRequest(record(one.request)));
    case "tls":
      return tls(serverName, bytes);
    default:
      return one.useTLS === true ? tls(serverName, bytes) : bytes;
  }
}

function httpRequest(request: Case, secure: boolean): HttpRequest {
  return {
    method: text(request.method) ?? "GET",
    scheme: secure ? "https" : "http",
    authority: text(request.host) || GATEWAY_ADDRESS,
    path: text(request.path) || "/",
    headers: Object.entries(record(request.headers))
      .map(([name, value]) => [name, String(value)] as const),
  };
}

function grpcRequest(request: Case): HttpRequest {
  return {
    method: "POST",
    scheme: "http",
    authority: text(request.authority) || GATEWAY_ADDRESS,
    path: `/${text(request.service)}/${text(request.method)}`,
    headers: Object.entries(record(request.metadata))
      .map(([name, value]) => [name, String(value)] as const),
  };
}

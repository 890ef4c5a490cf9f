import { list, record, records, text, texts } from "../../core/l7/json.ts";
import { splitPath } from "../../core/l7/request.ts";
import { runFlows, type ShortFlow } from "../../core/replay/testing.ts";
import mesh from "../../plugins/mesh/mod.ts";
import { meshOptions } from "../../plugins/mesh/options.ts";
import { normalizeRequest } from "../../plugins/mesh/request_path.ts";
import {
  type App,
  placed,
  PORTS,
  render,
  type Roles,
} from "./_istio_templates.ts";
import { joinDocuments } from "./_mesh_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

type Case = Readonly<Record<string, unknown>>;
type Judged = Omit<CaseResult, "id">;

const A1: App = { name: "a", namespace: "ns1", ip: "10.244.1.5" };
const A2: App = { name: "a", namespace: "ns2", ip: "10.244.1.6" };
const SERVER: App = { name: "b", namespace: "ns1", ip: "10.244.2.5" };
const ROLES: Roles = { to: SERVER, allowed: A1, denied: A2 };

/**
 * Cases whose expectation upstream computes from the parties, which the data
 * has as false: TestAuthz_Conditions allows the first client, and the policy
 * of the server's namespace applies. The policy for a workload that does not
 * exist allows nothing (istio/istio tests/integration/security/authz_test.go).
 */
const FAULTS: readonly {
  readonly test: string;
  readonly path: RegExp;
  readonly reason: string;
}[] = [
  {
    test: "TestAuthz_Conditions",
    path: /^\/source-/,
    reason: "upstream allows the first client, the data no one",
  },
  {
    test: "TestAuthz_WorkloadSelector",
    path: /Ns1.*-all$|-bad$/,
    reason:
      "upstream computes the verdict from the parties, the data has false",
  },
];

/** Templates that the tests apply to the root namespace. */
const OF_ROOT = ["deny-global", "workload-system-ns"];

/** Verdicts of Istio's security integration tests, asked of a cluster of three pods with sidecars. */
export const istioSecurity: Suite = {
  name: "istio/integration-security.json",
  *run(path) {
    const templates = path.replace(
      "integration-security.json",
      "integration-templates",
    );
    const data = record(JSON.parse(Deno.readTextFileSync(path)));
    for (const test of records(data.tests)) {
      for (const [index, one] of records(test.authz).entries()) {
        const id = `${test.test} ${index} ${one.subtest} ${one.path ?? ""}`;
        yield { id, ...judge(one, { name: text(test.test) ?? "", templates }) };
      }
      for (const [index, row] of rowsOf(test).entries()) {
        yield { id: `${test.test} table ${index}`, ...judgeRow(test, row) };
      }
    }
  },
};

function rowsOf(test: Case): readonly Case[] {
  return records(test.tables).flatMap(({ rows }) =>
    records(rows).flatMap((row) => {
      const paths = records(row.expectations);
      return paths.length > 0
        ? paths.map((path) => ({ ...path, ntype: row.ntype, name: row.name }))
        : [row];
    })
  );
}

function judgeRow(test: Case, row: Case): Judged {
  if (test.test !== "TestNormalization") {
    return {
      status: "unknown",
      actual: "gateways, tokens or a topology that the data leaves out",
    };
  }
  return judgePath(row);
}

/** The path that a server gets for the one that a client sent, or 400. */
function judgePath(row: Case): Judged {
  const { in: sent, out } = row;
  const normal = normalizeRequest({
    method: "GET",
    scheme: "http",
    authority: "b",
    path: splitPath(text(sent) ?? "").path,
    headers: [],
  }, settingOf(row));
  const judged = compare(out, normal?.path ?? "400");
  const corrected = isMisread(row) && normal?.path === sent;
  return disputed(
    judged,
    corrected ? "upstream leaves this escape, the data decodes it" : undefined,
  );
}

/** A failure for which the data is known to be at fault, with the reason. */
function disputed(judged: Judged, reason: string | undefined): Judged {
  if (judged.status !== "failed" || reason === undefined) return judged;
  return {
    ...judged,
    status: "disputed",
    actual: `${judged.actual} (${reason})`,
  };
}

function settingOf(row: Case) {
  const name = /ProxyPathNormalization_(\w+)\}/.exec(text(row.ntype) ?? "")
    ?.[1];
  return meshOptions.parse(
    name === undefined || name === "DEFAULT" ? {} : { pathNormalization: name },
  ).pathNormalization;
}

/**
 * Upstream expects an escape to stay as it is unless `supportedPercentEncode`
 * lists it; the data has every one of that loop decoded.
 */
function isMisread({ name, in: sent }: Case): boolean {
  return name === "PercentEncoded" &&
    !/%(2[def]|5[cf]|7e|3\d|[46][1-9a-f]|[57][0-9a])$/i.test(text(sent) ?? "");
}

function judge(
  one: Case,
  { name, templates }: { readonly name: string; readonly templates: string },
): Judged {
  const objects: string[] = [];
  for (const file of texts(one.configs)) {
    const short = file.replace("testdata/", "");
    const template = Deno.readTextFileSync(`${templates}/${short}`);
    const rendered = render(template, ROLES);
    if (rendered === null) {
      return {
        status: "unknown",
        actual: `template ${short} has a field that is not known`,
      };
    }
    const namespace = OF_ROOT.some((part) => short.includes(part))
      ? "istio-system"
      : SERVER.namespace;
    objects.push(
      ...rendered.split(/^---/m).filter((document) => /^kind:/m.test(document))
        .map((document) => placed(document, namespace)),
    );
  }
  const judged = judgeFlows(one, objects);
  const fault = FAULTS.find(({ test, path }) =>
    test === name && path.test(text(one.path) ?? "")
  );
  return disputed(judged, fault?.reason);
}

function judgeFlows(one: Case, objects: readonly string[]): Judged {
  const from = one.frm === "${apps.Ns2.A}" ? A2 : A1;
  const results = runFlows({
    manifests: joinDocuments(CLUSTER, ...objects),
    stack: [[mesh, { inject: "all" }]],
    flows: portsOf(one).map((port) => flowTo(port, from, one)),
    trace: "outcome",
  }).map(({ outcome }) => outcome);
  const unknown = results.find(({ verdict }) => verdict === "unknown");
  if (unknown !== undefined) {
    return { status: "unknown", actual: unknown.reason ?? "" };
  }
  const allowed = results.map(({ verdict, http }) =>
    verdict === "forwarded" && (http === null || http.status === 200)
  );
  return compare(results.map(() => one.allow), allowed);
}

function portsOf(one: Case): string[] {
  const names = [
    ...list(one.ports),
    ...(one.portName === null ? [] : [one.portName]),
  ];
  return names.map((name) =>
    /\$\{ports\.(\w+)(?:\.Name)?\}/.exec(String(name))?.[1]?.toLowerCase() ?? ""
  );
}

function flowTo(port: string, from: App, one: Case): ShortFlow {
  const number = PORTS[port]?.service ?? 0;
  const host = `${SERVER.name}.${SERVER.namespace}`;
  const flow = {
    from: `pod/${from.namespace}/${from.name}`,
    to: `tcp://${host}:${number}`,
  };
  if (port === "tcp") return flow;
  const written = text(one.path) ?? "";
  const path = written
    .replaceAll("${to.Config().Namespace.Prefix()}", SERVER.namespace)
    .replaceAll("${to.Config().Service}", SERVER.name)
    .replaceAll("${apps.Ns1.Namespace.Prefix()}", "ns1")
    .replaceAll("${apps.Ns2.Namespace.Prefix()}", "ns2");
  const grpc = port === "grpc";
  return {
    ...flow,
    http: {
      method: grpc ? "POST" : text(one.method) ?? "GET",
      url: `http://${host}:${number}${
        grpc ? "/proto.EchoTestService/Echo" : path || "/"
      }`,
      headers: Object.fromEntries(
        Object.entries(record(one.headers)).map((
          [key, value],
        ) => [key, String(value)]),
      ),
    },
  };
}

const CLUSTER = joinDocuments(
  ...["ns1", "ns2"].map((name) => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name} }`),
  ...["n1", "n2"].map((name, index) => `
apiVersion: v1
kind: Node
metadata: { name: ${name} }
spec: { podCIDR: 10.244.${index + 1}.0/24 }
status: { addresses: [{ type: InternalIP, address: 192.168.0.1${index} }] }`),
  ...[A1, A2, SERVER].map(({ name, namespace, ip }) => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${name} } }
spec: { nodeName: ${
    ip.startsWith("10.244.1") ? "n1" : "n2"
  }, serviceAccountName: ${name}, containers: [{ name: app }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }], conditions: [{ type: Ready, status: "True" }] }`),
  `
apiVersion: v1
kind: Service
metadata: { name: ${SERVER.name}, namespace: ${SERVER.namespace} }
spec:
  clusterIP: 10.96.0.20
  clusterIPs: [10.96.0.20]
  selector: { app: ${SERVER.name} }
  ports: ${
    JSON.stringify(
      Object.entries(PORTS).map(([name, { service, workload }]) => ({
        name,
        port: service,
        targetPort: workload,
      })),
    )
  }`,
);

function compare(expected: unknown, actual: unknown): Judged {
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(actual)];
  return {
    status: wanted === got ? "passed" : "failed",
    expected: wanted,
    actual: got,
  };
}

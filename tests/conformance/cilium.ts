import { parseAll } from "@std/yaml";
import { runFlows, type ShortFlow } from "../../core/replay/testing.ts";
import type { FlowResult } from "../../core/replay/engine.ts";
import ebpf from "../../plugins/ebpf/mod.ts";
import {
  listOf,
  namespaceManifest,
  nodeManifest,
  podManifest,
} from "./_policy_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** Policy cases of Cilium's connectivity tests, run as flows through the plugin. */
export const ciliumConnectivity: Suite = {
  name: "cilium/connectivity",
  *run(directory) {
    const read = (name: string) =>
      JSON.parse(Deno.readTextFileSync(`${directory}/${name}`));
    const fixture: Fixture = read("fixture.json");
    for (const one of read("cases.json") as ConnectivityCase[]) {
      const policies = one.policies.flatMap((file) =>
        policiesOf(Deno.readTextFileSync(`${directory}/rendered/${file}`))
      );
      yield judgeConnectivity(one, { fixture, policies });
    }
  },
};

interface Fixture {
  readonly namespaces: readonly Parameters<typeof namespaceManifest>[0][];
  readonly pods: readonly Parameters<typeof podManifest>[0][];
  readonly nodes: readonly { readonly name: string; readonly ip: string }[];
  readonly dns: Readonly<Record<string, readonly string[]>>;
}

interface Probe {
  readonly from: string;
  readonly to?: string;
  readonly toIP?: string;
  readonly toNode?: string;
  readonly toFQDN?: string;
  readonly protocol: string;
  readonly port?: number;
  readonly http?: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly tls?: { readonly sni: string };
  readonly expect: string;
}

interface ConnectivityCase {
  readonly name: string;
  readonly policies: readonly string[];
  readonly probes: readonly Probe[];
}

/** The release that the cases are of; it enforces the policy API's tiers. */
const OPTIONS = { version: "1.20" };

const NAMESPACE = "cilium-test";

function policiesOf(text: string): unknown[] {
  return parseAll(text).flatMap((document) => {
    const object = document as {
      readonly kind: string;
      readonly metadata: Readonly<Record<string, unknown>>;
    } | null;
    if (object === null) return [];
    const namespaced = object.kind === "CiliumNetworkPolicy" ||
      object.kind === "NetworkPolicy";
    return [{
      ...object,
      metadata: namespaced
        ? { namespace: NAMESPACE, ...object.metadata }
        : object.metadata,
    }];
  });
}

function judgeConnectivity(
  one: ConnectivityCase,
  { fixture, policies }: {
    readonly fixture: Fixture;
    readonly policies: readonly unknown[];
  },
): CaseResult {
  const records = Object.fromEntries(
    Object.entries(fixture.dns).map(([name, ips]) => [
      name.replace(/\.$/, ""),
      ips,
    ]),
  );
  const results = runFlows({
    manifests: listOf([
      ...fixture.nodes.map(({ name, ip }) =>
        nodeManifest({ name, addresses: [ip] })
      ),
      ...fixture.namespaces.map(namespaceManifest),
      ...fixture.pods.map(podManifest),
      ...policies,
    ]),
    records,
    stack: [[ebpf, OPTIONS]],
    flows: one.probes.map((probe) => flowOf(probe, fixture)),
  });
  const faults: string[] = [];
  const unknowns: string[] = [];
  for (const [index, probe] of one.probes.entries()) {
    const got = gotOf(results[index]!);
    if (got === probe.expect) continue;
    const { from, to, toIP, toNode, toFQDN, port } = probe;
    const what = `${from} -> ${to ?? toIP ?? toNode ?? toFQDN}:${port ?? ""}`;
    const line = `${what}: ${probe.expect} not ${got}`;
    (got.startsWith("unknown") ? unknowns : faults).push(line);
  }
  const status = faults.length > 0
    ? "failed"
    : unknowns.length > 0
    ? "unknown"
    : "passed";
  if (status === "passed") return { id: one.name, status };
  const shown = [...faults, ...unknowns].slice(0, 3).join("; ");
  return { id: one.name, status, actual: shown };
}

function flowOf(probe: Probe, fixture: Fixture): ShortFlow {
  const host = probe.toIP ?? probe.toFQDN?.replace(/\.$/, "") ??
    fixture.pods.find(({ name }) => name === probe.to)?.ip ??
    fixture.nodes.find(({ name }) => name === probe.toNode)?.ip ?? "";
  const icmp = probe.protocol.startsWith("ICMP");
  const { http, tls } = probe;
  return {
    from: `pod/${NAMESPACE}/${probe.from}`,
    to: icmp
      ? `icmp://${host}`
      : `${probe.protocol.toLowerCase()}://${host}:${probe.port}`,
    ...(http === undefined ? {} : {
      http: {
        method: http.method,
        url: `http://${probe.to ?? host}:${probe.port}${http.path}`,
        headers: http.headers ?? {},
      },
    }),
    ...(tls === undefined ? {} : { tls: { serverName: tls.sni } }),
  };
}

/** What became of a flow, in the words of the cases. */
function gotOf({ outcome }: FlowResult): string {
  const { verdict, reason, decidedAt, http } = outcome;
  if (verdict === "forwarded") return "allow";
  if (http?.status === 403) return "l7-deny(HTTP 403)";
  if (verdict === "rejected" && reason?.startsWith("TLS") === true) {
    return "l7-deny(TLS reset, curl 35)";
  }
  const side = decidedAt?.endsWith("to-pod") ? "ingress" : "egress";
  const words: Readonly<Record<string, string>> = {
    POLICY_DENIED: "default-deny",
    POLICY_DENY: "policy-deny",
    AUTH_REQUIRED: "auth-required",
  };
  const word = words[reason ?? ""];
  return verdict === "dropped" && word !== undefined
    ? `drop-${side}-${word}`
    : `${verdict} ${reason}`;
}

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeTape, newEvent } from "../../../core/event.ts";
import { HubbleImport } from "../../../core/import/hubble.ts";
import { importManifests } from "../../../core/import/manifests.ts";
import { type FlowResult, Replay } from "../../../core/replay/engine.ts";
import {
  flowIntent,
  type ShortFlow,
  stackOf,
} from "../../../core/replay/testing.ts";
import { ciliumPolicy, HOST_ROUTED, REPLACED, SHOP } from "../_testing.ts";
import plugin from "../mod.ts";
import { flowMetrics } from "./flow_metrics.ts";
import { HubbleObserver } from "./hubble_flows.ts";
import { serviceMapEdges } from "./service_map_edges.ts";

const POLICIES = [
  ciliumPolicy(
    "web",
    '{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "8080", protocol: TCP}]}]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: near}}]}]}',
  ),
  ciliumPolicy(
    "near",
    '{endpointSelector: {matchLabels: {app: near}}, ingress: [{toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{path: /public}]}}]}]}',
  ),
];

const FLOWS: readonly ShortFlow[] = [
  { from: "pod/shop/client", to: "tcp://10.96.0.3:80" },
  { from: "pod/shop/client", to: "tcp://10.0.2.10:8080" },
  { from: "pod/shop/client", to: "tcp://10.0.2.10:9090" },
  { from: "pod/shop/near", to: "tcp://10.96.0.3:80" },
  { from: "pod/shop/client", to: "udp://10.0.1.11:53" },
  { from: "pod/shop/web", to: "tcp://203.0.113.9:443" },
  { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
  { from: "pod/shop/web", to: "icmp://10.0.1.10" },
  {
    from: "pod/shop/client",
    to: "tcp://10.0.1.11:8080",
    http: { url: "http://near/public" },
  },
  {
    from: "pod/shop/client",
    to: "tcp://10.0.1.11:8080",
    http: { url: "http://near/secret" },
  },
];

function play(
  flows: readonly ShortFlow[],
  values: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, unknown>> = {},
) {
  const text = [...SHOP, ...POLICIES].join("\n---\n");
  const tape = makeTape([
    ...importManifests([{ file: "test.yaml", text }]).events
      .map((event) => ({ timeNs: 0, event })),
    ...flows.map((flow, index) => ({
      timeNs: (index + 1) * 1_000_000_000,
      event: newEvent("flow.opened", { flow: flowIntent(flow, index) }),
    })),
  ]);
  const run = new Replay(stackOf([plugin, { ...options, values }]), {
    seed: 1,
    trace: "full",
  });
  const results = tape.map((event) => run.apply(event))
    .filter((result): result is FlowResult => result !== undefined);
  const observer = new HubbleObserver(run.cluster, {
    startNs: 1_767_225_600_000_000_000n,
  });
  return {
    results,
    cluster: run.cluster,
    lines: results.map((result) => observer.linesOf(result)),
  };
}

Deno.test("HubbleObserver: what it writes is read back with the same verdicts", () => {
  for (const values of [{}, REPLACED, HOST_ROUTED]) {
    const { results, lines } = play(FLOWS, values);
    for (const [index, result] of results.entries()) {
      const { verdict, reason } = result.outcome;
      // Nothing is seen of a node port that nothing translates.
      if (verdict === "refused") continue;
      const reader = new HubbleImport({ file: "written.jsonl" });
      for (const line of lines[index]!) reader.addLine(JSON.stringify(line));
      const read = [...reader.finish()];
      assertEquals(reader.stats().malformed, 0);
      // A node port shows as a connection on either side of the translation,
      // a proxy as one on either side of itself.
      const outside = result.flow.from.kind === "outside";
      const several = outside || result.flow.application.kind === "http";
      assert(read.length === 1 || several, JSON.stringify(lines[index]));
      const [{ recorded, flow }] = read as [typeof read[0]];
      assertEquals(recorded.verdict, verdict, JSON.stringify(FLOWS[index]));
      if (verdict === "dropped") assertEquals(recorded.dropReason, reason);
      if (outside) continue;
      assertEquals(flow.from, result.flow.from);
      assertEquals(recorded.reply, result.outcome.reply);
    }
  }
});

Deno.test("HubbleObserver: policies that decided are named, and sockets' translations", () => {
  const { lines } = play(FLOWS, REPLACED);
  const flowsOf = (index: number) => lines[index]!.map(({ flow }) => flow);
  const socket = flowsOf(0).filter((flow) => flow["Type"] === "SOCK");
  assertEquals(socket.map((flow) => flow["sock_xlate_point"]), [
    "SOCK_XLATE_POINT_PRE_DIRECTION_FWD",
    "SOCK_XLATE_POINT_POST_DIRECTION_FWD",
  ]);
  const allowed = flowsOf(0).find((flow) => "ingress_allowed_by" in flow);
  assertEquals(allowed?.["ingress_allowed_by"], [
    { name: "web", namespace: "shop", kind: "CiliumNetworkPolicy" },
  ]);
  const denied = flowsOf(3).find((flow) => "ingress_denied_by" in flow);
  assertEquals(denied?.["drop_reason_desc"], "POLICY_DENY");
  assertEquals(denied?.["event_type"], { type: 5 });
  // A default deny is nobody's.
  const isolated = flowsOf(2);
  assert(isolated.some((flow) => flow["drop_reason"] === 133));
  assert(!isolated.some((flow) => "ingress_denied_by" in flow));
});

Deno.test("HubbleObserver: what is audited goes on under the verdict AUDIT", () => {
  const { lines, results } = play([FLOWS[2]!], REPLACED, {
    audit: { namespaces: ["shop"] },
  });
  assertEquals(results[0]?.outcome.verdict, "forwarded");
  const verdicts = lines[0]!.map(({ flow }) => flow["verdict"]);
  assert(verdicts.includes("AUDIT"));
  assert(!verdicts.includes("DROPPED"));
});

Deno.test("flowMetrics() counts verdicts and drops under Hubble's names", () => {
  const { lines } = play(FLOWS, REPLACED);
  const text = flowMetrics(lines.flat());
  assertStringIncludes(text, "# TYPE hubble_flows_processed_total counter\n");
  assertStringIncludes(
    text,
    'hubble_drop_total{protocol="TCP",reason="POLICY_DENY"} 1\n',
  );
  assertStringIncludes(
    text,
    'hubble_flows_processed_total{protocol="TCP",subtype="to-endpoint",type="Trace",verdict="FORWARDED"}',
  );
});

Deno.test("serviceMapEdges() says who talks to whom, with what verdict, and in the clear", () => {
  const { results, cluster } = play(
    [FLOWS[0]!, FLOWS[1]!, FLOWS[3]!, FLOWS[5]!],
    REPLACED,
  );
  const edges = serviceMapEdges(results, cluster);
  assertEquals(
    edges.map(({ from, to, port, verdict, encryption, flows }) =>
      `${from.name} > ${to.name}:${port} ${verdict} ${encryption} ${flows}`
    ),
    [
      "shop/client > shop/web:8080 forwarded none 2",
      "shop/near > 10.96.0.3:80 dropped none 1",
      "shop/web > world:443 forwarded none 1",
    ],
  );
});

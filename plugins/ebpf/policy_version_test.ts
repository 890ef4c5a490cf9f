import { assertEquals } from "@std/assert";
import { importManifests } from "../../core/import/manifests.ts";
import { makeTape } from "../../core/event.ts";
import { Replay } from "../../core/replay/engine.ts";
import { stackOf } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import {
  ciliumPolicy,
  ending,
  networkPolicy,
  pod,
  REPLACED,
  run,
  runOne,
  SHOP,
} from "./_testing.ts";

const TO_WEB = {
  from: "pod/shop/client",
  to: "tcp://10.0.2.10:8080",
  values: REPLACED,
};
const OPEN = "10.0.1.10 > 10.0.2.10:8080";
const DENIED = "dropped POLICY_DENIED at n2 to-pod";

function warningsOf(
  documents: readonly string[],
  version = "1.18",
): readonly string[] {
  const text = [...SHOP, ...documents].join("\n---\n");
  const { events } = importManifests([{ file: "test.yaml", text }]);
  const run = new Replay(stackOf([plugin, { version }]), {
    seed: 1,
    trace: "outcome",
  });
  for (const event of makeTape(events.map((event) => ({ timeNs: 0, event })))) {
    run.apply(event);
  }
  return run.warnings;
}

Deno.test("enableDefaultDeny: requests no rule allows pass from 1.20 on, before they are refused", () => {
  const document = ciliumPolicy(
    "look",
    '{endpointSelector: {matchLabels: {app: web}}, enableDefaultDeny: {ingress: false}, ingress: [{toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{path: /public}]}}]}]}',
  );
  const http = { url: "http://web/secret" };
  for (
    const [version, expected] of [
      ["1.19", "403 HTTP policy: access denied"],
      ["1.20", OPEN],
    ] as const
  ) {
    const result = runOne([...SHOP, document], { ...TO_WEB, version, http });
    assertEquals(ending(result), expected);
    // The way through the proxy is the same.
    assertEquals(result.outcome.cost.proxies, 1);
  }
  // Before 1.16 the field is not there, and the rules isolate.
  const old = runOne([...SHOP, document], {
    ...TO_WEB,
    version: "1.15",
    to: "tcp://10.0.2.10:9090",
  });
  assertEquals(ending(old), DENIED);
});

Deno.test("fromRequires narrows every fromEndpoints of the subject, and is refused from 1.19 on", () => {
  const documents = [
    ...SHOP,
    ciliumPolicy(
      "allow",
      "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{}]}]}",
    ),
    ciliumPolicy(
      "require",
      "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromRequires: [{matchLabels: {app: client}}]}]}",
    ),
  ];
  const from = (name: string, version: string) =>
    ending(
      runOne(documents, { ...TO_WEB, version, from: `pod/shop/${name}` }),
    );
  assertEquals(from("client", "1.18"), OPEN);
  assertEquals(from("near", "1.18"), DENIED);
  assertEquals(from("near", "1.19"), "10.0.1.11 > 10.0.2.10:8080");
  assertEquals(warningsOf(documents.slice(SHOP.length), "1.19"), [
    "CiliumNetworkPolicy shop/require is not loaded: spec.ingress.0: fromRequires is no longer there",
  ]);
});

Deno.test("selectors without a cluster mean every cluster of the mesh, from 1.19 on their own", () => {
  const remote = pod("remote", { node: "n1", ip: "10.0.1.50" }).replace(
    "labels: {app: remote}",
    "labels: {app: remote, io.cilium.k8s.policy.cluster: east}",
  );
  const cilium = (labels: string) =>
    ciliumPolicy(
      "p",
      `{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {${labels}}}]}]}`,
    );
  const plain = networkPolicy(
    "p",
    "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: remote}}}]}]}",
  );
  const named = cilium("app: remote, io.cilium.k8s.policy.cluster: east");
  const verdict = (document: string, options: object) =>
    runOne([...SHOP, remote, document], {
      ...TO_WEB,
      ...options,
      from: "pod/shop/remote",
    }).outcome.verdict;
  for (const document of [cilium("app: remote"), plain]) {
    assertEquals(verdict(document, { version: "1.18" }), "forwarded");
    assertEquals(verdict(document, { version: "1.19" }), "dropped");
    const values = {
      ...REPLACED,
      clustermesh: { policyDefaultLocalCluster: false },
    };
    assertEquals(verdict(document, { version: "1.19", values }), "forwarded");
  }
  assertEquals(verdict(named, { version: "1.19" }), "forwarded");
  const entity = ciliumPolicy(
    "p",
    "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEntities: [cluster]}]}",
  );
  assertEquals(verdict(entity, { version: "1.18" }), "dropped");
});

Deno.test("a policy does not select the pods of another cluster", () => {
  const away = SHOP.map((document) =>
    document.replace(
      "labels: {app: web}}",
      "labels: {app: web, io.cilium.k8s.policy.cluster: east}}",
    )
  );
  const documents = [
    ciliumPolicy("p", "{endpointSelector: {}, ingress: [{}]}"),
    networkPolicy("q", "{podSelector: {}}"),
  ];
  const result = runOne([...away, ...documents], TO_WEB);
  assertEquals(ending(result), OPEN);
});

Deno.test("policies of nodes do nothing without the host firewall, and say so", () => {
  const document = `kind: CiliumClusterwideNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: hosts}
spec: {nodeSelector: {}, ingress: [{}]}`;
  assertEquals(warningsOf([document]), [
    "CiliumClusterwideNetworkPolicy hosts does nothing: it is about nodes, and the host firewall off",
  ]);
  const result = runOne([...SHOP, document], {
    ...TO_WEB,
    to: "tcp://192.168.0.2:22",
  });
  assertEquals(result.outcome.verdict, "forwarded");
});

Deno.test("what the agent refuses is told: mixed parsers, DNS rules on ingress", () => {
  const mixed = ciliumPolicy(
    "mixed",
    '{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*"}], http: [{}]}}]}]}',
  );
  const inward = ciliumPolicy(
    "inward",
    '{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*"}]}}]}]}',
  );
  assertEquals(warningsOf([mixed, inward]), [
    "CiliumNetworkPolicy shop/inward is not loaded: spec.ingress.0.toPorts.0: dns rules on ingress",
    "CiliumNetworkPolicy shop/mixed is not loaded: spec.egress.0.toPorts.0: rules of dns and http",
  ]);
});

Deno.test("audit: what would be dropped goes on, and the rule is cited", () => {
  const deny = ciliumPolicy(
    "deny",
    "{endpointSelector: {matchLabels: {app: web}}, ingress: [{}]}",
  );
  const [all, namespace, other, policy] = [
    { values: { ...REPLACED, policyAuditMode: true } },
    { options: { audit: { namespaces: ["shop"] } } },
    { options: { audit: { namespaces: ["bank"] } } },
    { options: { audit: { policies: ["CiliumNetworkPolicy shop/deny"] } } },
  ].map((more) =>
    run([...SHOP, deny], { values: REPLACED, flows: [TO_WEB], ...more })[0]!
  );
  for (const result of [all!, namespace!, policy!]) {
    const { verdict, reason, rule, decidedAt } = result.outcome;
    assertEquals([verdict, reason, rule?.name, decidedAt], [
      "forwarded",
      "AUDITED: POLICY_DENIED",
      "CiliumNetworkPolicy shop/deny isolates ingress",
      "n2 to-pod",
    ]);
  }
  assertEquals(ending(other!), DENIED);
});

Deno.test("audit of one policy leaves the others in force", () => {
  const documents = [
    ...SHOP,
    ciliumPolicy(
      "narrow",
      "{endpointSelector: {matchLabels: {app: web}}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: near}}]}]}",
    ),
    networkPolicy(
      "allow",
      "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}]}]}",
    ),
  ];
  const flows = ["client", "near"].map((name) => ({
    from: `pod/shop/${name}`,
    to: "tcp://10.0.2.10:8080",
  }));
  const options = { audit: { policies: ["CiliumNetworkPolicy shop/narrow"] } };
  const results = run(documents, { values: REPLACED, flows, options });
  assertEquals(results.map(({ outcome }) => outcome.reason), [
    null,
    "AUDITED: POLICY_DENY",
  ]);
  const outside = runOne(documents, {
    values: REPLACED,
    from: "ip/203.0.113.9",
    via: "n2",
    to: "tcp://10.0.2.10:8080",
  });
  assertEquals(ending(outside), DENIED);
});

import { assertEquals } from "@std/assert";
import type { FlowResult } from "../../../core/replay/engine.ts";
import {
  ciliumPolicy,
  dump,
  networkPolicy,
  type run,
  runOne,
  SHOP,
} from "../_testing.ts";
import {
  ALL_OUT,
  ENDPOINTS,
  type Entry,
  IPCACHE,
  ipcache,
  policyMap,
  TO_NEAR,
} from "./_testing.ts";

Deno.test("a dumped policy map decides in place of the policies, and its entry is cited", () => {
  const allows = [ENDPOINTS, IPCACHE, policyMap(11, [ALL_OUT])];
  const cases: [string, readonly Entry[]][] = [
    ["forwarded", [{ identity: 7001, port: 8080 }]],
    ["forwarded", [{ identity: 0, port: 8080 }]],
    ["dropped", [{ identity: 7003, port: 8080 }]],
    ["dropped", [{ identity: 7001 }, { identity: 0, port: 8080, deny: true }]],
    // The first 12 of 16 bits of 8080: 8080 to 8095.
    ["forwarded", [{ identity: 0, port: 8080, prefixLength: 60 }]],
    // The entry of the identity has the higher precedence.
    ["forwarded", [
      { identity: 7001, precedence: 0xffffff02 },
      { identity: 0, port: 8080, deny: true, precedence: 0xfffffeff },
    ]],
  ];
  for (const [verdict, entries] of cases) {
    const result = runOne(SHOP, {
      ...TO_NEAR,
      dumps: [...allows, policyMap(12, entries)],
    });
    assertEquals(result.outcome.verdict, verdict, JSON.stringify(entries));
  }
  const denied = runOne(SHOP, {
    ...TO_NEAR,
    dumps: [
      ...allows,
      policyMap(12, [{ identity: 0, port: 8080, deny: true }]),
    ],
  });
  const { rule, reason } = denied.outcome;
  assertEquals(reason, "POLICY_DENY");
  assertEquals(rule?.name, "cilium_policy_v2_00012 ingress any 8080/TCP");
  assertEquals(rule?.source?.file, "policy-12.json");
});

Deno.test("a policy map whose peer has no entry denies by default", () => {
  const { outcome } = runOne(SHOP, {
    ...TO_NEAR,
    dumps: [ENDPOINTS, IPCACHE, policyMap(12, [{ identity: 1 }])],
  });
  assertEquals([outcome.reason, outcome.rule?.name], [
    "POLICY_DENIED",
    "cilium_policy_v2_00012 ingress 7001 8080/TCP (no entry)",
  ]);
});

Deno.test("policies of the tape count for endpoints whose map was not dumped", () => {
  const deny = networkPolicy(
    "none",
    "{podSelector: {matchLabels: {app: near}}}",
  );
  const dumps = [ENDPOINTS, IPCACHE, policyMap(11, [ALL_OUT])];
  const documents = [...SHOP, deny];
  assertEquals(
    decided(runOne(documents, { ...TO_NEAR, dumps })),
    "dropped NetworkPolicy shop/none isolates ingress",
  );
  const ignored = runOne(documents, {
    ...TO_NEAR,
    dumps: [...dumps, policyMap(12, [{ identity: 0 }])],
    options: { dumps: "ignore" },
  });
  assertEquals(ignored.outcome.verdict, "dropped");
});

Deno.test("without the number of a peer a policy map is asked whether it matters", () => {
  const dumps = (entries: readonly Entry[]) => [
    ENDPOINTS,
    policyMap(11, [ALL_OUT]),
    policyMap(12, entries),
  ];
  const of = (entries: readonly Entry[]) =>
    runOne(SHOP, { ...TO_NEAR, dumps: dumps(entries) }).outcome;
  assertEquals(of([{ identity: 0 }]).verdict, "forwarded");
  // Identities of the world and of nodes are none of a pod's.
  assertEquals(of([{ identity: 2 }, { identity: 6 }]).verdict, "dropped");
  const doubtful = of([{ identity: 7001, port: 8080 }]);
  assertEquals(doubtful.verdict, "unknown");
  assertEquals(
    doubtful.reason,
    "the number of the identity of 10.0.1.10 is not known",
  );
});

Deno.test("labels lead to a peer's number: from a list, or from the agents' objects", () => {
  const labels = (app: string) => [
    `k8s:app=${app}`,
    "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
    "k8s:io.cilium.k8s.policy.cluster=default",
    "k8s:io.cilium.k8s.policy.serviceaccount=default",
    "k8s:io.kubernetes.pod.namespace=shop",
  ];
  const list = dump(JSON.stringify([{ id: 7001, labels: labels("client") }]));
  const maps = [
    policyMap(11, [ALL_OUT]),
    policyMap(12, [{ identity: 7001, port: 8080 }]),
  ];
  const verdict = (
    more: readonly string[],
    dumps: Parameters<typeof run>[1]["dumps"],
  ) =>
    runOne([...SHOP, ...more], { ...TO_NEAR, dumps: dumps! }).outcome.verdict;
  assertEquals(verdict([], [ENDPOINTS, ...maps, list]), "forwarded");
  const identity = `kind: CiliumIdentity
apiVersion: cilium.io/v2
metadata: {name: "7001"}
security-labels: {${
    labels("client").map((label) => `"${label.replace("=", '": "')}"`).join(
      ", ",
    )
  }}`;
  assertEquals(verdict([identity], [ENDPOINTS, ...maps]), "forwarded");
  const endpoint = (name: string, [ip, id, number]: readonly unknown[]) =>
    `kind: CiliumEndpoint
apiVersion: cilium.io/v2
metadata: {name: ${name}, namespace: shop}
status: {id: ${id}, identity: {id: ${number}}, networking: {addressing: [{ipv4: ${ip}}]}}`;
  const endpoints = [
    endpoint("client", ["10.0.1.10", 11, 7001]),
    endpoint("near", ["10.0.1.11", 12, 7002]),
  ];
  assertEquals(verdict(endpoints, maps), "forwarded");
  assertEquals(verdict([], maps), "unknown");
});

Deno.test("numbers of the live cluster are never taken for the model's own", () => {
  // 256 and what follows are the first numbers that the model itself gives out.
  const shifted = ipcache({
    "10.0.1.10/32": 257,
    "10.0.1.11/32": 258,
    "10.0.2.10/32": 256,
  });
  const verdict = (identity: number) =>
    runOne(SHOP, {
      from: "pod/shop/web",
      to: "tcp://10.0.1.11:8080",
      values: { routingMode: "tunnel" },
      dumps: [ENDPOINTS, shifted, policyMap(12, [{ identity }])],
    }).outcome.verdict;
  assertEquals([256, 257, 258].map(verdict), [
    "forwarded",
    "dropped",
    "dropped",
  ]);
});

Deno.test("an ipcache says who a peer is, and policies of the tape judge that", () => {
  const policy = networkPolicy(
    "from-client",
    "{podSelector: {matchLabels: {app: near}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}",
  );
  const verdict = (entries: Readonly<Record<string, number>>) =>
    runOne([...SHOP, policy], { ...TO_NEAR, dumps: [ipcache(entries)] })
      .outcome;
  const rest = { "10.0.1.11/32": 7002, "10.0.2.10/32": 7003 };
  assertEquals(
    verdict({ ...rest, "10.0.1.10/32": 7001 }).verdict,
    "forwarded",
  );
  // The entry is missing: to this node the pod is the world.
  assertEquals(
    [verdict(rest).verdict, verdict(rest).identity],
    ["dropped", "reserved:world"],
  );
  assertEquals(
    verdict({ ...rest, "10.0.1.10/32": 7009, "10.0.9.9/32": 7009 }).verdict,
    "forwarded",
  );
  // Two sets of labels cannot be one identity.
  const doubtful = verdict({ ...rest, "10.0.1.10/32": 7003 });
  assertEquals(doubtful.verdict, "unknown");
});

Deno.test("a redirect to the proxy asks what the policies on the tape ask", () => {
  const http = ciliumPolicy(
    "http",
    `{endpointSelector: {matchLabels: {app: near}}, ingress: [{fromEndpoints: [{}], toPorts: [{ports: [{port: "8080"}], rules: {http: [{path: /ok}]}}]}]}`,
  );
  const dumps = [
    ENDPOINTS,
    IPCACHE,
    policyMap(11, [ALL_OUT]),
    policyMap(12, [{ identity: 0, port: 8080, proxyPort: 10_001 }]),
  ];
  const status = (documents: readonly string[], path: string) => {
    const { outcome } = runOne(documents, {
      ...TO_NEAR,
      http: { url: `http://near:8080${path}` },
      dumps,
    });
    return outcome.http?.status ?? `${outcome.verdict} ${outcome.reason}`;
  };
  assertEquals(status([...SHOP, http], "/ok"), 200);
  assertEquals(status([...SHOP, http], "/no"), 403);
  assertEquals(
    status(SHOP, "/ok"),
    "unknown the proxy at port 10001 decides, and no policy on the tape says how",
  );
});

Deno.test("an address outside has no number that only manifests tell", () => {
  const lists = {
    none: [],
    list: [dump(JSON.stringify([
      { id: 2, labels: ["reserved:world"] },
      { id: 16_777_217, labels: ["cidr:203.0.113.0/24", "reserved:world"] },
    ]))],
  };
  const verdict = (
    list: keyof typeof lists,
    entries: readonly Entry[],
    from = "203.0.113.9",
  ) =>
    runOne(SHOP, {
      from: `ip/${from}`,
      via: "n1",
      to: "tcp://10.0.1.11:8080",
      dumps: [ENDPOINTS, policyMap(12, entries), ...lists[list]],
    }).outcome.verdict;
  const cidr = [{ identity: 16_777_217, port: 8080 }];
  assertEquals(verdict("none", cidr), "unknown");
  assertEquals(verdict("list", cidr), "forwarded");
  assertEquals(verdict("list", cidr, "198.18.0.1"), "dropped");
  assertEquals(verdict("list", [{ identity: 2 }], "198.18.0.1"), "forwarded");
});

Deno.test("a tunnel that the ipcache leads elsewhere is not taken for the right one", () => {
  const to = (tunnel: string) =>
    runOne(SHOP, {
      from: "pod/shop/client",
      to: "tcp://10.0.2.10:8080",
      values: { routingMode: "tunnel" },
      dumps: [dump(JSON.stringify({
        "10.0.1.10/32": [
          "identity=7001 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>",
        ],
        "10.0.2.10/32": [
          `identity=7003 encryptkey=0 tunnelendpoint=${tunnel} flags=hastunnel`,
        ],
      }))],
    }).outcome;
  assertEquals(to("192.168.0.2").verdict, "forwarded");
  assertEquals(
    to("192.168.0.9").reason,
    "the ipcache of n1 sends 10.0.2.10 to 192.168.0.9, which is not n2",
  );
});

function decided({ outcome }: FlowResult): string {
  return `${outcome.verdict} ${outcome.rule?.name ?? outcome.reason}`;
}

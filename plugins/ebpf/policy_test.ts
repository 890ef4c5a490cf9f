import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import {
  ciliumPolicy,
  ending,
  HOST_ROUTED,
  networkPolicy,
  pod,
  REPLACED,
  run,
  runOne,
  service,
  SHOP,
} from "./_testing.ts";

const TO_WEB = { from: "pod/shop/client", to: "tcp://10.0.2.10:8080" };

/** What becomes of client -> web under these policies. */
function web(...policies: readonly string[]): string {
  return ending(runOne([...SHOP, ...policies], TO_WEB));
}

const OPEN = "10.0.1.10 > 10.0.2.10:8080";
const DENIED = "dropped POLICY_DENIED at n2 to-pod";
const DENY = "dropped POLICY_DENY at n2 to-pod";

Deno.test("an ipBlock of everything does not open pods, nor does a node's address without the match mode", () => {
  const everything = networkPolicy(
    "p",
    "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
  );
  const flows = [
    "tcp://8.8.8.8:443",
    "tcp://10.0.2.10:8080",
    "tcp://10.96.0.3:80",
    "tcp://192.168.0.2:6443",
  ].map((to) => ({ from: "pod/shop/client", to }));
  const verdicts = (values: Record<string, unknown>) =>
    run([...SHOP, everything], { values, flows })
      .map(({ outcome }) => outcome.reason ?? outcome.verdict);
  const denied = "POLICY_DENIED";
  assertEquals(verdicts(REPLACED), ["forwarded", denied, denied, denied]);
  assertEquals(verdicts({ ...REPLACED, policyCIDRMatchMode: "nodes" }), [
    "forwarded",
    denied,
    denied,
    "forwarded",
  ]);
});

Deno.test("the API server is reached by its entity, before and after load balancing", () => {
  const api = [
    `kind: Service
apiVersion: v1
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.255.1, ports: [{name: https, port: 443, targetPort: 6443}]}`,
    `kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{name: https, port: 6443, protocol: TCP}]
endpoints: [{addresses: [192.168.0.2], conditions: {ready: true}}]`,
  ];
  const allow = (entity: string) =>
    ciliumPolicy(
      "p",
      `{endpointSelector: {matchLabels: {app: client}}, egress: [{toEntities: [${entity}]}]}`,
    );
  const reach = (entity: string) =>
    runOne([...SHOP, ...api, allow(entity)], {
      values: REPLACED,
      from: "pod/shop/client",
      to: "tcp://10.96.255.1:443",
    }).outcome.verdict;
  assertEquals(reach("kube-apiserver"), "forwarded");
  assertEquals(reach("remote-node"), "forwarded");
  assertEquals(reach("world"), "dropped");
});

Deno.test("ingress [{}] denies all where NetworkPolicy's allows all, and [] does nothing", () => {
  const ingress = (list: string) =>
    ciliumPolicy("p", `{endpointSelector: {}, ingress: ${list}}`);
  assertEquals(web(ingress("[{}]")), DENIED);
  assertEquals(web(ingress("[]")), OPEN);
  assertEquals(
    web(networkPolicy("p", "{podSelector: {}, ingress: [{}]}")),
    OPEN,
  );
  assertEquals(web(ingress("[{fromEndpoints: []}]")), DENIED);
  assertEquals(
    web(ingress(`[{toPorts: [{ports: [{port: "8080"}]}]}]`)),
    OPEN,
  );
});

Deno.test("fromEndpoints [{}] is the policy's namespace, or every pod for a clusterwide one, never the world", () => {
  const own = ciliumPolicy(
    "p",
    "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}",
  );
  const clusterwide = own
    .replace("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")
    .replace(", namespace: shop", "");
  const other = pod("client", { node: "n1", ip: "10.0.1.77" })
    .replace("namespace: shop", "namespace: other");
  const flows = [
    "pod/shop/client",
    "pod/other/client",
    "ip/203.0.113.9",
    "node/n1",
    "node/n2",
  ].map((from) => ({ from, to: "tcp://10.0.2.10:8080" }));
  const verdicts = (document: string) =>
    run([...SHOP, other, document], { flows })
      .map(({ outcome }) => outcome.verdict === "forwarded");
  assertEquals(verdicts(own), [true, false, false, false, true]);
  assertEquals(verdicts(clusterwide), [true, true, false, false, true]);
});

Deno.test("deny wins over allow whatever its kind or how narrow, and isolates by itself", () => {
  const allow = networkPolicy("a", "{podSelector: {}, ingress: [{}]}");
  const deny = ciliumPolicy(
    "z",
    "{endpointSelector: {}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: client}}]}]}",
  );
  assertEquals(web(allow, deny), DENY);
  assertEquals(web(deny.replace("app: client", "app: near")), DENIED);
  const node = runOne([...SHOP, deny], {
    ...TO_WEB,
    from: "node/n2",
  });
  assertEquals(node.outcome.verdict, "forwarded");
  const denyHost = ciliumPolicy(
    "z",
    "{endpointSelector: {}, ingressDeny: [{fromEntities: [host]}]}",
  );
  assertEquals(
    ending(runOne([...SHOP, denyHost], { ...TO_WEB, from: "node/n2" })),
    DENY,
  );
});

Deno.test("enableDefaultDeny false lets through what no rule names", () => {
  const document = ciliumPolicy(
    "p",
    "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{fromEntities: [host]}]}",
  );
  assertEquals(web(document), OPEN);
  assertEquals(
    web(document, ciliumPolicy("q", "{endpointSelector: {}, ingress: [{}]}")),
    DENIED,
  );
});

Deno.test("a hostNetwork client is the node it runs on: let in at home, not elsewhere", () => {
  const document = networkPolicy(
    "p",
    "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}]}]}",
  );
  const host = (number: number) =>
    pod(`host${number}`, {
      node: `n${number}`,
      ip: `192.168.0.${number}`,
      more: "hostNetwork: true,",
    });
  const results = run([...SHOP, host(1), host(2), document], {
    flows: [1, 2].map((number) => ({
      from: `pod/shop/host${number}`,
      to: "tcp://10.0.2.10:8080",
    })),
  });
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "dropped",
    "forwarded",
  ]);
  assertEquals(results.map(({ outcome }) => outcome.identity), [
    "reserved:remote-node",
    "reserved:host",
  ]);
});

Deno.test("forwarding a node port makes the world a remote node, which cluster includes", () => {
  const document = `kind: CiliumClusterwideNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: in-cluster}
spec: {endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEntities: [cluster]}]}`;
  const results = run([...SHOP, document], {
    values: REPLACED,
    flows: ["192.168.0.1", "192.168.0.2"].map((entry) => ({
      from: "ip/203.0.113.9",
      to: `tcp://${entry}:30080`,
    })),
  });
  assertEquals(results.map(ending), [
    "192.168.0.1 > 10.0.2.10:8080",
    DENIED,
  ]);
});

Deno.test("egress is judged on the backend's port, not the Service's", () => {
  const document = (port: string) =>
    ciliumPolicy(
      "p",
      `{endpointSelector: {matchLabels: {app: client}}, egress: [{toPorts: [{ports: [{port: "${port}", protocol: TCP}]}]}]}`,
    );
  for (const values of [{}, REPLACED, HOST_ROUTED]) {
    const to = (port: string) =>
      runOne([...SHOP, document(port)], {
        values,
        from: "pod/shop/client",
        to: "tcp://10.96.0.3:80",
      }).outcome.verdict;
    assertEquals(to("8080"), "forwarded");
    assertEquals(to("80"), "dropped");
  }
});

Deno.test("answers pass though the other direction is closed", () => {
  const document = networkPolicy(
    "p",
    "{podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress]}",
  );
  assertEquals(web(document), OPEN);
  const egress = networkPolicy(
    "q",
    "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}",
  );
  assertEquals(web(document, egress), OPEN);
});

Deno.test("a NetworkPolicy's ingress block isolates though policyTypes names Egress alone", () => {
  assertEquals(
    web(
      networkPolicy(
        "p",
        "{podSelector: {}, policyTypes: [Egress], egress: [{}], ingress: [{ports: [{port: 443}]}]}",
      ),
    ),
    DENIED,
  );
});

Deno.test("labels that do not count for the identity select nobody", () => {
  const set = pod("web-0", { node: "n2", ip: "10.0.2.60" }).replace(
    "app: web-0",
    "app: web, statefulset.kubernetes.io/pod-name: web-0",
  );
  const document = networkPolicy(
    "p",
    "{podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: web-0}}}",
  );
  const { outcome } = runOne([...SHOP, set, document], {
    from: "pod/shop/client",
    to: "tcp://10.0.2.60:8080",
  });
  assertEquals(outcome.verdict, "forwarded");
});

Deno.test("policies are enforced always, never, or by default", () => {
  const mode = (policyEnforcementMode: string) =>
    ending(
      runOne([
        ...SHOP,
        ciliumPolicy(
          "p",
          "{endpointSelector: {matchLabels: {app: web}}, ingress: [{}]}",
        ),
      ], {
        ...TO_WEB,
        values: { policyEnforcementMode },
      }),
    );
  assertEquals(mode("default"), DENIED);
  assertEquals(mode("never"), OPEN);
  assertEquals(mode("always"), "dropped POLICY_DENIED at n1 from-pod");
});

Deno.test("a policy the agent refuses is not loaded", () => {
  assertEquals(
    web(
      ciliumPolicy(
        "p",
        "{endpointSelector: {}, ingress: [{fromEndpoints: [{}], fromEntities: [host]}]}",
      ),
    ),
    OPEN,
  );
});

Deno.test("what is not modelled makes the flows it may decide unknown, no others", () => {
  const document = ciliumPolicy(
    "p",
    `{endpointSelector: {matchLabels: {app: client}}, egress: [
      {toFQDNs: [{matchPattern: "*.example.com"}]},
      {toEndpoints: [{matchLabels: {app: web}}]}]}`,
  );
  const results = run([...SHOP, document], {
    flows: [
      TO_WEB,
      { from: "pod/shop/client", to: "tcp://8.8.8.8:443" },
      { from: "pod/shop/client", to: "tcp://10.0.1.11:8080" },
    ],
  });
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "forwarded",
    "unknown",
    "dropped",
  ]);
});

Deno.test("toServices means the pods of a Service, toCIDRSet a group's prefixes, icmps echo alone", () => {
  const documents = [
    ...SHOP,
    service("other", { app: "near", ip: "10.96.0.44" }),
    `kind: CiliumCIDRGroup
apiVersion: cilium.io/v2alpha1
metadata: {name: partners}
spec: {externalCIDRs: [203.0.113.0/24]}`,
    ciliumPolicy(
      "p",
      `{endpointSelector: {matchLabels: {app: client}}, egress: [
        {toServices: [{k8sService: {serviceName: other, namespace: shop}}]},
        {toCIDRSet: [{cidrGroupRef: partners}]}]}`,
    ),
    ciliumPolicy(
      "ping",
      "{endpointSelector: {matchLabels: {app: web}}, ingress: [{icmps: [{fields: [{type: EchoRequest, family: IPv4}]}]}]}",
    ),
  ];
  const results = run(documents, {
    flows: [
      { from: "pod/shop/client", to: "tcp://10.0.1.11:8080" },
      { from: "pod/shop/client", to: "tcp://203.0.113.7:443" },
      { from: "pod/shop/client", to: "tcp://8.8.8.8:443" },
      { from: "pod/shop/near", to: "tcp://10.0.2.10:8080" },
    ],
  });
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "forwarded",
    "forwarded",
    "dropped",
    "dropped",
  ]);
  const ping = runOne(documents, {
    from: "pod/shop/near",
    to: "icmp://10.0.2.10",
  });
  assert(ping.outcome.verdict !== "dropped");
});

Deno.test("authentication that always fails drops, one that needs a handshake is unknown", () => {
  const document = (mode: string) =>
    ciliumPolicy(
      "p",
      `{endpointSelector: {}, ingress: [{fromEndpoints: [{}], authentication: {mode: ${mode}}}]}`,
    );
  assertEquals(
    web(document("test-always-fail")),
    "dropped AUTH_REQUIRED at n2 to-pod",
  );
  assert(web(document("required")).startsWith("unknown"));
  assertEquals(web(document("disabled")), OPEN);
});

Deno.test("malformed policies name every problem with its place", () => {
  const error = assertThrows(
    () =>
      web(
        ciliumPolicy(
          "p",
          `
  endpointSelector: {}
  ingress:
  - fromEntities: [remote-nod]
  - fromCIDR: [10.0.0.0/40]
  - toPorts: [{ports: [{port: "!"}]}]`,
        ),
      ),
    InputError,
  );
  assertEquals(error.problems.map(({ message }) => message), [
    `Cannot read CiliumNetworkPolicy shop/p: fromEntities[0] is "remote-nod"`,
    `Cannot read CiliumNetworkPolicy shop/p: "10.0.0.0/40" is no prefix`,
    `Cannot read CiliumNetworkPolicy shop/p: port "!" cannot be used`,
  ]);
  assertEquals(error.problems[0]?.didYouMean, "remote-node");
  assert(error.problems.every(({ at }) => at.line > 1));
});

import { assertEquals } from "@std/assert";
import { ciliumPolicy, pod, REPLACED, run, runOne, SHOP } from "./_testing.ts";

/** n2 is a control plane in zone b. */
const CLUSTER = [
  ...SHOP.map((text) =>
    text.replace(
      "metadata: {name: n2}",
      'metadata: {name: n2, labels: {node-role.kubernetes.io/control-plane: "", kubernetes.io/hostname: n2}}',
    )
  ),
  pod("far", { node: "n2", ip: "10.0.2.99" }),
];

const LABELLED = { ...REPLACED, nodeSelectorLabels: true };

Deno.test("fromNodes and toNodes name nodes by their labels, where that is asked for", () => {
  const document = (labels: string) => [
    ...CLUSTER,
    ciliumPolicy(
      "nodes",
      `{endpointSelector: {matchLabels: {app: client}},
        ingress: [{fromNodes: [{matchLabels: {${labels}}}]}],
        egress: [{toNodes: [{matchLabels: {${labels}}}]}]}`,
    ),
  ];
  const flows = [
    { from: "node/n2", to: "tcp://10.0.1.10:8080" },
    { from: "pod/shop/far", to: "tcp://10.0.1.10:8080" },
    { from: "pod/shop/client", to: "tcp://192.168.0.2:6443" },
    { from: "pod/shop/client", to: "tcp://192.168.0.1:6443" },
    { from: "pod/shop/client", to: "tcp://10.0.2.10:8080" },
  ];
  const verdicts = (
    labels: string,
    values: Readonly<Record<string, unknown>> = LABELLED,
  ) =>
    run(document(labels), { values, flows }).map(({ outcome }) =>
      outcome.verdict
    );
  const [open, closed, doubt] = ["forwarded", "dropped", "unknown"];
  assertEquals(verdicts('node-role.kubernetes.io/control-plane: ""'), [
    open,
    closed,
    open,
    closed,
    closed,
  ]);
  // Which of a node's labels count is said by --node-labels alone.
  assertEquals(verdicts("kubernetes.io/hostname: n2"), [
    doubt,
    closed,
    doubt,
    doubt,
    closed,
  ]);
  // Without it the agent refuses the policy.
  assertEquals(
    verdicts('node-role.kubernetes.io/control-plane: ""', REPLACED),
    [open, open, open, open, open],
  );
});

Deno.test("cidrGroupSelector means every group with the labels, less the exceptions", () => {
  const group = (name: string, trust: string, prefix: string) =>
    `kind: CiliumCIDRGroup
apiVersion: cilium.io/v2
metadata: {name: ${name}, labels: {trust: ${trust}}}
spec: {externalCIDRs: [${prefix}]}`;
  const results = run([
    ...CLUSTER,
    group("office", "high", "203.0.113.0/24"),
    group("branch", "high", "198.18.0.0/24"),
    group("guests", "low", "192.0.2.0/24"),
    ciliumPolicy(
      "groups",
      "{endpointSelector: {matchLabels: {app: client}}, egress: [{toCIDRSet: [{cidrGroupSelector: {matchLabels: {trust: high}}, except: [203.0.113.128/25]}]}]}",
    ),
  ], {
    flows: ["203.0.113.7", "203.0.113.200", "198.18.0.7", "192.0.2.7"].map(
      (ip) => ({ from: "pod/shop/client", to: `tcp://${ip}:443` }),
    ),
  });
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "forwarded",
    "dropped",
    "forwarded",
    "dropped",
  ]);
});

Deno.test("headerMatches: a value, a presence, and a mismatch that is only logged", () => {
  const asked = (match: string, headers: Readonly<Record<string, string>>) => {
    const { outcome } = runOne([
      ...CLUSTER,
      ciliumPolicy(
        "headers",
        `{endpointSelector: {matchLabels: {app: web}}, ingress: [{toPorts: [{ports: [{port: '8080', protocol: TCP}], rules: {http: [{headerMatches: [${match}]}]}}]}]}`,
      ),
    ], {
      values: REPLACED,
      from: "pod/shop/client",
      to: "tcp://10.0.2.10:8080",
      http: { url: "http://web/", headers },
    });
    return outcome.http?.status ?? outcome.verdict;
  };
  const token = "{name: X-Token, value: s3cret}";
  assertEquals(asked(token, { "X-Token": "s3cret" }), 200);
  assertEquals(asked(token, { "X-Token": "other" }), 403);
  assertEquals(asked(token, {}), 403);
  assertEquals(asked("{name: X-Token}", { "x-token": "any" }), 200);
  assertEquals(asked("{name: X-Token}", {}), 403);
  assertEquals(
    asked("{name: X-Token, value: s3cret, mismatch: LOG}", {}),
    200,
  );
  assertEquals(
    asked("{name: X-Token, value: s3cret, mismatch: REPLACE}", {}),
    "unknown",
  );
  assertEquals(
    asked("{name: X-Token, secret: {namespace: shop, name: token}}", {}),
    "unknown",
  );
});

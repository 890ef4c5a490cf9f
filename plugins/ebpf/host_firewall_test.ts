import { assertEquals } from "@std/assert";
import { importManifests } from "../../core/import/manifests.ts";
import { makeTape } from "../../core/event.ts";
import { Replay } from "../../core/replay/engine.ts";
import { stackOf } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import {
  ending,
  HOST_ROUTED,
  pod,
  REPLACED,
  run,
  service,
  SHOP,
} from "./_testing.ts";

const ON = { ...REPLACED, hostFirewall: { enabled: true } };

function nodePolicy(spec: string): string {
  return `kind: CiliumClusterwideNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: nodes}
spec: ${spec}`;
}

/** SHOP with a role on n1, a pod on n2, and a process of the node's network there. */
const CLUSTER = [
  ...SHOP.map((text) =>
    text.replace(
      "metadata: {name: n1}",
      "metadata: {name: n1, labels: {role: edge, kubernetes.io/os: linux}}",
    )
  ),
  pod("far", { node: "n2", ip: "10.0.2.99" }),
  pod("agent", {
    node: "n1",
    ip: "192.168.0.1",
    more: "hostNetwork: true,",
    ports: "{containerPort: 9100}",
  }),
  service("agent", {
    ip: "10.96.0.60",
    port: "{port: 80, targetPort: 9100, nodePort: 30100}",
    more: "type: NodePort",
  }),
];

const SSH_ONLY = nodePolicy(
  "{nodeSelector: {matchLabels: {role: edge}}, ingress: [{toPorts: [{ports: [{port: '22', protocol: TCP}]}]}]}",
);

function verdicts(
  policies: readonly string[],
  {
    values = ON,
    flows,
  }: {
    readonly values?: Readonly<Record<string, unknown>>;
    readonly flows: readonly (readonly [from: string, to: string])[];
  },
): string[] {
  return run([...CLUSTER, ...policies], {
    values,
    flows: flows.map(([from, to]) => ({ from, to })),
  }).map(({ outcome }) =>
    outcome.reason === null
      ? outcome.verdict
      : `${outcome.reason} at ${outcome.decidedAt}`
  );
}

const OPEN = "forwarded";

Deno.test("policies of a node hold for what is for the node itself, from whomever", () => {
  assertEquals(
    verdicts([SSH_ONLY], {
      flows: [
        ["ip/203.0.113.9", "tcp://192.168.0.1:22"],
        ["ip/203.0.113.9", "tcp://192.168.0.1:6443"],
        ["node/n2", "tcp://192.168.0.1:6443"],
        ["pod/shop/far", "tcp://192.168.0.1:6443"],
        ["pod/shop/client", "tcp://192.168.0.1:6443"],
        ["pod/shop/client", "tcp://192.168.0.1:22"],
        // The other node has none, and nor has the way through this one.
        ["ip/203.0.113.9", "tcp://192.168.0.2:6443"],
        ["pod/shop/far", "tcp://10.0.1.10:8080"],
      ],
    }),
    [
      OPEN,
      "POLICY_DENIED at n1 from-wire",
      "POLICY_DENIED at n1 from-wire",
      "POLICY_DENIED at n1 from-wire",
      "POLICY_DENIED at n1 from-pod",
      OPEN,
      OPEN,
      OPEN,
    ],
  );
});

Deno.test("node ports of pods are none of the node's policies, those of its own processes are", () => {
  for (const acceleration of ["disabled", "native"]) {
    const values = { ...ON, loadBalancer: { acceleration } };
    const agent = (port: string) =>
      nodePolicy(
        `{nodeSelector: {}, ingress: [{fromEntities: [world], toPorts: [{ports: [{port: '${port}', protocol: TCP}]}]}]}`,
      );
    const flows = [
      ["ip/203.0.113.9", "tcp://192.168.0.1:30080"],
      ["ip/203.0.113.9", "tcp://192.168.0.1:30100"],
    ] as const;
    assertEquals(verdicts([agent("9100")], { values, flows }), [OPEN, OPEN]);
    // It is the backend's port that is judged.
    assertEquals(verdicts([agent("30100")], { values, flows }), [
      OPEN,
      "POLICY_DENIED at n1 from-wire",
    ]);
  }
});

Deno.test("a node's egress policy holds for its processes: to pods, probes among them, and to the wire", () => {
  const out = nodePolicy(
    "{nodeSelector: {matchLabels: {role: edge}}, egress: [{toEndpoints: [{matchLabels: {app: near}}, {matchLabels: {app: web}}]}]}",
  );
  assertEquals(
    verdicts([out], {
      flows: [
        ["node/n1", "tcp://10.0.1.11:8080"],
        ["node/n1", "tcp://10.0.1.10:8080"],
        ["node/n1", "tcp://10.0.2.10:8080"],
        ["node/n1", "tcp://10.96.0.3:80"],
        ["node/n1", "tcp://10.0.2.99:8080"],
        ["node/n1", "tcp://8.8.8.8:443"],
        ["pod/shop/agent", "tcp://8.8.8.8:443"],
        // Of pods that have an address of their own it says nothing, masqueraded or not.
        ["pod/shop/client", "tcp://8.8.8.8:443"],
        ["node/n2", "tcp://8.8.8.8:443"],
      ],
    }),
    [
      OPEN,
      "POLICY_DENIED at n1 to-pod",
      OPEN,
      OPEN,
      "POLICY_DENIED at n1 to-wire",
      "POLICY_DENIED at n1 to-wire",
      "POLICY_DENIED at n1 to-wire",
      OPEN,
      OPEN,
    ],
  );
});

Deno.test("answers come in past a node's ingress policy: its own, pods' behind a masquerade, node ports'", () => {
  const closed = nodePolicy(
    "{nodeSelector: {}, ingress: [{fromEntities: [health]}]}",
  );
  const kinds = [
    { hostFirewall: { enabled: true } },
    ON,
    { ...HOST_ROUTED, hostFirewall: { enabled: true } },
  ];
  for (const values of kinds) {
    assertEquals(
      verdicts([closed], {
        values,
        flows: [
          ["node/n1", "tcp://8.8.8.8:443"],
          ["node/n1", "udp://8.8.8.8:53"],
          ["node/n1", "icmp://8.8.8.8"],
          ["pod/shop/client", "tcp://8.8.8.8:443"],
          ["node/n1", "tcp://10.0.2.10:8080"],
        ],
      }),
      [OPEN, OPEN, OPEN, OPEN, OPEN],
    );
  }
  assertEquals(
    verdicts([closed], {
      flows: [["ip/203.0.113.9", "tcp://192.168.0.1:30080"]],
    }),
    [OPEN],
  );
});

Deno.test("without kube-proxy's replacement a node's policy meets the node port, not what is behind it", () => {
  const port = nodePolicy(
    "{nodeSelector: {}, ingress: [{toPorts: [{ports: [{port: '9100', protocol: TCP}]}]}]}",
  );
  assertEquals(
    verdicts([port], {
      values: { hostFirewall: { enabled: true } },
      flows: [["ip/203.0.113.9", "tcp://192.168.0.1:30100"]],
    }),
    ["POLICY_DENIED at n1 from-wire"],
  );
});

Deno.test("a tunnel needs its port: what comes wrapped is the other node's to the node", () => {
  const tunnel = (port: number, protocol = "vxlan") =>
    verdicts([
      nodePolicy(
        `{nodeSelector: {}, ingress: [{fromEntities: [remote-node], toPorts: [{ports: [{port: '${port}', protocol: UDP}]}]}]}`,
      ),
    ], {
      values: { ...ON, routingMode: "tunnel", tunnelProtocol: protocol },
      flows: [["pod/shop/client", "tcp://10.0.2.10:8080"]],
    })[0];
  assertEquals(tunnel(8472), OPEN);
  assertEquals(tunnel(6081), "POLICY_DENIED at n2 from-wire");
  assertEquals(tunnel(6081, "geneve"), OPEN);
});

Deno.test("a deny, an audit and the rule's own words, of nodes as of pods", () => {
  const denied = nodePolicy(
    "{nodeSelector: {}, ingress: [{fromEntities: [all]}], ingressDeny: [{fromEntities: [world]}]}",
  );
  const flows = [["ip/203.0.113.9", "tcp://192.168.0.1:6443"]] as const;
  assertEquals(verdicts([denied], { flows }), ["POLICY_DENY at n1 from-wire"]);
  const audited = run([...CLUSTER, SSH_ONLY], {
    values: { ...ON, policyAuditMode: true },
    flows: flows.map(([from, to]) => ({ from, to })),
  })[0]!.outcome;
  assertEquals(
    [audited.verdict, audited.reason, audited.rule?.name],
    [
      "forwarded",
      "AUDITED: POLICY_DENIED",
      "CiliumClusterwideNetworkPolicy nodes isolates ingress",
    ],
  );
});

Deno.test("a node is not selected by endpoints, nor by labels that count for no identity", () => {
  const flows = [["ip/203.0.113.9", "tcp://192.168.0.1:6443"]] as const;
  const closes = (
    spec: string,
    values: Readonly<Record<string, unknown>> = ON,
  ) => verdicts([nodePolicy(spec)], { values, flows })[0];
  assertEquals(closes("{endpointSelector: {}, ingress: [{}]}"), OPEN);
  assertEquals(
    closes(
      "{nodeSelector: {matchLabels: {kubernetes.io/os: linux}}, ingress: [{}]}",
    ),
    OPEN,
  );
  assertEquals(
    closes("{nodeSelector: {matchLabels: {role: edge}}, ingress: [{}]}"),
    "POLICY_DENIED at n1 from-wire",
  );
  assertEquals(
    closes(
      "{nodeSelector: {matchLabels: {role: edge}}, ingress: [{}]}",
      REPLACED,
    ),
    OPEN,
  );
});

Deno.test("policies of nodes that the agent refuses are told", () => {
  const warnings = (text: string) => {
    const replay = new Replay(stackOf([plugin, { values: ON }]), {
      seed: 1,
      trace: "outcome",
    });
    const { events } = importManifests([{
      file: "test.yaml",
      text: [...CLUSTER, text].join("\n---\n"),
    }]);
    const tape = makeTape(events.map((event) => ({ timeNs: 0, event })));
    for (const event of tape) replay.apply(event);
    return replay.warnings.map((line) => line.split(": ").slice(1).join(": "));
  };
  const http = "toPorts: [{ports: [{port: '80'}], rules: {http: [{}]}}]";
  assertEquals(warnings(SSH_ONLY), []);
  assertEquals(
    warnings(
      SSH_ONLY.replace("Clusterwide", "").replace(
        "{name: nodes}",
        "{name: nodes, namespace: shop}",
      ),
    ),
    ["nodeSelector in a policy of a namespace"],
  );
  assertEquals(
    warnings(
      nodePolicy("{nodeSelector: {}, endpointSelector: {}, ingress: [{}]}"),
    ),
    ["endpointSelector beside nodeSelector"],
  );
  assertEquals(
    warnings(nodePolicy(`{nodeSelector: {}, ingress: [{${http}}]}`)),
    ["spec.ingress.0.toPorts.0: http rules of a node"],
  );
});

Deno.test("the client of a hostNetwork pod sees the same node whoever asks, host firewall or not", () => {
  const results = run(CLUSTER, {
    values: ON,
    flows: [{ from: "pod/shop/far", to: "tcp://10.96.0.60:80" }],
  });
  assertEquals(results.map(ending), ["10.0.2.99 > 192.168.0.1:9100"]);
});

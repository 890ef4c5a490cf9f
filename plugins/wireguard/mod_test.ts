import { assertEquals, assertStringIncludes } from "@std/assert";
import { makeTape, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Ip } from "../../core/packet/ip.ts";
import { checkPlugin } from "../../core/replay/check_plugin.ts";
import { replay } from "../../core/replay/engine.ts";
import {
  definePlugin,
  type Handler,
  noOptions,
} from "../../core/replay/plugin.ts";
import {
  flowIntent,
  runFlows,
  type ShortFlow,
  stackOf,
  type TestUse,
} from "../../core/replay/testing.ts";
import wireguard from "./mod.ts";

const MANIFESTS = `
apiVersion: v1
kind: Node
metadata: { name: cp, labels: { node-role.kubernetes.io/control-plane: "" } }
spec: { podCIDR: 10.244.0.0/24 }
status: { addresses: [{ type: InternalIP, address: 192.168.0.10 }] }
---
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.244.1.0/24 }
status: { addresses: [{ type: InternalIP, address: 192.168.0.11 }] }
---
apiVersion: v1
kind: Node
metadata: { name: n2 }
spec: { podCIDR: 10.244.2.0/24 }
status: { addresses: [{ type: InternalIP, address: 192.168.0.12 }] }
${pod("a", "n1", "10.244.1.5")}
${pod("near", "n1", "10.244.1.6")}
${pod("b", "n2", "10.244.2.5")}
${pod("c", "cp", "10.244.0.5")}
`;

function pod(name: string, node: string, ip: string): string {
  return `---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: default }
spec: { nodeName: ${node}, containers: [{ name: app, ports: [{ containerPort: 80 }] }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }], conditions: [{ type: Ready, status: "True" }] }`;
}

/** What translates Services on a node, reduced to what matters here: the hook, and whether the source becomes the node's. */
function translator(hook: "socket" | "prerouting", masquerades: boolean) {
  const toBackend: Handler = (packet, { direction }) =>
    direction === "original" && packet.destination.text === "10.96.0.1"
      ? {
        kind: "rewrite",
        change: { destination: Ip.of("10.244.2.5") },
        rule: null,
      }
      : undefined;
  const masquerade: Handler = (
    packet,
    { direction, conntrack, node, route },
  ) => {
    if (!masquerades || direction === "reply" || route?.kind !== "wire") return;
    const connection = conntrack.open(packet);
    conntrack.confirm(connection, 0);
    return {
      kind: "rewrite",
      change: { source: node.internalIps[0]! },
      rule: null,
    };
  };
  return definePlugin({
    manifest: {
      name: "translator",
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: {
        toBackend: { hook, priority: 0 },
        masquerade: { hook: "postrouting", priority: 100 },
      },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state) => state,
    compile: () => null,
    attach: () => ({ toBackend, masquerade }),
  });
}

const KUBE_PROXY: TestUse = [translator("prerouting", true)];
const SOCKET_LB: TestUse = [translator("socket", false)];

function encryptionOf(
  flow: ShortFlow,
  options: object,
  others: readonly TestUse[] = [],
): readonly string[] {
  const [result] = runFlows({
    manifests: MANIFESTS,
    stack: [...others, [wireguard, options]],
    flows: [flow],
  });
  return result!.outcome.encryption;
}

const NODE_TO_NODE = { nodeEncryption: true };
const TCP_B = "tcp://10.244.2.5:80";
const SERVICE = "tcp://10.96.0.1:80";

Deno.test("wireguard encrypts what Cilium's table says, row by row", () => {
  const rows: [
    row: string,
    ShortFlow,
    TestUse[],
    byDefault: string,
    nodeToNode: string,
  ][] = [
    [
      "pod, remote pod",
      { from: "pod/default/a", to: TCP_B },
      [],
      "wireguard",
      "wireguard",
    ],
    [
      "pod, remote node",
      { from: "pod/default/a", to: "tcp://192.168.0.12:80" },
      [],
      "none",
      "wireguard",
    ],
    [
      "node, remote pod",
      { from: "node/n1", to: TCP_B },
      [],
      "none",
      "wireguard",
    ],
    [
      "node, remote node",
      { from: "node/n1", to: "tcp://192.168.0.12:80" },
      [],
      "none",
      "wireguard",
    ],
    [
      "pod, remote pod by ClusterIP",
      { from: "pod/default/a", to: SERVICE },
      [SOCKET_LB],
      "wireguard",
      "wireguard",
    ],
    [
      "pod, remote pod by NodePort, socket LB",
      { from: "pod/default/a", to: SERVICE },
      [SOCKET_LB],
      "wireguard",
      "wireguard",
    ],
    [
      "pod, remote pod by NodePort, kube-proxy",
      { from: "pod/default/a", to: SERVICE },
      [KUBE_PROXY],
      "none",
      "wireguard",
    ],
  ];
  for (const [row, flow, others, byDefault, nodeToNode] of rows) {
    assertEquals(encryptionOf(flow, {}, others), [byDefault], row);
    assertEquals(encryptionOf(flow, NODE_TO_NODE, others), [nodeToNode], row);
  }
});

/** Puts nodes on an overlay whose interface has the first address of the node's pods. */
const OVERLAY: TestUse = [definePlugin({
  manifest: {
    name: "overlay",
    version: "1.0.0",
    apiVersion: "v1",
    consumes: [],
    kinds: [],
    hooks: {},
    scope: "flow",
    models: [],
  },
  options: noOptions,
  initialState: () => null,
  evolve: (state) => state,
  compile: () => null,
  attach: () => ({}),
  overlay: (_, node) => ({
    interface: "cilium_host",
    addresses: [node.podCidrs[0]!.base.plus(1)],
  }),
})];

Deno.test("wireguard encrypts clients from outside behind a node only as that node's traffic, or in the overlay", () => {
  const flow = { from: "ip/203.0.113.9", via: "n1", to: SERVICE };
  const last = (options: object, others: TestUse[]) =>
    encryptionOf(flow, options, others).at(-1);
  assertEquals(last({}, [KUBE_PROXY]), "none");
  assertEquals(last(NODE_TO_NODE, [KUBE_PROXY]), "wireguard");
  assertEquals(last({}, [KUBE_PROXY, OVERLAY]), "wireguard");
});

Deno.test("wireguard takes the address of the overlay's interface for the node's", () => {
  const fromNode = { from: "node/n1", to: TCP_B };
  assertEquals(encryptionOf(fromNode, {}, [OVERLAY]), ["none"]);
  assertEquals(encryptionOf(fromNode, NODE_TO_NODE, [OVERLAY]), ["wireguard"]);
  const fromPod = { from: "pod/default/a", to: TCP_B };
  assertEquals(encryptionOf(fromPod, {}, [OVERLAY]), ["wireguard"]);
});

Deno.test("wireguard leaves traffic within a node, and what leaves the cluster, alone", () => {
  assertEquals(
    encryptionOf({ from: "pod/default/a", to: "tcp://10.244.1.6:80" }, {}),
    [],
  );
  assertEquals(
    encryptionOf(
      { from: "pod/default/a", to: "tcp://203.0.113.9:80" },
      NODE_TO_NODE,
    ),
    ["none"],
  );
});

Deno.test("wireguard lets control-plane nodes opt out of node encryption, not of pod encryption", () => {
  const toHost = { from: "pod/default/a", to: "tcp://192.168.0.10:6443" };
  assertEquals(encryptionOf(toHost, NODE_TO_NODE), ["none"]);
  assertEquals(
    encryptionOf(
      { from: "node/cp", to: "tcp://192.168.0.11:80" },
      NODE_TO_NODE,
    ),
    ["none"],
  );
  assertEquals(
    encryptionOf(toHost, { nodeEncryption: true, optOutLabel: "" }),
    ["wireguard"],
  );
  assertEquals(
    encryptionOf({ from: "pod/default/a", to: "tcp://10.244.0.5:80" }, {}),
    ["wireguard"],
  );
});

Deno.test("wireguard charges headers and padding both ways", () => {
  const [result] = runFlows({
    manifests: MANIFESTS,
    stack: [[wireguard]],
    flows: [{ from: "pod/default/a", to: TCP_B }],
  });
  const { cost, encryption } = result!.outcome;
  assertEquals(encryption, ["wireguard"]);
  assertEquals((cost.overheadBytes ?? 0) >= 120, true);
});

Deno.test("wireguard in strict mode drops what would leave in plain text", () => {
  const [result] = runFlows({
    manifests: MANIFESTS,
    stack: [KUBE_PROXY, [wireguard, { strict: { cidr: "192.168.0.0/16" } }]],
    flows: [{ from: "node/n1", to: "tcp://192.168.0.12:80" }],
  });
  assertEquals(result!.outcome.verdict, "dropped");
  assertEquals(result!.outcome.reason, "UNENCRYPTED_TRAFFIC");
});

Deno.test("wireguard goes by the allowed addresses of a dump where there is one", () => {
  const key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
  const dump = [
    `wg0\t(hidden)\t${key}\t51820\toff`,
    `wg0\t${key}\t(none)\t192.168.0.12:51820\t10.244.2.0/24\t0\t0\t0\toff`,
    `wg0\t${key}\t(none)\t(none)\t10.244.0.0/24\t0\t0\t0\toff`,
  ].join("\n");
  const source = { file: "n1.wg", line: 1, column: 1 };
  const flows = [
    { from: "pod/default/a", to: TCP_B },
    { from: "node/n1", to: TCP_B },
    { from: "pod/default/a", to: "tcp://192.168.0.12:80" },
    { from: "pod/default/a", to: "tcp://10.244.0.5:80" },
  ];
  const { results } = replay(
    makeTape([
      ...importManifests([{ file: "m.yaml", text: MANIFESTS }]).events.map(
        (event) => ({ timeNs: 0, event }),
      ),
      {
        timeNs: 0,
        event: newEvent("dump.loaded", {
          node: "n1",
          format: "wg-dump",
          text: dump,
          source,
        }),
      },
      ...flows.map((flow, index) => ({
        timeNs: 1,
        event: newEvent("flow.opened", { flow: flowIntent(flow, index) }),
      })),
    ]),
    stackOf([wireguard]),
    { seed: 1, trace: "outcome" },
  );
  const outcomes = [...results].map(({ outcome }) => outcome);
  assertEquals(outcomes.map(({ encryption }) => encryption), [
    ["wireguard"],
    ["wireguard"],
    ["none"],
    [],
  ]);
  const unreachable = outcomes[3]!;
  assertEquals(unreachable.verdict, "rejected");
  assertEquals(unreachable.rule?.source?.line, 3);
  assertStringIncludes(unreachable.reason ?? "", "no endpoint");
});

Deno.test("wireguard keeps the laws of the engine", () => {
  for (const options of [{}, NODE_TO_NODE]) {
    const checks = checkPlugin(wireguard, { options });
    assertEquals(checks.filter(({ broken }) => broken !== null), []);
  }
});

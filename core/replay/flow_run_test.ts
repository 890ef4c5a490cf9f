import { assert, assertEquals } from "@std/assert";
import { makeTape, newEvent } from "../event.ts";
import { importManifests } from "../import/manifests.ts";
import { replay } from "./engine.ts";
import { definePlugin, type Handler, noOptions, type Proxy } from "./plugin.ts";
import {
  flowIntent,
  runFlows,
  type ShortFlow,
  stackOf,
  type TestUse,
  use,
} from "./testing.ts";

const CLUSTER = `
${node("n1", "10.0.1.0/24", "192.168.0.1")}
---
${node("n2", "10.0.2.0/24", "192.168.0.2")}
---
${pod("a", "n1", "10.0.1.10")}
---
${pod("b", "n2", "10.0.2.10")}
---
${pod("c", "n2", "10.0.2.11", "b")}
---
apiVersion: v1
kind: Service
metadata: {name: all, namespace: default}
spec: {clusterIP: None, selector: {app: b}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: default}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  clusterIP: 10.96.0.2
  selector: {app: b}
  ports: [{port: 80, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.80}]}}
`;

function node(name: string, range: string, ip: string): string {
  return `apiVersion: v1
kind: Node
metadata: {name: ${name}}
spec: {podCIDR: ${range}}
status: {addresses: [{type: InternalIP, address: ${ip}}]}`;
}

function pod(name: string, on: string, ip: string, app = name): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${app}}}
spec: {nodeName: ${on}, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: ${ip}}]}`;
}

function at(
  hook: "socket" | "from-pod" | "prerouting" | "to-pod" | "pod-out",
  run: Handler,
  name = "probe",
): TestUse {
  return [definePlugin({
    manifest: {
      name,
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: { run: { hook, priority: 0 } },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
    attach: () => ({ run }),
  })];
}

function outcome(flow: ShortFlow, ...stack: TestUse[]) {
  return runFlows({ manifests: CLUSTER, stack, flows: [flow] })[0]!.outcome;
}

Deno.test("a name without a record is unknown, one that is missing an error", () => {
  const unknown = outcome({
    from: "pod/default/a",
    to: "tcp://example.com:443",
  });
  assertEquals(unknown.verdict, "unknown");
  assertEquals(
    unknown.reason,
    "no DNS record for example.com: give one under records",
  );
  const missing = outcome({ from: "pod/default/a", to: "tcp://nothing:80" });
  assertEquals(missing.verdict, "error");
  assertEquals(missing.reason, "name does not resolve: nothing");
});

Deno.test("a headless Service is the set of its endpoints", () => {
  const { backends, receiver } = outcome({
    from: "pod/default/a",
    to: "tcp://all:80",
  });
  assertEquals(backends.map(({ backend }) => backend), [
    "10.0.2.10:80",
    "10.0.2.11:80",
  ]);
  assert(receiver === "pod default/b" || receiver === "pod default/c");
});

Deno.test("senders that do not exist are errors that name them", () => {
  assertEquals(
    outcome({ from: "pod/default/x", to: "tcp://10.0.2.10:80" }).reason,
    "pod default/x does not exist",
  );
  assertEquals(
    outcome({ from: "node/n9", to: "tcp://10.0.2.10:80" }).reason,
    "node n9 does not exist",
  );
  assertEquals(
    outcome({ from: "pod/default/a", to: "tcp://[fd00::9]:80" }).reason,
    "sender has no IPv6 address to reach fd00::9",
  );
});

Deno.test("a load balancer sends only to nodes with an endpoint where traffic is local", () => {
  for (let port = 1_024; port < 1_044; port++) {
    const seen: string[] = [];
    outcome(
      {
        from: "ip/198.51.100.9",
        to: "tcp://203.0.113.80:80",
        sourcePort: port,
        connection: `${port}`,
      },
      at("prerouting", (_, context) => {
        seen.push(context.node.name);
        return undefined;
      }),
    );
    assertEquals(seen[0], "n2");
  }
});

Deno.test("TLS that no proxy takes off again is an error at the receiver", () => {
  const wrap: Proxy = {
    name: "wrapper",
    place: { kind: "pod", namespace: "default", name: "a" },
    handle: ({ packet, payload }) => ({
      kind: "forward",
      destination: packet.destination,
      destinationPort: packet.destinationPort,
      source: null,
      uid: 1337,
      mark: 0,
      payload: {
        kind: "tls",
        serverName: null,
        alpn: [],
        by: "proxy",
        clientIdentity: null,
        inside: payload,
      },
      route: null,
      rule: null,
      backends: [],
    }),
  };
  const redirect = at(
    "pod-out",
    (_, context) =>
      context.owner?.uid === 1337 || context.direction === "reply"
        ? undefined
        : { kind: "proxy", proxy: wrap, rule: null },
  );
  const { verdict, reason, http, encryption } = outcome({
    from: "pod/default/a",
    to: "tcp://10.0.2.10:80",
    http: { url: "http://b/" },
  }, redirect);
  assertEquals(verdict, "error");
  assertEquals(reason, "TLS not terminated: the receiver cannot read it");
  assertEquals(http?.status, 503, "the client of the proxy is answered");
  assertEquals(encryption, ["mtls"]);
});

Deno.test("proxies that send to each other for ever are an error", () => {
  const again: Proxy = {
    name: "again",
    place: { kind: "pod", namespace: "default", name: "a" },
    handle: ({ packet, payload }) => ({
      kind: "forward",
      destination: packet.destination,
      destinationPort: packet.destinationPort,
      source: null,
      uid: 0,
      mark: 0,
      payload,
      route: null,
      rule: null,
      backends: [],
    }),
  };
  const { verdict, reason } = outcome(
    { from: "pod/default/a", to: "tcp://10.0.2.10:80" },
    at("pod-out", () => ({ kind: "proxy", proxy: again, rule: null })),
  );
  assertEquals([verdict, reason], ["error", "proxies in a loop"]);
});

Deno.test("a named connection is one socket: later flows find it tracked", () => {
  const states: string[] = [];
  const tracking = at("from-pod", (packet, context) => {
    const { conntrack, nowNs, direction } = context;
    if (direction === "reply") return undefined;
    const found = conntrack.find(packet, nowNs);
    states.push(found === undefined ? "new" : "tracked");
    conntrack.confirm(found?.connection ?? conntrack.open(packet), nowNs);
    return undefined;
  });
  const flow = { from: "pod/default/a", to: "tcp://10.0.2.10:80" };
  runFlows({
    manifests: CLUSTER,
    stack: [tracking],
    flows: [
      { ...flow, connection: "kept" },
      { ...flow, connection: "kept" },
      flow,
      flow,
    ],
  });
  assertEquals(states, ["new", "tracked", "new", "new"]);
});

Deno.test("each node of a half-migrated cluster runs its own stack", () => {
  const dropping = use(
    ...at("to-pod", () => ({
      kind: "drop",
      reason: "new datapath",
      rule: { name: "r" },
    })),
  );
  const { events } = importManifests([{ file: "c.yaml", text: CLUSTER }]);
  const flows = ["pod/default/a", "node/n2"].map((from, index) =>
    flowIntent({
      from,
      to: index === 0 ? "tcp://10.0.2.10:80" : "tcp://10.0.1.10:80",
    }, index)
  );
  const tape = makeTape(
    [...events, ...flows.map((flow) => newEvent("flow.opened", { flow }))]
      .map((event) => ({ timeNs: 0, event })),
  );
  const stack = { ...stackOf(), nodes: { n2: [dropping] } };
  const { results } = replay(tape, stack, { seed: 1, trace: "outcome" });
  assertEquals(results.map(({ outcome: { decidedAt } }) => decidedAt), [
    "n2 to-pod",
    null,
  ]);
});

import { assert, assertEquals } from "@std/assert";
import { makeTape, newEvent } from "../event.ts";
import { importManifests } from "../import/manifests.ts";
import { Ip } from "../packet/ip.ts";
import { mergeShards, replay } from "./engine.ts";
import { type Hook, HOOKS } from "./hook.ts";
import { definePlugin, type Handler, noOptions, type Proxy } from "./plugin.ts";
import { flowIntent, runFlows, stackOf, type TestUse } from "./testing.ts";

const CLUSTER = `
kind: Node
apiVersion: v1
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
kind: Node
apiVersion: v1
metadata: {name: n2}
spec: {podCIDR: 10.0.2.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}
---
${pod("a", "n1", "10.0.1.10")}
---
${pod("b", "n1", "10.0.1.11")}
---
${pod("c", "n2", "10.0.2.10")}
---
kind: Service
apiVersion: v1
metadata: {name: web, namespace: default}
spec:
  type: NodePort
  clusterIP: 10.96.0.1
  selector: {app: c}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
`;

function pod(name: string, node: string, ip: string): string {
  return `kind: Pod
apiVersion: v1
metadata: {name: ${name}, namespace: default, labels: {app: ${name}}}
spec: {nodeName: ${node}, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: ${ip}}]}`;
}

/** A plugin that does one thing at one hook. */
function at(hook: Hook, run: Handler, name = "probe"): TestUse {
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

/** A plugin that notes every hook it is called at. */
function witness(): { seen: string[]; use: TestUse } {
  const seen: string[] = [];
  const names = Object.fromEntries(
    HOOKS.map((hook) => [hook, { hook, priority: 0 }]),
  );
  const plugin = definePlugin({
    manifest: {
      name: "witness",
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: names,
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
    attach: () =>
      Object.fromEntries(HOOKS.map((hook): [string, Handler] => [
        hook,
        (_, context) => {
          const way = context.direction === "reply" ? "<" : "";
          seen.push(`${way}${context.node.name} ${hook}`);
          return undefined;
        },
      ])),
  });
  return { seen, use: [plugin] };
}

function itinerary(from: string, to: string, via?: string): string[] {
  const { seen, use } = witness();
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [use],
    flows: [{ from, to, ...(via === undefined ? {} : { via }) }],
  });
  return [...seen, result!.outcome.verdict];
}

Deno.test("Replay takes pod to pod on one node past the node's own hooks, and the reply back", () => {
  assertEquals(itinerary("pod/default/a", "tcp://10.0.1.11:80"), [
    ..."socket,pod-out,from-pod,prerouting,forward,postrouting,to-pod,pod-in"
      .split(",").map((hook) => `n1 ${hook}`),
    ..."pod-out,from-pod,prerouting,forward,postrouting,to-pod,pod-in"
      .split(",").map((hook) => `<n1 ${hook}`),
    "forwarded",
  ]);
});

Deno.test("Replay takes pod to pod across two nodes over the wire", () => {
  const path = itinerary("pod/default/a", "tcp://10.0.2.10:80");
  assertEquals(path.slice(0, 13), [
    ..."socket,pod-out,from-pod,prerouting,forward,postrouting,to-wire"
      .split(",").map((hook) => `n1 ${hook}`),
    ..."from-wire,prerouting,forward,postrouting,to-pod,pod-in"
      .split(",").map((hook) => `n2 ${hook}`),
  ]);
  assertEquals(path.at(-1), "forwarded");
});

Deno.test("Replay takes a node's own traffic through output, and a pod's to a node through input", () => {
  assertEquals(
    itinerary("node/n1", "tcp://10.0.1.10:80").slice(0, 5),
    ["socket", "output", "postrouting", "to-pod", "pod-in"]
      .map((hook) => `n1 ${hook}`),
  );
  assertEquals(
    itinerary("pod/default/a", "tcp://192.168.0.2:6443").slice(6, 10),
    ["n1 to-wire", "n2 from-wire", "n2 prerouting", "n2 input"],
  );
});

Deno.test("Replay lets traffic from outside in at the node it is for", () => {
  assertEquals(
    itinerary("ip/203.0.113.9", "tcp://10.0.2.10:80").slice(0, 3),
    ["n2 from-wire", "n2 prerouting", "n2 forward"],
  );
});

Deno.test("Replay delivers a pod's traffic to itself over loopback", () => {
  assertEquals(
    itinerary("pod/default/a", "tcp://10.0.1.10:80").slice(0, 3),
    ["n1 socket", "n1 pod-out", "forwarded"],
  );
});

Deno.test("Replay says why a cluster IP that nobody translates leads nowhere", () => {
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [],
    flows: [{ from: "pod/default/a", to: "tcp://web:80" }],
  });
  assertEquals(result!.outcome.verdict, "dropped");
  assertEquals(
    result!.outcome.reason,
    "no route: cluster IP 10.96.0.1 of Service default/web left the node untranslated",
  );
});

Deno.test("Replay refuses a node port that nobody translates", () => {
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [],
    flows: [{ from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" }],
  });
  assertEquals(result!.outcome.verdict, "refused");
});

Deno.test("Replay counts a flow as forwarded only when its reply gets home", () => {
  // Destination NAT on the way there, and nobody to undo it on the way back.
  const rewriting = at(
    "prerouting",
    (packet, context) =>
      context.direction === "original" &&
        packet.destination.text === "10.96.0.1"
        ? {
          kind: "rewrite",
          change: { destination: Ip.of("10.0.2.10"), destinationPort: 8080 },
          rule: null,
        }
        : undefined,
  );
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [rewriting],
    flows: [{ from: "pod/default/a", to: "tcp://web:80" }],
  });
  assertEquals(result!.outcome.verdict, "error");
  assertEquals(
    result!.outcome.reason,
    "reply from another address: the sender waits for 10.96.0.1:80 and gets 10.0.2.10:8080",
  );
  assertEquals(result!.outcome.receiver, "pod default/c");
});

Deno.test("Replay gives the rule and the place of a drop", () => {
  const rule = { name: "no web" };
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [at("to-pod", () => ({ kind: "drop", reason: "NO_WEB", rule }))],
    flows: [{ from: "pod/default/a", to: "tcp://10.0.2.10:80" }],
  });
  const { verdict, reason, decidedAt, encryption } = result!.outcome;
  assertEquals(
    { verdict, reason, decidedAt, encryption, rule: result!.outcome.rule },
    {
      verdict: "dropped",
      reason: "NO_WEB",
      decidedAt: "n2 to-pod",
      encryption: ["none"],
      rule,
    },
  );
});

Deno.test("Replay ends a flow at a proxy, and the client of a failed upstream gets 503", () => {
  const gate = (reachable: boolean): TestUse => {
    const proxy: Proxy = {
      name: "gate",
      place: { kind: "node", name: "n1" },
      handle: ({ packet, payload }) => ({
        kind: "forward",
        destination: packet.destination,
        destinationPort: reachable ? packet.destinationPort : 9,
        source: null,
        uid: 101,
        mark: 0,
        payload,
        route: "all",
        rule: null,
        backends: [],
      }),
    };
    return at(
      "from-pod",
      (_, context) =>
        context.direction === "original"
          ? { kind: "proxy", proxy, rule: null }
          : undefined,
      "gate",
    );
  };
  const closed = at(
    "to-pod",
    (packet) =>
      packet.destinationPort === 9
        ? { kind: "reject", with: "tcp-reset", reason: "closed", rule: null }
        : undefined,
    "closed",
  );
  const ask = (reachable: boolean) =>
    runFlows({
      manifests: CLUSTER,
      stack: [gate(reachable), closed],
      flows: [{
        from: "pod/default/a",
        to: "tcp://10.0.2.10:80",
        http: { url: "http://c/x?y=1" },
      }],
    })[0]!.outcome;
  const good = ask(true);
  assertEquals(good.verdict, "forwarded");
  assertEquals(good.http, {
    status: 200,
    route: "all",
    request: "GET c /x?y=1",
    location: null,
  });
  assertEquals(good.source, "192.168.0.1", "the proxy's own address");
  assertEquals(good.cost, { proxies: 1, copies: 2 });
  const bad = ask(false);
  assertEquals(bad.verdict, "rejected");
  assertEquals(bad.http?.status, 503);
});

Deno.test("Replay keeps what a plugin does not model unknown", () => {
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [
      at(
        "forward",
        () => ({ kind: "unknown", reason: "match bpf", rule: null }),
      ),
    ],
    flows: [{ from: "pod/default/a", to: "tcp://10.0.1.11:80" }],
  });
  assertEquals(result!.outcome.verdict, "unknown");
  assertEquals(result!.outcome.reason, "match bpf");
});

Deno.test("replay() gives the same hash for any number of shards, traced or not", () => {
  const { events } = importManifests([{ file: "c.yaml", text: CLUSTER }]);
  const senders = [
    "pod/default/a",
    "pod/default/b",
    "pod/default/c",
    "node/n2",
  ];
  const tape = makeTape([
    ...events.map((event) => ({ timeNs: 0, event })),
    ...Array.from({ length: 200 }, (_, index) => ({
      timeNs: index,
      event: newEvent("flow.opened", {
        flow: flowIntent({
          from: senders[index % senders.length]!,
          to: `tcp://10.0.${1 + index % 2}.10:80`,
        }, index),
      }),
    })),
  ]);
  const coin = at(
    "forward",
    (_, context) =>
      context.draw("coin") % 3 === 0
        ? { kind: "drop", reason: "coin", rule: null }
        : undefined,
  );
  const stack = stackOf(coin);
  const whole = replay(tape, stack, { seed: 3, trace: "outcome" });
  const traced = replay(tape, stack, { seed: 3, trace: "full" });
  const shards = mergeShards([0, 1, 2].map((index) =>
    replay(tape, stack, {
      seed: 3,
      trace: "outcome",
      shard: { index, count: 3 },
    })
  ));
  assertEquals(traced.hash, whole.hash);
  assertEquals(shards.hash, whole.hash);
  assert(
    replay(tape, stack, { seed: 4, trace: "outcome" }).hash !== whole.hash,
  );
});

Deno.test("WalkContext.pick() picks alike in different stacks from the same set", () => {
  const set = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]
    .map((backend) => ({ backend, weight: 1 }));
  const picks = (hook: Hook, name: string) => {
    const picked: number[] = [];
    runFlows({
      manifests: CLUSTER,
      stack: [at(hook, (_, context) => {
        if (context.direction === "original") picked.push(context.pick(set));
        return undefined;
      }, name)],
      flows: Array.from({ length: 40 }, () => ({
        from: "pod/default/a",
        to: "tcp://10.0.1.11:80",
      })),
    });
    return picked;
  };
  const one = picks("socket", "one");
  assertEquals(one, picks("postrouting", "two"));
  assertEquals(new Set(one).size, 3);
});

Deno.test("Replay sends from the address that routing gives after connect() hooks", () => {
  const translating = at("socket", (packet) =>
    packet.destination.isLoopback
      ? {
        kind: "rewrite",
        change: { destination: Ip.of("10.0.2.10"), destinationPort: 8080 },
        rule: null,
      }
      : undefined);
  const [result] = runFlows({
    manifests: CLUSTER,
    stack: [translating],
    flows: [{ from: "node/n1", to: "tcp://127.0.0.1:30080" }],
  });
  assertEquals(result!.outcome.verdict, "forwarded");
  assertEquals(result!.outcome.source, "192.168.0.1");
});

Deno.test("Replay takes pods' traffic over the overlay that a plugin puts nodes on", () => {
  const seen: string[] = [];
  const overlaid = definePlugin({
    manifest: {
      name: "overlaid",
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: {
        wrap: { hook: "to-wire", priority: 0 },
        unwrap: { hook: "from-wire", priority: 0 },
        masquerade: { hook: "postrouting", priority: 100 },
      },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
    overlay: (_, node) => ({
      interface: "flannel.1",
      addresses: [Ip.of(node.name === "n1" ? "10.0.1.0" : "10.0.2.0")],
    }),
    attach: () => ({
      wrap: (packet, context) =>
        context.route?.kind === "wire" && context.route.overlaid
          ? {
            kind: "encapsulate",
            by: "vxlan",
            id: packet.source.w3 & 255,
            overheadBytes: 50,
            rule: null,
          }
          : undefined,
      unwrap: (_, context) => {
        seen.push(`${context.node.name} ${context.tunnelId}`);
        return undefined;
      },
      masquerade: (_, context) => {
        seen.push(`${context.outInterface} ${context.outAddress(4)}`);
        return undefined;
      },
    }),
  });
  const [toPod, fromNode] = runFlows({
    manifests: CLUSTER,
    stack: [[overlaid]],
    flows: [
      { from: "pod/default/a", to: "tcp://10.0.2.10:80" },
      { from: "node/n1", to: "tcp://10.0.2.10:80" },
    ],
  });
  assertEquals(toPod!.outcome.verdict, "forwarded");
  assertEquals(toPod!.outcome.cost.overheadBytes, 100);
  assertEquals(seen.slice(0, 2), ["flannel.1 10.0.1.0", "n2 10"]);
  assertEquals(fromNode!.outcome.source, "10.0.1.0");
  assertEquals(fromNode!.outcome.verdict, "forwarded");
});

Deno.test("Replay sends what is bypassed to the wire past everyone, with the option it carries", () => {
  const seen: string[] = [];
  const manifest = {
    version: "1.0.0",
    apiVersion: "v1" as const,
    consumes: [],
    kinds: [],
    scope: "flow" as const,
    models: [],
  };
  const base = {
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
  };
  const asked = { ip: Ip.of("192.168.0.1"), port: 80 };
  const driver = definePlugin({
    manifest: {
      ...manifest,
      name: "driver",
      hooks: { early: { hook: "from-wire", priority: -10 } },
    },
    ...base,
    attach: (_, node) =>
      node.name === "n1"
        ? {
          early: () => [
            {
              kind: "rewrite",
              change: { destination: Ip.of("10.0.2.10"), option: asked },
              rule: null,
            },
            { kind: "bypass", to: "wire", rule: null },
          ],
        }
        : {},
  });
  const note: Handler = ({ option }, { node, hook }) => {
    seen.push(`${node.name} ${hook} ${option?.ip ?? "none"}`);
    return undefined;
  };
  const observer = definePlugin({
    manifest: {
      ...manifest,
      name: "observer",
      hooks: {
        arrives: { hook: "from-wire", priority: 0 },
        leaves: { hook: "to-wire", priority: 0 },
        enters: { hook: "to-pod", priority: 0 },
      },
    },
    ...base,
    attach: () => ({ arrives: note, leaves: note, enters: note }),
  });
  runFlows({
    manifests: CLUSTER,
    stack: [[driver], [observer]],
    flows: [{ from: "ip/203.0.113.9", to: "tcp://192.168.0.1:80" }],
  });
  assertEquals(seen, [
    "n2 from-wire 192.168.0.1",
    "n2 to-pod 192.168.0.1",
    // The answer carries nothing.
    "n2 to-wire none",
  ]);
});

Deno.test("Replay answers an echo request with its identifier", () => {
  const [local, remote] = runFlows({
    manifests: CLUSTER,
    stack: [],
    flows: [
      { from: "pod/default/a", to: "icmp://10.0.1.11" },
      { from: "pod/default/a", to: "icmp://192.168.0.2" },
    ],
  });
  assertEquals(local!.outcome.verdict, "forwarded");
  assertEquals(remote!.outcome.verdict, "forwarded");
});

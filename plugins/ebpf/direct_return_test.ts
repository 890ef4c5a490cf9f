import { assert, assertEquals } from "@std/assert";
import {
  ciliumPolicy,
  ending,
  HOST_ROUTED,
  pod,
  REPLACED,
  run,
  runOne,
  service,
  SHOP,
} from "./_testing.ts";
import { optionsSchema } from "./options.ts";

const DSR = { ...HOST_ROUTED, loadBalancer: { mode: "dsr" } };
const GENEVE = {
  ...HOST_ROUTED,
  tunnelProtocol: "geneve",
  loadBalancer: { mode: "dsr", dsrDispatch: "geneve" },
};
const TUNNEL = { ...GENEVE, routingMode: "tunnel" };

/** web, on n2, at a node port for datagrams too. */
const BOTH = [
  ...SHOP,
  service("names", {
    app: "web",
    ip: "10.96.0.53",
    port: "{protocol: UDP, port: 53, targetPort: 53, nodePort: 30053}",
    more: "type: NodePort",
  }),
];

const TCP = { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" };
const UDP = { from: "ip/203.0.113.9", to: "udp://192.168.0.1:30053" };

Deno.test("direct server return keeps the client's address, and the answer goes past the entry node", () => {
  for (
    const values of [DSR, { ...DSR, bpf: { masquerade: false } }, GENEVE]
  ) {
    const result = runOne(BOTH, { ...TCP, values });
    assertEquals(ending(result), "203.0.113.9 > 10.0.2.10:8080");
    assertEquals(result.outcome.identity, "reserved:world");
    assertEquals(result.outcome.reply, true);
    const back = result.journey.filter(({ direction, node }) =>
      direction === "reply" && node !== null
    );
    assertEquals([...new Set(back.map(({ node }) => node))], ["n2"]);
    assertEquals(
      back.filter(({ action }) => action === "rewrite").map(({ packet }) =>
        packet.split(" > ")[0]
      ),
      ["tcp 192.168.0.1:30080"],
    );
  }
});

Deno.test("a backend on the entry node is not told where the packet was sent to", () => {
  const result = runOne(BOTH, {
    values: DSR,
    from: "ip/203.0.113.9",
    to: "tcp://192.168.0.2:30080",
  });
  assertEquals(ending(result), "203.0.113.9 > 10.0.2.10:8080");
  assertEquals(result.outcome.cost.overheadBytes, undefined);
});

Deno.test("hybrid forwards TCP directly and datagrams under the node's address", () => {
  const sources = (mode: string) =>
    run(BOTH, {
      values: { ...HOST_ROUTED, loadBalancer: { mode } },
      flows: [TCP, UDP],
    }).map(({ outcome }) => `${outcome.source} ${outcome.reply}`);
  const [kept, changed] = ["203.0.113.9 true", "192.168.0.1 true"];
  assertEquals(sources("snat"), [changed, changed]);
  assertEquals(sources("dsr"), [kept, kept]);
  assertEquals(sources("hybrid"), [kept, changed]);
});

Deno.test("policy sees the client by its own address, through a tunnel too", () => {
  const clients = ciliumPolicy(
    "clients",
    "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromCIDR: [203.0.113.0/24]}]}",
  );
  const verdict = (values: Readonly<Record<string, unknown>>, from: string) =>
    ending(runOne([...BOTH, clients], { ...TCP, from, values }));
  for (const values of [DSR, GENEVE, TUNNEL]) {
    assertEquals(
      verdict(values, "ip/203.0.113.9"),
      "203.0.113.9 > 10.0.2.10:8080",
    );
    assertEquals(
      verdict(values, "ip/198.18.0.9"),
      "dropped POLICY_DENIED at n2 to-pod",
    );
  }
  assertEquals(
    verdict(HOST_ROUTED, "ip/203.0.113.9"),
    "dropped POLICY_DENIED at n2 to-pod",
  );
});

Deno.test("what dispatch adds to a packet: an option, or a Geneve header with one", () => {
  const bytes = (values: Readonly<Record<string, unknown>>) =>
    runOne(BOTH, { ...TCP, values }).outcome.cost.overheadBytes ?? 0;
  assertEquals(bytes(HOST_ROUTED), 0);
  assertEquals(bytes(DSR), 8);
  assertEquals(bytes(GENEVE), 50 + 12);
  assertEquals(bytes(TUNNEL), 50 + 12);
  const { journey } = runOne(BOTH, { ...TCP, values: TUNNEL });
  const there = journey.filter(({ action }) => action === "encapsulate");
  assertEquals(there.map(({ direction }) => direction), ["original"]);
});

Deno.test("a Service chooses its forwarding by annotation, where that is asked for", () => {
  const annotated = (mode: string) =>
    SHOP.map((text) =>
      text.replace(
        "metadata: {name: web, namespace: shop}\nspec: {clusterIP",
        `metadata: {name: web, namespace: shop, annotations: {service.cilium.io/forwarding-mode: ${mode}}}\nspec: {clusterIP`,
      )
    );
  const source = (wish: string, mode: string, lbModeAnnotation = true) =>
    runOne(annotated(wish), {
      ...TCP,
      version: "1.20",
      values: {
        ...REPLACED,
        bpf: { masquerade: true, lbModeAnnotation },
        loadBalancer: { mode },
      },
    }).outcome.source;
  const [client, node] = ["203.0.113.9", "192.168.0.1"];
  assertEquals(source("dsr", "snat"), client);
  assertEquals(source("snat", "dsr"), node);
  assertEquals(source("dsr", "snat", false), node);
});

Deno.test("later datagrams of a socket reach the same backend directly", () => {
  const more = [1, 2, 3, 4].map((number) =>
    pod(`w${number}`, { node: "n2", ip: `10.0.2.2${number}` })
      .replace(`app: w${number}`, "app: web")
  );
  const results = run([...BOTH, ...more], {
    values: DSR,
    flows: [0, 1, 2, 3, 4, 5].map((atNs) => ({
      ...UDP,
      atNs,
      connection: "resolver",
    })),
  });
  assertEquals(new Set(results.map(ending)).size, 1);
  assert(results.every(({ outcome }) => outcome.reply));
});

Deno.test("a process on another node answers directly as well, by an option", () => {
  const host = pod("agent", {
    node: "n2",
    ip: "192.168.0.2",
    more: "hostNetwork: true,",
    ports: "{containerPort: 9100}",
  });
  const metrics = service("agent", {
    ip: "10.96.0.60",
    port: "{port: 80, targetPort: 9100, nodePort: 30100}",
    more: "type: NodePort",
  });
  const flow = { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30100" };
  const at = (values: Readonly<Record<string, unknown>>) =>
    runOne([...SHOP, host, metrics], { ...flow, values });
  assertEquals(ending(at(DSR)), "203.0.113.9 > 192.168.0.2:9100");
  assertEquals(at(DSR).outcome.reply, true);
  assertEquals(at(GENEVE).outcome.verdict, "unknown");
});

Deno.test("direct server return by ipip is unknown", () => {
  const { outcome } = runOne(SHOP, {
    ...TCP,
    values: {
      ...REPLACED,
      loadBalancer: {
        mode: "dsr",
        dsrDispatch: "ipip",
        acceleration: "native",
      },
    },
  });
  assertEquals(
    outcome.reason,
    "direct server return by ipip is not modelled",
  );
});

Deno.test("by Geneve netfilter's masquerade spares the answer from 1.18 on, before that it is unknown", () => {
  const values = { ...GENEVE, bpf: { masquerade: false } };
  const verdict = (version: string) =>
    runOne(BOTH, { ...TCP, version, values }).outcome.verdict;
  assertEquals(verdict("1.17"), "unknown");
  assertEquals(verdict("1.18"), "forwarded");
});

Deno.test("modes of forwarding that contradict each other are refused, as by the agent", () => {
  const problems = (values: Record<string, unknown>, version = "1.18") =>
    optionsSchema.safeParse({
      version,
      values: { kubeProxyReplacement: true, ...values },
    }).error?.issues.map(({ path, message }) =>
      `${path.slice(-1).join(".")}: ${message}`
    ) ?? [];
  const loadBalancer = { mode: "dsr" };
  const tunnel = { routingMode: "tunnel" };
  assertEquals(problems({ loadBalancer }), []);
  assertEquals(problems({ loadBalancer, ...tunnel }), [
    "dsrDispatch: mode dsr cannot be used with a vxlan tunnel",
  ]);
  assertEquals(
    problems({ loadBalancer, ...tunnel, tunnelProtocol: "geneve" }),
    ["dsrDispatch: dispatch opt cannot be used with a tunnel, geneve can"],
  );
  assertEquals(
    problems({ loadBalancer: { mode: "dsr", dsrDispatch: "geneve" } }),
    ["dsrDispatch: dispatch geneve needs tunnelProtocol: geneve"],
  );
  assertEquals(
    problems({ loadBalancer: { mode: "dsr", dsrDispatch: "ipip" } }),
    ["dsrDispatch: dispatch ipip needs XDP acceleration"],
  );
  assertEquals(
    problems({ loadBalancer: { mode: "hybrid", dsrDispatch: "ipip" } }),
    ["dsrDispatch: mode hybrid knows dispatch opt and geneve"],
  );
  const bpf = { lbModeAnnotation: true };
  assertEquals(problems({ bpf }), [
    "dsrDispatch: forwarding by annotation needs dispatch ipip",
  ]);
  assertEquals(problems({ bpf }, "1.20"), []);
  assertEquals(
    problems({ bpf, loadBalancer: { mode: "hybrid" } }, "1.20"),
    ["mode: mode hybrid cannot be what annotations depart from"],
  );
});

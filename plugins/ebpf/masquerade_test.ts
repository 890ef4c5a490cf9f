import { assert, assertEquals } from "@std/assert";
import {
  ending,
  HOST_ROUTED,
  REPLACED,
  run,
  runOne,
  SHOP,
} from "./_testing.ts";

const BPF_LEGACY = {
  ...REPLACED,
  bpf: { masquerade: true, hostLegacyRouting: true },
};

Deno.test("BPF masquerade spares every address of a node, netfilter's the internal ones", () => {
  const flows = [
    "tcp://192.168.0.2:10250",
    "tcp://198.51.100.2:10250",
    "tcp://8.8.8.8:443",
    "tcp://10.0.2.10:8080",
  ].map((to) => ({ from: "pod/shop/client", to }));
  const sources = (values: Record<string, unknown>) =>
    run(SHOP, { values, flows }).map(({ outcome }) => outcome.source);
  const [pod, node] = ["10.0.1.10", "192.168.0.1"];
  assertEquals(sources({}), [pod, node, node, pod]);
  assertEquals(sources(BPF_LEGACY), [pod, pod, node, pod]);
  assertEquals(
    sources({ ...BPF_LEGACY, enableRemoteNodeMasquerade: true }),
    [node, node, node, pod],
  );
  assertEquals(
    sources({ enableIPv4Masquerade: false }),
    [pod, pod, pod, pod],
  );
});

Deno.test("a native routing prefix takes the place of the pod ranges", () => {
  const { outcome } = runOne(SHOP, {
    values: { ...BPF_LEGACY, ipv4NativeRoutingCIDR: "8.0.0.0/8" },
    from: "pod/shop/client",
    to: "tcp://8.8.8.8:443",
  });
  assertEquals(outcome.source, "10.0.1.10");
});

Deno.test("answers of a pod keep the address it was asked at", () => {
  for (const values of [{}, HOST_ROUTED]) {
    const result = runOne(SHOP, {
      values,
      from: "ip/203.0.113.9",
      to: "tcp://10.0.2.10:8080",
    });
    assertEquals(ending(result), "203.0.113.9 > 10.0.2.10:8080");
    assert(result.outcome.reply);
  }
});

Deno.test("two pods with one source port leave under two ports", () => {
  const results = run(SHOP, {
    values: HOST_ROUTED,
    flows: ["client", "near"].map((name) => ({
      from: `pod/shop/${name}`,
      to: "tcp://8.8.8.8:443",
      sourcePort: 40_000,
    })),
  });
  const ports = results.map(({ journey }) =>
    journey.find(({ hook }) => hook === "to-wire")?.packet
  );
  assertEquals(new Set(ports).size, 2);
  assert(results.every(({ outcome }) => outcome.reply));
});

Deno.test("host routing bypasses netfilter, pods of one node always do", () => {
  const bypasses = (values: Record<string, unknown>, to: string) =>
    runOne(SHOP, { values, from: "pod/shop/client", to }).journey
      .filter(({ action, direction }) =>
        action === "bypass" && direction === "original"
      )
      .map(({ hook, detail }) => `${hook} ${detail}`);
  const remote = "tcp://10.0.2.10:8080";
  const local = "tcp://10.0.1.11:8080";
  assertEquals(bypasses(HOST_ROUTED, remote), [
    "from-pod on to to-wire",
    "from-wire on to to-pod",
  ]);
  assertEquals(bypasses(BPF_LEGACY, remote), []);
  assertEquals(bypasses(BPF_LEGACY, local), ["from-pod on to to-pod"]);
  assertEquals(
    bypasses({ ...BPF_LEGACY, endpointRoutes: { enabled: true } }, local),
    [],
  );
});

Deno.test("tunnel mode wraps what is for pods elsewhere", () => {
  const { journey, outcome } = runOne(SHOP, {
    values: { routingMode: "tunnel" },
    from: "pod/shop/client",
    to: "tcp://10.0.2.10:8080",
  });
  assert(journey.some(({ action }) => action === "encapsulate"));
  assertEquals(outcome.source, "10.0.1.10");
  assertEquals(outcome.cost.overheadBytes, 100);
});

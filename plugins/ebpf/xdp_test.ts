import { assertEquals } from "@std/assert";
import { definePlugin, noOptions } from "../../core/replay/plugin.ts";
import { runFlows, type ShortFlow } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import {
  ending,
  HOST_ROUTED,
  REPLACED,
  run,
  runOne,
  SHOP,
} from "./_testing.ts";

const FLOWS: readonly ShortFlow[] = [
  { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
  { from: "ip/203.0.113.9", to: "tcp://192.168.0.2:30080" },
  { from: "ip/203.0.113.9", via: "n1", to: "tcp://1.2.3.4:80" },
  { from: "ip/198.18.0.1", via: "n1", to: "tcp://1.2.3.4:80" },
  { from: "ip/203.0.113.9", via: "n1", to: "tcp://10.96.0.3:80" },
  { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:10250" },
  { from: "pod/shop/client", to: "tcp://8.8.8.8:443" },
  { from: "pod/shop/client", to: "tcp://192.168.0.2:30080" },
  { from: "pod/shop/client", to: "tcp://10.96.0.3:80" },
  { from: "node/n1", to: "tcp://1.2.3.4:80" },
];

Deno.test("XDP acceleration changes no verdict, backend, source or identity", () => {
  const kinds: readonly Readonly<Record<string, unknown>>[] = [
    REPLACED,
    HOST_ROUTED,
    { ...HOST_ROUTED, routingMode: "tunnel" },
    { ...REPLACED, socketLB: { hostNamespaceOnly: true } },
    { ...HOST_ROUTED, loadBalancer: { mode: "dsr" } },
    {
      ...HOST_ROUTED,
      routingMode: "tunnel",
      tunnelProtocol: "geneve",
      loadBalancer: { mode: "hybrid", dsrDispatch: "geneve" },
    },
  ];
  for (const values of kinds) {
    const outcomes = (acceleration: string) =>
      run(SHOP, {
        flows: FLOWS,
        values: {
          ...values,
          loadBalancer: {
            ...values["loadBalancer"] as object | undefined,
            acceleration,
          },
        },
      }).map((result) =>
        `${ending(result)} ${result.outcome.identity} ${result.outcome.reply}`
      );
    assertEquals(outcomes("native"), outcomes("disabled"));
    assertEquals(outcomes("best-effort"), outcomes("disabled"));
  }
});

Deno.test("what XDP forwards to another node passes tc on its way out by, there and back", () => {
  const passed = (acceleration: string) =>
    runOne(SHOP, {
      ...FLOWS[0]!,
      values: { ...REPLACED, loadBalancer: { acceleration } },
    }).journey.filter(({ node, hook, detail }) =>
      node === "n1" && hook === "to-wire" && detail.endsWith("not run")
    ).map(({ direction }) => direction);
  assertEquals(passed("disabled"), []);
  assertEquals(passed("native"), ["original", "reply"]);
});

/** Encrypts whatever leaves a node, as WireGuard between nodes does. */
const encryption = definePlugin({
  manifest: {
    name: "encryption",
    version: "1.0.0",
    apiVersion: "v1",
    consumes: [],
    kinds: [],
    hooks: { encrypt: { hook: "to-wire", priority: 0 } },
    scope: "flow",
    models: [],
  },
  options: noOptions,
  initialState: () => null,
  evolve: (state) => state,
  compile: () => null,
  attach: () => ({
    encrypt: (_packet, { route }) =>
      route?.kind === "wire" && route.node !== null
        ? { kind: "encrypt", by: "wireguard", overheadBytes: 80, rule: null }
        : undefined,
  }),
});

Deno.test("what XDP forwards to another node passes encryption by, pods' own traffic does not", () => {
  const encrypted = (acceleration: string) =>
    runFlows({
      manifests: SHOP.join("\n---\n"),
      stack: [
        [plugin, { values: { ...REPLACED, loadBalancer: { acceleration } } }],
        [encryption],
      ],
      flows: [FLOWS[0]!, FLOWS[8]!],
    }).map(({ outcome }) => outcome.encryption.join(" "));
  assertEquals(encrypted("disabled"), ["none wireguard", "wireguard"]);
  assertEquals(encrypted("native"), ["none none", "wireguard"]);
});

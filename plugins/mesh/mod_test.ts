import { assertEquals, assertStringIncludes } from "@std/assert";
import { Ip } from "../../core/packet/ip.ts";
import type { Packet, Payload } from "../../core/packet/packet.ts";
import { checkPlugin } from "../../core/replay/check_plugin.ts";
import { definePlugin, noOptions } from "../../core/replay/plugin.ts";
import type { TestUse } from "../../core/replay/testing.ts";
import {
  get,
  meshObject,
  namespace,
  NODES,
  outcomeOf,
  pod,
  service,
} from "./_fixtures.ts";
import mesh from "./mod.ts";

const COLOURS = [
  NODES,
  namespace("red", "{ istio-injection: enabled }"),
  namespace("blue", "{ istio-injection: enabled }"),
  namespace("green"),
  pod("red/netshoot", { ip: "10.244.1.5" }),
  pod("blue/netshoot", { ip: "10.244.1.6" }),
  pod("green/netshoot", { ip: "10.244.1.7" }),
  pod("blue/httpbin", {
    node: "n2",
    ip: "10.244.2.5",
    labels: "{ app: httpbin }",
    port: 80,
  }),
  service("blue/httpbin", {
    ip: "10.96.0.20",
    selector: "{ app: httpbin }",
    ports: "[{ port: 80, targetPort: 80 }]",
  }),
].join("");

/** Lets a port through to a pod as a policy at the pod's link would, by what the bytes on the wire are. */
function atPod(
  name: string,
  allows: (packet: Packet) => boolean,
): TestUse {
  return [definePlugin({
    manifest: {
      name,
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: { filter: { hook: "to-pod", priority: 0 } },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state) => state,
    compile: () => null,
    attach: () => ({
      filter: (packet, { direction }) =>
        direction === "reply" || allows(packet)
          ? undefined
          : { kind: "drop", reason: "POLICY_DENIED", rule: null },
    }),
  })];
}

/** Gives connections to a cluster IP a backend before the sidecar sees them, or after. */
function translator(hook: "socket" | "prerouting", port: number): TestUse {
  return [definePlugin({
    manifest: {
      name: "translator",
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: { translate: { hook, priority: 0 } },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state) => state,
    compile: () => null,
    attach: () => ({
      translate: (packet) =>
        packet.destination.text === "10.96.0.20"
          ? {
            kind: "rewrite",
            change: { destination: Ip.of("10.244.2.5"), destinationPort: port },
            rule: null,
          }
          : undefined,
    }),
  })];
}

const isHttp = (payload: Payload) => payload.kind === "http";

Deno.test("mesh hides HTTP from whoever looks at the pod's link, unless mutual TLS is disabled", () => {
  const readable = atPod("readable", (packet) => isHttp(packet.payload));
  const ask = (from: string, objects: string[] = []) =>
    outcomeOf(get("http://httpbin.blue/ip", { from: `pod/${from}/netshoot` }), {
      manifests: COLOURS,
      objects,
      others: [readable],
    });
  for (const from of ["red", "blue"]) {
    const { http, verdict } = ask(from);
    assertEquals([http?.status, verdict], [503, "dropped"], from);
  }
  const disable = meshObject(
    "PeerAuthentication",
    "blue/default",
    "{ mtls: { mode: DISABLE } }",
  );
  assertEquals(ask("red", [disable]).http?.status, 200);
});

Deno.test("mesh leaves a policy at layer 4 the port and the address of the client", () => {
  const layer4 = atPod(
    "layer4",
    (packet) =>
      packet.destinationPort === 80 && packet.source.text !== "10.244.1.7",
  );
  const ask = (from: string) =>
    outcomeOf(
      get("http://httpbin.blue/ip", {
        from: `pod/${from}/netshoot`,
        to: "tcp://10.244.2.5:80",
      }),
      { manifests: COLOURS, others: [layer4] },
    );
  assertEquals([
    ask("red").http?.status,
    ask("blue").http?.status,
    ask("green").verdict,
  ], [200, 200, "dropped"]);
});

Deno.test("mesh in ambient mode shows policies port 15008 in place of the application's", () => {
  const metrics = atPod("metrics", (packet) => packet.destinationPort === 9090);
  const manifests = [
    NODES,
    namespace("obs", "{ istio-injection: enabled }"),
    pod("obs/grafana", { ip: "10.244.1.5" }),
    pod("obs/prometheus", { node: "n2", ip: "10.244.2.5", port: 9090 }),
  ].join("");
  const flow = { from: "pod/obs/grafana", to: "tcp://10.244.2.5:9090" };
  const by = (mode: string) =>
    outcomeOf(flow, { manifests, options: { mode }, others: [metrics] });
  assertEquals([by("sidecar").verdict, by("ambient").verdict], [
    "forwarded",
    "dropped",
  ]);
  const tunnels = atPod(
    "tunnels",
    (packet) => packet.destinationPort === 15008,
  );
  assertEquals(
    outcomeOf(flow, {
      manifests,
      options: { mode: "ambient" },
      others: [tunnels],
    }).verdict,
    "forwarded",
  );
});

Deno.test("mesh: a cluster IP translated before the sidecar hides TCP Services, and HTTP ones whose port changes", () => {
  const manifests = (name: string, port: number, targetPort: number) =>
    [
      NODES,
      namespace("shop", "{ istio-injection: enabled }"),
      pod("shop/client", { ip: "10.244.1.5" }),
      pod("shop/web", {
        node: "n2",
        ip: "10.244.2.5",
        labels: "{ app: web }",
        port: targetPort,
      }),
      service("shop/web", {
        ip: "10.96.0.20",
        selector: "{ app: web }",
        ports: `[{ name: ${name}, port: ${port}, targetPort: ${targetPort} }]`,
      }),
    ].join("");
  const tcp = { from: "pod/shop/client", to: "tcp://10.96.0.20:5432" };
  const seen = (
    hook: "socket" | "prerouting",
    name: string,
    port: number,
    targetPort: number,
    flow = tcp,
  ) =>
    outcomeOf(flow, {
      manifests: manifests(name, port, targetPort),
      others: [translator(hook, targetPort)],
    }).encryption;
  assertEquals(seen("prerouting", "tcp", 5432, 5432), ["mtls"]);
  assertEquals(seen("socket", "tcp", 5432, 5432), ["none"]);
  const http = get("http://web:8080/", { to: "tcp://10.96.0.20:8080" });
  assertEquals(seen("socket", "http", 8080, 8080, http), ["mtls"]);
  const shifted = get("http://web/", { to: "tcp://10.96.0.20:80" });
  assertEquals(seen("prerouting", "http", 80, 8080, shifted), ["mtls"]);
  assertEquals(seen("socket", "http", 80, 8080, shifted), ["none"]);
});

Deno.test("mesh comes in by the front door when a pod asks its own Service", () => {
  const manifests = [
    NODES,
    namespace("shop", "{ istio-injection: enabled }"),
    pod("shop/web", { ip: "10.244.1.5", labels: "{ app: web }" }),
    service("shop/web", {
      ip: "10.96.0.20",
      selector: "{ app: web }",
      ports: "[{ name: http, port: 80, targetPort: 8080 }]",
    }),
  ].join("");
  const deny = meshObject(
    "AuthorizationPolicy",
    "shop/p",
    "{ rules: [{ from: [{ source: { principals: ['*/sa/web'] } }] }] }",
  );
  const { verdict, http, source } = outcomeOf(
    get("http://web/", { from: "pod/shop/web" }),
    { manifests, objects: [deny] },
  );
  assertEquals([verdict, http?.status, source], [
    "forwarded",
    200,
    "127.0.0.6",
  ]);
});

Deno.test("mesh leaves pods that are in none alone", () => {
  const { verdict, cost } = outcomeOf(
    get("http://x/", { from: "pod/green/netshoot", to: "tcp://10.244.1.6:22" }),
    { manifests: COLOURS, options: { inject: "none" } },
  );
  assertEquals([verdict, cost.proxies], ["forwarded", undefined]);
});

Deno.test("mesh answers 503 when the application is not there", () => {
  const empty = outcomeOf(
    get("http://httpbin.blue/ip", { from: "pod/red/netshoot" }),
    { manifests: COLOURS.replace("labels: { app: httpbin }, ", "") },
  );
  assertEquals(empty.http?.status, 503);
  assertStringIncludes(empty.reason ?? "", "UH");
});

Deno.test("mesh keeps the laws of the engine, in every mode", () => {
  for (const mode of ["auto", "sidecar", "ambient"]) {
    for (const inject of ["auto", "all"]) {
      const checks = checkPlugin(mesh, { options: { mode, inject } });
      assertEquals(checks.filter(({ broken }) => broken !== null), [], mode);
    }
  }
});

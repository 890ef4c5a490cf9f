import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  get,
  meshObject,
  namespace,
  NODES,
  outcomeOf,
  pod,
  service,
} from "./_fixtures.ts";

const AMBIENT = [
  NODES,
  namespace("shop", "{ istio.io/dataplane-mode: ambient }"),
  namespace("bare"),
  pod("shop/client", { ip: "10.244.1.5" }),
  pod("shop/web", { node: "n2", ip: "10.244.2.5", labels: "{ app: web }" }),
  pod("bare/client", { ip: "10.244.1.9" }),
  pod("bare/db", { node: "n2", ip: "10.244.2.9", labels: "{ app: db }" }),
  service("shop/web", {
    ip: "10.96.0.20",
    selector: "{ app: web }",
    ports: "[{ name: http, port: 80, targetPort: 8080 }]",
  }),
].join("");

const ambient = (
  flow: Parameters<typeof outcomeOf>[0],
  objects: string[] = [],
  manifests = AMBIENT,
) => outcomeOf(flow, { objects, manifests });
const policy = (spec: string) =>
  meshObject("AuthorizationPolicy", "shop/p", spec);
const peer = (mode: string) =>
  meshObject(
    "PeerAuthentication",
    "shop/default",
    `{ mtls: { mode: ${mode} } }`,
  );
const DIRECT = "tcp://10.244.2.5:8080";

Deno.test("ztunnel tunnels between members, and the application sees the client's own address", () => {
  const { verdict, encryption, source, identity, backends, http } = ambient(
    get("http://web/"),
  );
  assertEquals([verdict, encryption, source], [
    "forwarded",
    ["mtls"],
    "10.244.1.5",
  ]);
  assertEquals(identity, "spiffe://cluster.local/ns/shop/sa/client");
  assertEquals(backends, [{ backend: "10.244.2.5:8080", weight: 1 }]);
  assertEquals(http?.status, 200);
});

Deno.test("ztunnel lets traffic from and to others pass in plaintext, unless it is STRICT", () => {
  assertEquals(
    ambient({ from: "pod/shop/client", to: "tcp://10.244.2.9:8080" })
      .encryption,
    ["none"],
  );
  const inbound = get("http://web/", { from: "pod/bare/client", to: DIRECT });
  assertEquals(ambient(inbound).verdict, "forwarded");
  assertEquals(ambient(inbound, [peer("STRICT")]).verdict, "rejected");
  assertEquals(
    ambient(get("http://web/"), [peer("STRICT")]).verdict,
    "forwarded",
  );
});

Deno.test("ztunnel tunnels whatever PeerAuthentication disables", () => {
  assertEquals(ambient(get("http://web/"), [peer("DISABLE")]).encryption, [
    "mtls",
  ]);
});

Deno.test("ztunnel authorises connections by the port of the application, and cuts what is denied", () => {
  const byPort = (port: number) =>
    ambient(get("http://web/"), [
      policy(`{ rules: [{ to: [{ operation: { ports: ['${port}'] } }] }] }`),
    ]);
  assertEquals([byPort(8080).verdict, byPort(15008).verdict], [
    "forwarded",
    "rejected",
  ]);
  assertStringIncludes(byPort(15008).reason ?? "", "policy rejection");
});

Deno.test("an HTTP rule denies all in ambient without a waypoint, and nothing when its waypoint is missing", () => {
  const allowGet = "rules: [{ to: [{ operation: { methods: [GET] } }] }]";
  const ask = (spec: string, method: string, manifests = AMBIENT) =>
    ambient(get("http://web/", { method }), [policy(spec)], manifests);
  const selected = `{ selector: { matchLabels: { app: web } }, ${allowGet} }`;
  assertEquals([ask(selected, "GET").verdict, ask(selected, "POST").verdict], [
    "rejected",
    "rejected",
  ]);
  const targeted =
    `{ targetRefs: [{ kind: Gateway, group: gateway.networking.k8s.io, name: waypoint }], ${allowGet} }`;
  assertEquals([
    ask(targeted, "GET").http?.status,
    ask(targeted, "POST").http?.status,
  ], [200, 200]);
  const sidecars = AMBIENT.replace(
    "istio.io/dataplane-mode: ambient",
    "istio-injection: enabled",
  );
  assertEquals([
    ask(selected, "GET", sidecars).http?.status,
    ask(selected, "POST", sidecars).http?.status,
  ], [200, 403]);
});

Deno.test("a waypoint makes a flow unknown where traffic goes through it", () => {
  const labelled = AMBIENT.replace(
    "dataplane-mode: ambient }",
    "dataplane-mode: ambient, istio.io/use-waypoint: wp }",
  );
  const gateway = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: wp, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
`;
  assertEquals(ambient(get("http://web/"), [], labelled).verdict, "forwarded");
  assertEquals(
    ambient(get("http://web/"), [gateway], labelled).verdict,
    "unknown",
  );
  assertEquals(
    ambient(get("http://web/", { to: DIRECT }), [gateway], labelled).verdict,
    "forwarded",
  );
});

Deno.test("sidecars and ambient members reach each other by tunnel", () => {
  const mixed = AMBIENT.replace(
    "metadata: { name: bare, labels: {} }",
    "metadata: { name: bare, labels: { istio-injection: enabled } }",
  );
  const toAmbient = ambient(
    get("http://web.shop/", { from: "pod/bare/client" }),
    [],
    mixed,
  );
  assertEquals([toAmbient.verdict, toAmbient.encryption, toAmbient.source], [
    "forwarded",
    ["mtls"],
    "10.244.1.9",
  ]);
  const toSidecar = ambient(
    { from: "pod/shop/client", to: "tcp://10.244.2.9:8080" },
    [peer("STRICT").replace("namespace: shop", "namespace: bare")],
    mixed,
  );
  assertEquals([toSidecar.verdict, toSidecar.encryption, toSidecar.identity], [
    "forwarded",
    ["mtls"],
    "spiffe://cluster.local/ns/shop/sa/client",
  ]);
});

Deno.test("mode puts every member on one data plane", () => {
  const sidecar = outcomeOf(get("http://web/"), {
    manifests: AMBIENT,
    options: { mode: "sidecar" },
  });
  assertEquals([sidecar.source, sidecar.encryption], ["127.0.0.6", ["mtls"]]);
  const all = outcomeOf({
    from: "pod/shop/client",
    to: "tcp://10.244.2.9:8080",
  }, { manifests: AMBIENT, options: { mode: "ambient", inject: "all" } });
  assertEquals(all.encryption, ["mtls"]);
});

Deno.test("probes of the node reach an ambient pod from an address that is not the node's", () => {
  const probe = { from: "node/n2", to: DIRECT };
  const { verdict, source, cost } = ambient(probe, [peer("STRICT")]);
  assertEquals([verdict, source, cost.proxies], [
    "forwarded",
    "169.254.7.127",
    undefined,
  ]);
  const plain = outcomeOf(probe, {
    manifests: AMBIENT,
    options: { probeSourceNat: false },
  });
  assertEquals(plain.source, "192.168.0.12");
  const elsewhere = ambient({ from: "node/n1", to: DIRECT });
  assertEquals(elsewhere.source, "192.168.0.11");
});

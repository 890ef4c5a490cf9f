import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkPlugin } from "../../core/replay/check_plugin.ts";
import { makeTape, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { flowIntent, runFlows } from "../../core/replay/testing.ts";
import gateway from "./mod.ts";

const BACKENDS = `
apiVersion: v1
kind: Node
metadata: { name: n1 }
status: { addresses: [{ type: InternalIP, address: 172.18.0.2 }] }
---
apiVersion: v1
kind: Node
metadata: { name: n2 }
status: { addresses: [{ type: InternalIP, address: 172.18.0.3 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, labels: { app: web } }
spec: { nodeName: n1, containers: [{ name: web, image: web, ports: [{ containerPort: 8080 }] }] }
status: { podIP: 10.0.1.5, podIPs: [{ ip: 10.0.1.5 }], phase: Running }
---
apiVersion: v1
kind: Pod
metadata: { name: web-2, namespace: shop, labels: { app: web } }
spec: { nodeName: n2, containers: [{ name: web, image: web, ports: [{ containerPort: 8080 }] }] }
status: { podIP: 10.0.2.5, podIPs: [{ ip: 10.0.2.5 }], phase: Running }
---
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { nodeName: n1, containers: [{ name: client, image: client }] }
status: { podIP: 10.0.1.9, podIPs: [{ ip: 10.0.1.9 }], phase: Running }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.10, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: idle, namespace: shop }
spec: { clusterIP: 10.96.0.11, selector: { app: none }, ports: [{ port: 80, targetPort: 8080 }] }
`;

const EDGE = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  gatewayClassName: any
  listeners:
  - { name: http, port: 80, protocol: HTTP }
  - name: https
    port: 443
    protocol: HTTPS
    hostname: "*.example.com"
    tls: { certificateRefs: [{ name: cert }] }
status: { addresses: [{ type: IPAddress, value: 203.0.113.80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  rules:
  - matches: [{ path: { type: PathPrefix, value: /app } }]
    filters:
    - type: URLRewrite
      urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: / } }
    backendRefs: [{ name: web, port: 80 }]
  - matches: [{ path: { type: Exact, value: /old } }]
    filters:
    - type: RequestRedirect
      requestRedirect: { scheme: https, statusCode: 301 }
  - matches: [{ path: { type: Exact, value: /idle } }]
    backendRefs: [{ name: idle, port: 80 }]
  - matches: [{ path: { type: Exact, value: /extended } }]
    filters: [{ type: ExtensionRef, extensionRef: { group: x.example, kind: Auth, name: a } }]
    backendRefs: [{ name: web, port: 80 }]
`;

function ask(url: string, { manifests = BACKENDS + EDGE, to = "" } = {}) {
  const [result] = runFlows({
    manifests,
    stack: [[gateway, { implementation: "envoy-gateway" }]],
    flows: [{
      from: "pod/shop/client",
      to: to || `tcp://203.0.113.80:${url.startsWith("https") ? 443 : 80}`,
      http: { url },
    }],
  });
  return result!;
}

Deno.test("gateway keeps the laws of plugins", () => {
  const { events } = importManifests([
    { file: "edge.yaml", text: BACKENDS + EDGE },
  ]);
  const flow = flowIntent({
    from: "pod/shop/client",
    to: "tcp://203.0.113.80:80",
    http: { url: "http://a.example.com/app" },
  });
  const tape = makeTape(
    [...events, newEvent("flow.opened", { flow })]
      .map((event) => ({ timeNs: 0, event })),
  );
  for (const options of [{}, { implementation: "ingress-nginx" }]) {
    for (const given of [{ options }, { options, tape }]) {
      const checks = checkPlugin(gateway, given);
      assertEquals(checks.filter(({ broken }) => broken !== null), []);
    }
  }
});

Deno.test("gateway at an address forwards from the node, with the request rewritten", () => {
  const { outcome, journey } = ask("http://a.example.com/app/items?id=1");
  assertEquals(outcome.verdict, "forwarded", JSON.stringify(outcome));
  assertEquals(outcome.http?.status, 200);
  assertEquals(outcome.http?.request, "GET a.example.com /items?id=1");
  assertEquals(outcome.source, "172.18.0.2");
  assertEquals(
    outcome.backends.map(({ backend, weight }) => `${backend} ${weight}`),
    ["10.0.1.5:8080 1", "10.0.2.5:8080 1"],
  );
  const hop = journey.find(({ plugin }) => plugin === "gateway");
  assertEquals(hop?.rule?.name, "Gateway shop/edge listener http");
  assertEquals(hop?.rule?.source?.file, "test.yaml");
});

Deno.test("gateway takes TLS off by server name, and knows no other", () => {
  const known = ask("https://a.example.com/app");
  assertEquals(known.outcome.http?.status, 200);
  const unknown = ask("https://other.test/app");
  assertEquals(unknown.outcome.verdict, "error");
  assertEquals(unknown.outcome.reason, "no listener for the server name");
});

Deno.test("gateway answers itself where nobody can", () => {
  const missing = ask("http://a.example.com/nothing").outcome;
  assertEquals(missing.verdict, "error");
  assertEquals(missing.http?.status, 404);
  assertEquals(missing.reason, "no route matched");
  const redirect = ask("http://a.example.com/old?x=1").outcome;
  assertEquals(redirect.verdict, "forwarded");
  assertEquals(redirect.http?.status, 301);
  assertEquals(redirect.http?.location, "https://a.example.com/old?x=1");
  const idle = ask("http://a.example.com/idle").outcome;
  assertEquals(idle.http?.status, 503);
  assertEquals(idle.backends, [{ backend: "status 503", weight: 1 }]);
});

Deno.test("gateway says unknown where a filter is not modelled", () => {
  const { outcome } = ask("http://a.example.com/extended");
  assertEquals(outcome.verdict, "unknown");
  assertStringIncludes(outcome.reason ?? "", "ExtensionRef");
  assert(outcome.rule?.source !== undefined);
});

Deno.test("gateway runs in its own pods, behind the target port of their Service", () => {
  const pods = `
---
apiVersion: v1
kind: Pod
metadata:
  name: edge-proxy
  namespace: shop
  labels: { gateway.networking.k8s.io/gateway-name: edge }
spec: { nodeName: n2, containers: [{ name: envoy, image: envoy }] }
status: { podIP: 10.0.2.80, podIPs: [{ ip: 10.0.2.80 }], phase: Running }
---
apiVersion: v1
kind: Service
metadata: { name: edge, namespace: shop }
spec:
  clusterIP: 10.96.0.80
  selector: { gateway.networking.k8s.io/gateway-name: edge }
  ports: [{ name: http, port: 80, targetPort: 10080 }]
`;
  const { outcome } = ask("http://a.example.com/app", {
    manifests: BACKENDS + EDGE + pods,
    to: "tcp://10.0.2.80:10080",
  });
  assertEquals(outcome.verdict, "forwarded", JSON.stringify(outcome));
  assertEquals(outcome.source, "10.0.2.80");
  assertEquals(outcome.http?.request, "GET a.example.com /");
  const address = ask("http://a.example.com/app", {
    manifests: BACKENDS + EDGE + pods,
  });
  assertEquals(
    address.journey.some(({ plugin }) => plugin === "gateway"),
    false,
    "with pods the address is the business of a Service",
  );
});

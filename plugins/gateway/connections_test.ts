import { assertEquals } from "@std/assert";
import { runFlows, type ShortFlow } from "../../core/replay/testing.ts";
import {
  curl,
  edge,
  EDGE_ADDRESS,
  ingress,
  route,
  services,
  sharesOf,
} from "./_curl.ts";
import gateway from "./mod.ts";

const SHOP = services("shop/one", "shop/two");
const ALL = "allowedRoutes: { namespaces: { from: All } }";

/** Sends flows from outside to names that resolve to the edge. */
function send(
  manifests: string,
  flows: readonly Omit<ShortFlow, "from">[],
  options: Readonly<Record<string, unknown>> = {},
) {
  const names = flows.map(({ to }) => /:\/\/(.*):/.exec(to)![1]!);
  return runFlows({
    manifests: `
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.0.0.0/24 }
status: { addresses: [{ type: InternalIP, address: 172.18.0.2 }] }
${manifests}`,
    stack: [[gateway, {
      addresses: { "infra/edge": EDGE_ADDRESS, "shop/a": EDGE_ADDRESS },
      ...options,
    }]],
    records: Object.fromEntries(names.map((name) => [name, [EDGE_ADDRESS]])),
    flows: flows.map((flow) => ({
      from: "ip/198.51.100.9",
      via: "n1",
      ...flow,
    })),
  }).map(({ outcome }) => outcome);
}

const STREAM_ROUTE = (
  kind: string,
  name: string,
  { to, more = "" }: { to: string; more?: string },
) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ name: edge, namespace: infra }]
  ${more}
  rules: [{ backendRefs: [{ name: ${to}, port: 80 }] }]
`;

Deno.test("SNI picks the listener, Host the route; a better listener for Host is 421 where looked at (2a.13)", () => {
  const manifests = SHOP + edge(`
  - { name: a, port: 443, protocol: HTTPS, hostname: a.test, tls: { certificateRefs: [{ name: c }] }, ${ALL} }
  - { name: b, port: 443, protocol: HTTPS, hostname: b.test, tls: { certificateRefs: [{ name: c }] }, ${ALL} }`) +
    route("a", {
      hostnames: "[a.test]",
      rules: "[{ backendRefs: [{ name: one, port: 80 }] }]",
    }) +
    route("b", {
      hostnames: "[b.test]",
      rules: "[{ backendRefs: [{ name: two, port: 80 }] }]",
    });
  const ask = (misdirectedRequests: boolean) =>
    send(manifests, [
      { to: "tcp://a.test:443", http: { url: "https://a.test/" } },
      { to: "tcp://a.test:443", http: { url: "https://b.test/" } },
      { to: "tcp://a.test:443", http: { url: "https://c.test/" } },
      { to: "tcp://c.test:443", http: { url: "https://c.test/" } },
    ], { misdirectedRequests }).map(({ http, reason }) =>
      http?.status ?? reason
    );
  assertEquals(ask(true), [200, 421, 404, "no listener for the server name"]);
  assertEquals(ask(false), [200, 404, 404, "no listener for the server name"]);
});

Deno.test("TLSRoutes go by server name; others are closed, not answered (2a.30)", () => {
  const manifests = SHOP + edge(`
  - { name: tls, port: 443, protocol: TLS, hostname: "*.test", tls: { mode: Passthrough }, ${ALL} }`) +
    STREAM_ROUTE("TLSRoute", "one", {
      to: "one",
      more: "hostnames: [a.test]",
    }) +
    STREAM_ROUTE("TLSRoute", "any", {
      to: "two",
      more: 'hostnames: ["*.test"]',
    });
  const outcomes = send(manifests, [
    { to: "tcp://a.test:443", http: { url: "https://a.test/" } },
    { to: "tcp://b.test:443", http: { url: "https://b.test/" } },
    { to: "tcp://b.other:443", http: { url: "https://b.other/" } },
    { to: "tcp://b.test:443", http: { url: "http://b.test/" } },
  ]);
  assertEquals(
    outcomes.map(({ receiver, reason }) => receiver ?? reason),
    [
      "pod shop/one",
      "pod shop/two",
      "no listener for the server name",
      "no TLS to a listener of TLS",
    ],
  );
  assertEquals(outcomes[0]!.encryption.includes("none"), false);
});

Deno.test("of several TCPRoutes on a listener the oldest carries traffic (2a.31)", () => {
  const manifests = SHOP +
    edge(`[{ name: tcp, port: 9000, protocol: TCP, ${ALL} }]`) +
    STREAM_ROUTE("TCPRoute", "b", { to: "one" }) +
    STREAM_ROUTE("TCPRoute", "a", { to: "two" });
  const [outcome] = send(manifests, [{ to: "tcp://a.test:9000" }]);
  assertEquals(outcome?.receiver, "pod shop/two", "equal age: by name");
});

Deno.test("a port without a route closes, an invalid backend closes its share", () => {
  const listeners = `
  - { name: tcp, port: 9000, protocol: TCP, ${ALL} }
  - { name: empty, port: 9001, protocol: TCP, allowedRoutes: { kinds: [{ kind: UDPRoute }] } }`;
  const outcomes = send(
    edge(listeners) + STREAM_ROUTE("TCPRoute", "a", { to: "missing" }),
    [{ to: "tcp://a.test:9000" }, { to: "tcp://a.test:9001" }],
  );
  assertEquals(outcomes.map(({ verdict, reason }) => `${verdict} ${reason}`), [
    "error invalid backend: Service shop/missing not found",
    "error no route attached",
  ]);
});

Deno.test("UDPRoutes carry datagrams", () => {
  const dns = `
---
apiVersion: v1
kind: Service
metadata: { name: dns, namespace: shop }
spec: { clusterIP: 10.96.0.9, selector: { app: one }, ports: [{ port: 80, targetPort: 5353, protocol: UDP }] }
`;
  const [outcome] = send(
    SHOP.replace("containerPort: 8080", "containerPort: 5353, protocol: UDP") +
      dns + edge(`[{ name: udp, port: 53, protocol: UDP, ${ALL} }]`) +
      STREAM_ROUTE("UDPRoute", "dns", { to: "dns" }),
    [{ to: "udp://a.test:53" }],
  );
  assertEquals(outcome?.backend, "10.0.0.1:5353");
});

Deno.test("bytes that are not described as a request leave an HTTP listener unknown", () => {
  const [outcome] = send(
    SHOP + edge() +
      route("a", { rules: "[{ backendRefs: [{ name: one, port: 80 }] }]" }),
    [{ to: "tcp://a.test:80" }],
  );
  assertEquals(outcome?.verdict, "unknown");
});

Deno.test("validation of client certificates is unknown", () => {
  const manifests = SHOP + edge(`
  - { name: https, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: c }] }, ${ALL} }
  tls: { frontend: { default: { validation: { caCertificateRefs: [{ name: ca }] } } } }`) +
    route("a", { rules: "[{ backendRefs: [{ name: one, port: 80 }] }]" });
  const [outcome] = send(manifests, [
    { to: "tcp://a.test:443", http: { url: "https://a.test/" } },
  ]);
  assertEquals(
    outcome?.reason,
    "validation of client certificates is not modelled",
  );
});

Deno.test("a certificate of another namespace needs a grant, else the listener does not come up (2a.16)", () => {
  const manifests = SHOP + edge(`
  - { name: https, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: c, namespace: certs }] }, ${ALL} }`) +
    route("a", { rules: "[{ backendRefs: [{ name: one, port: 80 }] }]" });
  const grant = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: { name: g, namespace: certs }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: Gateway, namespace: infra }]
  to: [{ group: "", kind: Secret }]
`;
  const flow = { to: "tcp://a.test:443", http: { url: "https://a.test/" } };
  const [closed] = send(manifests, [flow]);
  assertEquals(closed?.verdict, "rejected");
  assertEquals(closed?.reason, "no listener");
  const [open] = send(manifests + grant, [flow]);
  assertEquals(open?.http?.status, 200);
});

Deno.test("BackendTLSPolicy makes its Service port unknown", () => {
  const policy = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: p, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: one, sectionName: http }]
  validation: { hostname: one.test, wellKnownCACertificates: System }
`;
  assertEquals(
    curl({
      manifests: SHOP + policy + edge() +
        route("a", { rules: "[{ backendRefs: [{ name: one, port: 80 }] }]" }),
      requests: ["http://h/"],
    }),
    ["unknown: certificates for BackendTLSPolicy are not modelled"],
  );
});

Deno.test("backends see the controller's pod, or the node of a proxy without one (D14)", () => {
  const controller = `
---
apiVersion: v1
kind: Pod
metadata:
  name: controller
  namespace: ingress-nginx
  labels: { app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller }
spec: { nodeName: n1, containers: [{ name: c, image: c, ports: [{ containerPort: 80 }] }] }
status: { podIP: 10.0.0.50, podIPs: [{ ip: 10.0.0.50 }], phase: Running }
`;
  const web = ingress([["/", "Prefix", "one"]], { host: "a.test" });
  const [nginx] = runFlows({
    manifests: `
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.0.0.0/24 }
status: { addresses: [{ type: InternalIP, address: 172.18.0.2 }] }
${SHOP}${controller}${web}`,
    stack: [[gateway, { implementation: "ingress-nginx" }]],
    flows: [{
      from: "pod/shop/two",
      to: "tcp://10.0.0.50:80",
      http: { url: "http://a.test/" },
    }],
  });
  assertEquals(nginx?.outcome.source, "10.0.0.50");
  const [perNode] = send(
    SHOP + web.replace("ingressClassName: nginx", "ingressClassName: cilium"),
    [{ to: "tcp://a.test:80", http: { url: "http://a.test/" } }],
    { implementation: "cilium" },
  );
  assertEquals(perNode?.source, "172.18.0.2");
});

Deno.test("a controller in the node's network listens on the node's address", () => {
  const controller = `
---
apiVersion: v1
kind: Pod
metadata:
  name: controller
  namespace: ingress-nginx
  labels: { app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller }
spec: { nodeName: n1, hostNetwork: true, containers: [{ name: c, image: c, ports: [{ containerPort: 80 }] }] }
status: { podIP: 172.18.0.2, podIPs: [{ ip: 172.18.0.2 }], hostIP: 172.18.0.2, phase: Running }
`;
  const [result] = runFlows({
    manifests: `
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.0.0.0/24 }
status: { addresses: [{ type: InternalIP, address: 172.18.0.2 }] }
${SHOP}${controller}${ingress([["/", "Prefix", "one"]], { host: "a.test" })}`,
    stack: [[gateway, { implementation: "ingress-nginx" }]],
    flows: [{
      from: "ip/198.51.100.9",
      to: "tcp://172.18.0.2:80",
      http: { url: "http://a.test/x" },
    }],
  });
  assertEquals(result?.outcome.http?.request, "GET a.test /x");
  assertEquals(result?.outcome.source, "172.18.0.2");
});

Deno.test("Ingresses of other controllers go by the API: element prefixes, default backend, the rest unknown", () => {
  const web = ingress([
    ["/foo", "Prefix", "one"],
    ["/foo/bar", "Exact", "two"],
    ["/any", "ImplementationSpecific", "two"],
  ], {
    more: "defaultBackend: { service: { name: two, port: { name: http } } }",
  });
  assertEquals(
    curl({
      manifests: SHOP + web,
      requests: [
        "http://example.com/foo/x",
        "http://example.com/foo/bar",
        "http://example.com/foobar",
        "http://other.test/foo",
      ],
    }),
    [
      "shop/one GET example.com /foo/x",
      "shop/two GET example.com /foo/bar",
      "unknown: what a path of type ImplementationSpecific matches is not modelled",
      "shop/two GET other.test /foo",
    ],
  );
});

Deno.test("cilium reads specific paths as expressions and sends hosts with TLS to https", () => {
  const cilium = (text: string) =>
    text.replace("ingressClassName: nginx", "ingressClassName: cilium");
  const manifests = SHOP +
    cilium(ingress([["/any.*", "ImplementationSpecific", "one"]], {
      host: "a.test",
      more: "tls: [{ hosts: [b.test], secretName: c }]",
    })) +
    cilium(ingress([["/", "Prefix", "two"]], { name: "b", host: "b.test" }));
  assertEquals(
    curl({
      manifests,
      options: { implementation: "cilium" },
      requests: [
        "http://a.test/anything",
        "http://a.test/x",
        "http://b.test/x",
        "https://b.test/x",
        "https://a.test/x",
      ],
    }),
    [
      "shop/one GET a.test /anything",
      "404 no route matched",
      "301 to https://b.test/x",
      "shop/two GET b.test /x",
      "error: no listener for the server name",
    ],
  );
});

Deno.test("odd weights stay whole and finite", () => {
  assertEquals(
    sharesOf({
      manifests: SHOP + edge() + route("a", {
        rules:
          "[{ backendRefs: [{ name: one, port: 80, weight: 1.0e300 }, { name: two, port: 80, weight: 0.5 }] }]",
      }),
      requests: ["http://h/"],
    }),
    ["10.0.0.1:8080 1000000", "10.0.0.2:8080 1"],
  );
});

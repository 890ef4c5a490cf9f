import { assertEquals } from "@std/assert";
import { ending, pod, REPLACED, run, service, SHOP } from "./_testing.ts";

const NONE = "SERVICE_BACKEND_NOT_FOUND";

/** web, which runs on n2 alone, at a node port, a load balancer and n1's external address. */
function exposed(policies: string): readonly string[] {
  return [
    ...SHOP,
    service("both", {
      app: "web",
      ip: "10.96.0.9",
      port: "{port: 80, targetPort: 8080, nodePort: 30090}",
      more: `type: LoadBalancer, externalIPs: [198.51.100.1], ${policies}`,
      status: "{loadBalancer: {ingress: [{ip: 1.2.3.9}]}}",
    }),
  ];
}

/** Asks at every kind of frontend from n1, which has no endpoint. */
function onNodeWithout(policies: string): Record<string, string> {
  const flows = {
    "pod, ClusterIP": { from: "pod/shop/client", to: "tcp://10.96.0.9:80" },
    "pod, node port": {
      from: "pod/shop/client",
      to: "tcp://192.168.0.1:30090",
    },
    "pod, load balancer": { from: "pod/shop/client", to: "tcp://1.2.3.9:80" },
    "world, node port": {
      from: "ip/203.0.113.9",
      to: "tcp://192.168.0.1:30090",
    },
    "world, load balancer": {
      from: "ip/203.0.113.9",
      via: "n1",
      to: "tcp://1.2.3.9:80",
    },
  };
  const results = run(exposed(policies), {
    values: REPLACED,
    flows: Object.values(flows),
  });
  return Object.fromEntries(
    Object.keys(flows).map((name, at) => {
      const { verdict, reason } = results[at]!.outcome;
      return [name, reason ?? verdict];
    }),
  );
}

Deno.test("each traffic policy limits clients of its own scope, and no others", () => {
  const open = "forwarded";
  assertEquals(
    onNodeWithout("externalTrafficPolicy: Local"),
    {
      "pod, ClusterIP": open,
      "pod, node port": open,
      "pod, load balancer": open,
      "world, node port": NONE,
      "world, load balancer": NONE,
    },
  );
  assertEquals(
    onNodeWithout("internalTrafficPolicy: Local"),
    {
      "pod, ClusterIP": NONE,
      "pod, node port": NONE,
      "pod, load balancer": NONE,
      "world, node port": open,
      "world, load balancer": open,
    },
  );
  assertEquals(
    Object.values(
      onNodeWithout(
        "externalTrafficPolicy: Local, internalTrafficPolicy: Local",
      ),
    ),
    [NONE, NONE, NONE, NONE, NONE],
  );
});

Deno.test("an external address is not there for pods and processes of its node where the two policies differ", () => {
  const at = (policies: string, values: Readonly<Record<string, unknown>>) =>
    run(exposed(policies), {
      values,
      flows: [
        { from: "pod/shop/client", to: "tcp://198.51.100.1:80" },
        { from: "node/n1", to: "tcp://198.51.100.1:80" },
        { from: "ip/203.0.113.9", to: "tcp://198.51.100.1:80" },
      ],
    }).map(({ outcome }) => outcome.receiver);
  const perPacket = { ...REPLACED, socketLB: { hostNamespaceOnly: true } };
  const served = ["pod shop/web", "pod shop/web", "pod shop/web"];
  assertEquals(at("externalTrafficPolicy: Cluster", REPLACED), served);
  assertEquals(at("internalTrafficPolicy: Local", REPLACED), [
    "node n1",
    "node n1",
    "pod shop/web",
  ]);
  assertEquals(at("internalTrafficPolicy: Local", perPacket), [
    "node n1",
    "node n1",
    "pod shop/web",
  ]);
});

/** Endpoints of a Service `rolling` with a node port; each is `ready`, `ending`, `gone` or `unready`. */
function rolling(
  endpoints: readonly (readonly [node: string, ip: string, state: string])[],
): readonly string[] {
  const conditions: Readonly<Record<string, string>> = {
    ready: "{ready: true, serving: true, terminating: false}",
    ending: "{ready: false, serving: true, terminating: true}",
    gone: "{ready: false, serving: false, terminating: true}",
    unready: "{ready: false, serving: false, terminating: false}",
  };
  return [
    ...SHOP,
    ...endpoints.map(([node, ip]) => pod(`p${ip.at(-1)}`, { node, ip })),
    `kind: Service
apiVersion: v1
metadata: {name: rolling, namespace: shop}
spec: {clusterIP: 10.96.0.20, type: NodePort, externalTrafficPolicy: Local, ports: [{port: 80, targetPort: 8080, nodePort: 30200}]}`,
    `kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: {name: rolling-1, namespace: shop, labels: {kubernetes.io/service-name: rolling}}
addressType: IPv4
ports: [{port: 8080, protocol: TCP}]
endpoints: [${
      endpoints.map(([node, ip, state]) =>
        `{addresses: [${ip}], nodeName: ${node}, conditions: ${
          conditions[state]
        }}`
      ).join(", ")
    }]`,
  ];
}

Deno.test("a local policy falls back to the node's own ending endpoints, whatever other nodes have", () => {
  const outsider = (
    ...endpoints: readonly (readonly [string, string, string])[]
  ) =>
    run(rolling(endpoints), {
      values: REPLACED,
      flows: [{ from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30200" }],
    }).map(ending)[0];
  const here = (state: string) => ["n1", "10.0.1.31", state] as const;
  const there = (state: string) => ["n2", "10.0.2.32", state] as const;
  const none = `dropped ${NONE} at n1 from-wire`;
  const ours = "203.0.113.9 > 10.0.1.31:8080";
  assertEquals(outsider(here("ending"), there("ready")), ours);
  assertEquals(outsider(here("ending")), ours);
  assertEquals(outsider(here("gone"), there("ready")), none);
  assertEquals(outsider(here("unready"), there("ending")), none);
});

Deno.test("without a local policy a ready endpoint anywhere keeps ending ones out", () => {
  const pod = { from: "pod/shop/client", to: "tcp://10.96.0.20:80" };
  const backends = (
    ...endpoints: readonly (readonly [string, string, string])[]
  ) =>
    run(rolling(endpoints), { values: REPLACED, flows: [pod] })
      .map(({ outcome }) => outcome.backends.map(({ backend }) => backend))[0];
  const ending = ["n1", "10.0.1.31", "ending"] as const;
  const ready = ["n2", "10.0.2.32", "ready"] as const;
  assertEquals(backends(ending, ready), ["10.0.2.32:8080"]);
  assertEquals(backends(ending), ["10.0.1.31:8080"]);
});

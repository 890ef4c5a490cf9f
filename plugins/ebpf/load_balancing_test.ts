import { assert, assertEquals } from "@std/assert";
import { makeTape, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { replay } from "../../core/replay/engine.ts";
import { flowIntent, stackOf } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import {
  ending,
  HOST_ROUTED,
  pod,
  REPLACED,
  run,
  runOne,
  service,
  SHOP,
} from "./_testing.ts";

const PER_PACKET = { ...REPLACED, socketLB: { hostNamespaceOnly: true } };

Deno.test("socket load balancing hides the ClusterIP from every later hook", () => {
  const { journey } = runOne(SHOP, {
    values: REPLACED,
    from: "pod/shop/client",
    to: "tcp://10.96.0.3:80",
  });
  assertEquals(journey[0]?.hook, "socket");
  assert(journey.slice(1).every(({ packet }) => !packet.includes("10.96.")));
});

Deno.test("hostNamespaceOnly leaves the ClusterIP until the pod's link, and hosts their sockets", () => {
  const [fromPod, fromNode] = run(SHOP, {
    values: PER_PACKET,
    flows: [
      { from: "pod/shop/client", to: "tcp://10.96.0.3:80" },
      { from: "node/n1", to: "tcp://10.96.0.3:80" },
    ],
  });
  const hookOf = (result: typeof fromPod) =>
    result?.journey.find(({ action }) => action === "rewrite")?.hook;
  assertEquals(hookOf(fromPod), "from-pod");
  assertEquals(hookOf(fromNode), "socket");
  assertEquals(ending(fromPod!), "10.0.1.10 > 10.0.2.10:8080");
  assertEquals(fromPod?.outcome.reply, true);
});

Deno.test("without the replacement pods' ClusterIP is balanced at the link, node ports are not", () => {
  const flows = ["tcp://10.96.0.3:80", "tcp://192.168.0.2:30080"].map((to) => ({
    from: "pod/shop/client",
    to,
  }));
  const [clusterIp, nodePort] = run(SHOP, { flows });
  assertEquals(ending(clusterIp!), "10.0.1.10 > 10.0.2.10:8080");
  assertEquals(nodePort?.outcome.verdict, "refused");
});

Deno.test("a node port forwards to another node under the entry node's address, to its own as is", () => {
  const results = run(SHOP, {
    values: HOST_ROUTED,
    flows: [
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.2:30080" },
      { from: "pod/shop/client", to: "tcp://192.168.0.2:30080" },
    ],
  });
  assertEquals(results.map(ending), [
    "192.168.0.1 > 10.0.2.10:8080",
    "203.0.113.9 > 10.0.2.10:8080",
    "10.0.1.10 > 10.0.2.10:8080",
  ]);
  assertEquals(results.map(({ outcome }) => outcome.identity), [
    "reserved:remote-node",
    "reserved:world",
    "k8s:app=client,k8s:io.kubernetes.pod.namespace=shop",
  ]);
  assert(results.every(({ outcome }) => outcome.reply));
});

Deno.test("loadBalancerSourceRanges hold for packets off the wire alone, and not for node ports", () => {
  const results = run(SHOP, {
    values: REPLACED,
    flows: [
      { from: "pod/shop/client", to: "tcp://1.2.3.4:80" },
      { from: "node/n1", to: "tcp://1.2.3.4:80" },
      { from: "ip/203.0.113.9", via: "n1", to: "tcp://1.2.3.4:80" },
      { from: "ip/198.18.0.1", via: "n1", to: "tcp://1.2.3.4:80" },
      { from: "ip/198.18.0.1", to: "tcp://192.168.0.1:30080" },
    ],
  });
  assertEquals(results.map(ending), [
    "10.0.1.10 > 10.0.2.10:8080",
    "192.168.0.1 > 10.0.2.10:8080",
    "192.168.0.1 > 10.0.2.10:8080",
    "dropped DENIED_BY_LB_SRC_RANGE_CHECK at n1 from-wire",
    "192.168.0.1 > 10.0.2.10:8080",
  ]);
});

Deno.test("externalTrafficPolicy Local limits clients from outside, not those in the cluster", () => {
  const local = service("local", {
    app: "web",
    ip: "10.96.0.9",
    port: "{port: 80, targetPort: 8080, nodePort: 30090}",
    more: "type: LoadBalancer, externalTrafficPolicy: Local",
    status: "{loadBalancer: {ingress: [{ip: 1.2.3.9}]}}",
  });
  const results = run([...SHOP, local], {
    values: REPLACED,
    flows: [
      { from: "pod/shop/client", to: "tcp://1.2.3.9:80" },
      { from: "pod/shop/client", to: "tcp://192.168.0.1:30090" },
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.2:30090" },
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30090" },
    ],
  });
  assertEquals(results.map(ending), [
    "10.0.1.10 > 10.0.2.10:8080",
    "10.0.1.10 > 10.0.2.10:8080",
    "203.0.113.9 > 10.0.2.10:8080",
    "dropped SERVICE_BACKEND_NOT_FOUND at n1 from-wire",
  ]);
});

Deno.test("internalTrafficPolicy Local keeps to the node's own backends", () => {
  const local = service("local", {
    app: "web",
    ip: "10.96.0.9",
    more: "internalTrafficPolicy: Local",
  });
  const flow = { from: "pod/shop/client", to: "tcp://10.96.0.9:80" };
  const at = (values: Record<string, unknown>) =>
    ending(runOne([...SHOP, local], { ...flow, values }));
  assertEquals(at(REPLACED), "rejected SERVICE_BACKEND_NOT_FOUND at n1 socket");
  assertEquals(
    at(PER_PACKET),
    "rejected SERVICE_BACKEND_NOT_FOUND at n1 from-pod",
  );
  assertEquals(
    at({ ...PER_PACKET, loadBalancer: { serviceNoBackendResponse: "drop" } }),
    "dropped SERVICE_BACKEND_NOT_FOUND at n1 from-pod",
  );
});

Deno.test("a pod behind its own Service is seen as 169.254.42.1, also when it is isolated", () => {
  const isolated = `kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}`;
  const flow = { from: "pod/shop/client", to: "tcp://10.96.0.1:80" };
  const results = [
    runOne(SHOP, { ...flow, values: PER_PACKET }),
    runOne([...SHOP, isolated], { ...flow, values: PER_PACKET }),
    // The socket is given the pod's own address, and nothing leaves the pod.
    runOne([...SHOP, isolated], { ...flow, values: REPLACED }),
  ];
  assertEquals(results.map(ending), [
    "169.254.42.1 > 10.0.1.10:8080",
    "169.254.42.1 > 10.0.1.10:8080",
    "10.0.1.10 > 10.0.1.10:8080",
  ]);
  assert(results.every(({ outcome }) => outcome.reply));
});

Deno.test("a connected datagram socket keeps a backend that is gone, a new one gets another", () => {
  const documents = [
    ...SHOP,
    pod("dns", { node: "n2", ip: "10.0.2.53" }),
    service("dns", {
      ip: "10.96.0.10",
      port: "{protocol: UDP, port: 53, targetPort: 53}",
    }),
  ];
  const rolled = [
    pod("dns", { node: "n2", ip: "10.0.2.53", phase: "Succeeded" }),
    pod("dns-2", { node: "n2", ip: "10.0.2.54" })
      .replace("app: dns-2", "app: dns"),
  ];
  const send = (connection: string, timeNs: number) => ({
    timeNs,
    event: newEvent("flow.opened", {
      flow: {
        ...flowIntent({
          from: "pod/shop/client",
          to: "udp://10.96.0.10:53",
          connection,
        }),
        id: `${connection} ${timeNs}`,
      },
    }),
  });
  const apply = (texts: readonly string[], timeNs: number) =>
    importManifests([{ file: "test.yaml", text: texts.join("\n---\n") }])
      .events.map((event) => ({ timeNs, event }));
  const tape = makeTape([
    ...apply(documents, 0),
    send("resolver", 1),
    ...apply(rolled, 2).filter(({ event }) => event.type === "pod.applied"),
    send("resolver", 3),
    send("another", 4),
  ]);
  const { results } = replay(tape, stackOf([plugin, { values: REPLACED }]), {
    seed: 1,
    trace: "full",
  });
  assertEquals([...results].map(ending), [
    "10.0.1.10 > 10.0.2.53:53",
    "dropped STALE_OR_UNROUTABLE_IP at n1 from-pod",
    "10.0.1.10 > 10.0.2.54:53",
  ]);
});

Deno.test("session affinity is by pod at the socket, and lasts as long as the Service says", () => {
  const backends = [1, 2, 3, 4].map((number) =>
    pod(`b${number}`, { node: "n2", ip: `10.0.2.3${number}` })
      .replace(`app: b${number}`, "app: many")
  );
  const sticky = service("many", {
    ip: "10.96.0.7",
    more:
      "sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10}}",
  });
  const flows = Array.from({ length: 12 }, (_, index) => ({
    from: "pod/shop/client",
    to: "tcp://10.96.0.7:80",
    atNs: index,
  }));
  const picks = (values: Record<string, unknown>) =>
    new Set(
      run([...SHOP, ...backends, sticky], { values, flows })
        .map(({ outcome }) => outcome.backend),
    ).size;
  assertEquals(picks(REPLACED), 1);
  assertEquals(picks(PER_PACKET), 1);
  // Without the replacement it is off unless asked for.
  assert(picks({}) > 1);
  assertEquals(picks({ sessionAffinity: true }), 1);
});

Deno.test("a host port answers on its pod's node alone", () => {
  const host = pod("host", {
    node: "n2",
    ip: "10.0.2.50",
    ports: "{containerPort: 8080, hostPort: 9000}",
  });
  const results = run([...SHOP, host], {
    values: REPLACED,
    flows: [
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.2:9000" },
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:9000" },
    ],
  });
  assertEquals(results.map(({ outcome }) => outcome.receiver), [
    "pod shop/host",
    "node n1",
  ]);
});

Deno.test("a ClusterIP is not routable from outside", () => {
  const result = runOne(SHOP, {
    values: REPLACED,
    from: "ip/203.0.113.9",
    via: "n1",
    to: "tcp://10.96.0.3:80",
  });
  assertEquals(ending(result), "dropped IS_A_CLUSTERIP at n1 from-wire");
});

Deno.test("a node port forwarded through a tunnel is the world to policies", () => {
  const { outcome } = runOne(SHOP, {
    values: { ...REPLACED, routingMode: "tunnel" },
    from: "ip/203.0.113.9",
    to: "tcp://192.168.0.1:30080",
  });
  assertEquals(outcome.identity, "reserved:world");
  assertEquals(outcome.reply, true);
});

Deno.test("source ranges hold for node ports where that is asked for, and can be turned round", () => {
  const deny = SHOP.map((text) =>
    text.replace(
      "metadata: {name: web, namespace: shop}\nspec: {clusterIP",
      "metadata: {name: web, namespace: shop, annotations: {service.cilium.io/src-ranges-policy: deny}}\nspec: {clusterIP",
    )
  );
  const all = { ...REPLACED, bpf: { lbSourceRangeAllTypes: true } };
  const verdicts = (
    documents: readonly string[],
    values: Readonly<Record<string, unknown>>,
  ) =>
    run(documents, {
      values,
      flows: ["203.0.113.9", "198.18.0.1"].flatMap((ip) => [
        { from: `ip/${ip}`, via: "n2", to: "tcp://1.2.3.4:80" },
        { from: `ip/${ip}`, to: "tcp://192.168.0.2:30080" },
      ]),
    }).map(({ outcome }) => outcome.reason ?? outcome.verdict);
  const out = "DENIED_BY_LB_SRC_RANGE_CHECK";
  const open = "forwarded";
  assertEquals(verdicts(SHOP, REPLACED), [open, open, out, open]);
  assertEquals(verdicts(SHOP, all), [open, open, out, out]);
  assertEquals(verdicts(deny, all), [out, out, open, open]);
});

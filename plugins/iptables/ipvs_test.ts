import { assertEquals, assertStringIncludes } from "@std/assert";
import { Cluster } from "../../core/cluster/cluster.ts";
import { printTables } from "../../core/import/iptables_print.ts";
import { importManifests } from "../../core/import/manifests.ts";
import type { FlowResult } from "../../core/replay/engine.ts";
import type { ShortFlow } from "../../core/replay/testing.ts";
import {
  CLUSTER,
  dump,
  pod,
  type Run,
  run,
  service,
  told,
} from "./_fixtures.ts";
import { GeneratedRules } from "./generated_rules.ts";
import { optionsSchema } from "./options.ts";

const SECOND_NS = 1_000_000_000;

const WEB = service(
  "web",
  "type: NodePort, clusterIP: 10.96.0.10, externalIPs: [203.0.113.80], ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]",
);

/** A Service whose only pod is on n2. */
const FAR = [
  pod("far", { node: "n2", ip: "10.244.1.40" }),
  service(
    "far",
    "type: LoadBalancer, externalTrafficPolicy: Local, clusterIP: 10.96.0.40, ports: [{ port: 80, targetPort: 8080, nodePort: 30040 }]",
    { app: "far", status: "{ loadBalancer: { ingress: [{ ip: 1.2.3.4 }] } }" },
  ),
];

function ipvs(
  { options, ...setup }: Run,
  ...flows: readonly ShortFlow[]
): readonly FlowResult[] {
  return run({ ...setup, options: { mode: "ipvs", ...options } }, ...flows);
}

/** Hops of the way there, in short. */
function way({ journey }: FlowResult): string[] {
  return journey.filter(({ direction }) => direction === "original")
    .map(({ node, hook, action, rule }) =>
      `${node} ${hook} ${action} ${rule?.name ?? ""}`.trim()
    );
}

Deno.test("ipvs takes a ClusterIP in at the node's input and sends it on from there, and the answer comes home", () => {
  const [result] = ipvs({ manifests: [WEB], seed: 4 }, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.10:80",
  });
  const { verdict, source, backends, cost } = result!.outcome;
  assertEquals([verdict, source], ["forwarded", "10.244.0.5"]);
  assertEquals(backends, [
    { backend: "10.244.0.6:8080", weight: 1 },
    { backend: "10.244.1.6:8080", weight: 1 },
  ]);
  assertEquals(cost.hashLookups, 2);
  const hops = way(result!);
  const at = hops.indexOf("n1 input rewrite ipvs tcp 10.96.0.10:80");
  assertEquals(hops[at + 1], "n1 input route");
  assertEquals(hops.some((hop) => hop.includes("forward")), false);
});

Deno.test("ipvs picks the same backend as iptables mode, so that they compare", () => {
  const flow = { from: "pod/shop/client", to: "tcp://10.96.0.10:80" };
  for (let seed = 1; seed < 8; seed++) {
    const [left] = run({ manifests: [WEB], seed }, flow);
    const [right] = ipvs({ manifests: [WEB], seed }, flow);
    assertEquals(told(left!), told(right!));
  }
});

Deno.test("ipvs masquerades what a node itself sends, which has the ClusterIP for its source", () => {
  const [result] = ipvs({
    manifests: [WEB],
    options: { clusterCIDR: "10.244.0.0/16" },
  }, { from: "node/n1", to: "tcp://10.96.0.10:80" });
  assertStringIncludes(told(result!), ":8080 from 192.168.0.1");
  const sent = result!.journey[0]!.packet;
  assertStringIncludes(sent, "10.96.0.10:");
});

Deno.test("ipvs masquerades the node's own VIP as source without a way to tell pods", () => {
  const [result] = ipvs({
    manifests: [WEB],
    options: { detectLocalMode: "BridgeInterface" },
  }, { from: "node/n1", to: "tcp://10.96.0.10:80" });
  assertStringIncludes(told(result!), ":8080 from 192.168.0.1");
});

Deno.test("ipvs rejects ports that a ClusterIP does not have, from v1.25 on; before, the node itself answers there", () => {
  const flow = { from: "pod/shop/client", to: "tcp://10.96.0.10:22" };
  const [now] = ipvs({ manifests: [WEB] }, flow);
  assertEquals(told(now!), "rejected: KUBE-IPVS-FILTER");
  assertEquals(now!.outcome.rule?.name, "filter KUBE-IPVS-FILTER:6");
  const [then] = ipvs({
    manifests: [WEB],
    options: { ipvs: { accessFilter: false } },
  }, flow);
  assertEquals(then!.outcome.receiver, "node n1");
  assertEquals(told(then!), "10.96.0.10:22 from 10.244.0.5");
});

Deno.test("ipvs answers for a Service without endpoints by ICMP, at the node's input", () => {
  const none = service("none", "clusterIP: 10.96.0.9, ports: [{ port: 80 }]", {
    app: "none",
  });
  const [result] = ipvs({ manifests: [none] }, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.9:80",
  });
  assertEquals(told(result!), "rejected: IPVS: no real server");
  assertEquals(result!.outcome.decidedAt, "n1 input");
  assertEquals(
    result!.outcome.rule?.text,
    "-A -t 10.96.0.9:80 -s rr",
  );
});

Deno.test("ipvs serves node ports on every address of the node but loopback ones", () => {
  const [primary, other, loopback] = ipvs(
    { manifests: [WEB] },
    { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
    { from: "ip/203.0.113.9", to: "tcp://198.51.100.1:30080" },
    { from: "node/n1", to: "tcp://127.0.0.1:30080" },
  );
  assertStringIncludes(told(primary!), ":8080 from 192.168.0.1");
  assertStringIncludes(told(other!), ":8080 from 192.168.0.1");
  assertEquals(loopback!.outcome.verdict, "refused");
});

Deno.test("ipvs sends a local node port to another node's pod unmasqueraded when there is none here, and the answer misses the sender", () => {
  const flow = {
    from: "ip/203.0.113.9",
    to: "tcp://192.168.0.1:30040",
  };
  const [lost] = ipvs({ manifests: FAR }, flow);
  assertStringIncludes(told(lost!), "error: reply from another address");
  const [dropped] = run({ manifests: FAR }, flow);
  assertEquals(dropped!.outcome.verdict, "dropped");
});

Deno.test("ipvs keeps the source of what comes to a local pod by a local policy", () => {
  const [result] = ipvs({ manifests: FAR }, {
    from: "ip/203.0.113.9",
    to: "tcp://192.168.0.2:30040",
  });
  assertEquals(told(result!), "10.244.1.40:8080 from 203.0.113.9");
});

Deno.test("ipvs takes external addresses in on whichever node they come to", () => {
  const [outside, inside] = ipvs(
    { manifests: [WEB] },
    { from: "ip/203.0.113.9", to: "tcp://203.0.113.80:80", via: "n1" },
    { from: "pod/shop/client", to: "tcp://203.0.113.80:80" },
  );
  assertStringIncludes(told(outside!), ":8080 from 192.168.0.1");
  assertStringIncludes(told(inside!), ":8080 from 192.168.0.1");
});

Deno.test("ipvs masquerades a pod that reaches itself through its Service, by KUBE-LOOP-BACK", () => {
  const own = service(
    "own",
    "clusterIP: 10.96.0.11, ports: [{ port: 80, targetPort: 8080 }]",
    { app: "client" },
  );
  const [result] = ipvs({ manifests: [own] }, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.11:80",
  });
  assertEquals(told(result!), "10.244.0.5:8080 from 192.168.0.1");
});

Deno.test("ipvs drops sources outside of loadBalancerSourceRanges at input, and the node itself by its own chain", () => {
  const ranged = service(
    "web",
    "type: LoadBalancer, clusterIP: 10.96.0.10, loadBalancerSourceRanges: [203.0.113.0/25], ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]",
    { status: "{ loadBalancer: { ingress: [{ ip: 1.2.3.4 }] } }" },
  );
  const [inside, outside, node] = ipvs(
    { manifests: [ranged] },
    { from: "ip/203.0.113.9", to: "tcp://1.2.3.4:80", via: "n1" },
    { from: "ip/203.0.113.200", to: "tcp://1.2.3.4:80", via: "n1" },
    { from: "node/n1", to: "tcp://1.2.3.4:80" },
  );
  assertEquals(inside!.outcome.verdict, "forwarded");
  assertEquals(told(outside!), "dropped: KUBE-SOURCE-RANGES-FIREWALL");
  assertEquals(told(node!), "dropped: KUBE-IPVS-OUT-FILTER");
});

Deno.test("ipvs keeps a client at its real server for as long as affinity lasts", () => {
  const sticky = service(
    "sticky",
    "clusterIP: 10.96.0.12, sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } }, ports: [{ port: 80, targetPort: 8080 }]",
  );
  const results = ipvs(
    { manifests: [sticky] },
    ...Array.from({ length: 12 }, (_, index) => ({
      from: "pod/shop/client",
      to: "tcp://10.96.0.12:80",
      atNs: index * 30 * SECOND_NS,
    })),
  );
  assertEquals(
    new Set(results.map(({ outcome }) => outcome.backend)).size,
    1,
  );
});

Deno.test("ipvs loses one datagram to a pod that went, and sends the next one elsewhere", () => {
  const dns = service(
    "dns",
    "clusterIP: 10.96.0.13, ports: [{ port: 53, targetPort: 8080, protocol: UDP }]",
  );
  const ask = (seconds: number) => ({
    from: "pod/shop/client",
    to: "udp://10.96.0.13:53",
    sourcePort: 40_000,
    connection: "resolver",
    atNs: seconds * SECOND_NS,
  });
  const first = ipvs({ manifests: [dns] }, ask(0))[0]!.outcome.backend!;
  const gone = first.startsWith("10.244.0.6") ? "web-1" : "web-2";
  const results = ipvs(
    {
      manifests: [dns],
      steps: [{
        atNs: SECOND_NS,
        manifests: pod(gone, {
          node: gone === "web-1" ? "n1" : "n2",
          ip: first.split(":")[0]!,
          app: "web",
          ready: false,
        }),
      }],
    },
    ask(0),
    ask(2),
    ask(3),
  );
  assertEquals(told(results[1]!), "dropped: IPVS: real server gone");
  assertEquals(results[2]!.outcome.verdict, "forwarded");
  assertEquals(results[2]!.outcome.backend === first, false);
});

Deno.test("ipvs does not say whom a scheduler picks that it does not model, unless there is one real server", () => {
  const options = { ipvs: { scheduler: "lc" } };
  const [several, one] = ipvs(
    { manifests: [WEB, ...FAR], options },
    { from: "pod/shop/client", to: "tcp://10.96.0.10:80" },
    { from: "pod/shop/client", to: "tcp://10.96.0.40:80" },
  );
  assertEquals(told(several!), "unknown: scheduler lc is not modelled");
  assertEquals(told(one!), "10.244.1.40:8080 from 10.244.0.5");
});

Deno.test("ipvs rejects an echo request to a ClusterIP; before v1.25 the node answers it", () => {
  const flow = { from: "pod/shop/client", to: "icmp://10.96.0.10" };
  const [now] = ipvs({ manifests: [WEB] }, flow);
  assertEquals(told(now!), "rejected: KUBE-IPVS-FILTER");
  const [then] = ipvs({
    manifests: [WEB],
    options: { ipvs: { accessFilter: false } },
  }, flow);
  assertEquals(then!.outcome.receiver, "node n1");
});

Deno.test("ipvs has ClusterIPs local on every node, and nobody's way to other addresses changes", () => {
  const [there] = ipvs({ manifests: [WEB] }, {
    from: "pod/shop/web-2",
    to: "tcp://10.96.0.10:80",
  });
  assertEquals(
    way(there!).includes("n2 input rewrite ipvs tcp 10.96.0.10:80"),
    true,
  );
  const [unallocated] = ipvs({ manifests: [WEB] }, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.99:80",
  });
  assertEquals(unallocated!.outcome.receiver, "outside 10.96.0.99");
});

Deno.test("ipvs has in its tables what kube-proxy writes for a Service of every kind", () => {
  const cluster = new Cluster();
  const text = [
    CLUSTER,
    WEB,
    ...FAR,
  ].join("\n---\n");
  for (const event of importManifests([{ file: "a.yaml", text }]).events) {
    cluster.apply(event);
  }
  const options = optionsSchema.parse({
    mode: "ipvs",
    clusterCIDR: "10.244.0.0/16",
    egressMasquerade: false,
  });
  const generated = new GeneratedRules(cluster, options);
  const node = cluster.nodes.get("n2")!;
  const lines = printTables(generated.tables(node, 4)).split("\n")
    .filter((line) => line.startsWith("-A KUBE"))
    .map((line) => line.replace(/ -m comment --comment ("[^"]*"|\S+)/, ""));
  assertEquals(lines, [
    "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
    "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A KUBE-IPVS-FILTER -m set --match-set KUBE-LOAD-BALANCER dst,dst -j RETURN",
    "-A KUBE-IPVS-FILTER -m set --match-set KUBE-CLUSTER-IP dst,dst -j RETURN",
    "-A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP dst,dst -j RETURN",
    "-A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -j RETURN",
    "-A KUBE-IPVS-FILTER -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j RETURN",
    "-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT --reject-with icmp-port-unreachable",
    "-A KUBE-NODE-PORT -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT",
    "-A KUBE-SOURCE-RANGES-FIREWALL -j DROP",
    "-A KUBE-LOAD-BALANCER -m set --match-set KUBE-LOAD-BALANCER-LOCAL dst,dst -j RETURN",
    "-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ",
    "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    "-A KUBE-NODE-PORT -p tcp -m set --match-set KUBE-NODE-PORT-LOCAL-TCP dst -j RETURN",
    "-A KUBE-NODE-PORT -p tcp -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ",
    "-A KUBE-POSTROUTING -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE",
    "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
    "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
    "-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN",
    "-A KUBE-SERVICES -m set --match-set KUBE-LOAD-BALANCER dst,dst -j KUBE-LOAD-BALANCER",
    "-A KUBE-SERVICES ! -s 10.244.0.0/16 -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ",
    "-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -j KUBE-MARK-MASQ",
    "-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT",
    "-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -m addrtype --dst-type LOCAL -j ACCEPT",
    "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT",
    "-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT",
    "-A KUBE-SERVICES -m set --match-set KUBE-LOAD-BALANCER dst,dst -j ACCEPT",
  ]);
});

Deno.test("ipvs has an engine for policies judge by backends, as in iptables mode", () => {
  const policy = (spec: string) =>
    `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: only, namespace: shop }
spec: ${spec}
`;
  const flow = { from: "pod/shop/client", to: "tcp://10.96.0.10:80" };
  const told = (spec: string) => {
    const setup = { manifests: [WEB, policy(spec)] };
    const [left] = run(
      { ...setup, options: { networkPolicy: "enforce" } },
      flow,
    );
    const [right] = ipvs(
      { ...setup, options: { networkPolicy: "enforce" } },
      flow,
    );
    assertEquals(right!.outcome.rule, left!.outcome.rule, spec);
    assertEquals(right!.outcome.verdict, left!.outcome.verdict, spec);
    return left!.outcome.verdict;
  };
  const web = "podSelector: { matchLabels: { app: web } }";
  const client = "podSelector: { matchLabels: { app: client } }";
  assertEquals(
    [
      told(`{ ${web}, policyTypes: [Ingress] }`),
      told(`{ ${web}, ingress: [{ from: [{ ${client} }] }] }`),
      told(
        `{ ${client}, policyTypes: [Egress], egress: [{ to: [{ ${web} }] }] }`,
      ),
      told(`{ ${client}, policyTypes: [Egress] }`),
    ],
    ["dropped", "forwarded", "forwarded", "dropped"],
  );
});

Deno.test("ipvs keeps its virtual servers on a node whose rules are those of a dump", () => {
  const [result] = ipvs({
    manifests: [WEB],
    events: [dump("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")],
  }, { from: "pod/shop/client", to: "tcp://10.96.0.10:80" });
  assertStringIncludes(told(result!), ":8080 from 10.244.0.5");
});

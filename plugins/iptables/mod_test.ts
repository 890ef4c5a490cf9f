import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkPlugin } from "../../core/replay/check_plugin.ts";
import { use } from "../../core/replay/testing.ts";
import { dump, pod, run, service, told } from "./_fixtures.ts";
import iptables from "./mod.ts";

const SECOND_NS = 1_000_000_000;

const WEB = service(
  "web",
  "type: NodePort, clusterIP: 10.96.0.10, ports: [{ name: http, port: 80, targetPort: 8080, nodePort: 30080 }]",
);
const BALANCED = (extra: string) =>
  service(
    "web",
    `type: LoadBalancer, clusterIP: 10.96.0.10, ${extra} ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]`,
    { status: "{ loadBalancer: { ingress: [{ ip: 1.2.3.4 }] } }" },
  );

Deno.test("iptables keeps the laws of the engine", () => {
  const broken = checkPlugin(iptables).filter(({ broken }) => broken !== null);
  assertEquals(broken, []);
});

Deno.test("iptables sends a ClusterIP to one of its endpoints, and the reply home", () => {
  const [result] = run(
    { manifests: [WEB] },
    { from: "pod/shop/client", to: "tcp://10.96.0.10:80" },
  );
  const { verdict, source, backends, backend } = result!.outcome;
  assertEquals([verdict, source], ["forwarded", "10.244.0.5"]);
  assertEquals(backends, [
    { backend: "10.244.0.6:8080", weight: 0.5 },
    { backend: "10.244.1.6:8080", weight: 0.5 },
  ]);
  assert(backends.some((one) => one.backend === backend));
});

Deno.test("iptables cites the rule of a generated chain at the Service's manifest", () => {
  const [result] = run(
    {
      manifests: [
        service("none", "clusterIP: 10.96.0.9, ports: [{ port: 80 }]", {
          app: "none",
        }),
      ],
    },
    { from: "pod/shop/client", to: "tcp://10.96.0.9:80" },
  );
  const { verdict, reason, rule, decidedAt } = result!.outcome;
  assertEquals([verdict, reason, decidedAt], [
    "rejected",
    "KUBE-SERVICES",
    "n1 forward",
  ]);
  assertEquals(rule?.name, "filter KUBE-SERVICES:1");
  assertEquals(
    rule?.text,
    '-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment "shop/none has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
  );
  assertEquals(rule?.source?.file, "test.yaml");
});

Deno.test("iptables lets a port that a ClusterIP does not have leak to the default route", () => {
  const [result] = run(
    { manifests: [WEB] },
    { from: "pod/shop/client", to: "tcp://10.96.0.10:81" },
  );
  assertStringIncludes(told(result!), "left the node untranslated");
});

Deno.test("iptables masquerades a pod that reaches itself through its Service (D19)", () => {
  const [result] = run(
    {
      manifests: [
        service(
          "own",
          "clusterIP: 10.96.0.11, ports: [{ port: 80, targetPort: 8080 }]",
          { app: "client" },
        ),
      ],
    },
    { from: "pod/shop/client", to: "tcp://10.96.0.11:80" },
  );
  assertEquals(told(result!), "10.244.0.5:8080 from 192.168.0.1");
});

Deno.test("iptables serves node ports on localhost unless told otherwise (D21)", () => {
  const flow = { from: "node/n1", to: "tcp://127.0.0.1:30080" };
  const [served] = run({ manifests: [WEB] }, flow);
  assertStringIncludes(told(served!), "8080 from 192.168.0.1");
  const [refused] = run(
    { manifests: [WEB], options: { localhostNodePorts: false } },
    flow,
  );
  assertEquals(refused!.outcome.verdict, "refused");
});

Deno.test("iptables serves node ports only on the addresses of nodePortAddresses", () => {
  const options = { nodePortAddresses: ["192.168.0.0/24"] };
  const [internal, external] = run(
    { manifests: [WEB], options },
    { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
    { from: "ip/203.0.113.9", to: "tcp://198.51.100.1:30080" },
  );
  assertEquals(internal!.outcome.verdict, "forwarded");
  assertEquals(external!.outcome.verdict, "refused");
});

Deno.test("iptables gives a node port's traffic the node's address (D10)", () => {
  const [result] = run(
    { manifests: [WEB] },
    { from: "ip/203.0.113.9", to: "tcp://192.168.0.2:30080" },
  );
  assertEquals(result!.outcome.source, "192.168.0.2");
});

Deno.test("iptables drops what loadBalancerSourceRanges leaves out, pods included (D05)", () => {
  const manifests = [BALANCED("loadBalancerSourceRanges: [203.0.113.0/25],")];
  const [pod, near, far, bypass] = run(
    { manifests },
    { from: "pod/shop/client", to: "tcp://1.2.3.4:80" },
    { from: "ip/203.0.113.9", via: "n1", to: "tcp://1.2.3.4:80" },
    { from: "ip/203.0.113.200", via: "n1", to: "tcp://1.2.3.4:80" },
    { from: "ip/203.0.113.200", to: "tcp://192.168.0.1:30080" },
  );
  assertEquals(told(pod!), "dropped: KUBE-PROXY-FIREWALL");
  assertEquals(pod!.outcome.rule?.name, "filter KUBE-PROXY-FIREWALL:1");
  assertEquals(near!.outcome.verdict, "forwarded");
  assertEquals(told(far!), "dropped: KUBE-PROXY-FIREWALL");
  assertEquals(bypass!.outcome.verdict, "forwarded");
});

Deno.test("iptables short-cuts externalTrafficPolicy Local for pods, not for outsiders (D16)", () => {
  const local = service(
    "web",
    "type: LoadBalancer, clusterIP: 10.96.0.10, externalTrafficPolicy: Local, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]",
    { app: "far", status: "{ loadBalancer: { ingress: [{ ip: 1.2.3.4 }] } }" },
  );
  const far = pod("far", { node: "n2", ip: "10.244.1.7" });
  const [inside, outside, there] = run(
    { manifests: [far, local] },
    { from: "pod/shop/client", to: "tcp://1.2.3.4:80" },
    { from: "ip/203.0.113.9", via: "n1", to: "tcp://1.2.3.4:80" },
    { from: "ip/203.0.113.9", via: "n2", to: "tcp://1.2.3.4:80" },
  );
  assertEquals(told(inside!), "10.244.1.7:8080 from 10.244.0.5");
  assertEquals(told(outside!), "dropped: KUBE-EXTERNAL-SERVICES");
  assertEquals(told(there!), "10.244.1.7:8080 from 203.0.113.9");
});

Deno.test("iptables masquerades what pods send out of the cluster (D18)", () => {
  const flows = [
    { from: "pod/shop/client", to: "tcp://203.0.113.9:443" },
    { from: "pod/shop/client", to: "tcp://10.244.1.6:8080" },
    { from: "pod/shop/client", to: "tcp://198.51.100.2:22" },
    { from: "pod/shop/client", to: "tcp://192.168.0.2:22" },
  ];
  const sources = (options: Record<string, unknown>) =>
    run({ manifests: [], options }, ...flows)
      .map(({ outcome }) => outcome.source);
  assertEquals(sources({}), [
    "192.168.0.1",
    "10.244.0.5",
    "192.168.0.1",
    "192.168.0.1",
  ]);
  const kept = ["10.244.0.0/16", "192.168.0.0/16"];
  assertEquals(sources({ nonMasqueradeCIDRs: kept }), [
    "192.168.0.1",
    "10.244.0.5",
    "192.168.0.1",
    "10.244.0.5",
  ]);
  assertEquals(sources({ egressMasquerade: false })[0], "10.244.0.5");
});

const DENY = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web-only-from-web, namespace: shop }
spec:
  podSelector: { matchLabels: { app: web } }
  ingress:
    - from: [{ podSelector: { matchLabels: { app: client } } }]
`;

Deno.test("iptables leaves NetworkPolicy alone unless an agent enforces it (D13)", () => {
  const other = pod("other", { node: "n1", ip: "10.244.0.9" });
  const flow = { from: "pod/shop/other", to: "tcp://10.244.1.6:8080" };
  const [inert] = run({ manifests: [other, DENY] }, flow);
  assertEquals(inert!.outcome.verdict, "forwarded");
  const options = { networkPolicy: "enforce" };
  const [denied, allowed] = run(
    { manifests: [other, DENY], options },
    flow,
    { ...flow, from: "pod/shop/client" },
  );
  assertEquals(told(denied!), "dropped: NetworkPolicy");
  assertStringIncludes(denied!.outcome.rule!.name, "web-only-from-web");
  assertEquals(denied!.outcome.decidedAt, "n2 forward");
  assertEquals(allowed!.outcome.verdict, "forwarded");
});

Deno.test("iptables names the kinds it takes only when it enforces them", () => {
  const kinds = (options: Record<string, unknown>) => {
    const { options: checked } = use(iptables, options);
    return iptables.kindsOf!(
      checked as Parameters<typeof iptables.kindsOf & object>[0],
    );
  };
  assertEquals(kinds({}), []);
  assertEquals(kinds({ networkPolicy: "enforce" }), [
    "networking.k8s.io/NetworkPolicy",
  ]);
});

Deno.test("iptables runs a leftover masquerade rule of a dump, and policy sees the node (D12)", () => {
  const leftover = dump(
    "*nat\n-A POSTROUTING -s 10.244.0.0/16 -j MASQUERADE\nCOMMIT\n",
    { node: "n1" },
  );
  const [across, here] = run(
    {
      manifests: [DENY],
      options: { networkPolicy: "enforce" },
      events: [leftover],
    },
    { from: "pod/shop/client", to: "tcp://10.244.1.6:8080" },
    { from: "pod/shop/client", to: "tcp://10.244.0.6:8080" },
  );
  assertEquals(told(across!), "dropped: NetworkPolicy");
  assertEquals(here!.outcome.verdict, "forwarded");
});

Deno.test("iptables cites a dumped rule at its line, and runs it in place of its own", () => {
  const [dumped, generated] = run(
    {
      manifests: [WEB],
      events: [
        dump(
          "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.244.0.0/16 -j DROP\nCOMMIT\n",
          {
            node: "n1",
            file: "n1.rules",
          },
        ),
      ],
    },
    { from: "ip/203.0.113.9", to: "tcp://10.244.0.6:8080", via: "n1" },
    { from: "node/n2", to: "tcp://10.96.0.10:80" },
  );
  assertEquals(dumped!.outcome.rule, {
    name: "filter FORWARD:1",
    text: "-A FORWARD -d 10.244.0.0/16 -j DROP",
    source: { file: "n1.rules", line: 3, column: 1 },
  });
  assertEquals(generated!.outcome.backends.length, 2);
});

Deno.test("iptables says unknown where an unmodelled match decides, and only there", () => {
  const rules = dump(
    "*filter\n-A FORWARD -p tcp -m tcp --dport 8080 -m time --timestart 08:00 -j DROP\n-A FORWARD -m string --string evil --algo bm\nCOMMIT\n",
  );
  const [reached, passed] = run(
    { manifests: [], events: [rules] },
    { from: "pod/shop/client", to: "tcp://10.244.0.6:8080" },
    { from: "pod/shop/client", to: "udp://10.244.0.6:53" },
  );
  assertEquals(
    told(reached!),
    "unknown: filter FORWARD:1: match time is not modelled",
  );
  assertEquals(reached!.outcome.rule?.source?.line, 2);
  assertEquals(passed!.outcome.verdict, "forwarded");
});

Deno.test("iptables matches against the sets of an ipset dump", () => {
  const [inSet, other] = run(
    {
      manifests: [],
      events: [
        dump("create web hash:ip,port\nadd web 10.244.0.6,tcp:8080\n", {
          format: "ipset-save",
        }),
        dump(
          "*filter\n-A FORWARD -m set --match-set web dst,dst -j DROP\nCOMMIT\n",
        ),
      ],
    },
    { from: "pod/shop/client", to: "tcp://10.244.0.6:8080" },
    { from: "pod/shop/client", to: "tcp://10.244.0.6:9090" },
  );
  assertEquals(told(inSet!), "dropped: FORWARD");
  assertEquals(other!.outcome.verdict, "forwarded");
});

Deno.test("iptables keeps a client on its endpoint for as long as affinity lasts", () => {
  const sticky = service(
    "web",
    "clusterIP: 10.96.0.10, sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } }, ports: [{ port: 80, targetPort: 8080 }]",
  );
  const flows = Array.from({ length: 12 }, (_, index) => ({
    from: "pod/shop/client",
    to: "tcp://10.96.0.10:80",
    atNs: index * 30 * SECOND_NS,
  }));
  const backends = (items: typeof flows) =>
    new Set(
      run({ manifests: [sticky] }, ...items).map(({ outcome }) =>
        outcome.backend
      ),
    ).size;
  assertEquals(backends(flows), 1);
  assertEquals(
    backends(flows.map((flow, index) => ({
      ...flow,
      atNs: index * 90 * SECOND_NS,
    }))),
    2,
  );
});

Deno.test("iptables leaves an open UDP connection on a backend that is gone (D17, stale entries)", () => {
  const dns = service(
    "dns",
    "clusterIP: 10.96.0.53, ports: [{ port: 53, targetPort: 5353, protocol: UDP }]",
    { app: "dns" },
  );
  const flow = {
    from: "pod/shop/client",
    to: "udp://10.96.0.53:53",
    connection: "resolver",
    sourcePort: 40_000,
  };
  const first = pod("dns-1", { node: "n1", ip: "10.244.0.20", app: "dns" });
  const second = pod("dns-2", { node: "n1", ip: "10.244.0.21", app: "dns" });
  const gone = { namespace: "shop", name: "dns-1" };
  const [before, after, fresh] = run(
    {
      manifests: [first, dns],
      steps: [{
        atNs: SECOND_NS,
        manifests: second,
        events: [{ type: "pod.deleted", version: 1, data: gone }],
      }],
    },
    flow,
    { ...flow, atNs: 2 * SECOND_NS },
    { ...flow, atNs: 2 * SECOND_NS, connection: "other", sourcePort: 40_001 },
  );
  assertEquals(before!.outcome.backend, "10.244.0.20:5353");
  assertStringIncludes(told(after!), "10.244.0.20");
  assertEquals(fresh!.outcome.backend, "10.244.0.21:5353");
});

Deno.test("iptables charges every rule that the kernel would scan", () => {
  const services = Array.from({ length: 300 }, (_, index) =>
    service(
      `s${`${index}`.padStart(3, "0")}`,
      `clusterIP: 10.96.${1 + (index >> 8)}.${
        index & 255
      }, ports: [{ port: 80, targetPort: 8080 }]`,
      { app: "client" },
    ));
  const [first, last] = run(
    { manifests: services },
    { from: "pod/shop/web-1", to: "tcp://10.96.1.0:80" },
    { from: "pod/shop/web-1", to: "tcp://10.96.2.43:80" },
  ).map(({ outcome }) => outcome.cost.rules!);
  assertEquals(last! - first!, 299);
});

Deno.test("iptables names the policy that drops", () => {
  const [result] = run(
    {
      manifests: [],
      events: [dump("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")],
    },
    { from: "pod/shop/client", to: "tcp://10.244.0.6:8080" },
  );
  assertEquals(told(result!), "dropped: FORWARD policy");
  assertEquals(result!.outcome.rule, { name: "filter FORWARD policy" });
});

const NFTABLES = {
  mode: "nftables",
  clusterCIDR: "10.244.0.0/16",
  serviceCIDRs: ["10.96.0.0/16"],
};

Deno.test("nftables mode sends a ClusterIP to the backend that iptables mode picks, for a fixed cost", () => {
  const flow = { from: "pod/shop/client", to: "tcp://10.96.0.10:80" };
  const [nftables] = run({ manifests: [WEB], options: NFTABLES }, flow);
  const [iptables] = run({ manifests: [WEB] }, flow);
  assertEquals(told(nftables!), told(iptables!));
  assertEquals(nftables!.outcome.backends, iptables!.outcome.backends);
  assert(nftables!.outcome.cost.hashLookups! > 0);
});

Deno.test("nftables mode refuses what iptables mode lets leak, and localhost (D21)", () => {
  const flows = [
    { from: "pod/shop/client", to: "tcp://10.96.0.10:81" },
    { from: "pod/shop/client", to: "tcp://10.96.9.9:80" },
    { from: "node/n1", to: "tcp://127.0.0.1:30080" },
    { from: "ip/203.0.113.9", to: "tcp://198.51.100.1:30080" },
    { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30080" },
  ];
  const results = run({ manifests: [WEB], options: NFTABLES }, ...flows);
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "rejected",
    "dropped",
    "refused",
    "refused",
    "forwarded",
  ]);
});

Deno.test("nftables mode asks for source ranges before it translates", () => {
  const manifests = [BALANCED("loadBalancerSourceRanges: [203.0.113.0/25],")];
  const [pod, near] = run(
    { manifests, options: NFTABLES },
    { from: "pod/shop/client", to: "tcp://1.2.3.4:80" },
    { from: "ip/203.0.113.9", via: "n1", to: "tcp://1.2.3.4:80" },
  );
  assertEquals(pod!.outcome.decidedAt, "n1 prerouting");
  assertEquals(pod!.outcome.verdict, "dropped");
  assertEquals(near!.outcome.verdict, "forwarded");
});

Deno.test("nftables mode cites the element of a map, at the Service's manifest", () => {
  const [result] = run(
    {
      manifests: [
        service("none", "clusterIP: 10.96.0.9, ports: [{ port: 80 }]", {
          app: "none",
        }),
      ],
      options: NFTABLES,
    },
    { from: "pod/shop/client", to: "tcp://10.96.0.9:80" },
  );
  const { verdict, rule } = result!.outcome;
  assertEquals(verdict, "rejected");
  assertEquals(
    rule?.text,
    'add element ip kube-proxy no-endpoint-services { 10.96.0.9 . tcp . 80 comment "shop/none" : goto reject-chain }',
  );
  assertEquals(rule?.source?.file, "test.yaml");
});

Deno.test("nftables mode keeps a client on its endpoint for as long as affinity lasts", () => {
  const sticky = service(
    "web",
    "clusterIP: 10.96.0.10, sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } }, ports: [{ port: 80, targetPort: 8080 }]",
  );
  const backends = (stepS: number) =>
    new Set(
      run(
        { manifests: [sticky], options: NFTABLES },
        ...Array.from({ length: 12 }, (_, index) => ({
          from: "pod/shop/client",
          to: "tcp://10.96.0.10:80",
          atNs: index * stepS * SECOND_NS,
        })),
      ).map(({ outcome }) => outcome.backend),
    ).size;
  assertEquals([backends(30), backends(90)], [1, 2]);
});

Deno.test("iptables writes again only what a change touches", () => {
  const other = service(
    "other",
    "clusterIP: 10.96.0.12, ports: [{ port: 80, targetPort: 8080 }]",
    { app: "late" },
  );
  const [before, after] = run(
    {
      manifests: [WEB, other],
      steps: [{
        atNs: SECOND_NS,
        manifests: pod("late", { node: "n2", ip: "10.244.1.40", app: "late" }),
      }],
    },
    { from: "pod/shop/client", to: "tcp://10.96.0.12:80" },
    {
      from: "pod/shop/client",
      to: "tcp://10.96.0.12:80",
      atNs: 2 * SECOND_NS,
    },
  );
  assertEquals(before!.outcome.verdict, "rejected");
  assertEquals(after!.outcome.backend, "10.244.1.40:8080");
});

Deno.test("iptables refuses modes that kube-proxy does not have any more", () => {
  const checked = iptables.options["~standard"].validate({ mode: "userspace" });
  assert(!(checked instanceof Promise));
  assertEquals(checked.issues?.map(({ path }) => path), [["mode"]]);
});

Deno.test("iptables lets the health check of a local load balancer in past a node that drops the rest", () => {
  const local = service(
    "web",
    "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30999, clusterIP: 10.96.0.10, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]",
    { status: "{ loadBalancer: { ingress: [{ ip: 1.2.3.4 }] } }" },
  );
  for (const mode of ["iptables", "ipvs"]) {
    const [check] = run(
      { manifests: [local], options: { mode } },
      { from: "ip/203.0.113.9", to: "tcp://192.168.0.1:30999" },
    );
    assertEquals(check!.outcome.receiver, "node n1");
    const accepted = check!.journey.find(({ hook, action }) =>
      hook === "input" && action === "accept"
    );
    assertEquals(
      accepted?.rule?.name,
      mode === "ipvs" ? "filter KUBE-NODE-PORT:1" : "filter KUBE-NODEPORTS:1",
    );
  }
});

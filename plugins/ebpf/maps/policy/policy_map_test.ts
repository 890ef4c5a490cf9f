import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cluster } from "../../../../core/cluster/cluster.ts";
import { importManifests } from "../../../../core/import/manifests.ts";
import { PROTOCOL } from "../../../../core/packet/packet.ts";
import type { Party } from "../../../../core/policy/party.ts";
import { compilePolicies } from "../../compile_policies.ts";
import { optionsSchema, settingsOf } from "../../options.ts";
import { coversPorts, type PolicyMapEntry } from "./map_entry.ts";
import { mapState } from "./map_state.ts";
import { policyEntries, type PolicySources } from "./policy_entries.ts";
import { PolicyMap } from "./policy_map.ts";
import { portPrefixes } from "./port_prefixes.ts";

const PROXY_PORTS = {
  http: 19_001,
  tls: 19_001,
  dns: 19_002,
  other: 19_003,
};

Deno.test("policyEntries() makes of a policy the map that Cilium's own test shows", () => {
  const world = worldOf([`
  ingress:
  - fromEndpoints: [{matchLabels: {app: peer}}]
    toPorts:
    - ports:
      - {port: "80", protocol: TCP}
      - {port: "8080", endPort: 8095, protocol: TCP}
      rules: {http: [{method: GET, path: /}]}
  egress:
  - toEndpoints: [{matchLabels: {app: peer}}]
  egressDeny:
  - toEntities: [host]`]);
  const { entries } = world.entries({ allowLocalhost: false });
  assertEquals(entries.map(line), [
    "ingress 257 80/16/6 allow 19001",
    "ingress 257 8080/12/6 allow 19001",
    "egress 1 any deny 0",
    "egress 257 any allow 0",
  ]);
});

Deno.test("policyEntries() allows everyone who is not isolated, under every identity that stands for anyone", () => {
  const world = worldOf([]);
  const { entries } = world.entries({ anyone: [0, 11, 12] });
  assertEquals(entries.map(line), [
    "ingress 0 any allow 0",
    "ingress 11 any allow 0",
    "ingress 12 any allow 0",
    "egress 0 any allow 0",
    "egress 11 any allow 0",
    "egress 12 any allow 0",
  ]);
});

Deno.test("policyEntries() lets the node in unless it is told not to", () => {
  const world = worldOf([`
  ingress: [{}]`]);
  const ingress = (of: Partial<PolicySources>) =>
    world.entries(of).entries.filter(({ key }) => !key.egress).map(line);
  assertEquals(ingress({ allowLocalhost: true }), ["ingress 1 any allow 0"]);
  assertEquals(ingress({ allowLocalhost: false }), []);
});

Deno.test("policyEntries() takes a named port from whoever is the destination", () => {
  const world = worldOf([`
  ingress:
  - toPorts: [{ports: [{port: web, protocol: TCP}]}]
  egress:
  - toEndpoints: [{}]
    toPorts: [{ports: [{port: web, protocol: TCP}]}]`]);
  const { entries } = world.entries({ allowLocalhost: false });
  assertEquals(entries.map(line), [
    "ingress 0 8080/16/6 allow 0",
    "egress 256 8080/16/6 allow 0",
    "egress 257 9090/16/6 allow 0",
  ]);
});

Deno.test("policyEntries() derives authentication from the broader rule of the same identity", () => {
  const world = worldOf([`
  ingress:
  - fromEndpoints: [{matchLabels: {app: peer}}]
    authentication: {mode: required}
  - fromEndpoints: [{matchLabels: {app: peer}}]
    toPorts: [{ports: [{port: "80", protocol: TCP}]}]`]);
  const { entries } = world.entries({ allowLocalhost: false });
  assertEquals(
    entries.filter(({ key }) => !key.egress)
      .map(({ key, auth }) => [key.port, auth.type, auth.explicit]),
    [[0, 1, true], [80, 1, false]],
  );
});

Deno.test("policyEntries() names what it cannot put into a map", () => {
  const world = worldOf([`
  ingress:
  - fromEndpoints: [{matchLabels: {app: peer}}]`]);
  const [placed] = world.sources({}).rules.ingress.rules;
  const pass = {
    ...placed!,
    rule: { ...placed!.rule, verdict: "pass" as const },
  };
  const { unmodelled } = policyEntries({
    ...world.sources({}),
    rules: {
      ingress: { rules: [pass], isolatedBy: null },
      egress: { rules: [], isolatedBy: null },
    },
  });
  assertEquals(unmodelled, ["a rule that passes to the next tier"]);
});

Deno.test("PolicyMap.find() answers as the rules do, whatever the rules", () => {
  const peers = [
    "",
    "fromEndpoints: [{matchLabels: {app: peer}}], ",
    "fromEndpoints: [{matchLabels: {app: self}}], ",
    "fromEntities: [host], ",
    "fromCIDR: [192.0.2.0/24], ",
  ];
  const ports = [
    "",
    'toPorts: [{ports: [{port: "80", protocol: TCP}]}]',
    'toPorts: [{ports: [{port: "80", endPort: 90, protocol: TCP}]}]',
    'toPorts: [{ports: [{port: "80"}]}]',
    'toPorts: [{ports: [{port: "0", protocol: UDP}]}]',
    'toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]',
    'toPorts: [{ports: [{port: "82", endPort: 85, protocol: TCP}], rules: {http: [{method: GET}]}}]',
  ];
  const rule = fc.record({
    section: fc.constantFrom("ingress", "ingressDeny"),
    peer: fc.constantFrom(...peers),
    port: fc.constantFrom(...ports),
  }).filter(({ section, peer, port }) =>
    peer + port !== "" && !(section === "ingressDeny" && port.includes("http"))
  );
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), (rules) => {
      const world = worldOf(
        rules.map(({ section, peer, port }) =>
          `\n  ${section}: [{${peer}${port}}]`
        ),
      );
      const { entries, unmodelled } = world.entries({ allowLocalhost: true });
      assertEquals(unmodelled, []);
      const map = new PolicyMap();
      assertEquals(map.write(entries), []);
      for (const { identity, party } of world.identities) {
        for (
          const [protocol, port] of [
            [PROTOCOL.tcp, 80],
            [PROTOCOL.tcp, 84],
            [PROTOCOL.tcp, 91],
            [PROTOCOL.udp, 80],
            [PROTOCOL.udp, 81],
            [PROTOCOL.icmp, 8],
          ] as const
        ) {
          const judgement = world.index.judgeParties(world.subject, {
            direction: "ingress",
            peer: party,
            protocol,
            port,
          });
          const found = map.find({ identity, egress: false, protocol, port });
          const expected = judgement.verdict === "deny"
            ? "deny"
            : judgement.l7 !== null
            ? "proxy"
            : "allow";
          const got = found === undefined || found.deny === 1
            ? "deny"
            : found.proxy_port !== 0
            ? "proxy"
            : "allow";
          assertEquals(got, expected, `${identity} ${protocol}/${port}`);
        }
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("PolicyMap.find() weighs allowances, redirects and denials as rules of every mix ask", () => {
  const peer = "fromEndpoints: [{matchLabels: {app: peer}}]";
  const port = 'toPorts: [{ports: [{port: "80", protocol: TCP}]HTTP}]';
  const l4 = port.replace("HTTP", "");
  const l7 = port.replace("HTTP", ", rules: {http: [{method: GET}]}");
  const mixed = [
    { text: `ingress: [{${peer}}]`, of: ["257:80", "257:81"] },
    { text: `ingress: [{${l4}}]`, of: ["257:80", "256:80"] },
    { text: `ingress: [{${peer}, ${l4}}]`, of: ["257:80"] },
    { text: `ingress: [{${l7}}]`, of: ["257:80", "256:80"], proxy: true },
    { text: `ingress: [{${peer}, ${l7}}]`, of: ["257:80"], proxy: true },
    { text: `ingressDeny: [{${peer}}]`, of: ["257:80", "257:81"] },
    { text: `ingressDeny: [{${l4}}]`, of: ["257:80", "256:80"] },
    { text: `ingressDeny: [{${peer}, ${l4}}]`, of: ["257:80"] },
  ];
  for (let mix = 0; mix < 1 << mixed.length; mix++) {
    const rules = mixed.filter((_, at) => (mix & 1 << at) !== 0);
    const world = worldOf(
      ["ingress: [{}]", ...rules.map(({ text }) => text)].map((text) =>
        `\n  ${text}`
      ),
    );
    const map = new PolicyMap();
    map.write(world.entries({ allowLocalhost: false }).entries);
    for (const flow of ["257:80", "257:81", "256:80", "256:81"]) {
      const hits = rules.filter(({ of }) => of.includes(flow));
      const denied = hits.length === 0 ||
        hits.some(({ text }) => text.startsWith("ingressDeny"));
      const proxied = hits.some(({ proxy }) => proxy === true);
      const [identity, port] = flow.split(":").map(Number);
      const found = map.find({
        identity: identity!,
        port: port!,
        egress: false,
        protocol: PROTOCOL.tcp,
      });
      assertEquals(
        found === undefined || found.deny === 1
          ? "deny"
          : found.proxy_port === 0
          ? "allow"
          : "proxy",
        denied ? "deny" : proxied ? "proxy" : "allow",
        `${flow} under ${rules.map(({ text }) => text).join("; ")}`,
      );
    }
  }
});

Deno.test("policyEntries() gives the same entries for policies in any order", () => {
  const rules = [
    "ingress: [{fromEndpoints: [{matchLabels: {app: peer}}]}]",
    'ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{}]}}]}]',
    'ingressDeny: [{fromEndpoints: [{matchLabels: {app: peer}}], toPorts: [{ports: [{port: "80"}]}]}]',
  ];
  const texts = (list: readonly string[]) =>
    worldOf(list.map((rule) => `\n  ${rule}`)).entries({}).entries.map(line);
  assertEquals(texts(rules.toReversed()), texts(rules));
});

Deno.test("mapState() does not depend on the order of what it is given", () => {
  const entry: fc.Arbitrary<PolicyMapEntry> = fc.record({
    key: fc.record({
      identity: fc.constantFrom(0, 256, 257),
      egress: fc.constant(false),
      protocol: fc.constantFrom(0, 6),
      port: fc.constantFrom(80, 81),
      portBits: fc.constant(16),
    }).map((key) =>
      key.protocol === 0 ? { ...key, port: 0, portBits: 0 } : key
    ),
    deny: fc.boolean(),
  }).map(({ key, deny }) => ({
    key,
    deny,
    proxyPort: 0,
    auth: { type: 0, explicit: false },
    precedence: deny ? 255 : 1,
    rules: [],
  }));
  fc.assert(fc.property(fc.array(entry), (entries) => {
    const texts = (list: readonly PolicyMapEntry[]) => mapState(list).map(line);
    assertEquals(texts(entries.toReversed()), texts(entries));
  }));
});

Deno.test("portPrefixes() have every port of a range once", () => {
  const port = fc.nat(65_535);
  fc.assert(fc.property(port, port, port, (a, b, asked) => {
    const [from, to] = a <= b ? [a, b] : [b, a];
    const prefixes = portPrefixes(from, to);
    const key = (number: number, bits: number) => ({
      identity: 0,
      egress: false,
      protocol: 6,
      port: number,
      portBits: bits,
    });
    const hits = prefixes.filter(({ port, bits }) =>
      coversPorts(key(port, bits), key(asked, 16))
    );
    assertEquals(hits.length, asked >= from && asked <= to ? 1 : 0);
    assert(prefixes.length <= 30);
  }));
  assertEquals(portPrefixes(8080, 8095), [{ port: 8080, bits: 12 }]);
  assertEquals(portPrefixes(0, 65_535), [{ port: 0, bits: 0 }]);
});

function line({ key, deny, proxyPort }: PolicyMapEntry): string {
  const ports = key.protocol === 0
    ? "any"
    : `${key.port}/${key.portBits}/${key.protocol}`;
  return `${key.egress ? "egress" : "ingress"} ${key.identity} ${ports} ` +
    `${deny ? "deny" : "allow"} ${proxyPort}`;
}

/** Pods `self`, the subject, and `peer`, under policies of these rules each. */
function worldOf(policies: readonly string[]) {
  const pod = (app: string, ip: string, port: number) =>
    `kind: Pod
apiVersion: v1
metadata: {name: ${app}, namespace: shop, labels: {app: ${app}}}
spec: {nodeName: n1, containers: [{name: main, ports: [{name: web, containerPort: ${port}}]}]}
status: {phase: Running, podIPs: [{ip: ${ip}}]}`;
  const { events } = importManifests([{
    file: "world.yaml",
    text: [
      `kind: Node
apiVersion: v1
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}`,
      pod("self", "10.0.1.1", 8080),
      pod("peer", "10.0.1.2", 9090),
      ...policies.map((rules, at) =>
        `kind: CiliumNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: p${at}, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: self}}${rules}`
      ),
    ].join("\n---\n"),
  }]);
  const cluster = new Cluster();
  const objects = events.flatMap((event) => {
    cluster.apply(event);
    return event.type === "policy.applied" ? [event.data.object] : [];
  });
  const { index } = compilePolicies(objects, {
    cluster,
    settings: settingsOf(optionsSchema.parse({ version: "1.20" })),
  });
  const party = (name: string) =>
    index.partyOf(cluster.pods.get(`shop/${name}`)!);
  const subject = party("self");
  const node = index.holderOf([...cluster.nodes.values()][0]!.internalIps[0]!);
  assert(node.kind === "node");
  const identities: { identity: number; party: Party }[] = [
    { identity: 256, party: subject },
    { identity: 257, party: party("peer") },
    { identity: 1, party: node.local },
  ];
  const prefixes = index.policies.flatMap(({ prefixes }) => prefixes);
  for (
    const [at, text] of [...new Set(prefixes.map((p) => p.text))].entries()
  ) {
    const prefix = prefixes.find((one) => one.text === text)!;
    identities.push({
      identity: 16_777_217 + at,
      party: index.outside(prefix),
    });
  }
  const sources = (given: Partial<PolicySources>): PolicySources => ({
    subject,
    rules: {
      ingress: index.rulesOf(subject, "ingress"),
      egress: index.rulesOf(subject, "egress"),
    },
    identities,
    proxyPorts: PROXY_PORTS,
    allowLocalhost: true,
    sctp: true,
    anyone: [0],
    ...given,
  });
  const entries = (given: Partial<PolicySources>) =>
    policyEntries(sources(given));
  return { index, subject, identities, sources, entries };
}

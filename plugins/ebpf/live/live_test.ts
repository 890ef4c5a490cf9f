import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../../core/errors.ts";
import { Ip } from "../../../core/packet/ip.ts";
import type { FlowResult } from "../../../core/replay/engine.ts";
import {
  ciliumPolicy,
  dump,
  ending,
  networkPolicy,
  REPLACED,
  run,
  runOne,
  service,
  SHOP,
} from "../_testing.ts";
import { printBpftoolMap } from "../dumps/bpftool_map.ts";
import { LbMaps } from "../maps/lb/lb_maps.ts";

/** Of n1: `client` and `near` are its pods, endpoints 11 and 12. */
const ENDPOINTS = dump(JSON.stringify({
  "10.0.1.10:0": ["id=11 sec_id=7001 flags=0x0000 ifindex=5 mac=x nodemac=y"],
  "10.0.1.11:0": ["id=12 sec_id=7002 flags=0x0000 ifindex=7 mac=x nodemac=y"],
  "192.168.0.1:0": ["(localhost)"],
}));

const IPCACHE = ipcache({
  "0.0.0.0/0": 2,
  "10.0.1.10/32": 7001,
  "10.0.1.11/32": 7002,
  "10.0.2.10/32": 7003,
  "192.168.0.1/32": 1,
  "192.168.0.2/32": 6,
});

function ipcache(entries: Readonly<Record<string, number>>) {
  return dump(JSON.stringify(Object.fromEntries(
    Object.entries(entries).map(([prefix, identity]) => [prefix, [
      `identity=${identity} encryptkey=0 ${
        prefix.startsWith("10.0.2.")
          ? "tunnelendpoint=192.168.0.2 flags=hastunnel"
          : "tunnelendpoint=0.0.0.0 flags=<none>"
      }`,
    ]]),
  )));
}

interface Entry {
  readonly identity: number;
  readonly egress?: boolean;
  readonly port?: number;
  readonly deny?: boolean;
  readonly proxyPort?: number;
  readonly prefixLength?: number;
  readonly precedence?: number;
}

/** What `bpf policy get` prints of an endpoint; TCP. */
function policyMap(endpoint: number, entries: readonly Entry[]) {
  const swapped = (port: number) => (port & 0xff) << 8 | port >>> 8;
  const text = JSON.stringify(entries.map((entry) => {
    const { identity, egress = false, port = 0, deny = false } = entry;
    const prefixLength = entry.prefixLength ?? (port === 0 ? 40 : 64);
    return {
      ProxyPortNetwork: swapped(entry.proxyPort ?? 0),
      Flags: (deny ? 1 : 0) | (prefixLength - 40) << 3,
      AuthRequirement: 0,
      Precedence: entry.precedence ?? (deny ? 0xffffffff : 0xffffff01),
      Cookie: 0,
      Packets: 0,
      Bytes: 0,
      Key: {
        Prefixlen: prefixLength,
        Identity: identity,
        TrafficDirection: egress ? 1 : 0,
        Nexthdr: port === 0 ? 0 : 6,
        DestPortNetwork: swapped(port),
      },
    };
  }));
  return dump(text, { file: `policy-${endpoint}.json` });
}

const ALL_OUT: Entry = { identity: 0, egress: true };

function decided({ outcome }: FlowResult): string {
  return `${outcome.verdict} ${outcome.rule?.name ?? outcome.reason}`;
}

const TO_NEAR = { from: "pod/shop/client", to: "tcp://10.0.1.11:8080" };

Deno.test("a dumped policy map decides in place of the policies, and its entry is cited", () => {
  const allows = [ENDPOINTS, IPCACHE, policyMap(11, [ALL_OUT])];
  const cases: [string, readonly Entry[]][] = [
    ["forwarded", [{ identity: 7001, port: 8080 }]],
    ["forwarded", [{ identity: 0, port: 8080 }]],
    ["dropped", [{ identity: 7003, port: 8080 }]],
    ["dropped", [{ identity: 7001 }, { identity: 0, port: 8080, deny: true }]],
    // The first 12 of 16 bits of 8080: 8080 to 8095.
    ["forwarded", [{ identity: 0, port: 8080, prefixLength: 60 }]],
    // The entry of the identity has the higher precedence.
    ["forwarded", [
      { identity: 7001, precedence: 0xffffff02 },
      { identity: 0, port: 8080, deny: true, precedence: 0xfffffeff },
    ]],
  ];
  for (const [verdict, entries] of cases) {
    const result = runOne(SHOP, {
      ...TO_NEAR,
      dumps: [...allows, policyMap(12, entries)],
    });
    assertEquals(result.outcome.verdict, verdict, JSON.stringify(entries));
  }
  const denied = runOne(SHOP, {
    ...TO_NEAR,
    dumps: [
      ...allows,
      policyMap(12, [{ identity: 0, port: 8080, deny: true }]),
    ],
  });
  const { rule, reason } = denied.outcome;
  assertEquals(reason, "POLICY_DENY");
  assertEquals(rule?.name, "cilium_policy_v2_00012 ingress any 8080/TCP");
  assertEquals(rule?.source?.file, "policy-12.json");
});

Deno.test("a policy map whose peer has no entry denies by default", () => {
  const { outcome } = runOne(SHOP, {
    ...TO_NEAR,
    dumps: [ENDPOINTS, IPCACHE, policyMap(12, [{ identity: 1 }])],
  });
  assertEquals([outcome.reason, outcome.rule?.name], [
    "POLICY_DENIED",
    "cilium_policy_v2_00012 ingress 7001 8080/TCP (no entry)",
  ]);
});

Deno.test("policies of the tape count for endpoints whose map was not dumped", () => {
  const deny = networkPolicy(
    "none",
    "{podSelector: {matchLabels: {app: near}}}",
  );
  const dumps = [ENDPOINTS, IPCACHE, policyMap(11, [ALL_OUT])];
  const documents = [...SHOP, deny];
  assertEquals(
    decided(runOne(documents, { ...TO_NEAR, dumps })),
    "dropped NetworkPolicy shop/none isolates ingress",
  );
  const ignored = runOne(documents, {
    ...TO_NEAR,
    dumps: [...dumps, policyMap(12, [{ identity: 0 }])],
    options: { dumps: "ignore" },
  });
  assertEquals(ignored.outcome.verdict, "dropped");
});

Deno.test("without the number of a peer a policy map is asked whether it matters", () => {
  const dumps = (entries: readonly Entry[]) => [
    ENDPOINTS,
    policyMap(11, [ALL_OUT]),
    policyMap(12, entries),
  ];
  const of = (entries: readonly Entry[]) =>
    runOne(SHOP, { ...TO_NEAR, dumps: dumps(entries) }).outcome;
  assertEquals(of([{ identity: 0 }]).verdict, "forwarded");
  // Identities of the world and of nodes are none of a pod's.
  assertEquals(of([{ identity: 2 }, { identity: 6 }]).verdict, "dropped");
  const doubtful = of([{ identity: 7001, port: 8080 }]);
  assertEquals(doubtful.verdict, "unknown");
  assertEquals(
    doubtful.reason,
    "the number of the identity of 10.0.1.10 is not known",
  );
});

Deno.test("labels lead to a peer's number: from a list, or from the agents' objects", () => {
  const labels = (app: string) => [
    `k8s:app=${app}`,
    "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
    "k8s:io.cilium.k8s.policy.cluster=default",
    "k8s:io.cilium.k8s.policy.serviceaccount=default",
    "k8s:io.kubernetes.pod.namespace=shop",
  ];
  const list = dump(JSON.stringify([{ id: 7001, labels: labels("client") }]));
  const maps = [
    policyMap(11, [ALL_OUT]),
    policyMap(12, [{ identity: 7001, port: 8080 }]),
  ];
  const verdict = (
    more: readonly string[],
    dumps: Parameters<typeof run>[1]["dumps"],
  ) =>
    runOne([...SHOP, ...more], { ...TO_NEAR, dumps: dumps! }).outcome.verdict;
  assertEquals(verdict([], [ENDPOINTS, ...maps, list]), "forwarded");
  const identity = `kind: CiliumIdentity
apiVersion: cilium.io/v2
metadata: {name: "7001"}
security-labels: {${
    labels("client").map((label) => `"${label.replace("=", '": "')}"`).join(
      ", ",
    )
  }}`;
  assertEquals(verdict([identity], [ENDPOINTS, ...maps]), "forwarded");
  const endpoint = (name: string, [ip, id, number]: readonly unknown[]) =>
    `kind: CiliumEndpoint
apiVersion: cilium.io/v2
metadata: {name: ${name}, namespace: shop}
status: {id: ${id}, identity: {id: ${number}}, networking: {addressing: [{ipv4: ${ip}}]}}`;
  const endpoints = [
    endpoint("client", ["10.0.1.10", 11, 7001]),
    endpoint("near", ["10.0.1.11", 12, 7002]),
  ];
  assertEquals(verdict(endpoints, maps), "forwarded");
  assertEquals(verdict([], maps), "unknown");
});

Deno.test("numbers of the live cluster are never taken for the model's own", () => {
  // 256 and what follows are the first numbers that the model itself gives out.
  const shifted = ipcache({
    "10.0.1.10/32": 257,
    "10.0.1.11/32": 258,
    "10.0.2.10/32": 256,
  });
  const verdict = (identity: number) =>
    runOne(SHOP, {
      from: "pod/shop/web",
      to: "tcp://10.0.1.11:8080",
      values: { routingMode: "tunnel" },
      dumps: [ENDPOINTS, shifted, policyMap(12, [{ identity }])],
    }).outcome.verdict;
  assertEquals([256, 257, 258].map(verdict), [
    "forwarded",
    "dropped",
    "dropped",
  ]);
});

Deno.test("an ipcache says who a peer is, and policies of the tape judge that", () => {
  const policy = networkPolicy(
    "from-client",
    "{podSelector: {matchLabels: {app: near}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}",
  );
  const verdict = (entries: Readonly<Record<string, number>>) =>
    runOne([...SHOP, policy], { ...TO_NEAR, dumps: [ipcache(entries)] })
      .outcome;
  const rest = { "10.0.1.11/32": 7002, "10.0.2.10/32": 7003 };
  assertEquals(
    verdict({ ...rest, "10.0.1.10/32": 7001 }).verdict,
    "forwarded",
  );
  // The entry is missing: to this node the pod is the world.
  assertEquals(
    [verdict(rest).verdict, verdict(rest).identity],
    ["dropped", "reserved:world"],
  );
  assertEquals(
    verdict({ ...rest, "10.0.1.10/32": 7009, "10.0.9.9/32": 7009 }).verdict,
    "forwarded",
  );
  // Two sets of labels cannot be one identity.
  const doubtful = verdict({ ...rest, "10.0.1.10/32": 7003 });
  assertEquals(doubtful.verdict, "unknown");
});

Deno.test("a redirect to the proxy asks what the policies on the tape ask", () => {
  const http = ciliumPolicy(
    "http",
    `{endpointSelector: {matchLabels: {app: near}}, ingress: [{fromEndpoints: [{}], toPorts: [{ports: [{port: "8080"}], rules: {http: [{path: /ok}]}}]}]}`,
  );
  const dumps = [
    ENDPOINTS,
    IPCACHE,
    policyMap(11, [ALL_OUT]),
    policyMap(12, [{ identity: 0, port: 8080, proxyPort: 10_001 }]),
  ];
  const status = (documents: readonly string[], path: string) => {
    const { outcome } = runOne(documents, {
      ...TO_NEAR,
      http: { url: `http://near:8080${path}` },
      dumps,
    });
    return outcome.http?.status ?? `${outcome.verdict} ${outcome.reason}`;
  };
  assertEquals(status([...SHOP, http], "/ok"), 200);
  assertEquals(status([...SHOP, http], "/no"), 403);
  assertEquals(
    status(SHOP, "/ok"),
    "unknown the proxy at port 10001 decides, and no policy on the tape says how",
  );
});

const SERVICES = {
  "10.96.0.3:80/TCP (0)": ["0.0.0.0:0 (7) (0) [ClusterIP, non-routable] "],
  "10.96.0.3:80/TCP (1)": ["10.0.1.11:8080/TCP (7) (1)"],
};

Deno.test("a dumped list of services is what sockets are translated by", () => {
  const to = "tcp://10.96.0.3:80";
  const flows = [
    { from: "pod/shop/client", to },
    { from: "pod/shop/client", to: "tcp://10.96.0.2:80" },
    { from: "pod/shop/web", to },
  ];
  const [own, missing, elsewhere] = run(SHOP, {
    values: REPLACED,
    dumps: [dump(JSON.stringify(SERVICES))],
    flows,
  });
  assertEquals(ending(own!), "10.0.1.10 > 10.0.1.11:8080");
  const hop = own!.journey.find(({ rule }) =>
    rule?.name.startsWith("cilium_lb4")
  );
  assertEquals(hop?.rule?.name, "cilium_lb4_services_v2 10.96.0.3:80/TCP");
  assertEquals(hop?.rule?.source, { file: "dump.json", line: 1, column: 2 });
  // The list has no such frontend, whatever Services there are.
  assert(missing!.outcome.verdict !== "forwarded");
  assertEquals(ending(elsewhere!), "10.0.2.10 > 10.0.2.10:8080");
});

Deno.test("a slot without a backend leads nowhere, and is told", () => {
  const { outcome } = runOne(SHOP, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.3:80",
    values: REPLACED,
    dumps: [dump(JSON.stringify({
      ...SERVICES,
      "10.96.0.3:80/TCP (1)": ["backend 17 not found"],
    }))],
  });
  assertEquals(outcome.reason, "SERVICE_BACKEND_NOT_FOUND");
});

Deno.test("services without their backends are not guessed", () => {
  const key =
    '["0x0a","0x60","0x00","0x03","0x00","0x50","0x00","0x00","0x06","0x00","0x00","0x00"]';
  const value =
    '["0x00","0x00","0x00","0x00","0x01","0x00","0x00","0x07","0x00","0x00","0x00","0x00"]';
  const { outcome } = runOne(SHOP, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.3:80",
    values: REPLACED,
    dumps: [
      dump(`[{"key":${key},"value":${value}}]`, {
        file: "n1/cilium_lb4_services_v2.json",
      }),
    ],
  });
  assertEquals(
    `${outcome.verdict} ${outcome.reason}`,
    "unknown no dump has cilium_lb4_backends_v3",
  );
});

Deno.test("node ports off the wire are found under the node's own address alone", () => {
  const nodePort = (address: string) =>
    dump(JSON.stringify({
      [`${address}:30080/TCP (0)`]: ["0.0.0.0:0 (9) (0) [NodePort] "],
      [`${address}:30080/TCP (1)`]: ["10.0.1.11:8080/TCP (9) (1)"],
    }));
  const of = (address: string, from: string) =>
    ending(runOne(SHOP, {
      from,
      ...(from.startsWith("ip/") ? { via: "n1" } : {}),
      to: "tcp://192.168.0.1:30080",
      values: REPLACED,
      dumps: [nodePort(address)],
    }));
  const outside = "ip/203.0.113.9";
  assertEquals(of("192.168.0.1", outside), "203.0.113.9 > 10.0.1.11:8080");
  assertEquals(of("0.0.0.0", "pod/shop/client"), "10.0.1.10 > 10.0.1.11:8080");
  assert(!of("0.0.0.0", outside).includes(">"));
});

/** A TCP entry of `bpf ct list`, its key as it lies in memory. */
function connection(
  kind: "service" | "out" | "in",
  [client, clientPort, server, serverPort]: readonly [
    string,
    number,
    string,
    number,
  ],
  value: Readonly<Record<string, unknown>> = {},
) {
  const bytes = (ip: string) => ip.split(".").map(Number);
  const swapped = (port: number) => (port & 0xff) << 8 | port >>> 8;
  const forward = kind === "service";
  return {
    Key: {
      DestAddr: bytes(forward ? server : client),
      SourceAddr: bytes(forward ? client : server),
      DestPort: swapped(forward ? clientPort : serverPort),
      SourcePort: swapped(forward ? serverPort : clientPort),
      NextHeader: 6,
      Flags: { service: 4, out: 0, in: 1 }[kind],
    },
    Value: {
      Union0: [0, 0],
      Packets: 1,
      Bytes: 60,
      Lifetime: 9_000,
      Flags: 16,
      RevNAT: 0,
      NatPort: 0,
      TxFlagsSeen: 2,
      RxFlagsSeen: 2,
      SourceSecurityID: 7001,
      LastTxReport: 1_000,
      LastRxReport: 1_000,
      ...value,
    },
  };
}

Deno.test("a packet of a dumped connection takes its entry", () => {
  const denied = networkPolicy(
    "none",
    "{podSelector: {matchLabels: {app: near}}}",
  );
  // near has asked client from port 8080; what client sends there is its answer.
  const connections = dump(JSON.stringify([
    connection("out", ["10.0.1.11", 8080, "10.0.1.10", 41_000]),
    connection("in", ["10.0.1.11", 8080, "10.0.1.10", 41_000]),
  ]));
  const result = (sourcePort: number) =>
    runOne([...SHOP, denied], {
      ...TO_NEAR,
      sourcePort,
      dumps: [connections],
    });
  const known = result(41_000);
  assertEquals(known.outcome.verdict, "forwarded");
  assert(
    known.journey.some(({ rule }) =>
      rule?.name === "cilium_ct4_global OUT 10.0.1.11:8080 -> 10.0.1.10:41000"
    ),
  );
  assertEquals(result(41_001).outcome.verdict, "dropped");
});

Deno.test("a dumped connection keeps its backend when the Service has others", () => {
  const services = dump(JSON.stringify({
    ...SERVICES,
    "10.96.0.2:80/TCP (0)": ["0.0.0.0:0 (8) (0) [ClusterIP, non-routable] "],
    "10.96.0.2:80/TCP (1)": ["10.0.2.10:8080/TCP (8) (1)"],
  }));
  const connections = dump(JSON.stringify([
    // Backends of a list are numbered in the order of their addresses.
    connection("service", ["10.0.1.10", 41_000, "10.96.0.3", 80], {
      Union0: [0, 2],
      RevNAT: 0x0700,
    }),
    connection("out", ["10.0.1.10", 41_000, "10.0.2.10", 8080], {
      RevNAT: 0x0700,
    }),
  ]));
  const backend = (sourcePort: number) =>
    ending(runOne(SHOP, {
      from: "pod/shop/client",
      to: "tcp://10.96.0.3:80",
      sourcePort,
      dumps: [services, connections],
    }));
  assertEquals(backend(41_000), "10.0.1.10 > 10.0.2.10:8080");
  assertEquals(backend(41_001), "10.0.1.10 > 10.0.1.11:8080");
});

Deno.test("a dumped affinity keeps a client at its backend, for as long as it lasts", () => {
  const services = dump(JSON.stringify({
    "10.96.0.3:80/TCP (0)": [
      "0.0.0.0:0 (7) (0) [ClusterIP, sessionAffinity, non-routable] ",
    ],
    "10.96.0.3:80/TCP (1)": ["10.0.1.11:8080/TCP (7) (1)"],
    "10.96.0.3:80/TCP (2)": ["10.0.2.10:8080/TCP (7) (2)"],
  }));
  // Client 10.0.1.10 of service 7, last used at a second, at a backend.
  const entry = (client: number, used: number, backend: number) => ({
    key: bytesOf([10, 0, 1, client, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0]),
    value: bytesOf([
      ...[used & 255, used >> 8, 0, 0, 0, 0, 0, 0],
      ...[backend, 0, 0, 0, 0, 0, 0, 0],
    ]),
  });
  const backend = (used: number, id: number) =>
    [1, 2, 3, 4].map((seed) =>
      ending(runOne(SHOP, {
        from: "pod/shop/client",
        to: "tcp://10.96.0.3:80",
        sourcePort: 40_000 + seed,
        values: { sessionAffinity: true },
        dumps: [
          services,
          dump(JSON.stringify([entry(10, used, id), entry(99, 40_000, 1)]), {
            file: "cilium_lb4_affinity.json",
          }),
        ],
      }))
    ).join(" ");
  const always = (ip: string) => Array(4).fill(`10.0.1.10 > ${ip}`).join(" ");
  assertEquals(backend(39_000, 2), always("10.0.2.10:8080"));
  assertEquals(backend(39_000, 1), always("10.0.1.11:8080"));
  // Three hours have run out: whoever it was is not asked any more.
  assertEquals(backend(1_000, 1), backend(1_000, 2));
});

function bytesOf(bytes: readonly number[]): string[] {
  return bytes.map((byte) => `0x${byte.toString(16).padStart(2, "0")}`);
}

Deno.test("a tunnel that the ipcache leads elsewhere is not taken for the right one", () => {
  const to = (tunnel: string) =>
    runOne(SHOP, {
      from: "pod/shop/client",
      to: "tcp://10.0.2.10:8080",
      values: { routingMode: "tunnel" },
      dumps: [dump(JSON.stringify({
        "10.0.1.10/32": [
          "identity=7001 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>",
        ],
        "10.0.2.10/32": [
          `identity=7003 encryptkey=0 tunnelendpoint=${tunnel} flags=hastunnel`,
        ],
      }))],
    }).outcome;
  assertEquals(to("192.168.0.2").verdict, "forwarded");
  assertEquals(
    to("192.168.0.9").reason,
    "the ipcache of n1 sends 10.0.2.10 to 192.168.0.9, which is not n2",
  );
});

Deno.test("an address outside has no number that only manifests tell", () => {
  const lists = {
    none: [],
    list: [dump(JSON.stringify([
      { id: 2, labels: ["reserved:world"] },
      { id: 16_777_217, labels: ["cidr:203.0.113.0/24", "reserved:world"] },
    ]))],
  };
  const verdict = (
    list: keyof typeof lists,
    entries: readonly Entry[],
    from = "203.0.113.9",
  ) =>
    runOne(SHOP, {
      from: `ip/${from}`,
      via: "n1",
      to: "tcp://10.0.1.11:8080",
      dumps: [ENDPOINTS, policyMap(12, entries), ...lists[list]],
    }).outcome.verdict;
  const cidr = [{ identity: 16_777_217, port: 8080 }];
  assertEquals(verdict("none", cidr), "unknown");
  assertEquals(verdict("list", cidr), "forwarded");
  assertEquals(verdict("list", cidr, "198.18.0.1"), "dropped");
  assertEquals(verdict("list", [{ identity: 2 }], "198.18.0.1"), "forwarded");
});

Deno.test("a dumped connection is forgotten when its time has run out", () => {
  const connections = dump(JSON.stringify([
    connection("out", ["10.0.1.11", 8080, "10.0.1.10", 41_000]),
  ]));
  const denied = networkPolicy(
    "none",
    "{podSelector: {matchLabels: {app: near}}}",
  );
  const late = { ...TO_NEAR, sourcePort: 41_000, atNs: 9_000e9 };
  const run = (dumps: readonly ReturnType<typeof dump>[]) =>
    runOne([...SHOP, denied], { ...late, dumps }).outcome.verdict;
  // 8,000 seconds were left of it.
  assertEquals(run([connections]), "dropped");
});

Deno.test("a dumped Maglev table is what packets off the wire are looked up in", () => {
  const maps = new LbMaps({ maxEntries: 100 });
  const at = (ip: string, port: number) => ({
    ip: Ip.of(ip),
    port,
    protocol: "TCP" as const,
    scope: 0 as const,
  });
  const entry = { qcount: 0, rev_nat_index: 7, flags: 34 };
  maps.putService(at("1.2.3.4", 80), 0, { ...entry, backend_id: 0, count: 2 });
  for (const [id, ip] of [[21, "10.0.1.10"], [22, "10.0.1.11"]] as const) {
    maps.putService(at("1.2.3.4", 80), id - 20, {
      ...entry,
      backend_id: id,
      count: 0,
    });
    maps.putBackend(id, at(ip, 8080), { state: 0, zone: 0 });
  }
  const files = [maps[4].services, maps[4].backends].map((map) =>
    dump(printBpftoolMap(map), { file: `${map.spec.name}.json` })
  );
  const backends = (table: string) =>
    new Set(
      Array.from({ length: 8 }, (_, one) =>
        runOne(SHOP, {
          from: "ip/203.0.113.9",
          via: "n1",
          to: "tcp://1.2.3.4:80",
          sourcePort: 40_000 + one,
          values: { ...REPLACED, loadBalancer: { algorithm: "maglev" } },
          dumps: [...files, dump(`{"[7]/v4": ["${table}"]}`)],
        }).outcome.backend),
    );
  assertEquals(backends("[22 22 22]"), new Set(["10.0.1.11:8080"]));
  assertEquals(backends("[21 22 21]").size, 2);
  // An id that no slot has leads nowhere.
  assertEquals(backends("[99]"), new Set([null]));
});

Deno.test("a missing entry of the reverse translation lets answers go as they are", () => {
  const services = dump(JSON.stringify(SERVICES));
  const reverse = (entries: string) =>
    dump(entries, { file: "cilium_lb4_reverse_nat.json" });
  const verdict = (dumps: readonly ReturnType<typeof dump>[]) =>
    runOne([...SHOP, service("other", { ip: "10.96.0.9" })], {
      from: "pod/shop/client",
      to: "tcp://10.96.0.3:80",
      dumps: [services, ...dumps],
    }).outcome.verdict;
  assertEquals(verdict([]), "forwarded");
  const of = (id: number) =>
    `[{"key":["0x00","0x0${id}"],"value":["0x0a","0x60","0x00","0x03","0x00","0x50"]}]`;
  assertEquals(verdict([reverse(of(7))]), "forwarded");
  assert(verdict([reverse(of(6))]) !== "forwarded");
});

Deno.test("dumps that cannot be read are refused at their place", () => {
  const broken = [
    dump('{"10.96.0.3:80/TCP (0)": ["0.0.0.0:0 (7) (0) [ClusterIP'),
    dump('{"10.96.0.3:80/TCP (0)": ["what"]}'),
    dump('[{"key":["0x00"],"value":[]}]', { file: "cilium_lxc.json" }),
    dump('[{"ProxyPortNetwork": 0}]', { file: "policy.json" }),
  ];
  for (const one of broken) {
    const error = assertThrows(
      () => runOne(SHOP, { ...TO_NEAR, dumps: [one] }),
      InputError,
    );
    assert(error.problems.every(({ at }) => at.line > 0 && at.column > 0));
  }
  assertThrows(() => dump("hello"), InputError, "no dump that is known");
});

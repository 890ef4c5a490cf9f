import { assertEquals } from "@std/assert";
import { Cluster } from "../../../core/cluster/cluster.ts";
import { importManifests } from "../../../core/import/manifests.ts";
import { dump, networkPolicy, SHOP } from "../_testing.ts";
import { printLbList } from "../dumps/lb_list.ts";
import { fillServices } from "../maps/lb/fill_services.ts";
import { LB_DEFAULTS } from "../maps/lb/lb_config.ts";
import { type Options, optionsSchema } from "../options.ts";
import { DRIFT_OPTIONS, mapDrift } from "./map_drift.ts";

const POLICY = networkPolicy(
  "from-client",
  "{podSelector: {matchLabels: {app: near}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 8080}]}]}",
);

const ENDPOINTS = {
  "10.0.1.10:0": ["id=11 sec_id=7001 flags=0x0000 ifindex=5"],
  "10.0.1.11:0": ["id=12 sec_id=7002 flags=0x0000 ifindex=7"],
  "192.168.0.1:0": ["(localhost)"],
};

const IDENTITIES: Readonly<Record<string, number>> = {
  "0.0.0.0/0": 2,
  "10.0.1.10/32": 7001,
  "10.0.1.11/32": 7002,
  "10.0.2.10/32": 7003,
  "192.168.0.1/32": 1,
  "192.168.0.2/32": 6,
};

/** Of endpoint 12: what the policy comes to, and all out. */
const ENTRIES = [
  entry({ identity: 7001, port: 8080 }),
  entry({ identity: 1 }),
  entry({ identity: 0, egress: true }),
];

function entry({ identity, port = 0, egress = false, deny = false }: {
  readonly identity: number;
  readonly port?: number;
  readonly egress?: boolean;
  readonly deny?: boolean;
}) {
  return {
    ProxyPortNetwork: 0,
    Flags: (deny ? 1 : 0) | (port === 0 ? 0 : 24 << 3),
    AuthRequirement: 0,
    Precedence: deny ? 0xffffffff : 0xffffff01,
    Cookie: 0,
    Packets: 0,
    Bytes: 0,
    Key: {
      Prefixlen: port === 0 ? 40 : 64,
      Identity: identity,
      TrafficDirection: egress ? 1 : 0,
      Nexthdr: port === 0 ? 0 : 6,
      DestPortNetwork: (port & 0xff) << 8 | port >>> 8,
    },
  };
}

function ipcacheText(entries: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.fromEntries(
    Object.entries(entries).map(([prefix, identity]) => [prefix, [
      `identity=${identity} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`,
    ]]),
  ));
}

function cluster() {
  const cluster = new Cluster();
  const text = [...SHOP, POLICY].join("\n---\n");
  const { events } = importManifests([{ file: "shop.yaml", text }]);
  for (const event of events) cluster.apply(event);
  const objects = events.flatMap((event) =>
    event.type === "policy.applied" ? [event.data.object] : []
  );
  return { cluster, objects };
}

function services(): Record<string, string[]> {
  const shop = cluster().cluster;
  const { internalIps, externalIps } = shop.nodes.get("n1")!;
  const { maps } = fillServices(shop, {
    config: { ...LB_DEFAULTS, node: "n1" },
    addresses: [...internalIps, ...externalIps]
      .map((ip) => ({ ip, nodePort: true })),
  });
  return JSON.parse(printLbList(maps));
}

function drift(live: {
  readonly services?: object;
  readonly ipcache?: Readonly<Record<string, number>>;
  readonly endpoints?: object;
  readonly entries?: readonly object[];
  readonly identities?: readonly object[];
  readonly options?: Options;
}) {
  const dumps = [
    ["lb.json", JSON.stringify(live.services ?? services())],
    ["ipcache.json", ipcacheText(live.ipcache ?? IDENTITIES)],
    ["endpoint.json", JSON.stringify(live.endpoints ?? ENDPOINTS)],
    ["policy-12.json", JSON.stringify(live.entries ?? ENTRIES)],
    ...(live.identities === undefined
      ? []
      : [["identities.json", JSON.stringify(live.identities)]]),
  ].map(([file, text]) => dump(text!, { file: file! }).data);
  const made = cluster();
  const node = made.cluster.nodes.get("n1")!;
  const options = live.options ?? DRIFT_OPTIONS;
  const report = mapDrift(dumps, { ...made, node, options });
  return {
    ...report,
    lines: report.drifts.map(({ kind, map, entry, detail }) =>
      `${kind} ${map} ${entry}: ${detail}`
    ),
  };
}

Deno.test("mapDrift() finds nothing in what would be computed", () => {
  const { lines, unknown } = drift({});
  assertEquals([lines, unknown], [[], []]);
});

Deno.test("mapDrift() tells missing, stale and different frontends", () => {
  const { "10.96.0.2:80/TCP (0)": _, "10.96.0.2:80/TCP (1)": __, ...live } =
    services();
  const { lines, drifts } = drift({
    services: {
      ...live,
      "10.96.0.1:80/TCP (1)": [
        live["10.96.0.1:80/TCP (1)"]![0]!.replace("10.0.1.10", "10.0.1.99"),
      ],
      "10.96.0.77:80/TCP (0)": [
        "0.0.0.0:0 (70) (0) [ClusterIP, non-routable] ",
      ],
    },
  });
  assertEquals(lines, [
    "different cilium_lb4_services_v2 10.96.0.1:80/TCP: backends 10.0.1.99:8080 in place of 10.0.1.10:8080",
    "missing cilium_lb4_services_v2 10.96.0.2:80/TCP: Service shop/near",
    "stale cilium_lb4_services_v2 10.96.0.77:80/TCP: ClusterIP",
  ]);
  assertEquals(drifts.map(({ at }) => at?.file ?? null), [
    "lb.json",
    null,
    "lb.json",
  ]);
});

Deno.test("mapDrift() tells addresses that the ipcache has for another or for nobody", () => {
  const { "10.0.2.10/32": _, ...rest } = IDENTITIES;
  assertEquals(
    drift({ ipcache: { ...rest, "10.0.9.9/32": 7003, "10.0.1.10/32": 6 } })
      .lines.filter((line) => line.includes("ipcache")),
    [
      "missing cilium_ipcache_v2 10.0.2.10/32: Pod shop/web",
      "stale cilium_ipcache_v2 10.0.9.9/32: identity 7003",
    ],
  );
  const { unknown } = drift({ ipcache: { ...IDENTITIES, "10.0.1.10/32": 6 } });
  assertEquals(
    unknown.filter((text) => text.includes("10.0.1.10")),
    ["who identity 6 of 10.0.1.10 is is not known"],
  );
});

Deno.test("mapDrift() tells an address that has another pod's identity", () => {
  const labels = (app: string) => [
    `k8s:app=${app}`,
    "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
    "k8s:io.cilium.k8s.policy.cluster=default",
    "k8s:io.cilium.k8s.policy.serviceaccount=default",
    "k8s:io.kubernetes.pod.namespace=shop",
  ];
  const { lines } = drift({
    ipcache: { ...IDENTITIES, "10.0.1.10/32": 7003 },
    identities: [
      { id: 7001, labels: labels("client") },
      { id: 7002, labels: labels("near") },
      { id: 7003, labels: labels("web") },
    ],
  });
  assertEquals(lines, [
    "different cilium_ipcache_v2 10.0.1.10/32: identity 7003 (k8s:app=web,k8s:io.kubernetes.pod.namespace=shop) in place of k8s:app=client,k8s:io.kubernetes.pod.namespace=shop",
  ]);
});

Deno.test("mapDrift() tells a tunnel to nowhere", () => {
  const options = optionsSchema.parse({
    values: { kubeProxyReplacement: true, routingMode: "tunnel" },
  });
  assertEquals(drift({ options }).lines, [
    "different cilium_ipcache_v2 10.0.2.10/32: tunnel to nowhere in place of 192.168.0.2",
  ]);
});

Deno.test("mapDrift() asks both policy maps what they say, whatever entries say it", () => {
  // An entry that a wider one says already is no drift.
  assertEquals(
    drift({
      entries: [...ENTRIES, entry({ identity: 1, port: 8080 })],
    }).lines,
    [],
  );
  assertEquals(
    drift({
      entries: [
        entry({ identity: 7001, port: 8080, deny: true }),
        entry({ identity: 7003 }),
        entry({ identity: 0, egress: true }),
      ],
    }).lines,
    [
      "missing cilium_policy_v2_00012 ingress 1 any: denied for want of an entry in place of allow",
      "different cilium_policy_v2_00012 ingress 7001 8080/TCP: deny in place of allow",
      "stale cilium_policy_v2_00012 ingress 7003 any: allow in place of denied for want of an entry",
    ],
  );
});

Deno.test("mapDrift() says whose policy map it does not know", () => {
  const { "10.0.1.11:0": _, ...rest } = ENDPOINTS;
  const { lines, unknown } = drift({ endpoints: rest });
  assertEquals(lines, ["missing cilium_lxc 10.0.1.11: Pod shop/near"]);
  assertEquals(unknown, [
    "cilium_policy_v2_00012: nothing says which pod's it is",
  ]);
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../../../core/errors.ts";
import { dumpFormatOf } from "../../../core/import/dump_format.ts";
import { Cidr, Ip } from "../../../core/packet/ip.ts";
import { mutate } from "../../../tests/_mutate.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import { CT4_TUPLE, CT6_TUPLE, CT_ENTRY } from "../maps/conntrack_layouts.ts";
import {
  ENDPOINT_INFO,
  ENDPOINT_KEY,
  REMOTE_ENDPOINT_INFO,
} from "../maps/endpoint_layouts.ts";
import { ipcacheKey } from "../maps/fill_endpoints.ts";
import { addressBytes } from "../maps/layout.ts";
import { LbMaps } from "../maps/lb/lb_maps.ts";
import { POLICY_ENTRY, POLICY_KEY } from "../maps/policy_layouts.ts";
import { printCtList, readCtList } from "./ct_list.ts";
import { printEndpointList, readEndpointList } from "./endpoint_list.ts";
import { printIdentityList, readIdentityList } from "./identity_list.ts";
import { printIpcacheList, readIpcacheList } from "./ipcache_list.ts";
import { printLbList, readLbList } from "./lb_list.ts";
import { printMaglevList, readMaglevList } from "./maglev_list.ts";
import { printPolicyList, readPolicyList } from "./policy_list.ts";

const FILE = { file: "dump.json" };
const RUNS = { numRuns: 60 };

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const counter = fc.nat(Number.MAX_SAFE_INTEGER).map(BigInt);
const ip4 = u32.map((value) => Ip.v4(value));
const ip6 = fc.tuple(u32, u32, u32, u32).map((words) => Ip.v6(...words));

/** Entries of a map as the kernel would hold them; the later of two with one key counts. */
function mapOf(
  name: string,
  entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[],
): BpfMap {
  const map = newCiliumMap(name);
  for (const [key, value] of entries) map.update(key, value);
  return map;
}

function sameEntries(a: BpfMap, b: BpfMap): void {
  assertEquals([...a.entries()], [...b.entries()]);
}

const policyMap = fc.array(
  fc.tuple(
    fc.record({
      lpm_key: fc.integer({ min: 32, max: 64 }),
      sec_label: u32,
      egress: fc.nat(1),
      protocol: u8,
      dport: u16,
    }).map((key) => POLICY_KEY.encode(key)),
    fc.record({
      proxy_port: u16,
      deny: fc.nat(1),
      reserved: fc.nat(3),
      lpm_prefix_length: fc.nat(31),
      auth_type: fc.nat(127),
      has_explicit_auth_type: fc.nat(1),
      precedence: u32,
      cookie: u32,
    }).map((value) => POLICY_ENTRY.encode(value)),
  ),
  { maxLength: 6 },
).map((entries) => mapOf("cilium_policy_v2", entries));

const ipcache = fc.array(
  fc.tuple(
    fc.oneof(
      fc.tuple(ip4, fc.nat(32)),
      fc.tuple(ip6, fc.nat(128)),
    ).map(([ip, length]) => ipcacheKey(Cidr.of(`${ip}/${length}`))),
    fc.record({
      sec_identity: u32,
      key: u8,
      tunnel: fc.oneof(ip4, ip6),
      skip: fc.nat(1),
      remote: fc.nat(1),
    }).map(({ sec_identity, key, tunnel, skip, remote }) =>
      REMOTE_ENDPOINT_INFO.encode({
        sec_identity,
        key,
        ip6: addressBytes(tunnel),
        flag_has_tunnel_ep: 1,
        flag_ipv6_tunnel_ep: tunnel.family === 6 ? 1 : 0,
        flag_skip_tunnel: skip,
        flag_remote_cluster: remote,
      })
    ),
  ),
  { maxLength: 6 },
).map((entries) => mapOf("cilium_ipcache_v2", entries));

const endpoints = fc.array(
  fc.tuple(
    fc.tuple(fc.oneof(ip4, ip6), u8).map(([ip, key]) =>
      ENDPOINT_KEY.encode({
        ip6: addressBytes(ip),
        family: ip.family === 4 ? 1 : 2,
        key,
      })
    ),
    fc.record({ lxc_id: u16, sec_id: u32, ifindex: u32, flags: fc.nat(0xff) })
      // Of the host's own addresses the command says no more than that they are.
      .map((info) => ENDPOINT_INFO.encode({ ...info, flags: info.flags & ~1 })),
  ),
  { maxLength: 6 },
).map((entries) => mapOf("cilium_lxc", entries));

const connections = fc.array(
  fc.tuple(
    fc.oneof(
      fc.tuple(ip4, ip4, u16, u16).map(([saddr, daddr, sport, dport]) => ({
        layout: CT4_TUPLE,
        tuple: { saddr, daddr, sport, dport },
      })),
      fc.tuple(ip6, ip6, u16, u16).map(([saddr, daddr, sport, dport]) => ({
        layout: CT6_TUPLE,
        tuple: { saddr, daddr, sport, dport },
      })),
    ),
    fc.constantFrom(6, 17, 1, 58),
    fc.nat(7),
    fc.record({
      reserved0: counter,
      backend_id: counter,
      packets: counter,
      bytes: counter,
      lifetime: u32,
      seen_non_syn: fc.nat(1),
      node_port: fc.nat(1),
      from_tunnel: fc.nat(1),
      rev_nat_index: u16,
      nat_port: u16,
      tx_flags_seen: u8,
      rx_flags_seen: u8,
      src_sec_id: u32,
      last_tx_report: u32,
      last_rx_report: u32,
    }),
  ),
  { maxLength: 6 },
).map((entries) => {
  const maps = readCtList("[]", FILE);
  const filled = {
    tcp4: newCiliumMap("cilium_ct4_global"),
    any4: newCiliumMap("cilium_ct_any4_global"),
    tcp6: newCiliumMap("cilium_ct6_global"),
    any6: newCiliumMap("cilium_ct_any6_global"),
  } satisfies typeof maps;
  for (const [{ layout, tuple }, nexthdr, flags, entry] of entries) {
    const family = layout === CT4_TUPLE ? 4 : 6;
    const map = filled[`${nexthdr === 6 ? "tcp" : "any"}${family}`];
    map.update(
      layout.encode({ ...tuple, nexthdr, flags }),
      CT_ENTRY.encode(entry),
    );
  }
  return filled;
});

const identities = fc.dictionary(
  u32.map(String),
  fc.array(fc.string(), { maxLength: 4 }),
  { maxKeys: 5 },
).map((entries) =>
  new Map(
    Object.entries(entries)
      .map(([id, labels]) => [Number(id), labels.sort()] as const),
  )
);

const tables = fc.array(
  fc.tuple(
    fc.constantFrom(4 as const, 6 as const),
    u16,
    fc.array(u32, { minLength: 1, maxLength: 20 }),
  ),
  { maxLength: 4 },
).map((entries) => {
  const maps = new LbMaps({ maxEntries: 100 });
  for (const [family, id, ids] of entries) {
    maps.putMaglev(family, id, Uint32Array.from(ids));
  }
  return maps;
});

Deno.test("readPolicyList() reads back whatever printPolicyList() wrote", () => {
  fc.assert(
    fc.property(policyMap, (map) => {
      sameEntries(readPolicyList(printPolicyList(map), FILE).map, map);
    }),
    RUNS,
  );
});

Deno.test("readIpcacheList() reads back whatever printIpcacheList() wrote", () => {
  fc.assert(
    fc.property(ipcache, (map) => {
      sameEntries(readIpcacheList(printIpcacheList(map), FILE), map);
    }),
    RUNS,
  );
});

Deno.test("readEndpointList() reads back whatever printEndpointList() wrote", () => {
  fc.assert(
    fc.property(endpoints, (map) => {
      sameEntries(readEndpointList(printEndpointList(map), FILE), map);
    }),
    RUNS,
  );
});

Deno.test("readCtList() reads back whatever printCtList() wrote", () => {
  fc.assert(
    fc.property(connections, (maps) => {
      const read = readCtList(printCtList(maps), FILE);
      for (const name of ["tcp4", "any4", "tcp6", "any6"] as const) {
        sameEntries(read[name], maps[name]);
      }
    }),
    RUNS,
  );
});

Deno.test("readIdentityList() reads back whatever printIdentityList() wrote", () => {
  fc.assert(
    fc.property(identities, (map) => {
      const text = printIdentityList(map);
      assertEquals(printIdentityList(readIdentityList(text, FILE)), text);
    }),
    RUNS,
  );
});

Deno.test("readMaglevList() reads back whatever printMaglevList() wrote", () => {
  fc.assert(
    fc.property(tables, (maps) => {
      const text = printMaglevList(maps);
      const { v4, v6 } = readMaglevList(text, FILE);
      assertEquals([v4.size, v6.size], [
        maps[4].maglev.size,
        maps[6].maglev.size,
      ]);
      const again = new LbMaps({
        maxEntries: 100,
        given: new Map([["cilium_lb4_maglev", v4], ["cilium_lb6_maglev", v6]]),
      });
      assertEquals(printMaglevList(again), text);
    }),
    RUNS,
  );
});

Deno.test("readPolicyList() orders what releases before precedences printed", () => {
  const entry = (port: number, more: object) => ({
    ProxyPortNetwork: 0,
    AuthRequirement: 0,
    Packets: 0,
    Bytes: 0,
    Key: {
      Prefixlen: 64,
      Identity: 1,
      TrafficDirection: 0,
      Nexthdr: 6,
      DestPortNetwork: port,
    },
    ...more,
  });
  const { map } = readPolicyList(
    JSON.stringify([
      entry(1, { Flags: 1, ProxyPortPriority: 0 }),
      entry(2, { Flags: 0, ProxyPortPriority: 127 }),
      entry(3, { Flags: 0, ProxyPortPriority: 0 }),
    ]),
    FILE,
  );
  const precedences = [...map.entries()].map(({ value }) =>
    POLICY_ENTRY.decode(value).precedence
  ).sort((a, b) => b - a);
  assertEquals(precedences, [0xffffffff, 0xffffff7f, 0xffffff01]);
});

const TABLES = {
  lb: `# cilium-dbg bpf lb list

SERVICE ADDRESS           BACKEND ADDRESS (REVNAT_ID) (SLOT)
10.96.0.10:53/UDP (0)     0.0.0.0:0 (3) (0) [ClusterIP, non-routable]
10.96.0.10:53/UDP (1)     10.0.1.7:53/UDP (3) (1)
[fd00::1]:80/TCP/i (0)    [::]:0 (4) (0) [NodePort, Local, two-scopes]
`,
  ipcache: `IP PREFIX/ADDRESS   IDENTITY
10.0.1.7/32         identity=4711 encryptkey=0 tunnelendpoint=172.18.0.3 flags=hastunnel
fd00::7/128@3       identity=9 encryptkey=3 tunnelendpoint=0.0.0.0 flags=<none>
`,
  endpoint: `IP ADDRESS       LOCAL ENDPOINT INFO
10.0.1.7:0       id=12 sec_id=4711 flags=0x0000 ifindex=9 mac=1A:2B nodemac=3C:4D
172.18.0.2:0     (localhost)
`,
  identity: `ID     LABELS
1      reserved:host
       reserved:kube-apiserver
4711   k8s:app=web
       k8s:io.kubernetes.pod.namespace=shop
`,
  maglev: `SVC ID   LOOKUP TABLE
[3]/v4   [1 2 1]
`,
} as const;

Deno.test("tables are read as the objects that -o json would have been", () => {
  assertEquals(
    Object.keys(JSON.parse(printLbList(readLbList(TABLES.lb, FILE)))),
    [
      "10.96.0.10:53/UDP (0)",
      "10.96.0.10:53/UDP (1)",
      "[fd00::1]:80/TCP/i (0)",
    ],
  );
  assertEquals(
    JSON.parse(printIpcacheList(readIpcacheList(TABLES.ipcache, FILE))),
    {
      "10.0.1.7/32": [
        "identity=4711 encryptkey=0 tunnelendpoint=172.18.0.3 flags=hastunnel",
      ],
      "fd00::7/128@3": [
        "identity=9 encryptkey=3 tunnelendpoint=0.0.0.0 flags=<none>",
      ],
    },
  );
  assertEquals(readEndpointList(TABLES.endpoint, FILE).size, 2);
  assertEquals([...readIdentityList(TABLES.identity, FILE)], [
    [1, ["reserved:host", "reserved:kube-apiserver"]],
    [4711, ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"]],
  ]);
  assertEquals(readMaglevList(TABLES.maglev, FILE).v4.size, 1);
});

Deno.test("tables that are cut off are refused at their line", () => {
  const cut = TABLES.lb.slice(0, TABLES.lb.indexOf("UDP (3) (1)"));
  const { problems } = assertThrows(() => readLbList(cut, FILE), InputError);
  assertEquals(problems.map(({ at }) => `${at.line}:${at.column}`), ["5:1"]);
});

const SAMPLES: readonly (readonly [
  format: string | undefined,
  text: string,
  read?: (text: string) => unknown,
])[] = [
  [
    "cilium-bpf-endpoint",
    '{"10.0.1.7:0": ["id=3 sec_id=4711 flags=0x0000 ifindex=9 mac=x"], "fd00::7:0": ["(localhost)"]}',
    (text) => readEndpointList(text, FILE),
  ],
  [
    "cilium-identity",
    '[{"id": 4711, "labels": ["k8s:app=web"]}]',
    (text) => readIdentityList(text, FILE),
  ],
  [
    "cilium-bpf-maglev",
    '{"[3]/v4": ["[1 2 1]"], "[4]/v6": ["[7]"]}',
    (text) => readMaglevList(text, FILE),
  ],
  ["cilium-bpf-lb", TABLES.lb, (text) => readLbList(text, FILE)],
  [
    "cilium-bpf-ipcache",
    TABLES.ipcache,
    (text) => readIpcacheList(text, FILE),
  ],
  [
    "cilium-bpf-endpoint",
    TABLES.endpoint,
    (text) => readEndpointList(text, FILE),
  ],
  ["cilium-identity", TABLES.identity, (text) => readIdentityList(text, FILE)],
  ["cilium-bpf-maglev", TABLES.maglev, (text) => readMaglevList(text, FILE)],
  ["cilium-bpf-lb", '{"[fd00::1]:80/TCP/i (0)": []}'],
  ["cilium-bpf-ipcache", '{"fd00::7/128@3": []}'],
  ["cilium-bpf-policy", '[{"EndpointID": 3}]'],
  ["cilium-bpf-policy", '[\n  {"Flags": 0, "ProxyPortNetwork": 0}]'],
  ["cilium-bpf-ct", '[{"Key": {"DestAddr": "x", "NextHeader": 6}}]'],
  ["bpftool-map", '[{"key": ["0x01"]}]'],
  ["iptables-save", "# Generated by iptables-save v1.8.9\n*nat\n"],
  ["iptables-save", "*filter\n"],
  ["ipset-save", "create web hash:ip\n"],
  ["wg-dump", "wg0\tkey\tkey\t51820\toff\n"],
  [undefined, "apiVersion: v1\nkind: Pod\n"],
  [undefined, "{}"],
  [undefined, ""],
];

Deno.test("dumpFormatOf() tells a dump by how it begins", () => {
  for (const [format, text] of SAMPLES) {
    assertEquals(dumpFormatOf(text), format, text);
  }
});

Deno.test("readers of the newer dumps survive every mutation, with an InputError or a map", () => {
  for (const [, text, read] of SAMPLES) {
    if (read === undefined) continue;
    for (let seed = 0; seed < 400; seed++) {
      const bytes = mutate(new TextEncoder().encode(text), seed);
      try {
        read(new TextDecoder().decode(bytes));
      } catch (error) {
        assert(error instanceof InputError, `seed ${seed}: ${error}`);
      }
    }
  }
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../../../core/errors.ts";
import { Cidr, Ip } from "../../../core/packet/ip.ts";
import { mutate } from "../../../tests/_mutate.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { CILIUM_MAPS, newCiliumMap } from "../maps/cilium_maps.ts";
import { CT4_TUPLE, CT_ENTRY } from "../maps/conntrack_layouts.ts";
import { IPCACHE_KEY, REMOTE_ENDPOINT_INFO } from "../maps/endpoint_layouts.ts";
import { LB_DEFAULTS } from "../maps/lb/lb_config.ts";
import type { LbBackend, LbFrontend } from "../maps/lb/lb_frontend.ts";
import { PLAIN_SERVICE } from "../maps/lb/lb_frontend.ts";
import { LbWriter } from "../maps/lb/lb_writer.ts";
import { POLICY_ENTRY, POLICY_KEY } from "../maps/policy_layouts.ts";
import { mapNameOf, printBpftoolMap, readBpftoolMap } from "./bpftool_map.ts";
import { printCtList, readCtList } from "./ct_list.ts";
import { printIpcacheList, readIpcacheList } from "./ipcache_list.ts";
import { printLbList, readLbList } from "./lb_list.ts";
import {
  printPolicyList,
  readPolicyList,
  readPolicyLists,
} from "./policy_list.ts";

const FILE = { file: "dump.json" };

const POLICY = `[{"ProxyPortNetwork":4391,"Flags":192,"AuthRequirement":0,
"Precedence":4294967193,"Cookie":0,"Packets":18446744073709551615,"Bytes":7,
"Key":{"Prefixlen":64,"Identity":4711,"TrafficDirection":0,"Nexthdr":6,"DestPortNetwork":20480}}]`;

const SERVICES = `{
  "10.96.0.10:53/UDP (0)": ["0.0.0.0:0 (3) (0) [ClusterIP, non-routable] "],
  "10.96.0.10:53/UDP (1)": ["10.0.1.7:53/UDP (3) (1)"],
  "[fd00::1]:80/TCP/i (0)": ["[::]:0 (4) (0) [NodePort, Local, two-scopes] "]
}`;

const IPCACHE = `{
  "10.0.1.7/32": ["identity=4711 encryptkey=0 tunnelendpoint=172.18.0.3 flags=hastunnel"],
  "0.0.0.0/0": ["identity=2 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>"],
  "fd00::7/128@3": ["identity=9 encryptkey=3 tunnelendpoint=::1 flags=hastunnel,ipv6tunnel"]
}`;

const CT =
  `[{"Key":{"DestAddr":[10,0,1,7],"SourceAddr":[10,0,0,5],"DestPort":20480,
"SourcePort":51880,"NextHeader":6,"Flags":1},"Value":{"Union0":[0,12],"Packets":3,
"Bytes":180,"Lifetime":1000,"Flags":16,"RevNAT":768,"NatPort":0,"TxFlagsSeen":27,
"RxFlagsSeen":0,"SourceSecurityID":4711,"LastTxReport":1,"LastRxReport":2}}]`;

Deno.test("readPolicyList() reads ports in network order and counters that are not kept", () => {
  const { map, counts } = readPolicyList(POLICY, FILE);
  const [entry] = [...map.entries()];
  const key = POLICY_KEY.decode(entry!.key);
  const value = POLICY_ENTRY.decode(entry!.value);
  assertEquals([key.lpm_key, key.sec_label, key.dport], [64, 4711, 80]);
  assertEquals(value.proxy_port, 0x2711);
  assertEquals([value.deny, value.lpm_prefix_length], [0, 24]);
  assertEquals(counts, [{ packets: null, bytes: 7n }]);
});

Deno.test("readPolicyLists() reads one map for each endpoint", () => {
  const text =
    `[{"EndpointID":7,"Path":"/sys/fs/bpf/x","Content":${POLICY}},{"EndpointID":8}]`;
  const lists = readPolicyLists(text, FILE);
  assertEquals(lists.map(({ endpoint, map }) => [endpoint, map.size]), [
    [7, 1],
    [8, 0],
  ]);
});

Deno.test("readLbList() reads frontends with their scopes, flags and slots", () => {
  const maps = readLbList(SERVICES, FILE);
  assertEquals(maps[4].services.size, 2);
  assertEquals(maps[4].backends.size, 1);
  assertEquals(maps[6].services.size, 1);
  assertEquals(JSON.parse(printLbList(maps)), JSON.parse(SERVICES));
});

Deno.test("readIpcacheList() reads prefixes, clusters and flags", () => {
  const map = readIpcacheList(IPCACHE, FILE);
  const values = [...map.entries()].map(({ key, value }) => ({
    ...IPCACHE_KEY.decode(key),
    ...REMOTE_ENDPOINT_INFO.decode(value),
  }));
  const one = values.find(({ sec_identity }) => sec_identity === 4711)!;
  assertEquals([one.lpm_key, one.family, one.flag_has_tunnel_ep], [64, 1, 1]);
  const other = values.find(({ sec_identity }) => sec_identity === 9)!;
  assertEquals([other.lpm_key, other.cluster_id, other.key], [160, 3, 3]);
  assertEquals(JSON.parse(printIpcacheList(map)), JSON.parse(IPCACHE));
});

Deno.test("readCtList() sorts connections into the maps of their protocol", () => {
  const maps = readCtList(CT, FILE);
  assertEquals([maps.tcp4.size, maps.any4.size], [1, 0]);
  const [entry] = [...maps.tcp4.entries()];
  const tuple = CT4_TUPLE.decode(entry!.key);
  assertEquals([tuple.daddr.text, tuple.dport], ["10.0.1.7", 80]);
  const value = CT_ENTRY.decode(entry!.value);
  assertEquals([value.backend_id, value.seen_non_syn], [12n, 1]);
  assertEquals(value.rev_nat_index, 3);
  assertEquals(JSON.parse(printCtList(maps)), JSON.parse(CT));
});

Deno.test("readBpftoolMap() reads back whatever printBpftoolMap() wrote", () => {
  for (const [name, definition] of Object.entries(CILIUM_MAPS)) {
    if (definition.type === "hash_of_maps") continue;
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length });
    const entry = fc.tuple(
      bytes(definition.keyBytes),
      bytes(definition.valueBytes),
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
        const map = newCiliumMap(name);
        for (const [key, value] of entries) map.update(key, value);
        const text = printBpftoolMap(map);
        const read = readBpftoolMap(text, { ...FILE, name });
        assertEquals([...read.entries()], [...map.entries()]);
        assertEquals(printBpftoolMap(read), text);
      }),
      { numRuns: 20 },
    );
  }
});

Deno.test("readBpftoolMap() says which entry is wrong, and all of them", () => {
  const text =
    '[{"key":["0x01","0x00"],"value":["0x0a"]},\n {"key":["1"],"value":[]}]';
  const error = assertThrows(
    () => readBpftoolMap(text, { ...FILE, name: "cilium_lb4_reverse_nat" }),
    InputError,
  );
  assertEquals(error.problems.map(({ at }) => `${at.line}:${at.column}`), [
    "1:25",
    "2:3",
    "2:15",
  ]);
  assertThrows(
    () => readBpftoolMap("[]", { ...FILE, name: "cilium_lb5_services" }),
    InputError,
    "cilium_lb4_services_v2",
  );
});

Deno.test("readBpftoolMap() refuses what only type information says", () => {
  const text = '[{"key":{"address":1},"value":{"port":20480}}]';
  const error = assertThrows(
    () => readBpftoolMap(text, { ...FILE, name: "cilium_lb4_reverse_nat" }),
    InputError,
  );
  assert(error.message.includes("not made of bytes"));
});

Deno.test("mapNameOf() finds the map in the name of a file", () => {
  assertEquals(
    mapNameOf("n1/bpftool-map-dump-cilium_ipcache_v2.json"),
    "cilium_ipcache_v2",
  );
  assertEquals(
    mapNameOf("cilium_policy_v2_00123.json"),
    "cilium_policy_v2_00123",
  );
  assertEquals(mapNameOf("services.json"), undefined);
});

Deno.test("readers of dumps name the line of each problem", () => {
  const cases = [
    () => readPolicyList('[{"Key":{"Prefixlen":70}}]', FILE),
    () => readPolicyList("{}", FILE),
    () => readLbList('{"10.96.0.1 (0)": ["x"]}', FILE),
    () => readLbList('{"10.96.0.1:80/TCP (0)": ["x"]}', FILE),
    () => readLbList('{"[10.96.0.1]:80/TCP (0)": []}', FILE),
    () => readIpcacheList('{"10.0.0.0/33": []}', FILE),
    () => readIpcacheList('{"10.0.0.0/8": ["identity=1"]}', FILE),
    () => readCtList('[{"Key":{},"Value":{}}]', FILE),
    () => readCtList("[1]", FILE),
    () => readCtList("", FILE),
    () => readCtList("[", FILE),
  ];
  for (const read of cases) {
    const error = assertThrows(read, InputError);
    assert(error.problems.length > 0);
    assert(error.problems.every(({ at }) => at.line >= 1 && at.column >= 1));
  }
});

Deno.test("readers of dumps print what they read, again and again the same", () => {
  fc.assert(fc.property(arbitraryServices(), (maps) => {
    const text = printLbList(maps);
    assertEquals(printLbList(readLbList(text, FILE)), text);
  }));
  const policy = printPolicyList(readPolicyList(POLICY, FILE).map);
  assertEquals(printPolicyList(readPolicyList(policy, FILE).map), policy);
});

Deno.test("readers of dumps survive every mutation, with an InputError or a map", () => {
  const readers: [string, (text: string) => unknown][] = [
    [POLICY, (text) => readPolicyList(text, FILE)],
    [
      `[{"EndpointID":7,"Content":${POLICY}}]`,
      (text) => readPolicyLists(text, FILE),
    ],
    [SERVICES, (text) => printLbList(readLbList(text, FILE))],
    [IPCACHE, (text) => printIpcacheList(readIpcacheList(text, FILE))],
    [CT, (text) => printCtList(readCtList(text, FILE))],
    [
      printBpftoolMap(ipcache()),
      (text) => readBpftoolMap(text, { ...FILE, name: "cilium_ipcache_v2" }),
    ],
  ];
  for (const [text, read] of readers) {
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

function ipcache(): BpfMap {
  const map = newCiliumMap("cilium_ipcache_v2");
  for (const text of ["10.0.0.0/8", "10.1.0.0/16", "fd00::/64"]) {
    const { base, length } = Cidr.of(text);
    map.update(
      IPCACHE_KEY.encode({
        lpm_key: 32 + length,
        family: base.family === 4 ? 1 : 2,
      }),
      REMOTE_ENDPOINT_INFO.encode({ sec_identity: length }),
    );
  }
  return map;
}

function arbitraryServices() {
  const ip = fc.nat(255).map((last) => Ip.of(`10.0.0.${last}`));
  const address = fc.record({
    ip,
    port: fc.integer({ min: 1, max: 65_535 }),
    protocol: fc.constantFrom("TCP" as const, "UDP" as const),
    scope: fc.constant(0 as const),
  });
  const backend: fc.Arbitrary<LbBackend> = address.map((at) => ({
    service: "a/b",
    address: at,
    portNames: [],
    state: "active",
    node: null,
    zone: null,
    zoneHints: [],
    weight: 100,
    unhealthy: false,
  }));
  const frontend: fc.Arbitrary<LbFrontend> = fc.record({
    type: fc.constantFrom("ClusterIP" as const, "NodePort" as const),
    address,
    service: fc.constant({ ...PLAIN_SERVICE, name: "a/b" }),
    portName: fc.constant(null),
    redirectTo: fc.constant(null),
    backends: fc.array(backend, { maxLength: 4 }),
  });
  return fc.array(frontend, { maxLength: 4 }).map((frontends) => {
    const writer = new LbWriter(LB_DEFAULTS);
    for (const one of frontends) writer.update(one);
    return writer.maps;
  });
}

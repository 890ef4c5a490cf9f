import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../../core/errors.ts";
import { Cidr, Ip } from "../../../core/packet/ip.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import { ENDPOINT_INFO, ENDPOINT_KEY } from "../maps/endpoint_layouts.ts";
import { findEndpoint, findIdentity } from "../maps/find_endpoint.ts";
import { ipcacheKey } from "../maps/fill_endpoints.ts";
import { addressBytes } from "../maps/layout.ts";
import { backendInSlot, findService } from "../maps/lb/find_service.ts";
import { LB_DEFAULTS } from "../maps/lb/lb_config.ts";
import { PLAIN_SERVICE } from "../maps/lb/lb_frontend.ts";
import { LbWriter } from "../maps/lb/lb_writer.ts";
import { printBpftoolMap } from "./bpftool_map.ts";
import { isMapDump, type LoadedDump, nodeMaps } from "./loaded_dumps.ts";

Deno.test("nodeMaps() takes a node's own dumps and those of every node, the last of each", () => {
  const dumps = [
    dump("cilium-bpf-ipcache", null, '{"10.0.0.0/8": [' + line(2) + "]}"),
    dump("cilium-bpf-ipcache", "n2", '{"10.0.0.0/8": [' + line(3) + "]}"),
    dump("wg-dump", "n1", "nonsense"),
  ];
  const identity = (node: string) =>
    findIdentity(nodeMaps(dumps, node).ipcache!, Ip.of("10.1.2.3"))?.identity;
  assertEquals([identity("n1"), identity("n2")], [2, 3]);
  assertEquals(nodeMaps(dumps, "n1").services, null);
  assertEquals(dumps.map(isMapDump), [true, true, false]);
});

Deno.test("nodeMaps() puts bpftool's dumps of single maps together", () => {
  const writer = new LbWriter(LB_DEFAULTS);
  const at = (ip: string, port: number) => ({
    ip: Ip.of(ip),
    port,
    protocol: "TCP" as const,
    scope: 0 as const,
  });
  writer.update({
    type: "NodePort",
    address: at("10.96.0.1", 80),
    service: { ...PLAIN_SERVICE, name: "shop/web" },
    portName: null,
    redirectTo: null,
    backends: [{
      service: "shop/web",
      address: at("10.0.1.7", 8080),
      portNames: [],
      state: "active",
      node: null,
      zone: null,
      zoneHints: [],
      weight: 100,
      unhealthy: false,
    }],
  });
  const dumps = [writer.maps[4].services, writer.maps[4].backends].map((map) =>
    dump("bpftool-map", "n1", printBpftoolMap(map), `${map.spec.name}.json`)
  );
  const maps = nodeMaps(dumps, "n1").services!;
  const service = findService(maps, at("10.96.0.1", 80), { inside: true })!;
  assertEquals([service.id, service.count, service.lookups], [1, 1, 1]);
  const backend = backendInSlot(maps, service, 1)!;
  assertEquals([backend.ip.text, backend.port], ["10.0.1.7", 8080]);
  assertEquals(backendInSlot(maps, service, 2), undefined);
});

Deno.test("nodeMaps() finds the endpoint of a policy map", () => {
  const entry = `[{"ProxyPortNetwork":0,"Flags":0,"AuthRequirement":0,
"Precedence":1,"Cookie":0,"Packets":0,"Bytes":0,
"Key":{"Prefixlen":40,"Identity":7,"TrafficDirection":0,"Nexthdr":0,"DestPortNetwork":0}}]`;
  const lxc = newCiliumMap("cilium_lxc");
  lxc.update(
    ENDPOINT_KEY.encode({ ip6: addressBytes(Ip.of("10.0.1.7")), family: 1 }),
    ENDPOINT_INFO.encode({ lxc_id: 123 }),
  );
  const maps = nodeMaps([
    dump("cilium-bpf-policy", "n1", entry, "bpf-policy-get-123.json"),
    dump("bpftool-map", "n1", printBpftoolMap(lxc), "cilium_lxc.json"),
  ], "n1");
  const endpoint = findEndpoint(maps.endpoints!, Ip.of("10.0.1.7"))!;
  const policy = maps.policies.get(endpoint)!;
  const found = (identity: number) =>
    policy.find({ identity, egress: false, protocol: 6, port: 80 })?.precedence;
  assertEquals([found(7), found(8)], [1, undefined]);
});

Deno.test("nodeMaps() refuses a dump of a map it cannot name", () => {
  assertThrows(
    () => nodeMaps([dump("bpftool-map", "n1", "[]", "map.json")], "n1"),
    InputError,
    "no map that is known",
  );
});

Deno.test("findService() asks the internal scope from on the node alone", () => {
  const writer = new LbWriter(LB_DEFAULTS);
  const service = { ...PLAIN_SERVICE, name: "shop/web", internalLocal: true };
  for (const scope of [0, 1] as const) {
    writer.update({
      type: "LoadBalancer",
      address: { ip: Ip.of("192.0.2.1"), port: 80, protocol: "TCP", scope },
      service,
      portName: null,
      redirectTo: null,
      backends: [],
    });
  }
  const at = { ip: Ip.of("192.0.2.1"), port: 80, protocol: "TCP" as const };
  const find = (inside: boolean) => {
    const found = findService(writer.maps, at, { inside })!;
    return [found.id, found.lookups];
  };
  assertEquals([find(false), find(true)], [[1, 1], [2, 2]]);
});

Deno.test("ipcacheKey() finds the longest prefix", () => {
  const map = newCiliumMap("cilium_ipcache_v2");
  for (const [at, text] of ["0.0.0.0/0", "10.0.0.0/8", "::/0"].entries()) {
    map.update(ipcacheKey(Cidr.of(text)), new Uint8Array(24).fill(at, 0, 1));
  }
  const identity = (ip: string) => findIdentity(map, Ip.of(ip))?.identity;
  assertEquals(["192.0.2.1", "10.1.1.1", "fd00::1"].map(identity), [0, 1, 2]);
});

function line(identity: number): string {
  return `"identity=${identity} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>"`;
}

function dump(
  format: string,
  node: string | null,
  text: string,
  file = "dump.json",
): LoadedDump {
  return { node, format, text, source: { file, line: 1, column: 1 } };
}

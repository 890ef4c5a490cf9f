import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cluster } from "../../../../core/cluster/cluster.ts";
import type { EndpointSlice } from "../../../../core/cluster/model.ts";
import { importManifests } from "../../../../core/import/manifests.ts";
import { Cidr, Ip } from "../../../../core/packet/ip.ts";
import { BACKEND_KEY, LB4_KEY, LB_SERVICE } from "../lb_layouts.ts";
import { fillServices } from "./fill_services.ts";
import { IdAllocator } from "./id_allocator.ts";
import { addressText, type LbAddress } from "./lb_address.ts";
import { LB_DEFAULTS, type LbConfig } from "./lb_config.ts";
import type { LbBackendState } from "./lb_frontend.ts";
import { type LbMaps, serviceKey } from "./lb_maps.ts";
import { LbTables } from "./lb_tables.ts";
import { flagsOfWords, flagWords, SERVICE_FLAG } from "./service_flags.ts";

const CONFIG = { ...LB_DEFAULTS, node: "n1" };

Deno.test("LbTables gives a terminating backend a slot behind the active ones, and the traffic when it is alone", () => {
  const tables = shop();
  tables.applySlice(slice({ 1: "active", 2: "active" }));
  tables.commit();
  tables.applySlice(slice({ 1: "terminating", 2: "active" }));
  tables.commit();
  assertEquals(master(tables.maps), { count: 1, qcount: 1, ids: [2, 1] });
  tables.applySlice(slice({ 1: "terminating", 2: "terminating" }));
  tables.commit();
  assertEquals(master(tables.maps), { count: 2, qcount: 0, ids: [1, 2] });
});

Deno.test("LbTables keeps a backend in maintenance out of the slots", () => {
  const tables = shop();
  tables.applySlice(slice({ 1: "maintenance", 2: "active" }));
  tables.commit();
  assertEquals(master(tables.maps), { count: 1, qcount: 0, ids: [1] });
  assertEquals(tables.maps[4].backends.size, 2);
});

Deno.test("LbTables puts what a health checker doubts last, marked", () => {
  const tables = shop();
  tables.applySlice(slice({ 1: "active", 2: "active" }));
  tables.commit();
  tables.setHealth("shop/web", at("10.0.1.1", 8080), false);
  tables.commit();
  assertEquals(master(tables.maps), { count: 1, qcount: 1, ids: [2, 1] });
  const last = tables.maps[4].services.lookup(
    serviceKey(at("10.96.0.1", 80), 2),
  )!;
  const { flags2 } = LB_SERVICE.decode(last);
  assertEquals(flags2 << 8 & SERVICE_FLAG.quarantined, 1 << 14);
  tables.setHealth("shop/web", at("10.0.1.1", 8080), true);
  tables.commit();
  assertEquals(master(tables.maps), { count: 2, qcount: 0, ids: [1, 2] });
});

Deno.test("LbTables keeps ids while anyone uses them, and gives new ones after", () => {
  const tables = shop();
  tables.applySlice(slice({ 1: "active" }));
  tables.commit();
  assertEquals(master(tables.maps).ids, [1]);
  tables.deleteSlice("shop/web-1");
  tables.commit();
  assertEquals(master(tables.maps), { count: 0, qcount: 0, ids: [] });
  tables.applySlice(slice({ 1: "active" }));
  tables.commit();
  assertEquals(master(tables.maps).ids, [2]);
});

Deno.test("LbTables writes the ranges of a load balancer for each of its addresses", () => {
  const tables = shop(
    "type: LoadBalancer, loadBalancerSourceRanges: [203.0.113.0/24]",
    "{loadBalancer: {ingress: [{ip: 198.51.100.9}]}}",
  );
  const id = (ip: string) => {
    const value = tables.maps[4].services.lookup(serviceKey(at(ip, 80), 0))!;
    const { rev_nat_index, flags } = LB_SERVICE.decode(value);
    return [rev_nat_index, (flags & SERVICE_FLAG.sourceRange) !== 0] as const;
  };
  const [cluster, clusterChecks] = id("10.96.0.1");
  const [balancer, balancerChecks] = id("198.51.100.9");
  assertEquals([clusterChecks, balancerChecks], [false, true]);
  for (const one of [cluster, balancer]) {
    assertEquals(
      tables.maps.inSourceRange(one, Ip.of("203.0.113.7")),
      true,
    );
    assertEquals(tables.maps.inSourceRange(one, Ip.of("192.0.2.1")), false);
  }
  assertEquals(
    tables.maps.inSourceRange(balancer, Cidr.of("203.0.114.0/24").base),
    false,
  );
});

Deno.test("LbTables says when a map is full", () => {
  const tables = new LbTables({ ...CONFIG, maxEntries: 2 });
  const cluster = clusterOf("", "{}");
  for (const service of cluster.services.values()) tables.applyService(service);
  tables.applySlice(slice({ 1: "active", 2: "active", 3: "active" }));
  tables.commit();
  const [row] = tables.frontends;
  assertEquals([row!.status, row!.problems], ["Error", ["E2BIG"]]);
});

Deno.test("LbTables beside kube-proxy has what pods need alone", () => {
  const tables = shop(
    "type: NodePort, externalIPs: [192.0.2.7]",
    "{}",
    { kubeProxyReplacement: false },
  );
  assertEquals(frontendsIn(tables.maps), [
    "10.96.0.1:80/TCP",
    "192.0.2.7:80/TCP",
  ]);
});

Deno.test("LbTables writes a host port for each address of the node, and takes them out with the pod", () => {
  const tables = new LbTables(CONFIG);
  tables.setNodeAddresses([{ ip: Ip.of("192.168.0.1"), nodePort: true }]);
  const cluster = clusterOf("", "{}");
  const pod = cluster.pods.get("shop/web-0")!;
  tables.applyPod({
    ...pod,
    ports: [{
      name: null,
      port: 8080,
      protocol: "TCP",
      hostPort: 4444,
      hostIp: null,
    }],
  });
  tables.commit();
  assertEquals(frontendsIn(tables.maps), [
    "0.0.0.0:4444/TCP",
    "192.168.0.1:4444/TCP",
  ]);
  tables.deletePod("shop/web-0");
  tables.commit();
  assertEquals(tables.maps.all.map(({ size }) => size).filter(Boolean), []);
});

Deno.test("LbTables leaves no entry behind, whatever came and went before", () => {
  const step = fc.record({
    kind: fc.constantFrom("service", "slice", "none", "gone", "node"),
    states: fc.dictionary(
      fc.constantFrom("1", "2", "3"),
      fc.constantFrom<LbBackendState>("active", "terminating", "maintenance"),
    ),
  });
  const service = [
    ...clusterOf("type: NodePort", "{}").services
      .values(),
  ][0]!;
  fc.assert(fc.property(fc.array(step), (steps) => {
    const tables = new LbTables({ ...CONFIG, algorithm: "maglev" });
    for (const { kind, states } of steps) {
      if (kind === "service") tables.applyService(service);
      else if (kind === "slice") tables.applySlice(slice(states));
      else if (kind === "none") tables.deleteService("shop/web");
      else if (kind === "gone") tables.deleteSlice("shop/web-1");
      else {
        const ips = Object.keys(states).map((last) => `192.168.0.${last}`);
        tables.setNodeAddresses(
          ips.map((ip) => ({ ip: Ip.of(ip), nodePort: true })),
        );
      }
      tables.commit();
      checkSlots(tables.maps);
    }
    tables.deleteService("shop/web");
    tables.deleteSlice("shop/web-1");
    tables.commit();
    const left = tables.maps.all.filter(({ size }) => size > 0);
    assertEquals(left.map(({ spec }) => spec.name), []);
  }));
});

Deno.test("fillServices() writes a cluster's services for one node", () => {
  const cluster = clusterOf("type: NodePort", "{}");
  const { maps } = fillServices(cluster, {
    config: CONFIG,
    addresses: [{ ip: Ip.of("192.168.0.1"), nodePort: true }],
  });
  const ports = [...cluster.services.values()][0]!.ports;
  assertEquals(frontendsIn(maps), [
    `0.0.0.0:${ports[0]!.nodePort}/TCP`,
    "10.96.0.1:80/TCP",
    `192.168.0.1:${ports[0]!.nodePort}/TCP`,
  ]);
  assertEquals(maps[4].backends.size, 2);
});

Deno.test("IdAllocator goes on upwards and round, never to an id in use", () => {
  const ids = new IdAllocator(3);
  assertEquals(["a", "b", "a"].map((name) => ids.acquire(name)), [1, 2, 1]);
  ids.release("a");
  assertEquals(["c", "d", "e"].map((name) => ids.acquire(name)), [
    3,
    1,
    undefined,
  ]);
});

Deno.test("flagsOfWords() reads what flagWords() wrote", () => {
  fc.assert(fc.property(fc.nat(0xffff), (flags) => {
    const words = flagWords(flags);
    const read = flagsOfWords(words);
    assertEquals(flagWords(read!), words);
  }));
  assertEquals(flagsOfWords(["ClusterIP", "nonsense"]), undefined);
});

function clusterOf(spec: string, status: string): Cluster {
  const { events } = importManifests([{
    file: "shop.yaml",
    text: `kind: Service
apiVersion: v1
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{port: 80, targetPort: 8080}], ${spec}}
status: ${status}
---
kind: Node
apiVersion: v1
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
${
      [0, 1].map((at) =>
        `---
kind: Pod
apiVersion: v1
metadata: {name: web-${at}, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.1${at}}]}
`
      ).join("")
    }`,
  }]);
  const cluster = new Cluster();
  for (const event of events) cluster.apply(event);
  return cluster;
}

function shop(
  spec = "",
  status = "{}",
  config: Partial<LbConfig> = {},
): LbTables {
  const tables = new LbTables({ ...CONFIG, ...config });
  for (const service of clusterOf(spec, status).services.values()) {
    tables.applyService(service);
  }
  tables.commit();
  return tables;
}

function slice(
  states: Readonly<Record<string, LbBackendState>>,
): EndpointSlice {
  return {
    name: "web-1",
    namespace: "shop",
    labels: {},
    annotations: {},
    source: { file: "case", line: 1, column: 1 },
    service: "web",
    family: 4,
    ports: [{ name: null, port: 8080, protocol: "TCP" }],
    endpoints: Object.entries(states).map(([last, state]) => ({
      ip: Ip.of(`10.0.1.${last}`),
      ready: state === "active",
      serving: state !== "maintenance",
      terminating: state === "terminating",
      node: "n1",
      zone: null,
      hostname: null,
      pod: null,
      zoneHints: [],
    })),
  };
}

function at(ip: string, port: number): LbAddress {
  return { ip: Ip.of(ip), port, protocol: "TCP", scope: 0 };
}

/** What the ClusterIP's slots say. */
function master(maps: LbMaps) {
  const read = (slot: number) => {
    const key = serviceKey(at("10.96.0.1", 80), slot);
    const value = maps[4].services.lookup(key);
    return value === undefined ? undefined : LB_SERVICE.decode(value);
  };
  const ids: number[] = [];
  for (let slot = 1;; slot++) {
    const value = read(slot);
    if (value === undefined) break;
    ids.push(value.backend_id);
  }
  const { count, qcount } = read(0)!;
  return { count, qcount, ids };
}

/** Every slot that a frontend counts is there, and leads to a backend. */
function checkSlots(maps: LbMaps): void {
  for (const { key, value } of maps[4].services.entries()) {
    const { backend_slot } = LB4_KEY.decode(key);
    const service = LB_SERVICE.decode(value);
    if (backend_slot > 0) {
      const backend = BACKEND_KEY.encode({ id: service.backend_id });
      assertEquals(maps[4].backends.lookup(backend) === undefined, false);
      continue;
    }
    const { address, dport } = LB4_KEY.decode(key);
    const slots = service.count + service.qcount;
    const has = (slot: number) =>
      maps[4].services.lookup(serviceKey(at(address.text, dport), slot)) !==
        undefined;
    assertEquals([slots === 0 || has(slots), has(slots + 1)], [true, false]);
  }
}

function frontendsIn(maps: LbMaps): string[] {
  return [...maps[4].services.entries()]
    .map(({ key }) => LB4_KEY.decode(key))
    .filter(({ backend_slot }) => backend_slot === 0)
    .map(({ address, dport }) => addressText(at(address.text, dport)))
    .sort();
}

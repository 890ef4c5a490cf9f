import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../../core/errors.ts";
import { Ip } from "../../../core/packet/ip.ts";
import {
  dump,
  ending,
  REPLACED,
  run,
  runOne,
  service,
  SHOP,
} from "../_testing.ts";
import { printBpftoolMap } from "../dumps/bpftool_map.ts";
import { LbMaps } from "../maps/lb/lb_maps.ts";
import { SERVICES, TO_NEAR } from "./_testing.ts";

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
  // A map that decides nothing may lie beside the others.
  const other = dump('[{"key":["0x00"],"value":["0x00"]}]', {
    file: "n1/cilium_signals.json",
  });
  assertEquals(
    runOne(SHOP, { ...TO_NEAR, dumps: [other] }).outcome.verdict,
    "forwarded",
  );
});

import { assert, assertEquals } from "@std/assert";
import {
  dump,
  ending,
  networkPolicy,
  REPLACED,
  runOne,
  SHOP,
} from "../_testing.ts";
import { SERVICES, TO_NEAR } from "./_testing.ts";

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

Deno.test("a dumped connection through a node port keeps its backend, on this node or another", () => {
  const nodePort = (ip: string) =>
    dump(JSON.stringify({
      "192.168.0.1:30080/TCP (0)": ["0.0.0.0:0 (9) (0) [NodePort] "],
      "192.168.0.1:30080/TCP (1)": ["10.0.1.10:8080/TCP (9) (1)"],
      // What the connection has, and new ones do not get.
      "10.96.0.9:80/TCP (0)": ["0.0.0.0:0 (8) (0) [ClusterIP, non-routable] "],
      "10.96.0.9:80/TCP (1)": [`${ip}:8080/TCP (8) (1)`],
    }));
  const of = (ip: string, sourcePort: number) =>
    ending(runOne(SHOP, {
      from: "ip/203.0.113.9",
      via: "n1",
      to: "tcp://192.168.0.1:30080",
      sourcePort,
      values: REPLACED,
      dumps: [
        nodePort(ip),
        dump(JSON.stringify([
          connection(
            "service",
            ["203.0.113.9", 41_000, "192.168.0.1", 30_080],
            {
              Union0: [0, 2],
              RevNAT: 0x0900,
            },
          ),
          connection("out", ["203.0.113.9", 41_000, ip, 8080], {
            RevNAT: 0x0900,
            Flags: 32,
          }),
        ])),
      ],
    }));
  assertEquals(of("10.0.1.11", 41_000), "203.0.113.9 > 10.0.1.11:8080");
  assertEquals(of("10.0.1.11", 41_001), "203.0.113.9 > 10.0.1.10:8080");
  assertEquals(of("10.0.2.10", 41_000), "192.168.0.1 > 10.0.2.10:8080");
});

Deno.test("a dumped connection of a pod with itself keeps its loopback address", () => {
  const result = runOne(SHOP, {
    from: "pod/shop/client",
    to: "tcp://10.96.0.3:80",
    sourcePort: 41_000,
    dumps: [
      dump(JSON.stringify(SERVICES)),
      dump(JSON.stringify([
        connection("out", ["169.254.42.1", 41_000, "10.0.1.10", 8080], {
          RevNAT: 0x0700,
          Flags: 8,
        }),
      ])),
    ],
  });
  assertEquals(ending(result), "169.254.42.1 > 10.0.1.10:8080");
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

function bytesOf(bytes: readonly number[]): string[] {
  return bytes.map((byte) => `0x${byte.toString(16).padStart(2, "0")}`);
}

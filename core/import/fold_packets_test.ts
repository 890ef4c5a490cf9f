import { assert, assertEquals } from "@std/assert";
import {
  packetsOf,
  sampleBytes,
  sampleCaptures,
} from "../../tests/_sample_captures.ts";
import { icmpPacket, tcpPacket, udpPacket } from "../packet/_packets.ts";
import { emitIpv4, parseIpv4 } from "../packet/ipv4.ts";
import { Window } from "../packet/window.ts";
import { captured } from "./_captures.ts";
import type { CaptureFlow, CaptureStats } from "./capture_record.ts";
import { PacketFold, type PacketFoldOptions } from "./fold_packets.ts";

const GO = "10.0.0.1:41000 > 10.0.0.2:80";
const BACK = "10.0.0.2:80 > 10.0.0.1:41000";
const SECOND = 1_000_000_000n;

function folded(
  packets: readonly Uint8Array[],
  options: Partial<PacketFoldOptions> & {
    timeNs?: (index: number) => bigint;
  } = {},
): { flows: CaptureFlow[]; stats: CaptureStats } {
  const { timeNs, ...rest } = options;
  const fold = new PacketFold({ file: "a.pcap", ...rest });
  const flows: CaptureFlow[] = [];
  for (const packet of captured(packets, timeNs && { timeNs })) {
    fold.add(packet);
    flows.push(...fold.take());
  }
  flows.push(...fold.finish());
  return { flows, stats: fold.stats() };
}

function routes(flows: readonly CaptureFlow[]): string[] {
  return flows.map(({ flow }) => {
    const from = flow.from.kind === "outside" ? flow.from.ip : flow.from.name;
    return `${flow.protocol} ${from}:${flow.sourcePort} > ` +
      `${flow.to.host}:${flow.to.port}`;
  });
}

function handshake(sequence: number): Uint8Array[] {
  return [
    tcpPacket(GO, { flags: "S", sequence }),
    tcpPacket(BACK, { flags: "SA", acknowledgement: sequence + 1 }),
    tcpPacket(GO, { sequence: sequence + 1 }),
  ];
}

Deno.test("PacketFold makes one flow of a connection, and places its sender", () => {
  const { flows, stats } = folded([
    ...handshake(100),
    tcpPacket(GO, { flags: "PA", payload: "hello" }),
    tcpPacket(BACK, { flags: "FA" }),
  ], {
    name: "node1",
    placeOf: () => ({ kind: "pod", namespace: "shop", name: "web-1" }),
  });
  assertEquals(flows, [{
    flow: {
      id: "node1:1",
      from: { kind: "pod", namespace: "shop", name: "web-1" },
      to: { host: "10.0.0.2", port: 80 },
      protocol: "tcp",
      sourcePort: 41000,
      connection: null,
      application: { kind: "opaque", lengthBytes: 5 },
    },
    timeNs: 0,
    source: { file: "a.pcap", line: 1, column: 1 },
    recorded: {
      firstPacket: 1,
      packets: 5,
      replies: 2,
      opening: "request",
      ending: "closed",
      interface: null,
      tunnel: null,
      translatedTo: null,
    },
  }]);
  assertEquals([stats.packets, stats.folded, stats.flows], [5, 5, 1]);
});

Deno.test("PacketFold takes a retransmitted SYN for the same flow", () => {
  const syn = tcpPacket(GO, { flags: "S", sequence: 100 });
  assertEquals(folded([syn, syn, syn]).flows.length, 1);
});

Deno.test("PacketFold takes a new SYN on the same ports for another flow, after FIN or RST", () => {
  for (const end of ["FA", "RA"]) {
    const { flows } = folded([
      ...handshake(100),
      tcpPacket(BACK, { flags: end }),
      ...handshake(9000),
    ]);
    assertEquals(flows.map((one) => one.recorded.firstPacket), [1, 5]);
    assertEquals(flows[0]?.recorded.ending, end === "FA" ? "closed" : "reset");
  }
});

Deno.test("PacketFold knows the direction of a connection by a SYN-ACK that came first", () => {
  const [syn, answer] = handshake(100);
  const { flows } = folded([answer!, syn!]);
  assertEquals(routes(flows), ["tcp 10.0.0.1:41000 > 10.0.0.2:80"]);
  assertEquals(flows[0]?.recorded.opening, "answer");
});

Deno.test("PacketFold guesses the direction of a connection that was open before, and says so", () => {
  const { flows } = folded([tcpPacket(BACK), tcpPacket(GO)]);
  assertEquals(routes(flows), ["tcp 10.0.0.2:80 > 10.0.0.1:41000"]);
  assertEquals(flows[0]?.recorded.opening, "first packet");
});

Deno.test("PacketFold makes one flow of a connection seen before and after a NAT", () => {
  const toBackend = tcpPacket("10.0.0.1:41000 > 10.0.1.9:8080", {
    flags: "S",
    sequence: 100,
  });
  const masqueraded = tcpPacket("192.0.2.1:41000 > 10.0.1.9:8080", {
    flags: "S",
    sequence: 100,
  });
  const fromBackend = tcpPacket("10.0.1.9:8080 > 10.0.0.1:41000", {
    flags: "SA",
    acknowledgement: 101,
  });
  const { flows } = folded([
    handshake(100)[0]!,
    toBackend,
    fromBackend,
    handshake(100)[1]!,
  ]);
  assertEquals(routes(flows), ["tcp 10.0.0.1:41000 > 10.0.0.2:80"]);
  assertEquals(flows[0]?.recorded.translatedTo, "10.0.1.9:8080");
  assertEquals(flows[0]?.recorded.replies, 2);
  assertEquals(folded([toBackend, masqueraded]).flows.length, 1);
});

Deno.test("PacketFold folds UDP both ways, until it is silent for long", () => {
  const ask = udpPacket("10.0.0.1:5000 > 10.0.0.2:53", new Uint8Array(30));
  const answer = udpPacket("10.0.0.2:53 > 10.0.0.1:5000", new Uint8Array(90));
  const { flows } = folded([ask, answer, ask, ask], {
    timeNs: (index) => [0n, 1n, 119n, 240n][index]! * SECOND,
  });
  assertEquals(flows.map((one) => one.timeNs), [0, 240e9]);
  assertEquals(flows[0]?.recorded.replies, 1);
  assertEquals(flows[0]?.flow.application, { kind: "opaque", lengthBytes: 30 });
});

Deno.test("PacketFold folds echoes by their identifier, and no other ICMP", () => {
  const { flows, stats } = folded([
    icmpPacket("10.0.0.2:7 > 10.0.0.1:1", { type: 0 }),
    icmpPacket("10.0.0.1:7 > 10.0.0.2:1"),
    icmpPacket("10.0.0.1:8 > 10.0.0.2:1"),
    icmpPacket("10.0.0.2:0 > 10.0.0.1:0", { type: 3, code: 1 }),
    icmpPacket("[fd00::1]:9 > [fd00::2]:1", { type: 128 }),
    icmpPacket("[fd00::1]:0 > [ff02::2]:0", { type: 133 }),
  ]);
  assertEquals(routes(flows), [
    "icmp 10.0.0.1:7 > 10.0.0.2:0",
    "icmp 10.0.0.1:8 > 10.0.0.2:0",
    "icmp fd00::1:9 > fd00::2:0",
  ]);
  assertEquals(stats.skipped, { "ICMPv4 type 3": 1, "ICMPv6 type 133": 1 });
});

Deno.test("PacketFold opens no flow by a later fragment", () => {
  const whole = parseIpv4(Window.of(udpPacket("10.0.0.1:5 > 10.0.0.2:53")))!;
  const part = { ...whole.header, dontFragment: false, identification: 3 };
  const { flows, stats } = folded([
    emitIpv4({ ...part, moreFragments: true }, whole.payload.bytes(0, 8)),
    emitIpv4({ ...part, fragmentOffset: 8 }, whole.payload.bytes(8)),
  ]);
  assertEquals(routes(flows), ["udp 10.0.0.1:5 > 10.0.0.2:53"]);
  assertEquals(stats.skipped, { "later fragment": 1 });
});

Deno.test("PacketFold counts what it cannot look into", () => {
  const message = Uint8Array.of(1, 0, 0, 0, 9);
  const { flows, stats } = folded([
    udpPacket("192.0.2.1:51871 > 192.0.2.2:51871", message),
  ]);
  assertEquals(flows, []);
  assertEquals(stats.skipped, { wireguard: 1 });
});

Deno.test("PacketFold recognises an HTTP request in the first payload", () => {
  const { flows } = folded([
    ...handshake(100),
    tcpPacket(GO, {
      payload: "GET /a HTTP/1.1\r\nHost: web\r\nCookie: a=b\r\n\r\n",
    }),
    tcpPacket(GO, { payload: "GET /b HTTP/1.1\r\nHost: other\r\n\r\n" }),
  ]);
  assertEquals(flows[0]?.flow.application, {
    kind: "http",
    request: {
      method: "GET",
      scheme: "http",
      authority: "web",
      path: "/a",
      headers: [["Host", "web"], ["Cookie", "REDACTED"]],
    },
    tls: false,
  });
});

Deno.test("PacketFold gives a request without a Host header the address that it went to", () => {
  const { flows } = folded([
    tcpPacket(GO, { payload: "GET /a HTTP/1.0\r\n\r\n" }),
  ]);
  const application = flows[0]?.flow.application;
  assert(application?.kind === "http");
  assertEquals(application.request.authority, "10.0.0.2:80");
});

Deno.test("PacketFold closes the connection longest unseen when too many are open, and says so", () => {
  const ask = (port: number) => udpPacket(`10.0.0.1:${port} > 10.0.0.2:53`);
  const { flows, stats } = folded(
    [ask(1), ask(2), ask(1), ask(3), ask(1), ask(2)],
    { openConnections: 2 },
  );
  assertEquals(flows.map((one) => one.flow.sourcePort), [2, 3, 1, 2]);
  assertEquals(stats.evicted, 2);
  assertEquals(new Set(flows.map((one) => one.flow.id)).size, 4);
});

Deno.test("PacketFold counts time from the first packet, and never back", () => {
  const ask = (port: number) => udpPacket(`10.0.0.1:${port} > 10.0.0.2:53`);
  const { flows, stats } = folded([ask(1), ask(2), ask(3)], {
    timeNs: (index) =>
      [1_700_000_000n, 1_600_000_000n, 1_700_000_001n][index]! * SECOND + 5n,
  });
  assertEquals(flows.map((one) => one.timeNs), [0, 0, 1e9]);
  assertEquals(stats.start, "2023-11-14T22:13:20.000000005Z");
});

Deno.test("PacketFold gives flows that are the same after JSON", () => {
  const { flows } = folded(handshake(1));
  assertEquals(JSON.parse(JSON.stringify(flows)), flows);
});

/** Flows of sample captures: how many, and the first. */
const SAMPLES: readonly [name: string, count: number, first: string][] = [
  ["dns_tcp.pcap", 1, "tcp 192.168.1.11:33779 > 209.87.249.18:53"],
  ["http/get.pcap", 1, "tcp 141.142.228.5:59856 > 192.150.187.43:80"],
  ["handshake-reorder.pcap", 1, "tcp 141.142.228.5:59856 > 192.150.187.43:80"],
  ["missing-syn.pcap", 1, "tcp 141.42.64.125:56730 > 125.190.109.199:80"],
  ["retransmit-fast009.pcap", 1, "tcp 10.0.88.85:50368 > 192.168.0.27:80"],
  ["tcp-fast-open.pcap", 2, "tcp 10.99.99.1:55533 > 10.99.99.45:80"],
  ["5-pings.pcap", 1, "icmp 172.16.133.2:1226 > 172.217.11.78:0"],
  ["sctp.pcap", 1, "sctp 192.168.170.8:7 > 192.168.170.56:7"],
  ["redis/set.pcap", 1, "tcp 127.0.0.1:64356 > 127.0.0.1:6379"],
  ["tests/geneve.pcap", 2, "icmp 30.0.0.1:10578 > 30.0.0.2:0"],
  [
    "vxlan-encapsulated-http.pcap",
    1,
    "tcp 172.16.11.201:40354 > 54.86.237.188:80",
  ],
  [
    "geneve-vxlan-dns-truncated.pcap",
    1,
    "udp 172.16.11.201:36872 > 1.1.1.1:53",
  ],
  ["http-vlan-0.pcap", 1, "tcp 141.142.228.5:59856 > 192.150.187.43:80"],
];

for (const [name, count, first] of SAMPLES) {
  Deno.test(`PacketFold folds the sample ${name} to ${count} flow(s)`, () => {
    const sample = sampleCaptures().find((one) => one.endsWith(name));
    if (sample === undefined) return;
    const fold = new PacketFold({ file: name });
    for (const packet of packetsOf(sampleBytes(sample))) fold.add(packet);
    const flows = [...fold.take(), ...fold.finish()];
    assertEquals([flows.length, routes(flows)[0]], [count, first]);
  });
}

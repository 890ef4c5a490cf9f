import { assert, assertEquals } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import {
  packetsOf,
  sampleBytes,
  sampleCaptures,
} from "../../tests/_sample_captures.ts";
import { frameOf, icmpPacket, tcpPacket, udpPacket } from "./_packets.ts";
import { type DecodedPacket, decodeFrame } from "./decode.ts";
import { emitEthernet, emitVlan } from "./ethernet.ts";
import { Ip } from "./ip.ts";
import { emitIpv4, parseIpv4 } from "./ipv4.ts";
import { PROTOCOL } from "./packet.ts";
import { emitGeneve, emitVxlan } from "./tunnel.ts";
import { Window } from "./window.ts";

const WEB = "10.0.0.1:41000 > 10.0.0.2:80";
const RAW = { linkType: 101 };
const ETHERNET = { linkType: 1 };

function decoded(bytes: Uint8Array, linkType = 101): DecodedPacket {
  const result = decodeFrame(bytes, { linkType });
  assert(result.family !== null, JSON.stringify(result));
  return result;
}

function path(packet: DecodedPacket): string {
  const { source, destination, ports } = packet;
  return `${source}:${ports?.source} > ${destination}:${ports?.destination}`;
}

Deno.test("decodeFrame() describes a TCP segment", () => {
  const packet = tcpPacket(WEB, { flags: "SA", sequence: 7, payload: "hello" });
  const result = decoded(packet);
  assertEquals(path(result), WEB);
  assertEquals(result.tcp, { flags: 0x12, sequence: 7, acknowledgement: 0 });
  assertEquals(
    new TextDecoder().decode(
      packet.subarray(result.payload.start, result.payload.end),
    ),
    "hello",
  );
  assertEquals([result.payloadBytes, result.truncated], [5, false]);
});

Deno.test("decodeFrame() describes IPv6, ICMP echo and its identifier", () => {
  const result = decoded(
    icmpPacket("[fd00::1]:77 > [fd00::2]:1", { type: 128 }),
  );
  assertEquals(result.family, 6);
  assertEquals(result.icmp, { type: 128, code: 0, identifier: 77 });
  assertEquals(result.ports, null);
});

for (
  const [name, linkType, header] of [
    ["NULL, little-endian", 0, [2, 0, 0, 0]],
    ["NULL, big-endian", 0, [0, 0, 0, 2]],
    ["LOOP", 108, [0, 0, 0, 2]],
    ["RAW", 101, []],
    ["RAW of OpenBSD", 14, []],
    ["RAW of others", 12, []],
    ["IPV4", 228, []],
    ["SLL", 113, [0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0]],
    ["SLL2", 276, [8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0]],
  ] as const
) {
  Deno.test(`decodeFrame() reads link type ${name}`, () => {
    const frame = Uint8Array.from([...header, ...tcpPacket(WEB)]);
    assertEquals(path(decoded(frame, linkType)), WEB);
  });
}

Deno.test("decodeFrame() reads IPv6 behind a NULL header of every BSD", () => {
  const packet = udpPacket("[fd00::1]:5 > [fd00::2]:53");
  for (const family of [10, 24, 28, 30]) {
    const frame = Uint8Array.from([family, 0, 0, 0, ...packet]);
    assertEquals(path(decoded(frame, 0)), "fd00::1:5 > fd00::2:53");
  }
});

Deno.test("decodeFrame() names a link type that it does not read", () => {
  assertEquals(decodeFrame(new Uint8Array(64), { linkType: 9 }), {
    family: null,
    reason: "link type 9 (PPP)",
  });
});

Deno.test("decodeFrame() looks through VLAN tags, but not through any number", () => {
  const packet = tcpPacket(WEB);
  const tagged = emitVlan({ control: 5, etherType: 0x0800 }, packet);
  const twice = emitVlan({ control: 7, etherType: 0x8100 }, tagged);
  const frame = (etherType: number, payload: Uint8Array) =>
    emitEthernet({ destination: 1, source: 2, etherType }, payload);
  assertEquals(path(decoded(frame(0x8100, tagged), 1)), WEB);
  assertEquals(path(decoded(frame(0x88a8, twice), 1)), WEB);
  let endless = packet;
  for (let i = 0; i < 9; i++) {
    endless = emitVlan({ control: 1, etherType: 0x8100 }, endless);
  }
  assertEquals(decodeFrame(frame(0x8100, endless), ETHERNET), {
    family: null,
    reason: "VLAN tags without end",
  });
});

Deno.test("decodeFrame() gives a later fragment no ports", () => {
  const whole = parseIpv4(Window.of(udpPacket("10.0.0.1:5 > 10.0.0.2:53")))!;
  const header = { ...whole.header, identification: 9, dontFragment: false };
  const first = emitIpv4(
    { ...header, moreFragments: true },
    whole.payload.bytes(0, 8),
  );
  const later = emitIpv4(
    { ...header, fragmentOffset: 8 },
    whole.payload.bytes(8),
  );
  assertEquals(decoded(first).ports, { source: 5, destination: 53 });
  assertEquals(decoded(first).fragment, {
    identification: 9,
    offsetBytes: 0,
    more: true,
  });
  assertEquals(decoded(later).ports, null);
  assertEquals(decoded(later).fragment, {
    identification: 9,
    offsetBytes: 8,
    more: false,
  });
});

Deno.test("decodeFrame() says that a packet was cut off, wherever it was", () => {
  const packet = tcpPacket(WEB, { payload: "hello" });
  for (let length = 0; length < packet.length; length++) {
    const result = decodeFrame(packet.subarray(0, length), RAW);
    if (result.family === null) {
      assert(length < 20);
      assertEquals(result.reason, `cut off in ${length === 0 ? "IP" : "IPv4"}`);
      continue;
    }
    assert(result.truncated);
    assertEquals(result.ports === null, length < 40);
    if (length >= 40) assertEquals(result.payloadBytes, 5);
  }
});

for (
  const [kind, port, tunnelled] of [
    ["vxlan", 8472, vxlan],
    ["vxlan", 4789, vxlan],
    ["geneve", 6081, geneve],
    ["geneve", 6081, geneveIp],
  ] as const
) {
  Deno.test(`decodeFrame() describes the packet inside ${kind} on ${port} (${tunnelled.name})`, () => {
    const inner = tcpPacket("10.1.0.1:41000 > 10.1.1.9:80", { flags: "S" });
    const outer = udpPacket(
      `192.0.2.1:50000 > 192.0.2.2:${port}`,
      tunnelled(inner),
    );
    const result = decoded(frameOf(outer), 1);
    assertEquals(path(result), "10.1.0.1:41000 > 10.1.1.9:80");
    assertEquals([result.tunnel?.kind, result.tunnel?.vni], [kind, 4242]);
    assertEquals(result.tunnel?.outer.source.text, "192.0.2.1");
    assertEquals(result.tunnel?.outer.tunnel, null);
  });
}

function vxlan(packet: Uint8Array): Uint8Array {
  const header = { flags: 8, groupPolicyId: 0, vni: 4242 };
  return emitVxlan(header, frameOf(packet));
}

const GENEVE = {
  control: false,
  critical: true,
  etherType: 0x6558,
  vni: 4242,
  options: new Uint8Array(8),
};

function geneve(packet: Uint8Array): Uint8Array {
  return emitGeneve(GENEVE, frameOf(packet));
}

function geneveIp(packet: Uint8Array): Uint8Array {
  return emitGeneve({ ...GENEVE, etherType: 0x0800 }, packet);
}

Deno.test("decodeFrame() does not take any datagram on a tunnel's port for a tunnel", () => {
  const packet = udpPacket("10.0.0.1:5 > 10.0.0.2:8472", new Uint8Array(40));
  assertEquals(path(decoded(packet)), "10.0.0.1:5 > 10.0.0.2:8472");
  assertEquals(decoded(packet).tunnel, null);
});

Deno.test("decodeFrame() unpacks tunnels in tunnels only so deep", () => {
  let packet = tcpPacket(WEB);
  for (let i = 0; i < 20; i++) {
    packet = udpPacket("192.0.2.1:5 > 192.0.2.2:4789", vxlan(packet));
  }
  let depth = 0;
  for (let at = decoded(packet); at.tunnel !== null; at = at.tunnel.outer) {
    depth++;
  }
  assertEquals(depth, 4);
});

Deno.test("decodeFrame() recognises WireGuard by port and message", () => {
  const message = Uint8Array.from([4, 0, 0, 0, 1, 2, 3, 4]);
  for (const port of [51820, 51871]) {
    const route = `192.0.2.1:${port} > 192.0.2.2:${port}`;
    assertEquals(decoded(udpPacket(route, message)).encrypted, "wireguard");
    assertEquals(decoded(udpPacket(route)).encrypted, null);
  }
  const elsewhere = udpPacket("192.0.2.1:5 > 192.0.2.2:5", message);
  assertEquals(decoded(elsewhere).encrypted, null);
});

Deno.test("decodeFrame() reads an SCTP packet's first chunk", () => {
  const name = sampleCaptures().find((one) => one.endsWith("/sctp.pcap"));
  if (name === undefined) return;
  const packets = packetsOf(sampleBytes(name))
    .map((one) => decoded(one.bytes, one.linkType));
  assertEquals(packets.slice(0, 4).map((one) => one.sctpChunk), [1, 2, 10, 11]);
});

Deno.test("decodeFrame() describes the packets inside the sample tunnels", () => {
  const expected: Readonly<Record<string, string>> = {
    "geneve-gcp.pcap": "192.168.100.2:2905 > 192.168.100.1:8080",
    "gso-ipv6-vxlan-ipv4.pcap": "192.168.1.2:34737 > 192.168.1.1:42261",
    "vxlan-triple-v2.pcap": "4.4.4.4:53 > 4.4.4.9:53",
    "4in4.pcap": "10.0.0.1:30000 > 10.0.0.2:13000",
    "6in4.pcap": "dead::beef:30000 > cafe::babe:13000",
    "geneve-ipv6.pcap": "fd00::1:40000 > fd00::2:40001",
  };
  for (const name of sampleCaptures()) {
    const wanted = expected[name.split("/").at(-1) ?? ""];
    if (wanted === undefined) continue;
    const [first] = packetsOf(sampleBytes(name));
    assertEquals(path(decoded(first!.bytes, first!.linkType)), wanted, name);
  }
});

Deno.test("decodeFrame() never throws on mutated packets", () => {
  const frames: Uint8Array[] = [
    frameOf(tcpPacket(WEB, { payload: "GET / HTTP/1.1\r\n\r\n" })),
    frameOf(icmpPacket("[fd00::1]:77 > [fd00::2]:1")),
    frameOf(udpPacket("192.0.2.1:5 > 192.0.2.2:8472", vxlan(tcpPacket(WEB)))),
    frameOf(udpPacket("192.0.2.1:5 > 192.0.2.2:6081", geneve(tcpPacket(WEB)))),
  ];
  const sample = sampleCaptures().find((one) =>
    one.includes("ipv6-fragmented")
  );
  if (sample !== undefined) {
    frames.push(...packetsOf(sampleBytes(sample)).map((one) => one.bytes));
  }
  for (let seed = 0; seed < 2000; seed++) {
    const bytes = mutate(frames[seed % frames.length]!, seed);
    for (const linkType of [1, 0, 101, 113, 276]) {
      const result = decodeFrame(bytes, { linkType });
      if (result.family === null) continue;
      const { payload, payloadBytes } = result;
      assert(payload.start >= 0 && payload.start <= payload.end);
      assert(payload.end <= bytes.length && payloadBytes >= 0);
    }
  }
});

Deno.test("decodeFrame() keeps apart what a later header cannot be", () => {
  const ip = {
    typeOfService: 0,
    identification: 1,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 1,
    source: Ip.of("10.0.0.1"),
    destination: Ip.of("224.0.0.1"),
    options: Uint8Array.from([0x94, 4, 0, 0]),
  };
  const igmp = decoded(emitIpv4({ ...ip, protocol: 2 }, new Uint8Array(8)));
  assertEquals([igmp.ports, igmp.truncated], [null, false]);
  const esp = decoded(emitIpv4({ ...ip, protocol: 50 }, new Uint8Array(8)));
  assertEquals(esp.encrypted, "esp");
  const tcp = emitIpv4({ ...ip, protocol: PROTOCOL.tcp }, new Uint8Array(8));
  assertEquals([decoded(tcp).ports, decoded(tcp).truncated], [null, true]);
});

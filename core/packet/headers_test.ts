/** Parsers and emitters of all headers against the bytes of real packets. */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  packetsOf,
  sampleBytes,
  sampleCaptures,
} from "../../tests/_sample_captures.ts";
import { crc32c, internetChecksum } from "./checksum.ts";
import {
  announcesVlan,
  emitEthernet,
  emitVlan,
  ETHER_TYPE,
  parseEthernet,
  parseVlan,
} from "./ethernet.ts";
import { emitIcmp, parseIcmp } from "./icmp.ts";
import { Ip } from "./ip.ts";
import { emitIpv4, type Ipv4Header, parseIpv4 } from "./ipv4.ts";
import { emitIpv6, fragmentOf, type Ipv6Header, parseIpv6 } from "./ipv6.ts";
import { PROTOCOL } from "./packet.ts";
import { emitSctp, parseSctp } from "./sctp.ts";
import { emitTcp, parseTcp } from "./tcp.ts";
import { emitGeneve, emitVxlan, parseGeneve, parseVxlan } from "./tunnel.ts";
import { emitUdp, parseUdp } from "./udp.ts";
import { Window } from "./window.ts";

const EMPTY = new Uint8Array(0);

function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  return Uint8Array.from(
    digits.match(/../g) ?? [],
    (pair) => parseInt(pair, 16),
  );
}

const word = fc.nat({ max: 0xffffffff });
const port = fc.nat({ max: 0xffff });
const byte = fc.nat({ max: 0xff });
const bytes = fc.uint8Array({ maxLength: 64 });
const options = fc.nat({ max: 10 }).chain((words) =>
  fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })
);
const v4 = word.map((value) => Ip.v4(value));
const v6 = fc.tuple(word, word, word, word).map((all) => Ip.v6(...all));
const between = fc.oneof(
  fc.record({ source: v4, destination: v4 }),
  fc.record({ source: v6, destination: v6 }),
);

const ipv4Header: fc.Arbitrary<Ipv4Header> = fc.record({
  typeOfService: byte,
  identification: port,
  dontFragment: fc.boolean(),
  moreFragments: fc.boolean(),
  fragmentOffset: fc.nat({ max: 0x1fff }).map((units) => units * 8),
  ttl: byte,
  protocol: byte,
  source: v4,
  destination: v4,
  options,
});

const ipv6Header: fc.Arbitrary<Ipv6Header> = fc.record({
  trafficClass: byte,
  flowLabel: fc.nat({ max: 0xfffff }),
  hopLimit: byte,
  source: v6,
  destination: v6,
  extensions: fc.array(
    fc.record({
      protocol: fc.constantFrom(0, 43, 60),
      content: fc.uint8Array({ minLength: 7, maxLength: 7 })
        .map((content) => content.with(0, 0) as Uint8Array<ArrayBuffer>),
    }),
    { maxLength: 3 },
  ),
  protocol: fc.constantFrom(6, 17, 58, 59),
});

/** Compares addresses as text and bytes as numbers, so that a failure can be read. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(
    value,
    (_, one) => one instanceof Uint8Array ? [...one] : one,
  ));
}

Deno.test("parseIpv4() undoes emitIpv4()", () => {
  fc.assert(fc.property(ipv4Header, bytes, (header, payload) => {
    const parsed = parseIpv4(Window.of(emitIpv4(header, payload)))!;
    assertEquals(plain(parsed.header), plain(header));
    assertEquals([...parsed.payload.bytes()], [...payload]);
    assertEquals(parsed.missingBytes, 0);
  }));
});

Deno.test("parseIpv6() undoes emitIpv6()", () => {
  fc.assert(fc.property(ipv6Header, bytes, (header, payload) => {
    const parsed = parseIpv6(Window.of(emitIpv6(header, payload)))!;
    assertEquals(plain(parsed.header), plain(header));
    assertEquals([...parsed.payload.bytes()], [...payload]);
  }));
});

Deno.test("parseTcp() undoes emitTcp()", () => {
  const header = fc.record({
    sourcePort: port,
    destinationPort: port,
    sequence: word,
    acknowledgement: word,
    flags: fc.nat({ max: 0x1ff }),
    window: port,
    urgent: port,
    options,
  });
  fc.assert(fc.property(header, bytes, between, (one, payload, ends) => {
    const parsed = parseTcp(Window.of(emitTcp(one, payload, ends)))!;
    assertEquals(plain(parsed.header), plain(one));
    assertEquals([...parsed.payload.bytes()], [...payload]);
  }));
});

Deno.test("parseUdp(), parseIcmp() and parseSctp() undo their emitters", () => {
  fc.assert(fc.property(port, word, bytes, between, (a, b, payload, ends) => {
    const udp = { sourcePort: a, destinationPort: b & 0xffff };
    const datagram = parseUdp(Window.of(emitUdp(udp, payload, ends)))!;
    assertEquals(datagram.header, udp);
    assertEquals([...datagram.payload.bytes()], [...payload]);
    const icmp = { type: a & 255, code: a >> 8, rest: b };
    const message = parseIcmp(Window.of(emitIcmp(icmp, payload, ends)))!;
    assertEquals(message.header, icmp);
    const sctp = { ...udp, verificationTag: b };
    const packet = parseSctp(Window.of(emitSctp(sctp, payload)))!;
    assertEquals(packet.header, sctp);
  }));
});

Deno.test("parseEthernet(), parseVlan(), parseVxlan() and parseGeneve() undo their emitters", () => {
  fc.assert(fc.property(word, port, options, bytes, (a, b, opts, payload) => {
    const ethernet = { destination: a * 0xffff, source: a, etherType: b };
    const frame = parseEthernet(Window.of(emitEthernet(ethernet, payload)))!;
    assertEquals(frame.header, ethernet);
    const vlan = { control: b, etherType: a & 0xffff };
    assertEquals(
      parseVlan(Window.of(emitVlan(vlan, payload)))!.header,
      vlan,
    );
    const vxlan = { flags: 0x08, groupPolicyId: b, vni: a >>> 8 };
    assertEquals(
      parseVxlan(Window.of(emitVxlan(vxlan, payload)))!.header,
      vxlan,
    );
    const geneve = {
      control: a % 2 === 0,
      critical: b % 2 === 0,
      etherType: b,
      vni: a >>> 8,
      options: opts,
    };
    const inside = parseGeneve(Window.of(emitGeneve(geneve, payload)))!;
    assertEquals(plain(inside.header), plain(geneve));
    assertEquals([...inside.payload.bytes()], [...payload]);
  }));
});

Deno.test("internetChecksum() is that of RFC 1071's example", () => {
  assertEquals(internetChecksum(hex("0001 f203 f4f5 f6f7")), 0x220d);
  assertEquals(internetChecksum(hex("01"), EMPTY), 0xfeff);
});

Deno.test("crc32c() is that of RFC 3720's examples", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(16), new Uint8Array(16)), 0x8a9136aa);
});

Deno.test("emitUdp() writes a checksum of zero as ffff", () => {
  // A payload that makes the sum come out as zero: search the one word.
  const ends = { source: Ip.of("0.0.0.0"), destination: Ip.of("0.0.0.0") };
  const header = { sourcePort: 0, destinationPort: 0 };
  const sum = 17 + 10 + 10;
  const payload = hex((0xffff - sum).toString(16));
  assertEquals([...emitUdp(header, payload, ends).subarray(6, 8)], [255, 255]);
});

Deno.test("parseIpv4() takes a total length of zero as all there is", () => {
  const packet = emitIpv4(HEADER, hex("0102 0304"));
  packet[2] = packet[3] = 0;
  assertEquals(parseIpv4(Window.of(packet))!.payload.length, 4);
});

Deno.test("parseIpv4() leaves out the padding of a short frame, and says what is missing of a cut one", () => {
  const packet = emitIpv4(HEADER, hex("0102 0304"));
  const padded = new Uint8Array(46);
  padded.set(packet);
  assertEquals(parseIpv4(Window.of(padded))!.payload.length, 4);
  const cut = parseIpv4(Window.of(packet.subarray(0, 22)))!;
  assertEquals([cut.payload.length, cut.missingBytes], [2, 2]);
});

for (
  const [what, at, value] of [
    ["a version that is not 4", 0, 0x65],
    ["a header of less than 20 bytes", 0, 0x44],
    ["a header longer than the packet", 0, 0x4f],
    ["a total length of less than the header", 3, 19],
  ] as const
) {
  Deno.test(`parseIpv4() refuses ${what}`, () => {
    const packet = emitIpv4(HEADER, hex("0102 0304"));
    packet[at] = value;
    assertEquals(parseIpv4(Window.of(packet)), undefined);
  });
}

Deno.test("parseIpv6() finds the transport protocol behind extension headers", () => {
  const header: Ipv6Header = {
    trafficClass: 0,
    flowLabel: 0,
    hopLimit: 64,
    source: Ip.of("fd00::1"),
    destination: Ip.of("fd00::2"),
    extensions: [
      { protocol: 0, content: hex("00 05020000 0100") },
      // An authentication header counts its length in words, minus two.
      { protocol: 51, content: hex("01 0000 00000001 00000001") },
      { protocol: 44, content: hex("00 0001 00001234") },
    ],
    protocol: PROTOCOL.udp,
  };
  const parsed = parseIpv6(Window.of(emitIpv6(header, new Uint8Array(16))))!;
  assertEquals(parsed.header.protocol, PROTOCOL.udp);
  assertEquals(parsed.payload.length, 16);
  assertEquals(fragmentOf(parsed.header), {
    identification: 0x1234,
    fragmentOffset: 0,
    moreFragments: true,
  });
});

Deno.test("parseIpv6() stops at a later fragment: what follows is no header", () => {
  const header: Ipv6Header = {
    trafficClass: 0,
    flowLabel: 0,
    hopLimit: 64,
    source: Ip.of("fd00::1"),
    destination: Ip.of("fd00::2"),
    extensions: [{ protocol: 44, content: hex("00 0008 00001234") }],
    // As in the first fragment: a destination options header comes next there.
    protocol: 60,
  };
  const packet = emitIpv6(header, hex("ffff ffff"));
  const parsed = parseIpv6(Window.of(packet))!;
  assertEquals(parsed.header.protocol, 60);
  assertEquals(fragmentOf(parsed.header)?.fragmentOffset, 8);
});

Deno.test("parseIpv6() gives up on a chain of headers without end", () => {
  const packet = emitIpv6({
    trafficClass: 0,
    flowLabel: 0,
    hopLimit: 64,
    source: Ip.of("fd00::1"),
    destination: Ip.of("fd00::2"),
    extensions: Array.from({ length: 100 }, () => ({
      protocol: 60,
      content: new Uint8Array(7),
    })),
    protocol: 17,
  }, EMPTY);
  assertEquals(parseIpv6(Window.of(packet)), undefined);
});

Deno.test("parseVxlan() wants the VNI bit, parseGeneve() version 0", () => {
  assertEquals(parseVxlan(Window.of(new Uint8Array(8))), undefined);
  assertEquals(parseGeneve(Window.of(hex("40 00 6558 000001 00"))), undefined);
  // Options that go past the end.
  assertEquals(parseGeneve(Window.of(hex("01 00 6558 000001 00"))), undefined);
});

const HEADER: Ipv4Header = {
  typeOfService: 0,
  identification: 1,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 17,
  source: Ip.of("10.0.0.1"),
  destination: Ip.of("10.0.0.2"),
  options: EMPTY,
};

/** One layer of a packet, emitted from what was parsed of it. */
interface Layer {
  readonly name: string;
  readonly original: Uint8Array;
  readonly emitted: Uint8Array;
  /** Where its checksum is; absent when it has none. */
  readonly checksum?: readonly [start: number, end: number];
}

function* layersOf(frame: Uint8Array): Generator<Layer> {
  const ethernet = parseEthernet(Window.of(frame))!;
  yield {
    name: "ethernet",
    original: frame,
    emitted: emitEthernet(ethernet.header, ethernet.payload.bytes()),
  };
  let { etherType } = ethernet.header;
  let rest = ethernet.payload;
  while (announcesVlan(etherType)) {
    const tag = parseVlan(rest)!;
    yield {
      name: "vlan",
      original: rest.bytes(),
      emitted: emitVlan(tag.header, tag.payload.bytes()),
    };
    [etherType, rest] = [tag.header.etherType, tag.payload];
  }
  if (etherType === ETHER_TYPE.ipv4) yield* ipv4LayersOf(rest);
  if (etherType === ETHER_TYPE.ipv6) yield* ipv6LayersOf(rest);
}

function* ipv4LayersOf(window: Window): Generator<Layer> {
  const ip = parseIpv4(window)!;
  if (ip.missingBytes > 0) return;
  const emitted = emitIpv4(ip.header, ip.payload.bytes());
  const original = window.bytes(0, emitted.length);
  yield { name: "ipv4", original, emitted, checksum: [10, 12] };
  const { moreFragments, fragmentOffset, protocol } = ip.header;
  if (!moreFragments && fragmentOffset === 0) {
    yield* transportLayerOf(protocol, ip);
  }
}

function* ipv6LayersOf(window: Window): Generator<Layer> {
  const ip = parseIpv6(window)!;
  if (ip.missingBytes > 0) return;
  const emitted = emitIpv6(ip.header, ip.payload.bytes());
  const original = window.bytes(0, emitted.length);
  yield { name: "ipv6", original, emitted };
  if (fragmentOf(ip.header) === undefined) {
    yield* transportLayerOf(ip.header.protocol, ip);
  }
}

function* transportLayerOf(
  protocol: number,
  ip: { header: { source: Ip; destination: Ip }; payload: Window },
): Generator<Layer> {
  const window = ip.payload;
  const original = window.bytes();
  if (protocol === PROTOCOL.tcp) {
    const { header, payload } = parseTcp(window)!;
    const emitted = emitTcp(header, payload.bytes(), ip.header);
    yield { name: "tcp", original, emitted, checksum: [16, 18] };
  } else if (protocol === PROTOCOL.udp) {
    const { header, payload } = parseUdp(window)!;
    const emitted = emitUdp(header, payload.bytes(), ip.header);
    yield { name: "udp", original, emitted, checksum: [6, 8] };
  } else if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) {
    const { header, payload } = parseIcmp(window)!;
    const emitted = emitIcmp(header, payload.bytes(), ip.header);
    yield { name: "icmp", original, emitted, checksum: [2, 4] };
  } else if (protocol === PROTOCOL.sctp) {
    const { header, payload } = parseSctp(window)!;
    const emitted = emitSctp(header, payload.bytes());
    yield { name: "sctp", original, emitted, checksum: [8, 12] };
  }
}

/** Cards fill checksums in after a capture on the sender, and some samples are made by hand. */
Deno.test("the emitters write real packets again byte for byte, and most checksums too", () => {
  const layers = new Map<string, { count: number; checksums: number }>();
  for (const name of sampleCaptures()) {
    if (/test901|rfc5837|quic-go/.test(name)) continue;
    for (const packet of packetsOf(sampleBytes(name))) {
      if (packet.linkType !== 1 || packet.bytes.length < 14) continue;
      for (const layer of layersOf(packet.bytes)) {
        const [start, end] = layer.checksum ?? [0, 0];
        const without = (bytes: Uint8Array) =>
          bytes.slice().fill(0, start, end);
        assertEquals(
          without(layer.emitted),
          without(layer.original.slice()),
          `${layer.name} of packet ${packet.number} of ${name}`,
        );
        const counts = layers.get(layer.name) ?? { count: 0, checksums: 0 };
        layers.set(layer.name, counts);
        counts.count++;
        const sum = (bytes: Uint8Array) => bytes.slice(start, end).join();
        if (sum(layer.emitted) === sum(layer.original)) counts.checksums++;
      }
    }
  }
  if (layers.size === 0) return;
  for (
    const [name, least] of [
      ["ethernet", 1500],
      ["vlan", 15],
      ["ipv4", 1500],
      ["ipv6", 50],
      ["tcp", 600],
      ["udp", 300],
      ["icmp", 30],
      ["sctp", 50],
    ] as const
  ) {
    const { count, checksums } = layers.get(name)!;
    assert(count >= least, `${count} of ${name}`);
    assert(checksums > count * 0.6, `${checksums} of ${count} ${name}`);
  }
});

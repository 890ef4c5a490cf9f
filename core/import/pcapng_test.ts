import { assert, assertEquals, assertThrows } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import {
  packetsOf,
  sampleBytes,
  sampleCaptures,
} from "../../tests/_sample_captures.ts";
import { InputError } from "../errors.ts";
import { udpPacket } from "../packet/_packets.ts";
import { block, concat, option, words } from "./_captures.ts";
import { PcapngReader } from "./pcapng.ts";

const PACKET = udpPacket("10.0.0.1:1 > 10.0.0.2:53");
const END = option(0, "");

function section(littleEndian = true): Uint8Array {
  const body = words([0x1a2b3c4d, 0, 0xffffffff, 0xffffffff], littleEndian);
  new DataView(body.buffer).setUint16(4, 1, littleEndian);
  return block(0x0a0d0d0a, body, littleEndian);
}

function linkTypeWord(linkType: number, littleEndian = true): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint16(0, linkType, littleEndian);
  return bytes;
}

function anInterface(
  linkType: number,
  { options = [] as Uint8Array[], snapshot = 0, littleEndian = true } = {},
): Uint8Array {
  return block(
    1,
    words(
      [linkTypeWord(linkType, littleEndian), snapshot, ...options],
      littleEndian,
    ),
    littleEndian,
  );
}

function enhanced(
  index: number,
  { ticks = [0, 0], options = [] as Uint8Array[], littleEndian = true } = {},
): Uint8Array {
  const { length } = PACKET;
  return block(
    6,
    words(
      [index, ticks[0]!, ticks[1]!, length, length, PACKET, ...options],
      littleEndian,
    ),
    littleEndian,
  );
}

Deno.test("PcapngReader reads sections of either byte order in one file", () => {
  const bytes = concat([true, false].flatMap((littleEndian) => [
    section(littleEndian),
    anInterface(101, { littleEndian }),
    enhanced(0, { ticks: [0, 7], littleEndian }),
  ]));
  const packets = packetsOf(bytes, { chunkBytes: 9 });
  assertEquals(packets.map((one) => one.timeNs), [7_000n, 7_000n]);
  assertEquals([...packets[1]!.bytes], [...PACKET]);
});

for (
  const [what, options, timeNs] of [
    ["microseconds where nothing is said", [], 10_000n],
    ["a power of ten", [option(9, Uint8Array.of(9))], 10n],
    ["a power of two", [option(9, Uint8Array.of(0x80 | 10))], 9_765_625n],
    ["whole seconds", [option(9, Uint8Array.of(0))], 10_000_000_000n],
    [
      "an offset in seconds",
      [option(14, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0))],
      2_000_010_000n,
    ],
    [
      "an offset into the past",
      [option(14, new Uint8Array(8).fill(255))],
      10_000n - 1_000_000_000n,
    ],
  ] as const
) {
  Deno.test(`PcapngReader reads times in ${what}`, () => {
    const bytes = concat([
      section(),
      anInterface(101, { options: [...options, END] }),
      enhanced(0, { ticks: [0, 10] }),
    ]);
    assertEquals(packetsOf(bytes)[0]?.timeNs, timeNs);
  });
}

Deno.test("PcapngReader gives names of interfaces and comments of packets", () => {
  const bytes = concat([
    section(),
    anInterface(101, { options: [option(2, "eth0"), END] }),
    anInterface(101),
    enhanced(0, { options: [option(1, "the SYN is lost here"), END] }),
    enhanced(1),
  ]);
  const packets = packetsOf(bytes);
  assertEquals(
    packets.map((one) => [one.interface, one.comment]),
    [["eth0", "the SYN is lost here"], ["interface 1", null]],
  );
});

Deno.test("PcapngReader reads simple and obsolete packet blocks", () => {
  const { length } = PACKET;
  const obsolete = words([
    Uint8Array.of(0, 0, 9, 9),
    0,
    5,
    length,
    length + 10,
    PACKET,
  ]);
  const bytes = concat([
    section(),
    anInterface(101, { snapshot: 20 }),
    block(3, words([length, PACKET.subarray(0, 20)])),
    block(2, obsolete),
  ]);
  const [simple, old] = packetsOf(bytes);
  assertEquals([simple?.timeNs, simple?.bytes.length], [null, 20]);
  assertEquals(simple?.originalLength, length);
  assertEquals([old?.timeNs, old?.originalLength], [5_000n, length + 10]);
});

Deno.test("PcapngReader skips blocks that it does not know, of any length", () => {
  const bytes = concat([
    section(),
    block(4, new Uint8Array(8)),
    anInterface(101),
    block(0xbad, new Uint8Array(2 ** 20 + 4)),
    block(5, new Uint8Array(12)),
    enhanced(0),
  ]);
  assertEquals(packetsOf(bytes, { chunkBytes: 65_536 }).length, 1);
});

Deno.test("PcapngReader leaves out the packets of an interface that cannot be decoded, unless there are no others", () => {
  const mixed = concat([
    section(),
    anInterface(9),
    anInterface(101),
    enhanced(0),
    enhanced(1),
  ]);
  assertEquals(packetsOf(mixed).map((one) => one.number), [2]);
  assertThrows(
    () => packetsOf(concat([section(), anInterface(9), enhanced(0)])),
    InputError,
    "link type 9 (PPP) is not supported (byte 36)",
  );
});

for (
  const [what, blocks, message] of [
    ["an unknown interface", [enhanced(3)], "there is no interface 3"],
    [
      "lengths that disagree",
      [block(6, new Uint8Array(40)).fill(1, 48)],
      "begins with length 52 and ends",
    ],
    ["a length too short", [words([6, 8, 8])], "its length 8 is impossible"],
    ["an odd length", [words([6, 33, 8, 0])], "its length 33 is impossible"],
    ["a length without end", [words([6, 0xfffffffc, 8])], "is impossible"],
    [
      "more captured bytes than the block has",
      [anInterface(101), block(6, words([0, 0, 0, 4000, 4000, PACKET]))],
      "its 4000 captured bytes do not fit",
    ],
    [
      "a section without magic",
      [block(0x0a0d0d0a, words([1, 2, 3, 4]))],
      "magic",
    ],
    ["an interface block too short", [block(1, words([1]))], "are too few"],
  ] as const
) {
  Deno.test(`PcapngReader refuses ${what}`, () => {
    const bytes = concat([section(), ...blocks]);
    assertThrows(() => packetsOf(bytes), InputError, message);
  });
}

Deno.test("PcapngReader.end() says that a file was cut off, in a skipped block too", () => {
  for (const last of [enhanced(0), block(0xbad, new Uint8Array(40))]) {
    const bytes = concat([section(), anInterface(101), last]);
    const reader = new PcapngReader("cut.pcapng");
    reader.push(bytes.subarray(0, bytes.length - 2));
    assertEquals([...reader.packets()], []);
    assert(reader.end()?.message.includes("the file ends inside it"));
  }
});

Deno.test("PcapngReader bounds the interfaces of a section", () => {
  const many = Array.from({ length: 4097 }, () => anInterface(101));
  assertThrows(
    () => packetsOf(concat([section(), ...many])),
    InputError,
    "the section has too many",
  );
});

Deno.test("PcapngReader reads the two byte orders of the sample suite to the same packets", () => {
  const samples = sampleCaptures().filter((one) => one.includes("/le/"));
  for (const name of samples.filter((one) => !one.includes("test901"))) {
    const plain = (file: string) =>
      packetsOf(sampleBytes(file)).map((one) => [
        one.timeNs,
        one.linkType,
        one.originalLength,
        one.interface,
        one.comment,
        one.bytes.join(),
      ]);
    assertEquals(plain(name), plain(name.replace("/le/", "/be/")), name);
  }
});

Deno.test("PcapngReader throws nothing but InputError on mutated captures", () => {
  const bytes = concat([
    section(),
    anInterface(101, { options: [option(2, "eth0"), END] }),
    enhanced(0, { options: [option(1, "a comment"), END] }),
    block(4, new Uint8Array(8)),
    block(3, words([PACKET.length, PACKET])),
    section(false),
    anInterface(1, { littleEndian: false }),
    enhanced(0, { littleEndian: false }),
  ]);
  let read = 0;
  for (let seed = 0; seed < 2000; seed++) {
    try {
      read += packetsOf(mutate(bytes, seed), { chunkBytes: 50 }).length;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  assert(read > 500, `${read}`);
});

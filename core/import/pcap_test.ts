import { assert, assertEquals, assertThrows } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import {
  packetsOf,
  sampleBytes,
  sampleCaptures,
} from "../../tests/_sample_captures.ts";
import { InputError } from "../errors.ts";
import { udpPacket } from "../packet/_packets.ts";
import { pcapOf } from "./_captures.ts";
import { captureReader } from "./capture_reader.ts";
import type { CapturedPacket } from "./captured_packet.ts";

const PACKETS = [1, 2, 3].map((port) =>
  udpPacket(`10.0.0.1:${port} > 10.0.0.2:53`)
);

for (const littleEndian of [true, false]) {
  for (
    const [unit, magic, nanoseconds] of [
      ["micro", 0xa1b2c3d4, 5_000n],
      ["nano", 0xa1b23c4d, 5n],
    ] as const
  ) {
    Deno.test(`PcapReader reads ${unit}seconds, ${littleEndian ? "little" : "big"}-endian`, () => {
      const bytes = pcapOf(PACKETS, {
        littleEndian,
        magic,
        fraction: 5,
      });
      const packets = packetsOf(bytes, { chunkBytes: 7 });
      assertEquals(packets.map((one) => one.timeNs), [
        nanoseconds,
        1_000_000_000n + nanoseconds,
        2_000_000_000n + nanoseconds,
      ]);
      assertEquals(
        packets.map((one) => [...one.bytes]),
        PACKETS.map((one) => [...one]),
      );
      assertEquals(packets.map((one) => one.number), [1, 2, 3]);
      assertEquals(packets.map((one) => one.offset), [24, 72, 120]);
    });
  }
}

Deno.test("PcapReader gives the same packets whatever the chunks", () => {
  const bytes = pcapOf(PACKETS);
  const whole = packetsOf(bytes, { chunkBytes: bytes.length });
  for (let chunkBytes = 1; chunkBytes < bytes.length; chunkBytes += 5) {
    assertEquals(packetsOf(bytes, { chunkBytes }), whole);
  }
});

Deno.test("PcapReader ignores the length of a frame check sequence in the link type", () => {
  const bytes = pcapOf(PACKETS, { linkType: 0x5400_0065 });
  assertEquals(packetsOf(bytes)[0]?.linkType, 101);
});

Deno.test("PcapReader.end() says where a file was cut off", () => {
  const bytes = pcapOf(PACKETS);
  const reader = captureReader("cut.pcap", bytes);
  reader.push(bytes.subarray(0, bytes.length - 1));
  assertEquals([...reader.packets()].length, 2);
  assertEquals(reader.end(), {
    message: "Cannot read packet 3: the file ends inside it (byte 120)",
    at: { file: "cut.pcap", line: 1, column: 121 },
  });
});

Deno.test("PcapReader gives out the packets before a damaged one, then names it", () => {
  const bytes = pcapOf(PACKETS);
  new DataView(bytes.buffer).setUint32(72 + 8, 0x7fffffff, true);
  const reader = captureReader("bad.pcap", bytes);
  reader.push(bytes);
  const packets: CapturedPacket[] = [];
  const error = assertThrows(
    () => {
      for (const packet of reader.packets()) packets.push(packet);
    },
    InputError,
    "Cannot read packet 2: it claims 2147483647 captured bytes (byte 72)",
  );
  assertEquals(packets.length, 1);
  assertEquals(error.problems[0]?.at, {
    file: "bad.pcap",
    line: 1,
    column: 73,
  });
});

for (
  const [what, bytes, message] of [
    ["link type PPP", pcapOf([], { linkType: 9 }), "link type 9 (PPP)"],
    ["link type 12345", pcapOf([], { linkType: 12345 }), "link type 12345 is"],
    ["a modified pcap", pcapOf([], { magic: 0xa1b2cd34 }), "Kuznetzov"],
    ["a zip", Uint8Array.from([0x50, 0x4b, 3, 4]), "a zip archive"],
    ["text", new TextEncoder().encode("hello"), "begins with 68656c6c"],
    ["nothing", new Uint8Array(0), "it has 0 bytes"],
  ] as const
) {
  Deno.test(`captureReader() refuses ${what} by name`, () => {
    assertThrows(() => packetsOf(bytes), InputError, message);
  });
}

/** Samples that are not to be read, and why. */
const REFUSED: readonly [part: string, message: string][] = [
  ["test901.pcapng", "pcapng version 2 is unknown"],
  ["icmp-rfc5837.pcap", "link type 9 (PPP)"],
  ["quic-go_quic-go/handshake.pcap", "link type 9 (PPP)"],
];

Deno.test("captureReader() reads every sample capture, or says why not", () => {
  const samples = sampleCaptures();
  let packets = 0;
  for (const name of samples) {
    const refused = REFUSED.find(([part]) => name.endsWith(part));
    if (refused !== undefined) {
      assertThrows(
        () => packetsOf(sampleBytes(name), { file: name }),
        InputError,
        refused[1],
      );
      continue;
    }
    packets += packetsOf(sampleBytes(name), { file: name }).length;
  }
  assert(samples.length === 0 || packets > 1900, `${packets}`);
});

Deno.test("captureReader() counts the packets that the index of the samples counts", () => {
  const samples = new Set(sampleCaptures());
  if (samples.size === 0) return;
  const index = new TextDecoder().decode(sampleBytes("INDEX.tsv"));
  let compared = 0;
  for (const line of index.split("\n").slice(1)) {
    const [name = "", , format, linkType, count] = line.split("\t");
    if (format !== "pcap" || linkType === "9" || !samples.has(name)) continue;
    assertEquals(packetsOf(sampleBytes(name)).length, Number(count), name);
    compared++;
  }
  assert(compared > 75, `${compared}`);
});

Deno.test("captureReader() throws nothing but InputError on mutated captures", () => {
  const bytes = pcapOf(PACKETS);
  let read = 0;
  for (let seed = 0; seed < 2000; seed++) {
    const mutated = mutate(bytes, seed);
    try {
      read += packetsOf(mutated, { chunkBytes: 50 }).length;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  assert(read > 1000, `${read}`);
});

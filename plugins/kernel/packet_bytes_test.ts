import { assertEquals } from "@std/assert";
import { internetChecksum } from "../../core/packet/checksum.ts";
import { decodeFrame } from "../../core/packet/decode.ts";
import { Ip } from "../../core/packet/ip.ts";
import { openingPacket } from "../../core/packet/walking_packet.ts";
import { packetBytes, seePacket } from "./packet_bytes.ts";

const RAW_LINK = 101;

function opening(protocol: "tcp" | "udp" | "icmp" | "sctp") {
  return openingPacket({
    protocol,
    source: Ip.of("10.0.0.2"),
    sourcePort: 4000,
    destination: Ip.of("10.180.0.9"),
    destinationPort: 80,
    mark: 0,
    payload: { kind: "opaque", lengthBytes: 0 },
  });
}

for (const protocol of ["tcp", "udp", "icmp", "sctp"] as const) {
  Deno.test(`packetBytes() writes what seePacket() reads, ${protocol}`, () => {
    const packet = opening(protocol);
    const bytes = packetBytes(packet, {
      direction: "original",
      identification: 7,
    });
    assertEquals(internetChecksum(bytes.subarray(0, 20)), 0);
    assertEquals(seePacket(bytes), {
      protocol: packet.protocol,
      source: packet.source,
      destination: packet.destination,
      sourcePort: 4000,
      destinationPort: packet.destinationPort,
      tcpFlags: packet.tcpFlags,
      icmpType: packet.icmpType,
      icmpCode: 0,
      ttl: 64,
      about: null,
    });
  });
}

Deno.test("packetBytes() answers with numbers that belong to the connection", () => {
  const bytes = (direction: "original" | "reply") =>
    packetBytes(
      direction === "reply" ? opening("tcp").answer() : opening("tcp"),
      { direction, identification: 1 },
    );
  const numbers = (direction: "original" | "reply") => {
    const decoded = decodeFrame(bytes(direction), { linkType: RAW_LINK });
    return decoded.family === null ? null : decoded.tcp;
  };
  assertEquals(
    numbers("reply")!.acknowledgement,
    numbers("original")!.sequence + 1,
  );
});

Deno.test("seePacket() says what an ICMP error is about", () => {
  const about = packetBytes(opening("udp"), {
    direction: "original",
    identification: 1,
  });
  const error = packetBytes(
    openingPacket({
      protocol: "icmp",
      source: Ip.of("10.0.0.1"),
      sourcePort: 0,
      destination: Ip.of("10.0.0.2"),
      destinationPort: 0,
      mark: 0,
      payload: { kind: "opaque", lengthBytes: 0 },
    }),
    { direction: "original", identification: 1 },
  );
  const bytes = new Uint8Array([...error, ...about]);
  bytes[20] = 3;
  new DataView(bytes.buffer).setUint16(2, bytes.length);
  const seen = seePacket(bytes)!;
  assertEquals(seen.icmpType, 3);
  assertEquals(seen.about?.destinationPort, 80);
  assertEquals(seen.about?.protocol, 17);
});

Deno.test("seePacket() takes no notice of what is not IPv4", () => {
  assertEquals(seePacket(new Uint8Array(0)), undefined);
  assertEquals(seePacket(new Uint8Array(40).fill(0x60)), undefined);
});

import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { casePacketBytes, seenCase } from "./case_packet.ts";
import { readPackets } from "./read_packets.ts";

Deno.test("seenCase() reads what casePacketBytes() wrote", () => {
  const between = { src: "10.0.0.2", dst: "10.180.0.9" };
  const common = { ...between, ttl: 64, tos: 0 };
  const tcp = { sport: 1, dport: 80, flags: "SA", seq: 5, ack: 7 };
  assertEquals(
    seenCase(casePacketBytes({ p: "tcp", ...between, ...tcp })),
    { ...common, proto: 6, ...tcp },
  );
  assertEquals(
    seenCase(casePacketBytes({ p: "udp", ...between, sport: 1, dport: 53 })),
    { ...common, proto: 17, sport: 1, dport: 53 },
  );
  const inner = { p: "udp", src: "10.180.0.9", dst: "10.0.0.2" };
  const error = { p: "icmp", ...between, type: 3, code: 3, inner };
  assertEquals(seenCase(casePacketBytes(error)), {
    ...common,
    proto: 1,
    type: 3,
    code: 3,
    inner: {
      src: "10.180.0.9",
      dst: "10.0.0.2",
      proto: 17,
      ttl: 64,
      tos: 0,
      sport: 0,
      dport: 0,
    },
  });
});

Deno.test("readPackets() takes a list, or a host with a list", () => {
  const step = {
    iface: "eth0",
    packet: { p: "udp", src: "10.0.0.2", dst: "10.0.0.3" },
  };
  assertEquals(
    readPackets(JSON.stringify([step]), "packets.json").steps.length,
    1,
  );
  const links = [{ name: "eth0", addresses: [], routes: ["default"] }];
  const read = readPackets(
    JSON.stringify({ links, steps: [step] }),
    "packets.json",
  );
  assertEquals(read.links, [{
    name: "eth0",
    addresses: [],
    routes: ["default"],
  }]);
});

Deno.test("readPackets() says where a packet is wrong", () => {
  for (
    const text of [
      "not JSON",
      '[{"iface":"eth0","packet":{"p":"tcp","src":"10.0.0.2","dst":"nowhere"}}]',
      '[{"iface":"eth0","packet":{"p":"tcp","src":"10.0.0.2","dst":"10.0.0.3","dport":70000}}]',
      '{"links":[{"name":"a b","addresses":[],"routes":[]}],"steps":[]}',
    ]
  ) {
    assertThrows(
      () => readPackets(text, "packets.json"),
      InputError,
      "packets.json:1:1: Cannot read packets",
    );
  }
});

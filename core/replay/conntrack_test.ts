import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Ip } from "../packet/ip.ts";
import { openingPacket } from "../packet/walking_packet.ts";
import { Conntrack } from "./conntrack.ts";

const SECOND = 1_000_000_000;
const CLIENT = Ip.of("10.0.0.1");
const SERVICE = Ip.of("10.96.0.1");
const BACKEND = Ip.of("10.0.1.9");
const NODE = Ip.of("192.168.0.1");

function syn(sourcePort: number, destination = SERVICE, protocol = "tcp") {
  return openingPacket({
    protocol: protocol as "tcp" | "udp",
    source: CLIENT,
    sourcePort,
    destination,
    destinationPort: 80,
    mark: 0,
    payload: { kind: "opaque", lengthBytes: 0 },
  });
}

Deno.test("Conntrack.find() knows both directions of a translated connection", () => {
  const table = new Conntrack();
  const packet = syn(1000);
  const connection = table.open(packet);
  table.bindDestination(connection, { ip: BACKEND, port: 8080 });
  table.bindSource(connection, { ip: NODE, port: 1000 });
  assertEquals(table.find(packet, 0), undefined, "not before it is confirmed");
  table.confirm(connection, 0);
  assertEquals(table.find(packet, 1)?.direction, "original");
  const translated = packet.with({
    source: NODE,
    destination: BACKEND,
    destinationPort: 8080,
  });
  assertEquals(table.find(translated.answer(), 1)?.direction, "reply");
  assert(connection.destinationTranslated && connection.sourceTranslated);
});

Deno.test("Conntrack.bindSource() takes another port when replies would be mistaken", () => {
  const table = new Conntrack();
  const ports = [syn(1000), syn(1001), syn(1002)].map((packet) => {
    const connection = table.open(packet);
    const port = table.bindSource(connection, { ip: NODE, port: 40_000 });
    table.confirm(connection, 0);
    return port;
  });
  assertEquals(ports[0], 40_000);
  assertEquals(new Set(ports).size, 3);
  assert(ports.every((port) => port >= 1_024 && port < 65_536));
});

Deno.test("Conntrack.bindSource() chooses from a range when its replies look like another's first packets", () => {
  const table = new Conntrack();
  // The server itself connects to where another connection's answers go.
  const first = table.open(syn(22, BACKEND));
  table.confirm(first, 0);
  const back = table.open({
    protocol: 6,
    source: BACKEND,
    sourcePort: 80,
    destination: SERVICE,
    destinationPort: 22,
  });
  table.bindDestination(back, { ip: CLIENT, port: 22 });
  const to = { ip: BACKEND, port: 80 };
  assertEquals(
    table.bindSource(back, { ...to, range: { first: 7, count: 1 } }),
    7,
  );
  assertEquals(back.clashes, false);
  const none = { first: 0, count: 0 };
  assertEquals(table.bindSource(back, { ...to, range: none }), 80);
  assertEquals(back.clashes, true);
  table.find(syn(1), 500 * SECOND);
  assertEquals(table.isTaken(first.reply), false, "expired by now");
});

Deno.test("Conntrack forgets: one-way UDP after 30 s, answered UDP after 120 s", () => {
  const table = new Conntrack();
  const packet = syn(1000, BACKEND, "udp");
  const connection = table.open(packet);
  table.confirm(connection, 0);
  assert(table.find(packet, 29 * SECOND));
  assertEquals(table.find(packet, 30 * SECOND), undefined);
  const again = table.open(packet);
  table.confirm(again, 0);
  const reply = table.find(packet.answer(), 1)!;
  table.see(reply, packet.answer(), 1);
  assert(table.find(packet, 119 * SECOND));
});

Deno.test("Conntrack makes room by forgetting the connections nearest to their end", () => {
  const table = new Conntrack(undefined, 4_096);
  for (let port = 1; port <= 5_000; port++) {
    const packet = syn(port);
    table.confirm(table.open(packet), port);
  }
  assert(table.size <= 4_096);
  assert(table.find(syn(5_000), 5_001), "the newest is still there");
});

Deno.test("Conntrack agrees with a list of tuples under random opens and removes", () => {
  fc.assert(fc.property(
    fc.array(
      fc.record({ port: fc.integer({ min: 1, max: 40 }), add: fc.boolean() }),
    ),
    (steps) => {
      const table = new Conntrack();
      const model = new Set<number>();
      for (const { port, add } of steps) {
        const packet = syn(port);
        const found = table.find(packet, 0);
        assertEquals(found !== undefined, model.has(port));
        if (add && found === undefined) {
          table.confirm(table.open(packet), 0);
          model.add(port);
        } else if (!add && found !== undefined) {
          table.remove(found.connection);
          model.delete(port);
        }
        assertEquals(table.size, model.size);
      }
    },
  ));
});

import { assertEquals, assertNotEquals } from "@std/assert";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import { TCP_FLAG } from "../../core/packet/packet.ts";
import {
  openingPacket,
  WalkingPacket,
} from "../../core/packet/walking_packet.ts";
import { NetfilterHost } from "./netfilter_host.ts";

const LINKS = [
  { name: "eth0", addresses: ["192.168.0.2/24"], routes: ["default"] },
  { name: "cni0", addresses: ["10.0.0.1/24"], routes: [] },
];
const POD = Ip.of("10.0.0.2");
const SERVER = Ip.of("203.0.113.7");

/** Whether each packet met the one rule there is. */
function met(
  rule: string,
  packets: readonly (readonly [link: string, packet: WalkingPacket])[],
): readonly boolean[] {
  let hit = false;
  const host = new NetfilterHost(
    parseIptablesSave(`*mangle\n-A PREROUTING ${rule}\nCOMMIT\n`, {
      file: "test",
      family: 4,
    }),
    { links: LINKS, onHit: (_, rule) => hit ||= rule === 0 },
  );
  return packets.map(([link, packet]) => {
    hit = false;
    host.send(packet, { link });
    return hit;
  });
}

function opening(protocol: "tcp" | "icmp", source: Ip, destination: Ip) {
  return openingPacket({
    protocol,
    source,
    sourcePort: 4_000,
    destination,
    destinationPort: 80,
    mark: 0,
    payload: { kind: "opaque", lengthBytes: 0 },
  });
}

function flagged(packet: WalkingPacket, tcpFlags: number): WalkingPacket {
  return new WalkingPacket(
    packet.protocol,
    packet.source,
    packet.sourcePort,
    packet.destination,
    packet.destinationPort,
    tcpFlags,
    0,
    0,
    packet.ttl,
    0,
    packet.lengthBytes,
    packet.payload,
  );
}

const ESTABLISHED = "-m conntrack --ctstate ESTABLISHED";

Deno.test("an echo to one's own address is answered by the answer alone, whatever else is the same", () => {
  const ping = opening("icmp", POD, POD);
  assertEquals(
    met(ESTABLISHED, [["cni0", ping], ["cni0", ping], ["cni0", ping.answer()]]),
    [false, false, true],
  );
});

Deno.test("two that ping each other with one identifier have a connection each", () => {
  const [there, back] = [
    opening("icmp", POD, SERVER),
    opening("icmp", SERVER, POD),
  ];
  assertEquals(
    met(ESTABLISHED, [
      ["cni0", there],
      ["eth0", back],
      ["cni0", back.answer()],
      ["eth0", there.answer()],
    ]),
    [false, false, true, true],
  );
});

Deno.test("a SYN of a connection that only one side has closed is taken for one of it", () => {
  const syn = opening("tcp", POD, SERVER);
  const { ack, fin } = TCP_FLAG;
  assertEquals(
    met(ESTABLISHED, [
      ["cni0", flagged(syn, ack)],
      ["eth0", flagged(syn.answer(), fin | ack)],
      ["cni0", syn],
    ]),
    [false, true, true],
  );
});

Deno.test("of two echoes that leave as one address the second gets another identifier, and its answer the first one back", () => {
  const host = new NetfilterHost(
    parseIptablesSave(
      "*nat\n-A POSTROUTING -p icmp -j SNAT --to-source 192.168.0.2\nCOMMIT\n",
      { file: "test", family: 4 },
    ),
    { links: LINKS },
  );
  const sent = (packet: WalkingPacket, link: string) => {
    const result = host.send(packet, { link });
    if (result.kind !== "sent") throw new Error(result.kind);
    return result.packet;
  };
  const other = POD.plus(1);
  const first = sent(opening("icmp", POD, SERVER), "cni0");
  const second = sent(opening("icmp", other, SERVER), "cni0");
  assertEquals(first.sourcePort, 4_000);
  assertNotEquals(second.sourcePort, 4_000);
  const back = sent(second.answer(), "eth0");
  assertEquals([back.destination.text, back.sourcePort], [other.text, 4_000]);
});

Deno.test("a reset that ends an unanswered connection still belongs to a confirmed one", () => {
  const syn = opening("tcp", POD, SERVER);
  const reset = flagged(syn, TCP_FLAG.rst);
  assertEquals(
    met("-m conntrack --ctstatus CONFIRMED", [
      ["cni0", syn],
      ["cni0", reset],
      ["cni0", reset],
    ]),
    [false, true, false],
  );
});

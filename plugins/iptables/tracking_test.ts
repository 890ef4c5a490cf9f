import { assertEquals } from "@std/assert";
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

Deno.test("a reset that ends an unanswered connection still belongs to a confirmed one", () => {
  const syn = opening("tcp", POD, SERVER);
  const reset = new WalkingPacket(
    syn.protocol,
    syn.source,
    syn.sourcePort,
    syn.destination,
    syn.destinationPort,
    TCP_FLAG.rst,
    0,
    0,
    syn.ttl,
    0,
    syn.lengthBytes,
    syn.payload,
  );
  assertEquals(
    met("-m conntrack --ctstatus CONFIRMED", [
      ["cni0", syn],
      ["cni0", reset],
      ["cni0", reset],
    ]),
    [false, true, false],
  );
});

import { assertEquals } from "@std/assert";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import { emitIpv4 } from "../../core/packet/ipv4.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import { readPacket } from "../../core/packet/read_packet.ts";
import { emitUdp } from "../../core/packet/udp.ts";
import {
  openingPacket,
  type WalkingPacket,
} from "../../core/packet/walking_packet.ts";
import { lastAnswer } from "./host_answer.ts";
import { NetfilterHost, type Sent } from "./netfilter_host.ts";

const LINKS = [
  { name: "eth0", addresses: ["192.168.0.2/24"], routes: ["default"] },
  { name: "cni0", addresses: ["10.0.0.1/24"], routes: [] },
];
const CLIENT = Ip.of("10.0.0.2");
const SERVER = Ip.of("203.0.113.7");

/** A host with these rules of the mangle table, and those of others. */
function host(rules: readonly string[], others = "") {
  const hits: string[] = [];
  const lines = rules.map((rule) => `-A FORWARD ${rule}\n`).join("");
  const machine = new NetfilterHost(
    parseIptablesSave(`*mangle\n${lines}COMMIT\n${others}`, {
      file: "test",
      family: 4,
    }),
    {
      links: LINKS,
      onHit: (chain, rule) => {
        if (rule >= 0) hits.push(`${chain.name}:${rule + 1}`);
      },
    },
  );
  const send = (packet: WalkingPacket): Sent => {
    hits.length = 0;
    return machine.send(packet, { link: "cni0" });
  };
  return { machine, hits, send };
}

function datagram(
  text: string,
  { typeOfService = 0, ttl = 64, spoil = false } = {},
): Uint8Array {
  const between = { source: CLIENT, destination: SERVER };
  const ports = { sourcePort: 4_000, destinationPort: 53 };
  const payload = emitUdp(ports, new TextEncoder().encode(text), between);
  if (spoil) payload[6]! ^= 0x55;
  return emitIpv4({
    ...between,
    typeOfService,
    identification: 7,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl,
    protocol: PROTOCOL.udp,
    options: new Uint8Array(0),
  }, payload);
}

/** The rules that a datagram meets, each of them tried alone. */
function met(rules: readonly string[], bytes: Uint8Array): readonly boolean[] {
  return rules.map((rule) => {
    const { send, hits } = host([rule]);
    send(readPacket(bytes)!);
    return hits.length > 0;
  });
}

Deno.test("string is found from the IP header on, and only where it ends by --to", () => {
  const bytes = datagram("xxevilxx");
  assertEquals(
    met([
      "-m string --string evil --algo bm",
      "-m string --string EVIL --algo bm",
      "-m string --string EVIL --algo kmp --icase",
      "-m string --string evil --algo bm --to 33",
      "-m string --string evil --algo bm --to 34",
      "-m string --string evil --algo bm --from 31",
      '-m string --hex-string "|6576|il" --algo bm',
      "-m string ! --string evil --algo bm",
    ], bytes),
    [true, false, true, false, true, false, true, false],
  );
});

Deno.test("u32 follows offsets through the packet", () => {
  assertEquals(
    met([
      '-m u32 --u32 "6&0xff=0x11"',
      '-m u32 --u32 "0>>22&0x3c@0>>16=4000"',
      '-m u32 --u32 "0>>22&0x3c@0&0xffff=1:52,54:60"',
      '-m u32 --u32 "6&0xff=0x11&&8>>24=63"',
      '-m u32 --u32 "100=0"',
      '-m u32 ! --u32 "100=0"',
    ], datagram("text")),
    [true, true, false, true, false, true],
  );
});

Deno.test("bpf runs its program, which ends with 0 beyond the packet's end", () => {
  assertEquals(
    met([
      '-m bpf --bytecode "4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0"',
      '-m bpf --bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"',
      '-m bpf --bytecode "5,177 0 0 0,72 0 0 2,21 0 1 53,6 0 0 1,6 0 0 0"',
      '-m bpf --bytecode "2,32 0 0 400,6 0 0 1"',
    ], datagram("text")),
    [true, false, true, false],
  );
});

Deno.test("bytes that nobody knows leave a rule in doubt only if they decide", () => {
  const told = (rule: string) => {
    const sent = host([`${rule} -j DROP`]).send(openingPacket({
      protocol: "udp",
      source: CLIENT,
      sourcePort: 4_000,
      destination: SERVER,
      destinationPort: 53,
      mark: 0,
      payload: { kind: "opaque", lengthBytes: 0 },
    }));
    return sent.kind === "stopped" ? sent.action.kind : sent.kind;
  };
  assertEquals(
    [
      '-m u32 --u32 "6&0xff=0x11"',
      '-m u32 --u32 "4&0x1fff=0"',
      '-m u32 --u32 "2>>16=7"',
      '-m bpf --bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"',
      '-m bpf --bytecode "4,40 0 0 4,21 0 1 7,6 0 0 1,6 0 0 0"',
      "-m string --string evil --algo bm",
      '-p tcp -m string --string "evil" --algo bm',
    ].map(told),
    ["drop", "drop", "unknown", "sent", "unknown", "unknown", "sent"],
  );
});

Deno.test("TOS, DSCP and TTL change what later rules and the receiver see", () => {
  const { send, hits } = host([
    "-j TOS --set-tos 0x10/0x3f",
    "-m tos --tos 0x10/0x3f",
    "-m dscp --dscp 4 -j DSCP --set-dscp 46",
    "-m dscp --dscp-class EF -j TTL --ttl-dec 60",
    "-m ttl --ttl-eq 3",
  ]);
  const sent = send(readPacket(datagram("text", { typeOfService: 3 }))!);
  assertEquals(hits, [1, 2, 3, 4, 5].map((rule) => `FORWARD:${rule}`));
  assertEquals(sent.packet.ttl, 3);
  assertEquals(sent.packet.detail?.typeOfService, 46 << 2);
});

Deno.test("a wrong checksum is INVALID where connections are tracked", () => {
  const { send, hits } = host([
    "-m conntrack --ctstate INVALID",
    "-m conntrack --ctstate NEW",
  ]);
  send(readPacket(datagram("text", { spoil: true }))!);
  assertEquals(hits, ["FORWARD:1"]);
});

/** A datagram cut in two, the first part with the ports. */
function fragments(): readonly WalkingPacket[] {
  const whole = datagram("twenty-four bytes of data");
  const header = {
    typeOfService: 0,
    identification: 7,
    dontFragment: false,
    ttl: 64,
    protocol: PROTOCOL.udp,
    source: CLIENT,
    destination: SERVER,
    options: new Uint8Array(0),
  };
  return [[20, 36], [36, whole.length]].map(([from, to]) =>
    readPacket(emitIpv4({
      ...header,
      moreFragments: to! < whole.length,
      fragmentOffset: from! - 20,
    }, whole.slice(from, to)))!
  );
}

const FRAGMENT_RULES = ["-f", "! -f", "-p udp -m udp ! --dport 9", "-p udp"];

Deno.test("without a rule that tracks, a later fragment is one and has no ports", () => {
  const { send, hits } = host(FRAGMENT_RULES);
  const seen = fragments().map((packet) => {
    send(packet);
    return [...hits];
  });
  assertEquals(seen, [
    ["FORWARD:2", "FORWARD:3", "FORWARD:4"],
    ["FORWARD:1", "FORWARD:4"],
  ]);
});

Deno.test("with one, rules see the whole datagram, which leaves in pieces again", () => {
  const { send, hits } = host([
    ...FRAGMENT_RULES,
    "-m conntrack --ctstate NEW",
  ]);
  const [first, second] = fragments();
  assertEquals([send(first!).kind, [...hits]], ["stopped", []]);
  assertEquals(send(first!).kind, "stopped", "the same again");
  const sent = send(second!);
  assertEquals(hits, ["FORWARD:2", "FORWARD:3", "FORWARD:4", "FORWARD:5"]);
  assertEquals(
    sent.kind === "sent"
      ? sent.pieces?.map(({ lengthBytes }) => lengthBytes)
      : [],
    [36, 37],
  );
});

Deno.test("nat is never asked where nothing needs connections", () => {
  const { send, hits } = host([], "*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n");
  send(readPacket(datagram("text"))!);
  assertEquals(hits, []);
});

Deno.test("the host answers a packet at its last hop before FORWARD, from the address it came to", () => {
  const { machine, hits, send } = host(["-p udp"]);
  const answer = lastAnswer(
    send(readPacket(datagram("text", { ttl: 1 }))!),
    machine,
  );
  assertEquals(hits, []);
  assertEquals(`${answer.packet}`, "icmp 10.0.0.1 > 10.0.0.2");
  assertEquals([answer.packet.icmpType, answer.packet.icmpCode], [11, 0]);
});

Deno.test("a rejection of what was sent to a service comes from the service", () => {
  const { machine, send } = host(
    [],
    "*nat\n-A PREROUTING -d 203.0.113.7/32 -p udp -j DNAT --to-destination 192.168.0.9:5353\nCOMMIT\n" +
      "*filter\n-A FORWARD -j REJECT\nCOMMIT\n",
  );
  const answer = lastAnswer(send(readPacket(datagram("text"))!), machine);
  assertEquals(`${answer.packet}`, "icmp 203.0.113.7 > 10.0.0.2");
  const { destination, destinationPort } = answer.packet.inner!;
  assertEquals(`${destination}:${destinationPort}`, "203.0.113.7:53");
  assertEquals(answer.packet.detail?.typeOfService, 0xc0);
});

Deno.test("connlimit counts open connections of a network, and recent --rttl hops", () => {
  const { send, hits } = host([
    "-m connlimit --connlimit-above 1 --connlimit-mask 24",
    "-m recent --set --name seen",
    "-m recent --rcheck --rttl --name seen",
  ]);
  send(readPacket(datagram("text"))!);
  assertEquals(hits, ["FORWARD:2", "FORWARD:3"]);
  send(readPacket(datagram("text"))!);
  assertEquals(hits, ["FORWARD:2", "FORWARD:3"], "the same connection");
  send(readPacket(datagram("text"))!.with({ sourcePort: 4_001 }));
  assertEquals(hits, ["FORWARD:1", "FORWARD:2", "FORWARD:3"]);
});

Deno.test("a range of ports gives a destination its first one, and a taken single source port drops", () => {
  const { send } = host(
    [],
    "*nat\n-A PREROUTING -p udp -j DNAT --to-destination 192.168.0.9:5300-5400\n" +
      "-A POSTROUTING -p udp -j SNAT --to-source 192.168.0.2:700\nCOMMIT\n",
  );
  const packet = readPacket(datagram("text"))!;
  assertEquals(
    `${send(packet).packet}`,
    "udp 192.168.0.2:700 > 192.168.0.9:5300",
  );
  const second = send(packet.with({ sourcePort: 4_001 }));
  assertEquals(second.kind, "stopped");
});

Deno.test("NETMAP keeps the host's bits", () => {
  const { send } = host(
    [],
    "*nat\n-A PREROUTING -j NETMAP --to 198.51.0.0/16\nCOMMIT\n",
  );
  assertEquals(
    `${send(readPacket(datagram("text"))!).packet}`,
    "udp 10.0.0.2:4000 > 198.51.113.7:53",
  );
});

import { assert, assertEquals } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { parseIpsetSave } from "../../core/import/ipset_save.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import { PROTOCOL, TCP_FLAG } from "../../core/packet/packet.ts";
import { WalkingPacket } from "../../core/packet/walking_packet.ts";
import { NetfilterHost, type Sent } from "./netfilter_host.ts";
import { ipSets } from "./ip_sets.ts";
import { mutate } from "../../tests/_mutate.ts";

const LINKS = [
  { name: "eth0", addresses: ["192.168.0.2/24"], routes: ["default"] },
  { name: "cni0", addresses: ["10.0.0.1/24"], routes: [] },
  { name: "cali1", addresses: [], routes: ["10.180.0.0/16"] },
];

/** A host with these rules, which notes every rule that matches. */
function host(rules: string) {
  const hits: string[] = [];
  const machine = new NetfilterHost(
    parseIptablesSave(rules, { file: "test", family: 4 }),
    {
      links: LINKS,
      onHit: (chain, rule) => {
        if (rule >= 0) hits.push(`${chain.name}:${rule + 1}`);
      },
    },
  );
  const send = (
    text: string,
    {
      link = "cni0" as string | null,
      flags = TCP_FLAG.syn as number,
      atNs = 0,
    } = {},
  ): string => {
    hits.length = 0;
    return told(machine.send(packet(text, flags), { link, atNs }));
  };
  return { send, hits, machine };
}

/** `tcp 10.0.0.2:4000 > 10.180.0.9:80`. */
function packet(text: string, flags: number): WalkingPacket {
  const match = /^(\w+) (\S+):(\d+) > (\S+):(\d+)$/.exec(text)!;
  const protocol = PROTOCOL[match[1] as keyof typeof PROTOCOL];
  return new WalkingPacket(
    protocol,
    Ip.of(match[2]!),
    Number(match[3]),
    Ip.of(match[4]!),
    Number(match[5]),
    protocol === PROTOCOL.tcp ? flags : 0,
    protocol === PROTOCOL.icmp ? 8 : 0,
    0,
    64,
    0,
    40,
    { kind: "opaque", lengthBytes: 0 },
  );
}

function told(sent: Sent): string {
  if (sent.kind === "stopped") return `${sent.action.kind} at ${sent.hook}`;
  return sent.kind === "sent"
    ? `${sent.link}: ${sent.packet}`
    : `here: ${sent.packet}`;
}

const DNAT =
  "*nat\n-A PREROUTING -d 172.30.0.1/32 -p tcp -j DNAT --to-destination 10.180.0.1:8080\nCOMMIT\n";
const SYN = "tcp 10.0.0.2:4000 > 172.30.0.1:80";

Deno.test("a goto returns to the caller of the chain that did it", () => {
  const { send, hits } = host(
    "*filter\n:FORWARD DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A FORWARD -j ACCEPT\n-A A -g B\n-A A -j DROP\n-A B -s 10.9.9.9/32 -j DROP\nCOMMIT\n",
  );
  assertEquals(
    send("tcp 10.0.0.2:1 > 10.180.0.9:80"),
    "cali1: tcp 10.0.0.2:1 > 10.180.0.9:80",
  );
  assertEquals(hits, ["FORWARD:1", "A:1", "FORWARD:2"]);
});

Deno.test("a goto from a base chain ends in the policy", () => {
  const { send } = host(
    "*filter\n:FORWARD DROP [0:0]\n:A - [0:0]\n-A FORWARD -g A\n-A FORWARD -j ACCEPT\n-A A -j RETURN\nCOMMIT\n",
  );
  assertEquals(send("tcp 10.0.0.2:1 > 10.180.0.9:80"), "drop at forward");
});

Deno.test("ACCEPT ends one table's hook, not the next table's", () => {
  const { send } = host(
    "*mangle\n-A FORWARD -j ACCEPT\nCOMMIT\n*filter\n-A FORWARD -j DROP\nCOMMIT\n",
  );
  assertEquals(send("tcp 10.0.0.2:1 > 10.180.0.9:80"), "drop at forward");
});

Deno.test("filter sees the translated destination and the source before masquerading", () => {
  const { send } = host(
    `${
      DNAT.replace(
        "COMMIT\n",
        "-A POSTROUTING -j SNAT --to-source 192.168.0.2\nCOMMIT\n",
      )
    }*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 10.0.0.2/32 -d 10.180.0.1/32 -j ACCEPT\nCOMMIT\n`,
  );
  assertEquals(send(SYN), "cali1: tcp 192.168.0.2:4000 > 10.180.0.1:8080");
});

Deno.test("nat is asked once for a connection, also when nothing matched", () => {
  const { send, hits } = host(DNAT);
  send(SYN);
  assertEquals(hits, ["PREROUTING:1"]);
  assertEquals(send(SYN), "cali1: tcp 10.0.0.2:4000 > 10.180.0.1:8080");
  assertEquals(hits, []);
});

Deno.test("a packet dropped after translation leaves no connection", () => {
  const { send, hits, machine } = host(
    `${DNAT}*filter\n-A FORWARD -j DROP\nCOMMIT\n`,
  );
  for (let round = 0; round < 2; round++) {
    assertEquals(send(SYN), "drop at forward");
    assertEquals(hits, ["PREROUTING:1", "FORWARD:1"]);
  }
  assertEquals(machine.conntrack.size, 0);
});

Deno.test("an INVALID packet skips nat and leaks to the default route", () => {
  const { send } = host(DNAT);
  assertEquals(
    send(SYN, { flags: TCP_FLAG.rst }),
    "eth0: tcp 10.0.0.2:4000 > 172.30.0.1:80",
  );
});

Deno.test("an untracked packet skips nat", () => {
  const { send } = host(
    `*raw\n-A PREROUTING -j CT --notrack\nCOMMIT\n${DNAT}*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT\nCOMMIT\n`,
  );
  assertEquals(send(SYN), "eth0: tcp 10.0.0.2:4000 > 172.30.0.1:80");
});

Deno.test("a reply is forwarded with the backend as its source, and translated last", () => {
  const { send } = host(
    `${DNAT}*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\n-A FORWARD -s 10.180.0.1/32 -m conntrack --ctstate DNAT --ctdir REPLY -j ACCEPT\nCOMMIT\n`,
  );
  send(SYN);
  assertEquals(
    send("tcp 10.180.0.1:8080 > 10.0.0.2:4000", {
      link: "cali1",
      flags: TCP_FLAG.syn | TCP_FLAG.ack,
    }),
    "cni0: tcp 172.30.0.1:80 > 10.0.0.2:4000",
  );
});

Deno.test("nth matches the first, fourth and seventh packet that reach it", () => {
  const { send, hits } = host(
    "*filter\n-A FORWARD -m statistic --mode nth --every 3 --packet 0\n-A FORWARD -m statistic --mode nth --every 3 --packet 2\nCOMMIT\n",
  );
  const seen = [1, 2, 3, 4, 5, 6, 7].map((port) => {
    send(`udp 10.0.0.2:${port} > 10.180.0.9:53`);
    return hits.join();
  });
  assertEquals(seen, [
    "FORWARD:1",
    "",
    "FORWARD:2",
    "FORWARD:1",
    "",
    "FORWARD:2",
    "FORWARD:1",
  ]);
});

Deno.test("limit starts full and fills on the virtual clock", () => {
  const { send } = host(
    "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m limit --limit 1/min --limit-burst 2 -j ACCEPT\nCOMMIT\n",
  );
  const passes = (atNs: number, port: number) =>
    send(`udp 10.0.0.2:${port} > 10.180.0.9:53`, { atNs }).startsWith("cali1");
  assertEquals(
    [
      passes(0, 1),
      passes(0, 2),
      passes(0, 3),
      passes(60e9, 4),
      passes(61e9, 5),
    ],
    [true, true, false, true, false],
  );
});

Deno.test("recent forgets after its seconds and keeps only 100 sources", () => {
  const { send } = host(
    "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m recent --set --name seen -j ACCEPT\n-A FORWARD -m recent --rcheck --seconds 10 --name seen -j ACCEPT\nCOMMIT\n",
  );
  const knock = (last: number, atNs = 0) =>
    send(`udp 10.0.0.${last}:1 > 10.180.0.9:53`, { atNs });
  const enters = (last: number, atNs = 0) =>
    send(`tcp 10.0.0.${last}:1 > 10.180.0.9:22`, { atNs }).startsWith("cali1");
  knock(2);
  assertEquals([enters(2), enters(3), enters(2, 11e9)], [true, false, false]);
  knock(2, 20e9);
  for (let last = 10; last < 110; last++) knock(last, 20e9);
  assertEquals([enters(2, 20e9), enters(10, 20e9)], [false, true]);
});

Deno.test("an index finds the same rules as a scan, and charges for the same", () => {
  const matches = [
    "-d 10.180.0.9/32",
    "-d 10.180.0.9/32 -p tcp -m tcp --dport 80",
    "-p udp -m udp --dport 53",
    "-s 10.0.0.2/32",
    "! -d 10.180.0.9/32",
    "-d 10.180.0.0/16 -p tcp -m tcp --dport 80",
    "-p tcp -m tcp ! --dport 80",
  ];
  const rules = Array.from(
    { length: 60 },
    (_, index) =>
      index % 4 === 0
        ? matches[index / 4 % matches.length]!
        : `-d 10.99.0.${index}/32 -p tcp -m tcp --dport ${index}`,
  );
  const text = (chain: string) => `-A FORWARD ${chain}`;
  const { send, hits, machine } = host(
    `*filter\n${rules.map(text).join("\n")}\n-A FORWARD -j DROP\nCOMMIT\n`,
  );
  const expected = (holds: (rule: string) => boolean) => [
    ...rules.flatMap((rule, index) =>
      holds(rule) ? [`FORWARD:${index + 1}`] : []
    ),
    "FORWARD:61",
  ];
  send("tcp 10.0.0.2:1 > 10.180.0.9:80");
  assertEquals(
    hits,
    expected((rule) => [0, 1, 3, 5].some((at) => rule === matches[at])),
  );
  assertEquals(machine.rules, 61);
  send("udp 10.0.0.3:1 > 10.180.0.8:53");
  assertEquals(
    hits,
    expected((rule) => [2, 4].some((at) => rule === matches[at])),
  );
  assertEquals(machine.rules, 61);
});

Deno.test("2,000 mutated dumps are refused as input or run", () => {
  const text = `*nat
:WEB - [0:0]
-A PREROUTING -d 172.30.0.1/32 -p tcp -m tcp --dport 80 -j WEB
-A WEB ! -s 10.0.0.0/8 -j MARK --set-xmark 0x4000/0x4000
-A WEB -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.180.0.1:80-90
-A WEB -m recent --set --name X -j DNAT --to-destination 10.180.0.5-10.180.0.9
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
COMMIT
*filter
-A FORWARD -m conntrack --ctstate NEW,DNAT --ctorigdst 172.30.0.1 -m limit --limit 9/sec -j ACCEPT
-A FORWARD -p tcp -m multiport --dports 1:9,80 -m statistic --mode nth --every 3 --packet 1 -j REJECT
-A FORWARD -m iprange --src-range 10.0.0.2-10.0.0.5 -m addrtype --dst-type LOCAL -j RETURN
COMMIT
`;
  const bytes = new TextEncoder().encode(text);
  let ran = 0;
  for (let seed = 0; seed < 2_000; seed++) {
    const mutated = new TextDecoder().decode(mutate(bytes, seed));
    try {
      const { send } = host(mutated);
      send(SYN);
      send("udp 10.0.0.2:1 > 192.168.0.2:53", { link: null });
      ran++;
    } catch (error) {
      assert(error instanceof InputError, `seed ${seed}: ${error}`);
    }
  }
  assert(ran > 0);
});

Deno.test("an acknowledgement before the answer, and a FIN out of turn, are INVALID", () => {
  const { send, hits } = host(
    "*filter\n-A FORWARD -m conntrack --ctstate INVALID\nCOMMIT\n",
  );
  const to = "tcp 10.0.0.2:4000 > 10.180.0.9:80";
  send(to);
  send(to, { flags: TCP_FLAG.ack });
  assertEquals(hits, ["FORWARD:1"]);
  send("tcp 10.180.0.9:80 > 10.0.0.2:4000", {
    link: "cali1",
    flags: TCP_FLAG.syn | TCP_FLAG.ack,
  });
  send(to, { flags: TCP_FLAG.ack });
  assertEquals(hits, []);
});

Deno.test("a negated user of a socket holds for what has no socket", () => {
  const { send, hits } = host(
    "*mangle\n-A POSTROUTING -m owner ! --uid-owner 1337\n-A POSTROUTING -m owner --uid-owner 1337\nCOMMIT\n",
  );
  send("udp 10.0.0.2:4000 > 10.180.0.9:80");
  assertEquals(hits, ["POSTROUTING:1"]);
});

Deno.test("connections of different zones are not each other's", () => {
  const { send, hits } = host(
    "*raw\n-A PREROUTING -i cni0 -j CT --zone 7\nCOMMIT\n*filter\n-A FORWARD -m conntrack --ctstate ESTABLISHED\nCOMMIT\n",
  );
  send("udp 10.0.0.2:4000 > 10.180.0.9:80");
  send("udp 10.180.0.9:80 > 10.0.0.2:4000", { link: "cali1" });
  assertEquals(hits, []);
});

Deno.test("what SET adds, later packets match", () => {
  const text = "create seen hash:ip\n";
  const hits: string[] = [];
  const machine = new NetfilterHost(
    parseIptablesSave(
      "*filter\n-A FORWARD -p udp -m udp --dport 7 -j SET --add-set seen src\n-A FORWARD -m set --match-set seen src -j DROP\nCOMMIT\n",
      { file: "test", family: 4 },
    ),
    {
      links: LINKS,
      sets: ipSets(parseIpsetSave(text, { file: "test" })),
      onHit: (chain, rule) => hits.push(`${chain.name}:${rule + 1}`),
    },
  );
  const send = (port: number) =>
    machine.send(packet(`udp 10.0.0.2:4000 > 10.180.0.9:${port}`, 0), {
      link: "cni0",
    }).kind;
  assertEquals([send(8), send(7), send(8)], ["sent", "stopped", "stopped"]);
});

Deno.test("rpfilter drops a source that another link leads to", () => {
  const { send } = host(
    "*raw\n-A PREROUTING -m rpfilter --invert -j DROP\nCOMMIT\n",
  );
  assertEquals(
    send("udp 10.0.0.9:1 > 10.180.0.9:80", { link: "eth0" }),
    "drop at prerouting",
  );
  assertEquals(
    send("udp 203.0.113.2:1 > 10.180.0.9:80", { link: "eth0" }),
    "cali1: udp 203.0.113.2:1 > 10.180.0.9:80",
  );
});

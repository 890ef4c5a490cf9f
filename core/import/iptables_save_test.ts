import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../errors.ts";
import { printTables } from "./iptables_print.ts";
import type { RuleDump } from "./iptables_rules.ts";
import { parseIptablesSave } from "./iptables_save.ts";

const FILE = { file: "node1.rules" };

function canonical(rule: string, chains = ""): string {
  const dump = parseIptablesSave(
    `*mangle\n${chains}-A PREROUTING ${rule}\nCOMMIT\n`,
    FILE,
  );
  return lastRule(dump);
}

function lastRule({ v4, v6 }: RuleDump): string {
  const lines = printTables([...v4, ...v6]).trim().split("\n");
  return lines.at(-2)!.replace("-A PREROUTING ", "");
}

function problemsOf(text: string): readonly string[] {
  const error = assertThrows(() => parseIptablesSave(text, FILE), InputError);
  return error.message.split("\n").filter((line) =>
    line.startsWith("node1.rules:")
  );
}

Deno.test("parseIptablesSave() spells rules as the kernel's tools print them", () => {
  const spellings: readonly (readonly [string, string])[] = [
    ["-s 10.0.0.77/8", "-s 10.0.0.0/8"],
    ["-s 10.0.0.1", "-s 10.0.0.1/32"],
    ["-s 10.0.0.0/255.0.0.0", "-s 10.0.0.0/8"],
    ["-s 203.0.113.0/255.0.255.0", "-s 203.0.113.0/255.0.255.0"],
    ["-s 0.0.0.0/0 -j ACCEPT", "-j ACCEPT"],
    ["! -s 0.0.0.0/0 -j ACCEPT", "! -s 0.0.0.0/0 -j ACCEPT"],
    ["-s ! 10.0.0.1 -j DROP", "! -s 10.0.0.1/32 -j DROP"],
    ["-p 6", "-p tcp"],
    ["-p all -j DROP", "-j DROP"],
    ["-p 99", "-p 99"],
    ["-p tcp --dport 80", "-p tcp -m tcp --dport 80"],
    [
      "-m comment --comment web -m tcp -p tcp -d 10.0.0.1 --dport 80 -j DROP",
      "-d 10.0.0.1/32 -p tcp -m comment --comment web -m tcp --dport 80 -j DROP",
    ],
    ["-p tcp --dport ! 80", "-p tcp -m tcp ! --dport 80"],
    ["-p tcp --dport=80", "-p tcp -m tcp --dport 80"],
    ["-p tcp --destination-port :79", "-p tcp -m tcp --dport 0:79"],
    ["-p udp -m udp --sport 1000:", "-p udp -m udp --sport 1000:65535"],
    ["-p tcp -m tcp --sport 0:65535", "-p tcp -m tcp"],
    ["-p tcp --syn", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"],
    [
      "-p tcp -m tcp --tcp-flags ALL NONE",
      "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE",
    ],
    ["-j MARK --or-mark 0x4000", "-j MARK --set-xmark 0x4000/0x4000"],
    ["-j MARK --xor-mark 0x4000", "-j MARK --set-xmark 0x4000/0x0"],
    ["-j MARK --and-mark 0xff", "-j MARK --set-xmark 0x0/0xffffff00"],
    ["-j MARK --set-mark 0x1/0x101", "-j MARK --set-xmark 0x1/0x101"],
    ["-j MARK --set-mark 7", "-j MARK --set-xmark 0x7/0xffffffff"],
    [
      "-j CONNMARK --save-mark",
      "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
    ],
    ["-j REJECT", "-j REJECT --reject-with icmp-port-unreachable"],
    [
      "-m conntrack --ctstate ESTABLISHED,RELATED",
      "-m conntrack --ctstate RELATED,ESTABLISHED",
    ],
    [
      "-m statistic --mode random --probability 0.3333333333",
      "-m statistic --mode random --probability 0.33333333349",
    ],
    [
      "-m recent --rcheck --seconds 10800 --reap --name x",
      "-m recent --rcheck --seconds 10800 --reap --name x --mask 255.255.255.255 --rsource",
    ],
    ["-m limit --limit 3/minute --limit-burst 5", "-m limit --limit 3/min"],
    ["-p icmp --icmp-type echo-request", "-p icmp -m icmp --icmp-type 8"],
    [
      '-m comment --comment "it\'s \\"here\\""',
      '-m comment --comment "it\\\'s \\"here\\""',
    ],
    [
      "-m string --string evil --algo bm",
      '-m string --string "evil" --algo bm',
    ],
    ["-j NFQUEUE --queue-num 3", "-j NFQUEUE --queue-num 3"],
  ];
  for (const [given, expected] of spellings) {
    assertEquals(canonical(given), expected, given);
  }
});

Deno.test("parseIptablesSave() tells each address of a list apart", () => {
  const { v4 } = parseIptablesSave(
    "*filter\n-A FORWARD -s 10.0.0.1,10.0.0.2 -j DROP\nCOMMIT\n",
    FILE,
  );
  const forward = v4[0]!.chains.find(({ name }) => name === "FORWARD")!;
  assertEquals(forward.rules.map(({ source }) => source?.value), [
    "10.0.0.1/32",
    "10.0.0.2/32",
  ]);
});

Deno.test("parseIptablesSave() reads counters, commands and line ends of any kind", () => {
  const { v4 } = parseIptablesSave(
    "*filter\r\n:FORWARD DROP [7:420]\r\n-N web\r\n[3:180] -A web -j ACCEPT\r\n" +
      "-I FORWARD -j web\r\n-P INPUT DROP\r\nCOMMIT\r\n",
    FILE,
  );
  assertEquals(
    printTables(v4, { counters: true }),
    "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [7:420]\n:OUTPUT ACCEPT [0:0]\n" +
      ":web - [0:0]\n-A FORWARD -j web\n[3:180] -A web -j ACCEPT\nCOMMIT\n",
  );
});

Deno.test("parseIptablesSave() keeps the families of concatenated dumps apart", () => {
  const one = "*nat\n-A PREROUTING -d 10.0.0.1 -j ACCEPT\nCOMMIT\n";
  const other = "*nat\n-A PREROUTING -d fd00::1 -j ACCEPT\nCOMMIT\n";
  const { v4, v6 } = parseIptablesSave(one + other, FILE);
  assertStringIncludes(printTables(v4), "-d 10.0.0.1/32");
  assertStringIncludes(printTables(v6), "-d fd00::1/128");
  const headed = parseIptablesSave(
    "# Generated by ip6tables-save v1.8.9 on Mon Jan 1\n*filter\nCOMMIT\n",
    FILE,
  );
  assertEquals(headed.v6.map(({ name }) => name), ["filter"]);
});

Deno.test("parseIptablesSave() lets a later table replace an earlier one", () => {
  const { v4 } = parseIptablesSave(
    "*filter\n-A INPUT -j DROP\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    FILE,
  );
  assertEquals(printTables(v4).match(/^-A.*$/gm), ["-A INPUT -j ACCEPT"]);
});

Deno.test("parseIptablesSave() names every problem with its place", () => {
  const text = [
    "*filtre",
    "COMMIT",
    "*filter",
    ":web - [0:0]",
    "-A FORWARD -j wed",
    "-A FORWARD -p tcp --dport 65536 -j DROP",
    "-A FORWARD -s 10.0.0.300 -j DROP",
    "-A FORWARD --dport 80 -j DROP",
    '-A FORWARD -m comment --comment "open',
    "-A nowhere -j DROP",
    "-A FORWARD -j INPUT",
    ":web ACCEPT [0:0]",
    "COMMIT",
    "-A FORWARD -j DROP",
  ].join("\n");
  assertEquals(problemsOf(text), [
    "node1.rules:1:2: Cannot read rule: unknown table `filtre`",
    "node1.rules:6:27: Cannot read rule: `65536` is no value for --dport",
    "node1.rules:7:15: Cannot read rule: `10.0.0.300` is no value for -s",
    "node1.rules:8:12: Cannot read rule: unknown option --dport",
    "node1.rules:9:33: Cannot read rule: the quote is not closed",
    "node1.rules:10:4: Cannot read rule: table filter has no chain nowhere",
    "node1.rules:12:6: Cannot read rule: chain web of table filter is no base chain and can have no policy",
    "node1.rules:5:15: Cannot read rule: jump to missing chain wed of table filter",
    "node1.rules:11:15: Cannot read rule: jump to base chain INPUT",
    "node1.rules:14:1: Cannot read rule: no table is open",
  ]);
});

Deno.test("parseIptablesSave() suggests the name that was meant", () => {
  const error = assertThrows(
    () =>
      parseIptablesSave(
        "*filter\n:web - [0:0]\n-A FORWARD -j wed\nCOMMIT\n",
        FILE,
      ),
    InputError,
  );
  assertStringIncludes(error.message, "did you mean: web");
});

Deno.test("parseIptablesSave() refuses chains that call each other in a loop", () => {
  const [problem] = problemsOf(
    "*filter\n:a - [0:0]\n:b - [0:0]\n-A FORWARD -j a\n-A a -j b\n-A b -g a\nCOMMIT\n",
  );
  assertEquals(
    problem,
    "node1.rules:6:9: Cannot read rule: chains of table filter call each other in a loop: a -> b -> a",
  );
});

Deno.test("parseIptablesSave() bounds the length of a line", () => {
  const long = `-A INPUT -m comment --comment "${"x".repeat(20_000)}"`;
  const [problem] = problemsOf(`*filter\n${long}\nCOMMIT\n`);
  assertStringIncludes(problem!, "node1.rules:2:1");
});

const PARTS = {
  source: fc.constantFrom("", "-s 10.0.0.0/8", "! -s 10.1.2.3/32"),
  interface: fc.constantFrom("", "-i eth0", "! -o veth+"),
  protocol: fc.constantFrom(
    "",
    "-p tcp -m tcp --dport 80",
    "-p udp -m multiport --dports 53,80:90",
    "-p icmp -m icmp --icmp-type 8",
  ),
  match: fc.constantFrom(
    "",
    "-m conntrack --ctstate NEW,DNAT",
    "-m statistic --mode nth --every 3 --packet 0",
    "-m addrtype ! --dst-type LOCAL",
    "-m mark --mark 0x1/0xff",
    "-m set --match-set ips src,dst",
    "-m quota --quota 500",
  ),
  comment: fc.string({ maxLength: 20 }).filter((text) => !/[\r\n]/.test(text)),
  target: fc.constantFrom(
    "",
    "-j DROP",
    "-j web",
    "-g web",
    "-j MARK --set-xmark 0x1/0x1",
    '-j LOG --log-prefix "hit "',
    "-j NFQUEUE --queue-num 3",
  ),
};

Deno.test("parseIptablesSave() reads back what printTables() wrote", () => {
  fc.assert(
    fc.property(fc.array(fc.record(PARTS), { maxLength: 12 }), (rules) => {
      const lines = rules.map((rule) => {
        const quoted = rule.comment.replace(/["\\]/g, "\\$&");
        return [
          "-A FORWARD",
          rule.source,
          rule.interface,
          rule.protocol,
          rule.match,
          `-m comment --comment "${quoted}"`,
          rule.target,
        ].join(" ");
      });
      const text = `*mangle\n:web - [0:0]\n${lines.join("\n")}\nCOMMIT\n`;
      const first = parseIptablesSave(text, { ...FILE, family: 4 });
      const printed = printTables(first.v4);
      const second = parseIptablesSave(printed, { ...FILE, family: 4 });
      assertEquals(printTables(second.v4), printed);
      assertEquals(withoutPlaces(second), withoutPlaces(first));
    }),
    { seed: 7, numRuns: 200 },
  );
});

function withoutPlaces(dump: RuleDump): unknown {
  return JSON.parse(
    JSON.stringify(dump, (key, value) => key === "at" ? null : value),
  );
}

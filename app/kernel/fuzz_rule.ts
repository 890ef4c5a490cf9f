import { Draws } from "./draws.ts";
import type { FuzzRouter } from "./fuzz_router.ts";
import type { FuzzRule } from "./fuzz_rules.ts";

/** Where a rule stands. */
export interface RulePlace {
  readonly table: "raw" | "mangle" | "nat" | "filter";
  /** The base chain from which its chain is called. */
  readonly base: string;
  readonly router: FuzzRouter;
  /** Chains it may call. */
  readonly callable: readonly string[];
}

const ADDRESSES = [
  ...["10.0.0.2/32", "10.0.0.0/24", "10.0.0.0/30", "10.180.0.9/32"],
  ...["10.180.0.0/16", "172.30.0.1/32", "172.30.0.0/16", "192.168.0.2/32"],
  ...["203.0.113.2/32", "203.0.113.0/24", "0.0.0.0/1", "128.0.0.0/1"],
  "10.0.0.2/255.0.0.255",
];
const PORTS = ["80", "53", "443", "8080", "80:90", "1:100", "1024:65535"];
const SOURCE_PORTS = ["4000", "1000:2000", "1:1023"];
const PORT_LISTS = ["22,80", "53,80:90", "1:1023,9000", "443,8080"];
const TCP_FLAGS = [
  ...["SYN,RST,ACK,FIN SYN", "SYN,ACK SYN", "ACK ACK", "RST RST", "ALL SYN"],
  "ALL NONE",
];
const ICMP_TYPES = ["8", "0", "3", "3/3", "any"];
const MARKS = ["0x1", "0x2/0x3", "0x4000/0x4000", "0x0/0xff"];
const BACKENDS = ["10.0.0.7", "10.180.0.1", "10.180.0.2", "192.168.0.2"];

/** A rule that the kernel takes where it stands. */
export function drawRule(draws: Draws, place: RulePlace): FuzzRule {
  const protocol = draws.below("protocol", 100);
  const matches = [
    ...address(draws, "-s"),
    ...address(draws, "-d"),
    ...link(draws, place),
    ...protocol < 30
      ? tcp(draws)
      : protocol < 50
      ? udp(draws)
      : protocol < 65
      ? icmp(draws)
      : [],
    ...EXTRAS.flatMap(([name, percent, make]) =>
      draws.chance(name, percent)
        ? make(new Draws(draws.next(name), ""), place)
        : []
    ),
  ];
  return [...matches, ...target(draws, place, protocol < 30)];
}

function not(draws: Draws, percent = 15): string {
  return draws.chance("not", percent) ? "! " : "";
}

function address(draws: Draws, flag: "-s" | "-d"): string[] {
  if (!draws.chance(flag, 33)) return [];
  const site = new Draws(draws.next(`${flag} address`), "");
  return [`${not(site)}${flag} ${site.one("address", ADDRESSES)}`];
}

function link(draws: Draws, { base, router }: RulePlace): string[] {
  if (!draws.chance("link", 20)) return [];
  const site = new Draws(draws.next("link"), "");
  const flag = base === "PREROUTING" || base === "INPUT" ||
      (base === "FORWARD" && site.chance("side", 50))
    ? "-i"
    : "-o";
  return [`${not(site)}${flag} ${site.one("name", router.linkPatterns)}`];
}

function tcp(draws: Draws): string[] {
  const site = new Draws(draws.next("tcp"), "");
  const kind = site.below("kind", 10);
  const no = not(site);
  if (kind < 1) return ["-p tcp"];
  if (kind < 4) {
    return [`-p tcp -m tcp ${no}--dport ${site.one("port", PORTS)}`];
  }
  if (kind < 6) {
    return [`-p tcp -m tcp ${no}--sport ${site.one("port", SOURCE_PORTS)}`];
  }
  if (kind < 8) {
    return [`-p tcp -m tcp ${no}--tcp-flags ${site.one("flags", TCP_FLAGS)}`];
  }
  return [`-p tcp ${portList(site, no)}`];
}

function udp(draws: Draws): string[] {
  const site = new Draws(draws.next("udp"), "");
  const kind = site.below("kind", 10);
  const no = not(site);
  if (kind < 1) return [`${no}-p udp`];
  if (kind < 6) {
    return [`-p udp -m udp ${no}--dport ${site.one("port", PORTS)}`];
  }
  if (kind < 8) {
    return [`-p udp -m udp ${no}--sport ${site.one("port", SOURCE_PORTS)}`];
  }
  return [`-p udp ${portList(site, no)}`];
}

function portList(draws: Draws, no: string): string {
  const side = draws.one("side", ["dports", "sports", "ports"]);
  return `-m multiport ${no}--${side} ${draws.one("list", PORT_LISTS)}`;
}

function icmp(draws: Draws): string[] {
  const site = new Draws(draws.next("icmp"), "");
  return site.chance("bare", 20) ? ["-p icmp"] : [
    `-p icmp -m icmp ${not(site)}--icmp-type ${site.one("type", ICMP_TYPES)}`,
  ];
}

type Extra = readonly [
  name: string,
  percent: number,
  make: (draws: Draws, place: RulePlace) => string[],
];

const EXTRAS: readonly Extra[] = [
  ["mark", 12, (draws) => [
    `-m mark ${not(draws)}--mark ${draws.one("mark", MARKS)}`,
  ]],
  ["connmark", 4, (draws) => [
    `-m connmark ${not(draws)}--mark ${draws.one("mark", MARKS)}`,
  ]],
  ["addrtype", 12, addressType],
  ["conntrack", 14, connection],
  ["set", 9, (draws) => [
    `-m set ${not(draws)}--match-set ${draws.one("set", SETS)}`,
  ]],
  ["iprange", 4, (draws) => [
    `-m iprange ${not(draws)}--src-range 10.0.0.2-10.0.0.5`,
  ]],
  ["statistic", 5, (draws) => [
    `-m statistic --mode nth --every ${
      draws.one("every", ["2", "3"])
    } --packet ${draws.one("packet", ["0", "1"])}`,
  ]],
  ["limit", 2, () => ["-m limit --limit 1/hour --limit-burst 2"]],
  ["recent", 4, (draws) => [`-m recent ${draws.one("recent", RECENT)}`]],
  ["length", 3, (draws) => [
    `-m length ${not(draws)}--length ${draws.one("length", ["40", "0:30"])}`,
  ]],
  ["ttl", 3, (draws) => [
    `-m ttl --ttl-${draws.one("ttl", ["eq 64", "lt 64", "gt 63"])}`,
  ]],
  ["service", 4, (draws) => [
    `-m ${draws.one("kind", ["tos --tos", "tos ! --tos"])} ${
      draws.one("tos", ["0x10/0x3f", "0x00/0xff", "0x20", "8/8"])
    }`,
  ]],
  ["code point", 4, (draws) => [
    `-m dscp ${not(draws)}--dscp ${draws.one("dscp", ["4", "8", "46"])}`,
  ]],
  ["bytes", 6, (draws) => [
    draws.one("bytes", BYTES).replace("NOT ", not(draws)),
  ]],
  ["bare", 4, bare],
  ["owner", 8, owner],
  ["comment", 2, () => ['-m comment --comment "a rule"']],
];

/** Matches that read bytes; NOT is left out or negates. */
const BYTES = [
  '-m string NOT --string "evil" --algo bm',
  '-m string NOT --string "EVIL" --algo kmp --icase',
  '-m string NOT --string "evil" --algo kmp --from 28 --to 34',
  '-m string NOT --hex-string "|0001|" --algo bm --to 64',
  '-m u32 NOT --u32 "6&0xff=17"',
  '-m u32 NOT --u32 "0>>22&0x3c@0>>16=1000:1010,4000:4010"',
  '-m u32 NOT --u32 "4&0x1fff=0&&8>>24=60:64"',
  '-m u32 NOT --u32 "0>>22&0x3c@4=1000"',
  '-m bpf --bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"',
  '-m bpf --bytecode "7,40 0 0 6,69 3 0 8191,177 0 0 0,72 0 0 2,21 0 1 80,6 0 0 1,6 0 0 0"',
  '-m bpf --bytecode "5,32 0 0 12,84 0 0 4294967040,21 0 1 167772160,6 0 0 65535,6 0 0 0"',
  "-f",
  "! -f",
];

/** Asks for what links of these hosts do not have. */
function bare(draws: Draws, { base }: RulePlace): string[] {
  const arrives = base === "PREROUTING" || base === "INPUT" ||
    base === "FORWARD";
  const options = [
    `-m pkttype ${not(draws)}--pkt-type ${
      draws.one("type", ["unicast", "broadcast"])
    }`,
    `-m policy --dir ${arrives ? "in" : "out"} --pol ${
      draws.one("policy", ["none", "ipsec"])
    }`,
    ...arrives ? [`-m mac ${not(draws)}--mac-source 00:11:22:33:44:55`] : [],
    ...arrives ? [`-m physdev ${not(draws)}--physdev-is-bridged`] : [],
  ];
  return [draws.one("bare", options)];
}

const SETS = [
  ...["ports dst", "ports src", "hosts src", "wide dst", "pings src,src"],
  ...["ips src", "ips dst", "nets src", "nets dst", "ipport src,dst"],
  ...["ipport dst,dst", "ipport src,src"],
];
const RECENT = [
  ...["--set --name r1", "--rcheck --name r1", "--update --name r1"],
  ...["--rcheck --hitcount 2 --name r1", "--remove --name r1"],
  ...["--rcheck --seconds 3600 --reap --name r1", "--set --name r2 --rdest"],
  "! --rcheck --name r2 --rdest",
  ...["--rcheck --rttl --name r1", "--update --rttl --hitcount 2 --name r1"],
];

function addressType(draws: Draws, { base }: RulePlace): string[] {
  const type = draws.one("type", ["LOCAL", "UNICAST", "BROADCAST"]);
  const side = draws.one("side", ["src", "dst"]);
  const arrives = base === "PREROUTING" || base === "INPUT";
  const limit = !draws.chance("limit", 8)
    ? ""
    : arrives
    ? " --limit-iface-in"
    : " --limit-iface-out";
  return [`-m addrtype ${not(draws)}--${side}-type ${type}${limit}`];
}

function connection(draws: Draws): string[] {
  const states = [
    ...["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "DNAT", "SNAT"],
    ...["NEW,UNTRACKED", "UNTRACKED"],
  ];
  const others = [
    ...[
      "--ctorigdst 172.30.0.0/16",
      "--ctorigdstport 80",
      "--ctreplsrc 10.0.0.7",
    ],
    "--ctproto 6",
    ...["--ctorigsrc 10.0.0.0/24", "--ctorigsrcport 4000"],
    ...["--ctstatus SEEN_REPLY", "--ctstatus CONFIRMED", "--ctstatus NONE"],
  ];
  const kind = draws.below("kind", 100);
  if (kind < 80) {
    return [
      `-m conntrack ${not(draws)}--ctstate ${draws.one("state", states)}`,
    ];
  }
  if (kind < 84) {
    return [
      `-m conntrack --ctdir ${draws.one("dir", ["ORIGINAL", "REPLY"])}`,
    ];
  }
  return [`-m conntrack ${not(draws)}${draws.one("other", others)}`];
}

function owner(draws: Draws, { base }: RulePlace): string[] {
  if (base !== "OUTPUT" && base !== "POSTROUTING") return [];
  return [
    `-m owner ${
      draws.one("owner", [
        "--uid-owner 0",
        "--uid-owner 1337",
        "! --uid-owner 1337",
        "--socket-exists",
        "! --socket-exists",
      ])
    }`,
  ];
}

function target(
  draws: Draws,
  { table, base, callable }: RulePlace,
  isTcp: boolean,
): string[] {
  const site = new Draws(draws.next("target"), "");
  const kind = site.below("kind", 100);
  if (kind < 24 && callable.length > 0) {
    const flag = site.chance("goto", 18) ? "-g" : "-j";
    return [`${flag} ${site.one("chain", callable)}`];
  }
  if (kind < 34) return [];
  if (kind < 42) return ["-j RETURN"];
  if (kind < 55) return [mark(site)];
  switch (table) {
    case "raw":
      return kind < 65
        ? ["-j CT --notrack"]
        : kind < 75
        ? ["-j DROP"]
        : ["-j ACCEPT"];
    case "mangle":
      return kind < 62
        ? ["-j DROP"]
        : kind < 75
        ? [connectionMark(site)]
        : kind < 85
        ? [`-j ${site.one("header", HEADERS)}`]
        : ["-j ACCEPT"];
    case "nat":
      return kind < 70 ? ["-j ACCEPT"] : [translation(site, base, isTcp)];
    case "filter":
      return kind < 70 ? ["-j DROP"] : kind < 80
        ? [
          `-j REJECT --reject-with ${
            site.one("with", [
              "icmp-port-unreachable",
              "icmp-admin-prohibited",
              ...isTcp ? ["tcp-reset"] : [],
            ])
          }`,
        ]
        : ["-j ACCEPT"];
  }
}

const HEADERS = [
  ...["TTL --ttl-set 2", "TTL --ttl-dec 1", "TTL --ttl-inc 5"],
  ...["TTL --ttl-dec 64", "TOS --set-tos 0x10/0x3f", "TOS --set-tos 0x08"],
  ...["TOS --xor-tos 0x21", "DSCP --set-dscp 46", "DSCP --set-dscp 0"],
];

function mark(draws: Draws): string {
  return `-j MARK ${
    draws.one("mark", [
      "--set-xmark 0x4000/0x4000",
      "--set-xmark 0x0/0xffffff00",
      "--set-xmark 0x1/0xffffffff",
      "--set-xmark 0x4000/0x0",
      "--set-mark 0x2/0x3",
      "--or-mark 0x10",
      "--and-mark 0xfe",
    ])
  }`;
}

function connectionMark(draws: Draws): string {
  return `-j CONNMARK ${
    draws.one("connmark", [
      "--save-mark",
      "--restore-mark",
      "--restore-mark --nfmask 0xff --ctmask 0xff",
      "--set-xmark 0x1/0xff",
    ])
  }`;
}

function translation(draws: Draws, base: string, isTcp: boolean): string {
  const port = isTcp && draws.chance("port", 50)
    ? draws.one("port there", [":8080", ":9090", ":8080-8090"])
    : "";
  switch (base) {
    case "PREROUTING":
    case "OUTPUT":
      if (draws.chance("netmap", 8)) return "-j NETMAP --to 10.180.0.0/24";
      return draws.chance("redirect", 25)
        ? `-j REDIRECT${isTcp && port !== "" ? " --to-ports 15001" : ""}`
        : `-j DNAT --to-destination ${draws.one("backend", BACKENDS)}${port}`;
    case "POSTROUTING":
      if (draws.chance("netmap", 8)) return "-j NETMAP --to 10.99.0.0/24";
      return draws.chance("masquerade", 60)
        ? "-j MASQUERADE"
        : `-j SNAT --to-source ${
          draws.one("source", ["192.168.0.2", "10.99.0.1"])
        }`;
    default:
      return "-j SNAT --to-source 10.99.0.1";
  }
}

import { linkName } from "../../core/replay/hook_context.ts";
import type { HostLink } from "../../plugins/kernel/mod.ts";
import { CASE_LINKS } from "./run_case.ts";

/** A host that cases go through, and who is around it. */
export interface FuzzRouter {
  readonly name: "router" | "node";
  readonly links: readonly HostLink[];
  /** What `-i` and `-o` may say. */
  readonly linkPatterns: readonly string[];
  /** Links that packets arrive on, with who is behind them; `LOCAL` is the host itself. */
  readonly senders: readonly {
    readonly link: string;
    readonly addresses: readonly string[];
  }[];
  readonly destinations: readonly string[];
}

/** Pods of the node, as a scenario would have them. */
export const FUZZ_PODS = [
  { name: "a", ip: "10.0.0.2" },
  { name: "b", ip: "10.0.0.7" },
  { name: "c", ip: "10.180.0.9" },
] as const;

const OUTSIDE = ["192.168.0.9", "203.0.113.2", "203.0.113.77"];
const VIRTUAL = ["172.30.0.1", "172.30.0.2"];

/** The sets that rules may ask about. */
export const FUZZ_SETS = `create ips hash:ip
add ips 10.0.0.2
add ips 203.0.113.2
create ipport hash:ip,port
add ipport 10.180.0.9,tcp:80
add ipport 10.0.0.2,udp:53
add ipport 172.30.0.1,tcp:443
create nets hash:net
add nets 10.180.0.0/16
add nets 10.180.0.8/29 nomatch
add nets 203.0.113.0/24
create ports bitmap:port range 0-65535
add ports 80
add ports 4001
create hosts bitmap:ip range 10.0.0.0/24
add hosts 10.0.0.2
create wide hash:ip netmask 24
add wide 10.180.0.0
create pings hash:ip,port
add pings 10.0.0.2,icmp:echo-request
add pings 10.0.0.2,udp:4000
`;

const podLinks = FUZZ_PODS.map(({ name, ip }) => ({
  name: linkName({ namespace: "fuzz", name }),
  ip,
}));

/** The router of the recorded cases, with a bridge that has an address; and a node as the engine has them. */
export const FUZZ_ROUTERS: readonly FuzzRouter[] = [
  {
    name: "router",
    links: CASE_LINKS,
    linkPatterns: ["eth0", "cni0", "cali1", "c+", "cali+"],
    senders: [
      { link: "eth0", addresses: OUTSIDE },
      { link: "cni0", addresses: ["10.0.0.2", "10.0.0.3", "10.0.0.9"] },
      { link: "cali1", addresses: ["10.180.0.1", "10.180.0.9"] },
      { link: "LOCAL", addresses: ["192.168.0.2"] },
    ],
    destinations: [
      ...["10.0.0.1", "10.0.0.2", "10.180.0.1", "10.180.0.9", "192.168.0.2"],
      ...VIRTUAL,
      ...OUTSIDE,
    ],
  },
  {
    name: "node",
    links: [
      { name: "eth0", addresses: ["192.168.0.2/32"], routes: ["default"] },
      ...podLinks.map(({ name, ip }) => ({
        name,
        addresses: [],
        routes: [`${ip}/32`],
      })),
    ],
    linkPatterns: ["eth0", "veth+", "e+", ...podLinks.map(({ name }) => name)],
    senders: [
      { link: "eth0", addresses: OUTSIDE },
      ...podLinks.map(({ name, ip }) => ({ link: name, addresses: [ip] })),
      { link: "LOCAL", addresses: ["192.168.0.2"] },
    ],
    destinations: [
      ...FUZZ_PODS.map(({ ip }) => ip),
      "192.168.0.2",
      ...VIRTUAL,
      ...OUTSIDE,
    ],
  },
];

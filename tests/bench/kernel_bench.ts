import { print } from "../../app/cli/_exit.ts";
import { Cluster } from "../../core/cluster/cluster.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import {
  openingPacket,
  type WalkingPacket,
} from "../../core/packet/walking_packet.ts";
import { GeneratedRules } from "../../plugins/iptables/generated_rules.ts";
import { NetfilterHost } from "../../plugins/iptables/netfilter_host.ts";
import type { NftRuleSet } from "../../plugins/iptables/nft_rule_set.ts";
import { optionsSchema } from "../../plugins/iptables/options.ts";
import type { HostTables } from "../../plugins/iptables/rule_set.ts";
import {
  type Backend,
  type HostLink,
  kernelAvailable,
  KernelHost,
} from "../../plugins/kernel/mod.ts";
import { packetBytes } from "../../plugins/kernel/packet_bytes.ts";
import { syntheticCluster } from "./synthetic_cluster.ts";

/**
 * Times of one packet: through the kernel, written to one TUN device and read
 * from another, or through the plugin that models it. In ns, medians.
 */
interface PacketTimes {
  /** First packet of a connection to the last Service. */
  readonly last: number;
  /** The same to no Service at all. */
  readonly none: number;
  /** A later packet of a connection. */
  readonly established: number;
}

/** Rules, and packets to the last Service that they have. */
interface Rules {
  readonly mode: string;
  readonly backend: Backend;
  readonly services: number;
  readonly count: number;
  readonly last: Ip;
  intoKernel(host: KernelHost): void;
  /** The plugin with the same rules, read and compiled. */
  intoPlugin(): NetfilterHost;
}

const SERVICES = [10, 100, 1_000, 10_000];
const ROUNDS = 5;
const PACKETS = 3_000;
const ENDPOINTS = 2;
const NOWHERE = Ip.of("203.0.113.9");

const LINKS: readonly HostLink[] = [
  { name: "eth0", addresses: ["192.168.0.2/24"], routes: ["default"] },
  { name: "veth0", addresses: [], routes: ["10.0.0.2/32"] },
];

/** Prints the kernel's figures with those of the plugin beside them, for the same rules and the same packets. */
export function benchKernel(): void {
  print(
    "\none packet, ns, kernel | plugin: medians of 5 rounds of 3,000 packets",
  );
  for (const rulesOf of [iptablesLegacy, iptablesNft, nftablesMode]) {
    for (const services of SERVICES) {
      const rules = rulesOf(services);
      const available = kernelAvailable(rules.backend);
      if (!available.ok) {
        print(`${rules.mode}: not run: ${available.why}`);
        break;
      }
      print(row(rules));
    }
  }
}

function row(rules: Rules): string {
  using host = new KernelHost({
    backend: rules.backend,
    links: LINKS,
    delivery: "stack",
    traced: false,
  });
  const kernelS = seconds(() => rules.intoKernel(host)).taken;
  const kernel = kernelTimes(host, rules.last);
  const plugin = seconds(() => rules.intoPlugin());
  const modelled = pluginTimes(plugin.made, rules);
  const pair = (name: keyof PacketTimes) =>
    `${name} ${whole(kernel[name])} |${whole(modelled[name])}`;
  return `  ${rules.mode.padEnd(15)} ${
    `${rules.services}`.padStart(6)
  } services ${`${rules.count}`.padStart(6)} rules  ${pair("last")}  ${
    pair("none")
  }  ${pair("established")}  loaded ${kernelS.toFixed(2)} | ${
    plugin.taken.toFixed(2)
  } s`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en").padStart(7);
}

function seconds<Made>(make: () => Made): { made: Made; taken: number } {
  const start = performance.now();
  const made = make();
  return { made, taken: (performance.now() - start) / 1_000 };
}

function kernelTimes(host: KernelHost, last: Ip): PacketTimes {
  const send = (packet: Uint8Array<ArrayBuffer>) =>
    host.inject("veth0", packet);
  const first = (address: Ip) =>
    median((round) => {
      host.forgetAll();
      return packetsTo(address, round).map(bytesOf);
    }, send);
  // Once for the compiler of this program.
  first(NOWHERE);
  const times = { last: first(last), none: first(NOWHERE) };
  const [again] = packetsTo(last, 0).map(bytesOf);
  const established = median(
    () => Array.from({ length: PACKETS }, () => again!),
    send,
  );
  return { ...times, established };
}

function pluginTimes(warm: NetfilterHost, { last, intoPlugin }: Rules) {
  const timesOf = (host: NetfilterHost): PacketTimes => {
    const send = (packet: WalkingPacket) =>
      host.send(packet, { link: "veth0" });
    const first = (address: Ip, from: number) =>
      median((round) => packetsTo(address, from + round), send);
    // Ports of their own, as nothing is forgotten here.
    const times = { last: first(last, 0), none: first(NOWHERE, 0) };
    const [again] = packetsTo(last, 0);
    const established = median(
      () => Array.from({ length: PACKETS }, () => again!),
      send,
    );
    return { ...times, established };
  };
  timesOf(warm);
  return timesOf(intoPlugin());
}

function median<Packet>(
  packets: (round: number) => readonly Packet[],
  send: (packet: Packet) => unknown,
): number {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const sent = packets(round);
    const start = performance.now();
    for (const packet of sent) send(packet);
    return (performance.now() - start) * 1e6 / sent.length;
  });
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

function packetsTo(address: Ip, round: number): WalkingPacket[] {
  return Array.from({ length: PACKETS }, (_, index) =>
    openingPacket({
      protocol: "tcp",
      source: Ip.of("10.0.0.2"),
      sourcePort: 1_024 + round * PACKETS + index,
      destination: address,
      destinationPort: 80,
      mark: 0,
      payload: { kind: "opaque", lengthBytes: 0 },
    }));
}

function bytesOf(packet: WalkingPacket): Uint8Array<ArrayBuffer> {
  return packetBytes(packet, { direction: "original", identification: 1 });
}

function pluginHost(tables: HostTables, nft: NftRuleSet | null = null) {
  return new NetfilterHost(tables, { links: LINKS, nft });
}

/** kube-proxy's own table of nftables mode: a lookup in a map, however many Services there are. */
function nftablesMode(services: number): Rules {
  const cluster = new Cluster();
  const size = { services, pods: services * ENDPOINTS, policies: 0, nodes: 1 };
  for (const event of syntheticCluster(size)) cluster.apply(event);
  const node = cluster.nodes.get("node-0")!;
  const options = optionsSchema.parse({ mode: "nftables" });
  const lines = new GeneratedRules(cluster, options).nftLines(node, 4);
  return {
    mode: "nftables mode",
    backend: "nft",
    services,
    count: lines.filter((line) => line.startsWith("add rule")).length,
    last: Ip.of("10.96.0.0").plus(services),
    intoKernel: (host) => host.add(lines),
    intoPlugin() {
      const generated = new GeneratedRules(cluster, options);
      const { own, nft } = generated.rulesOf(node, 4);
      return pluginHost({ v4: own, v6: [] }, nft);
    },
  };
}

function iptablesLegacy(services: number): Rules {
  return iptablesMode(services, "legacy");
}

function iptablesNft(services: number): Rules {
  return iptablesMode(services, "nft");
}

function iptablesMode(services: number, backend: Backend): Rules {
  const text = serviceRules(services);
  return {
    mode: `iptables, ${backend}`,
    backend,
    services,
    count: text.split("\n-A ").length - 1,
    last: serviceAddress(services - 1),
    intoKernel: (host) => host.load(text),
    intoPlugin: () =>
      pluginHost(parseIptablesSave(text, { file: "rules", family: 4 })),
  };
}

function serviceAddress(service: number): Ip {
  return Ip.of("172.16.0.0").plus(service + 1);
}

/** What kube-proxy writes for so many Services, in its order. */
function serviceRules(services: number): string {
  const chains: string[] = [];
  const rules: string[] = [];
  const list: string[] = [];
  for (let service = 0; service < services; service++) {
    const name = `${service}`.padStart(16, "0");
    const ip = serviceAddress(service).text;
    const comment = `-m comment --comment "default/service-${service}"`;
    chains.push(`:KUBE-SVC-${name} - [0:0]`);
    list.push(
      `-A KUBE-SERVICES -d ${ip}/32 -p tcp ${comment} -m tcp --dport 80 -j KUBE-SVC-${name}`,
    );
    rules.push(
      `-A KUBE-SVC-${name} ! -s 10.0.0.0/8 -d ${ip}/32 -p tcp ${comment} -m tcp --dport 80 -j KUBE-MARK-MASQ`,
    );
    for (let endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
      const to = Ip.of("10.128.0.0").plus(service * ENDPOINTS + endpoint).text;
      const own = `KUBE-SEP-${endpoint}${name.slice(1)}`;
      const share = endpoint === ENDPOINTS - 1
        ? ""
        : "-m statistic --mode random --probability 0.50000000000 ";
      chains.push(`:${own} - [0:0]`);
      rules.push(
        `-A KUBE-SVC-${name} ${comment} ${share}-j ${own}`,
        `-A ${own} -s ${to}/32 ${comment} -j KUBE-MARK-MASQ`,
        `-A ${own} -p tcp ${comment} -m tcp -j DNAT --to-destination ${to}:8080`,
      );
    }
  }
  return `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
${chains.join("\n")}
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
${list.join("\n")}
${rules.join("\n")}
COMMIT
`;
}

import { print } from "../../app/cli/_exit.ts";
import { Ip } from "../../core/packet/ip.ts";
import { openingPacket } from "../../core/packet/walking_packet.ts";
import {
  type Backend,
  kernelAvailable,
  KernelHost,
} from "../../plugins/kernel/mod.ts";
import { packetBytes } from "../../plugins/kernel/packet_bytes.ts";

/** Time of a connection's first packet through the kernel, written to one TUN device and read from another. */
export interface KernelFigures {
  readonly services: number;
  readonly rules: number;
  readonly loadS: number;
  /** Medians, in ns: to the last Service, to no Service at all, and a later packet of a connection. */
  readonly lastNs: number;
  readonly missNs: number;
  readonly establishedNs: number;
}

const SERVICES = [10, 100, 1_000, 10_000];
const ROUNDS = 5;
const PACKETS = 3_000;
const ENDPOINTS = 2;

/**
 * Prints the kernel's figures, with those of the plugin that models it beside
 * them where `pluginNs` gives them: ns of a first packet to the last of so
 * many Services.
 */
export function benchKernel(
  { pluginNs, backends = ["legacy", "nft"] }: {
    readonly pluginNs?: (services: number) => number;
    readonly backends?: readonly Backend[];
  } = {},
): void {
  print("\nkernel, first packet of a connection, ns: median of 5 rounds");
  for (const backend of backends) {
    const available = kernelAvailable(backend);
    if (!available.ok) {
      print(`kernel: not run: ${available.why}`);
      continue;
    }
    for (const services of SERVICES) {
      print(figuresText(backend, kernelFigures(backend, services), pluginNs));
    }
  }
}

function figuresText(
  backend: Backend,
  figures: KernelFigures,
  pluginNs: ((services: number) => number) | undefined,
): string {
  const { services, rules, loadS, lastNs, missNs, establishedNs } = figures;
  const column = (value: number) =>
    Math.round(value).toLocaleString("en").padStart(8);
  const plugin = pluginNs === undefined
    ? ""
    : `  plugin, last ${column(pluginNs(services))}`;
  return `  ${backend.padEnd(6)} ${`${services}`.padStart(6)} services ${
    `${rules}`.padStart(6)
  } rules  last ${column(lastNs)}  none ${column(missNs)}  established ${
    column(establishedNs)
  }  loaded in ${loadS.toFixed(2)} s${plugin}`;
}

/** Measures one size. */
export function kernelFigures(
  backend: Backend,
  services: number,
): KernelFigures {
  using host = new KernelHost({
    backend,
    links: [
      { name: "eth0", addresses: ["192.168.0.2/24"], routes: ["default"] },
      { name: "veth0", addresses: [], routes: ["10.0.0.2/32"] },
    ],
    delivery: "stack",
    traced: false,
  });
  const text = serviceRules(services);
  const start = performance.now();
  host.load(text);
  const loadS = (performance.now() - start) / 1_000;
  const first = (address: Ip) =>
    median((round) => {
      host.forgetAll();
      return packetsTo(address, round);
    }, host);
  // Once for the compiler of this program.
  first(Ip.of("203.0.113.9"));
  const last = first(serviceAddress(services - 1));
  const miss = first(Ip.of("203.0.113.9"));
  const [again] = packetsTo(serviceAddress(services - 1), 0);
  const established = median(
    () => Array.from({ length: PACKETS }, () => again!),
    host,
  );
  return {
    services,
    rules: text.split("\n-A ").length - 1,
    loadS,
    lastNs: last,
    missNs: miss,
    establishedNs: established,
  };
}

function median(
  packets: (round: number) => readonly Uint8Array<ArrayBuffer>[],
  host: KernelHost,
): number {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const sent = packets(round);
    const start = performance.now();
    for (const packet of sent) host.inject("veth0", packet);
    return (performance.now() - start) * 1e6 / sent.length;
  });
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

function packetsTo(address: Ip, round: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: PACKETS }, (_, index) =>
    packetBytes(
      openingPacket({
        protocol: "udp",
        source: Ip.of("10.0.0.2"),
        sourcePort: 1_024 + round * PACKETS + index,
        destination: address,
        destinationPort: 80,
        mark: 0,
        payload: { kind: "opaque", lengthBytes: 0 },
      }),
      { direction: "original", identification: 1 },
    ));
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
      `-A KUBE-SERVICES -d ${ip}/32 -p udp ${comment} -m udp --dport 80 -j KUBE-SVC-${name}`,
    );
    rules.push(
      `-A KUBE-SVC-${name} ! -s 10.0.0.0/8 -d ${ip}/32 -p udp ${comment} -m udp --dport 80 -j KUBE-MARK-MASQ`,
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
        `-A ${own} -p udp ${comment} -m udp -j DNAT --to-destination ${to}:8080`,
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

import { gunzipSync } from "node:zlib";
import { parseIpsetSave } from "../../core/import/ipset_save.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import type { RuleDump } from "../../core/import/iptables_rules.ts";
import {
  type CasePacket,
  casePacketBytes,
} from "../../app/kernel/case_packet.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import { readPacket } from "../../core/packet/read_packet.ts";
import { ipSets } from "../../plugins/iptables/ip_sets.ts";
import { calicoDumps } from "./_calico_dumps.ts";
import { lastAnswer } from "../../plugins/iptables/host_answer.ts";
import { istioKernelFlows } from "./_istio_kernel_flows.ts";
import {
  type Link,
  NetfilterHost,
  type Sent,
} from "../../plugins/iptables/netfilter_host.ts";
import type { CaseResult, Suite } from "./suite.ts";

type Hit = readonly [table: string, chain: string, rule: number, count: number];

interface SeenPacket {
  readonly src: string;
  readonly dst: string;
  readonly proto: number;
  readonly ttl: number;
  readonly tos: number;
  readonly sport?: number;
  readonly dport?: number;
  readonly flags?: string;
  readonly type?: number;
  readonly code?: number;
  readonly inner?: SeenPacket;
}

interface Step {
  readonly iface: string;
  readonly packet: CasePacket;
  readonly out: readonly (readonly [string, SeenPacket | string])[];
  readonly hits: readonly Hit[];
}

interface KernelCase {
  readonly name: string;
  readonly rules: string;
  readonly pre: string | null;
  readonly sysctl: Readonly<Record<string, number>>;
  /** Fields of the output that the kernel chooses at random. */
  readonly nondet: readonly string[];
  readonly steps: readonly Step[];
}

interface KernelCases {
  readonly topology: readonly {
    readonly name: string;
    readonly addrs: readonly string[];
    readonly routes?: readonly string[];
  }[];
  readonly cases: readonly KernelCase[];
}

const FLAG_LETTERS = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 } as const;

/** Rules and packets judged by the Linux kernel. */
export const netfilterSuite: Suite = {
  name: "netfilter",
  *run(directory) {
    const { topology, cases }: KernelCases = JSON.parse(
      Deno.readTextFileSync(`${directory}/kernel-cases.json`),
    );
    const links = topology.map(({ name, addrs, routes }): Link => ({
      name,
      addresses: addrs,
      routes: routes ?? [],
    }));
    for (const one of cases) {
      yield judge(one, { id: `kernel-cases/${one.name}`, links });
    }
    const fuzz = gunzipSync(
      Deno.readFileSync(`${directory}/kernel-fuzz.jsonl.gz`),
    );
    for (const line of new TextDecoder().decode(fuzz).trim().split("\n")) {
      const { id, rules, steps } = JSON.parse(line);
      yield judge({ ...PLAIN_CASE, rules, steps }, {
        id: `kernel-fuzz/${id}`,
        links,
      });
    }
    yield* istioKernelFlows(`${directory}/istio-kernel-flows.json`);
    yield* calicoDumps(`${directory}/calico`);
  },
};

/** The corpus names three sets and does not list them: these are the contents that the kernel's hits show. */
const FUZZ_SETS = `create ips hash:ip
add ips 10.0.0.2
add ips 10.180.0.9
create ipport hash:ip,port
add ipport 10.180.0.9,tcp:80
add ipport 10.0.0.2,tcp:80
create nets hash:net
add nets 203.0.113.0/24
add nets 10.180.0.0/16
add nets 10.180.0.1 nomatch
`;

const PLAIN_CASE = { name: "fuzz", pre: FUZZ_SETS, sysctl: {}, nondet: [] };

function judge(
  one: KernelCase,
  { id, links }: { readonly id: string; readonly links: readonly Link[] },
): CaseResult {
  const unset = Object.keys(one.sysctl).find((name) => !KNOWN_SYSCTL.has(name));
  if (unset !== undefined) {
    return { id, status: "unknown", actual: `sysctl ${unset} is not modelled` };
  }
  const hits = new Map<string, number>();
  const tables = parseIptablesSave(one.rules, { file: one.name, family: 4 });
  const sets = one.pre === null
    ? []
    : parseIpsetSave(one.pre, { file: one.name });
  const host = new NetfilterHost(tables, {
    links,
    sets: ipSets(sets),
    routesLoopback: one.sysctl["net.ipv4.conf.all.route_localnet"] !== 0,
    tracksMidstream: one.sysctl[TCP_LOOSE] !== 0,
    onHit: (chain, rule) => {
      const key = `${chain.table} ${chain.name}:${rule + 1}`;
      if (rule >= 0) hits.set(key, (hits.get(key) ?? 0) + 1);
    },
  });
  for (const [index, step] of one.steps.entries()) {
    hits.clear();
    const result = judgeStep(step, { one, host, hits, index, tables });
    if (result !== null) return { id, ...result };
  }
  return { id, status: "passed" };
}

const TCP_LOOSE = "net.netfilter.nf_conntrack_tcp_loose";

const KNOWN_SYSCTL: ReadonlySet<string> = new Set([
  "net.ipv4.conf.all.route_localnet",
  TCP_LOOSE,
]);

function judgeStep(
  step: Step,
  { one, host, hits, index, tables }: {
    readonly one: KernelCase;
    readonly tables: RuleDump;
    readonly host: NetfilterHost;
    readonly hits: ReadonlyMap<string, number>;
    readonly index: number;
  },
): Omit<CaseResult, "id"> | null {
  const link = step.iface === "LOCAL" ? null : step.iface;
  const owner = link === null
    ? {
      place: { kind: "node", name: "host" } as const,
      uid: 0,
      connection: "test",
    }
    : null;
  const sent = host.send(readPacket(casePacketBytes(step.packet))!, {
    link,
    owner,
  });
  if (sent.kind === "stopped" && sent.action.kind === "unknown") {
    return { status: "unknown", actual: sent.action.reason };
  }
  const refused = link === null && sent.kind === "stopped" &&
    (sent.hook === "output" || sent.hook === "postrouting");
  const answered = lastAnswer(sent, host);
  if (answered.kind === "stopped" && answered.action.kind === "unknown") {
    return { status: "unknown", actual: answered.action.reason };
  }
  const outs = [
    ...(refused ? ["ERR EPERM"] : []),
    ...outTexts(answered, one),
  ];
  const actual = [outs.join("; "), hitText(hits)].join(" | ");
  const expected = [
    expectedText(step, one),
    hitText(
      new Map(
        step.hits.filter((hit) => isRule(hit, tables))
          .map((hit) => [`${hit[0]} ${hit[1]}:${hit[2]}`, hit[3]]),
      ),
    ),
  ].join(" | ");
  return actual === expected ? null : {
    status: "failed",
    expected: `step ${index + 1}: ${expected}`,
    actual: `step ${index + 1}: ${actual}`,
  };
}

/** Counters of policies, and of the end of a chain, which the kernel keeps as a rule of its own, are left out. */
function isRule([table, chain, rule]: Hit, { v4 }: RuleDump): boolean {
  const rules = v4.find(({ name }) => name === table)?.chains
    .find(({ name }) => name === chain)?.rules;
  return rule > 0 && rule <= (rules?.length ?? 0);
}

function outTexts(sent: Sent, { nondet }: KernelCase): readonly string[] {
  if (sent.kind !== "sent") return [];
  return (sent.pieces ?? [sent.packet]).map((packet) =>
    seenText(sent.link, seenOf(packet), nondet)
  );
}

function seenOf(packet: Packet): SeenPacket {
  const icmp = packet.protocol === PROTOCOL.icmp;
  return {
    src: packet.source.text,
    dst: packet.destination.text,
    proto: packet.protocol,
    ttl: packet.ttl,
    tos: packet.detail?.typeOfService ?? 0,
    ...(icmp
      ? { type: packet.icmpType, code: packet.icmpCode }
      : hasPorts(packet)
      ? { sport: packet.sourcePort, dport: packet.destinationPort }
      : {}),
    ...(packet.protocol === PROTOCOL.tcp
      ? { flags: flagText(packet.tcpFlags) }
      : {}),
    ...(packet.inner ? { inner: seenOf(packet.inner) } : {}),
  };
}

function expectedText({ out }: Step, { nondet }: KernelCase): string {
  return out.map(([link, seen]) =>
    typeof seen === "string" ? `${link} ${seen}` : seenText(link, seen, nondet)
  ).join("; ");
}

function seenText(
  link: string,
  seen: SeenPacket,
  nondet: readonly string[],
): string {
  const port = (name: "sport" | "dport") =>
    nondet.includes(name) ? "?" : seen[name] ?? "";
  return [
    link,
    seen.proto,
    `${seen.src}:${port("sport")}`,
    `${seen.dst}:${port("dport")}`,
    `ttl ${seen.ttl}`,
    `tos ${seen.tos}`,
    seen.flags ?? "",
    seen.type === undefined ? "" : `${seen.type}/${seen.code}`,
    seen.inner === undefined ? "" : seenText("about", seen.inner, nondet),
  ].join(" ");
}

function hasPorts({ protocol }: Packet): boolean {
  return protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp ||
    protocol === PROTOCOL.sctp;
}

function flagText(flags: number): string {
  return Object.entries(FLAG_LETTERS)
    .map(([letter, bit]) => (flags & bit) !== 0 ? letter : "").join("");
}

function hitText(hits: ReadonlyMap<string, number>): string {
  return [...hits].map(([rule, count]) => `${rule}x${count}`).sort()
    .join(", ");
}

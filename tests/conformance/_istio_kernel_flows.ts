import { InputError } from "../../core/errors.ts";
import { parseIpsetSave } from "../../core/import/ipset_save.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import {
  openingPacket,
  type WalkingPacket,
} from "../../core/packet/walking_packet.ts";
import { ipSets } from "../../plugins/iptables/ip_sets.ts";
import { lastAnswer } from "../../plugins/iptables/host_answer.ts";
import {
  type Link,
  NetfilterHost,
  type Sent,
} from "../../plugins/iptables/netfilter_host.ts";
import type { CaseResult } from "./suite.ts";

/** A rule set of a sidecar with the flows that the kernel judged under it. */
interface SidecarCase {
  readonly name: string;
  readonly rules?: string;
  readonly flows?: readonly SidecarFlow[];
  /** What iptables-restore said, where it refused the rules. */
  readonly loadError?: string;
}

interface SidecarFlow {
  readonly name: string;
  /** A link, or `LOCAL:` and who sends. */
  readonly via: string;
  readonly proto: "tcp" | "udp";
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly out: readonly (readonly [link: string, packet: string])[];
  readonly ctReplyFrom: string | null;
  readonly hits: readonly (readonly [
    table: string,
    chain: string,
    rule: number,
  ])[];
}

const LINKS: readonly Link[] = [
  { name: "eth0", addresses: ["10.244.1.5/24"], routes: ["default"] },
];

/** The set that a rule of the node agent names: its pods, as the kernel's hits show. */
const SETS = ipSets(
  parseIpsetSave(
    "create istio-inpod-probes-v4 hash:ip\nadd istio-inpod-probes-v4 10.244.1.5\n",
    { file: "sets" },
  ),
);

const SENDERS: Readonly<Record<string, { uid: number; gid: number }>> = {
  app: { uid: 1_000, gid: 1_000 },
  envoy: { uid: 1_337, gid: 0 },
  "envoy-gid": { uid: 1_000, gid: 1_337 },
};

/** Rules of Istio's sidecars and flows with real socket owners, as the kernel took them. */
export function* istioKernelFlows(file: string): Generator<CaseResult> {
  const cases: readonly SidecarCase[] = JSON.parse(
    Deno.readTextFileSync(file),
  );
  for (const one of cases) yield judge(one);
}

function judge(one: SidecarCase): CaseResult {
  const id = `istio/${one.name}`;
  if (one.rules === undefined) {
    return {
      id,
      status: "disputed",
      expected: `iptables-restore: ${one.loadError}`,
      actual: "the file has the refusal without the rules that were refused",
    };
  }
  for (const flow of one.flows ?? []) {
    const result = judgeFlow(one.rules, flow);
    if (result !== null) return { id, ...result };
  }
  return { id, status: "passed" };
}

function judgeFlow(
  rules: string,
  flow: SidecarFlow,
): Omit<CaseResult, "id"> | null {
  const hits = new Set<string>();
  let host: NetfilterHost;
  try {
    host = new NetfilterHost(
      parseIptablesSave(`${rules}\n`, { file: flow.name, family: 4 }),
      {
        links: LINKS,
        sets: SETS,
        onHit: (chain, rule) => {
          if (rule >= 0) hits.add(`${chain.table} ${chain.name}:${rule + 1}`);
        },
      },
    );
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return {
      status: "failed",
      expected: "rules that load",
      actual: error.message,
    };
  }
  const sent = send(host, flow);
  if (sent.kind === "stopped" && sent.action.kind === "unknown") {
    return { status: "unknown", actual: `${flow.name}: ${sent.action.reason}` };
  }
  const expected = flow.hits.filter(([, , rule]) => rule > 0)
    .map(([table, chain, rule]) => `${table} ${chain}:${rule}`);
  const wanted = [
    flow.out.map(([link, text]) => `${link} ${text}`),
    ...sorted(expected),
  ];
  const got = [outOf(sent), ...sorted(hits)];
  const same = wanted.join("; ") === got.join("; ");
  return same ? null : {
    status: "failed",
    expected: `${flow.name}: ${wanted.join("; ")}`,
    actual: `${flow.name}: ${got.join("; ")}`,
  };
}

function send(host: NetfilterHost, flow: SidecarFlow): Sent {
  const packet = openingPacket({
    protocol: flow.proto,
    source: Ip.of(flow.src),
    sourcePort: flow.sport,
    destination: Ip.of(flow.dst),
    destinationPort: flow.dport,
    mark: 0,
    payload: { kind: "opaque", lengthBytes: 0 },
  });
  const sender = SENDERS[flow.via.replace("LOCAL:", "")];
  const place = { kind: "node", name: "host" } as const;
  return lastAnswer(
    host.send(packet, {
      link: sender === undefined ? flow.via : null,
      owner: sender === undefined
        ? null
        : { place, connection: "test", ...sender },
    }),
    host,
  );
}

function outOf(sent: Sent): string {
  return sent.kind === "sent" ? `${sent.link} ${packetText(sent.packet)}` : "";
}

/** `tcp 10.0.0.1:1>10.0.0.2:80 S ttl64`. */
function packetText(packet: WalkingPacket): string {
  const [protocol, source, , destination] = packet.toString().split(" ");
  const flags = [...FLAG_LETTERS].filter((_, bit) =>
    (packet.tcpFlags & (1 << bit)) !== 0
  ).join("");
  return `${protocol} ${source}>${destination} ${flags} ttl${packet.ttl}`;
}

const FLAG_LETTERS = "FSRPAU";

function sorted(names: Iterable<string>): string[] {
  return [...names].sort();
}

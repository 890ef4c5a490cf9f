import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { printRule, printTables } from "../../core/import/iptables_print.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import { Cidr, Ip } from "../../core/packet/ip.ts";
import { openingPacket } from "../../core/packet/walking_packet.ts";
import {
  builtTables,
  kubeProxyTables,
} from "../../plugins/iptables/kube_proxy.ts";
import { ChainNames } from "../../plugins/iptables/chain_name.ts";
import { GeneratedRules } from "../../plugins/iptables/generated_rules.ts";
import { localDetector } from "../../plugins/iptables/local_detector.ts";
import { optionsSchema } from "../../plugins/iptables/options.ts";
import {
  type ApiService,
  type ApiSlice,
  clusterOf,
  nodeOf,
} from "./_kube_objects.ts";
import {
  NetfilterHost,
  type Sent,
} from "../../plugins/iptables/netfilter_host.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** How kube-proxy was set up in a case. */
interface Config {
  readonly masqueradeAll: boolean | null;
  readonly localDetector: "cidr" | "none" | null;
  readonly localhostNodePorts: boolean | null;
  readonly nodePortAddresses: readonly string[] | null;
  readonly ipv6: boolean | null;
}

interface Setting {
  readonly id: string;
  readonly config: Config;
  readonly services: readonly ApiService[];
  readonly endpointSlices: readonly ApiSlice[];
}

interface Golden extends Setting {
  readonly rules: readonly string[];
  readonly partialSync: boolean;
  readonly kernelCanonical?: { readonly legacy: readonly string[] };
}

interface FlowSet extends Setting {
  readonly nodeIP: string;
  readonly flows: readonly Flow[];
  readonly staticRules: readonly string[] | null;
}

interface Flow {
  readonly name: string;
  readonly sourceIP: string;
  readonly protocol: string;
  readonly destIP: string;
  readonly destPort: number;
  readonly output: string;
  readonly masq: boolean;
}

interface Cases {
  readonly conventions: {
    readonly podCIDR: string;
    readonly hostname: string;
    readonly nodeIP: string;
  };
  readonly goldens: readonly Golden[];
  readonly flowSets: readonly FlowSet[];
}

/** Rules and packet flows of kube-proxy's own unit tests. */
export const kubeProxySuite: Suite = {
  name: "kube-proxy",
  *run(directory) {
    const cases: Cases = JSON.parse(
      Deno.readTextFileSync(`${directory}/iptables.json`),
    );
    for (const golden of cases.goldens) yield judgeGolden(golden, cases);
    for (const set of cases.flowSets) yield judgeFlows(set, cases);
    yield judgeNftables(`${directory}/nftables`, cases);
  },
};

/**
 * The table of nftables mode, line by line. Nothing depends on the order of
 * what is added, but for the rules within one chain.
 */
function judgeNftables(directory: string, { conventions }: Cases): CaseResult {
  const id = "nftables-overall";
  const input: Setting = JSON.parse(
    Deno.readTextFileSync(`${directory}/overall-input.json`),
  );
  const expected = Deno.readTextFileSync(`${directory}/overall-golden.nft`)
    .trim().split("\n").filter((line) => !line.startsWith("#"));
  const node = nodeOf(conventions.hostname, [conventions.nodeIP]);
  const options = optionsSchema.parse({
    mode: "nftables",
    clusterCIDR: conventions.podCIDR,
    serviceCIDRs: ["172.30.0.0/16"],
  });
  const cluster = clusterOf(input.services, input.endpointSlices, node);
  const actual = new GeneratedRules(cluster, options).nftLines(node, 4);
  const wrong = firstDifference(byChain(expected), byChain(actual));
  return wrong === undefined
    ? { id, status: "passed" }
    : { id, status: "failed", ...wrong };
}

/** Rules keep their order within their chain; everything else is sorted. */
function byChain(lines: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const chain = /^add rule \S+ \S+ \S+/.exec(line)?.[0];
    if (chain === undefined) return line;
    const index = seen.get(chain) ?? 0;
    seen.set(chain, index + 1);
    return `${chain} #${index}${line.slice(chain.length)}`;
  }).sort();
}

function generated(
  { config, services, endpointSlices }: Setting,
  { conventions }: Cases,
  nodeIp: string,
): readonly RuleTable[] {
  const node = nodeOf(conventions.hostname, [nodeIp]);
  const family = config.ipv6 === true ? 6 : 4;
  const addresses = (config.nodePortAddresses ?? []).map(Cidr.of)
    .filter(({ base }) => base.family === family);
  return builtTables(
    kubeProxyTables(clusterOf(services, endpointSlices, node), {
      node,
      settings: {
        family,
        localDetector: config.localDetector === "cidr"
          ? localDetector("ClusterCIDR", {
            family,
            node,
            clusterCidrs: [Cidr.of(conventions.podCIDR)],
            bridgeInterface: "",
            interfaceNamePrefix: "",
          })
          : null,
        masqueradeAll: config.masqueradeAll === true,
        masqueradeMark: 0x4000,
        localhostNodePorts: config.localhostNodePorts === true,
        nodePortAddresses: addresses.length === 0 ? null : addresses,
        randomFully: false,
      },
    }),
  );
}

function judgeGolden(golden: Golden, cases: Cases): CaseResult {
  const nodeIp = golden.config.ipv6 === true ? "fd00::2" : "192.168.0.2";
  const ours = generated(golden, cases, nodeIp);
  const wrong = differenceInText(golden, ours) ??
    differenceInRules(golden, ours) ??
    differenceInCount(golden, cases, nodeIp);
  return wrong === undefined
    ? { id: golden.id, status: "passed" }
    : { id: golden.id, status: "failed", ...wrong };
}

interface Difference {
  readonly expected: string;
  readonly actual: string;
}

/** Against what iptables-save prints of the golden rules with kube-proxy's jumps. */
function differenceInText(
  { kernelCanonical }: Golden,
  ours: readonly RuleTable[],
): Difference | undefined {
  if (kernelCanonical === undefined) return undefined;
  return firstDifference(
    kernelCanonical.legacy,
    printTables(ours).trimEnd().split("\n"),
  );
}

function firstDifference(
  expected: readonly string[],
  actual: readonly string[],
): Difference | undefined {
  const length = Math.max(expected.length, actual.length);
  for (let index = 0; index < length; index++) {
    if (expected[index] !== actual[index]) {
      return {
        expected: expected[index] ?? "(no more lines)",
        actual: actual[index] ?? "(no more lines)",
      };
    }
  }
  return undefined;
}

/**
 * Against the rules as kube-proxy wrote them. A partial sync writes only the
 * chains that changed, and deletes those that went: each chain it writes must
 * be ours, each it deletes must not exist.
 */
function differenceInRules(
  golden: Golden,
  ours: readonly RuleTable[],
): Difference | undefined {
  const deleted = golden.rules.filter((line) => line.startsWith("-X "))
    .map((line) => line.slice(3));
  const text = withDeclaredTargets(
    golden.rules.filter((line) => !line.startsWith("-X ")),
  );
  const dump = parseIptablesSave(`${text.join("\n")}\n`, {
    file: golden.id,
    family: golden.config.ipv6 === true ? 6 : 4,
  });
  const declared = new Set(
    golden.rules.filter((line) => line.startsWith(":"))
      .map((line) => line.slice(1).split(" ")[0]!),
  );
  for (const table of [...dump.v4, ...dump.v6]) {
    const own = ours.find(({ name }) => name === table.name);
    for (const chain of table.chains) {
      if (chain.policy !== null || !declared.has(chain.name)) continue;
      if (deleted.includes(chain.name)) continue;
      const mine = own?.chains.find(({ name }) => name === chain.name);
      const difference = firstDifference(
        chain.rules.map((rule) => printRule(chain.name, rule)),
        mine?.rules.map((rule) => printRule(chain.name, rule)) ??
          [`(no chain ${chain.name})`],
      );
      if (difference !== undefined) return difference;
    }
    const kept = own?.chains.find(({ name }) => deleted.includes(name));
    if (kept !== undefined) {
      return { expected: `-X ${kept.name}`, actual: `:${kept.name}` };
    }
  }
  return undefined;
}

/**
 * Against how many rules the payload has: all of a full sync's; of a partial
 * one's, those that are written always and those of the Service ports of which
 * it has any chain. It says nothing of others.
 */
function differenceInCount(
  golden: Golden,
  { conventions }: Cases,
  nodeIp: string,
): Difference | undefined {
  const { config, services, endpointSlices, partialSync } = golden;
  const node = nodeOf(conventions.hostname, [nodeIp]);
  const options = optionsSchema.parse({
    clusterCIDR: conventions.podCIDR,
    detectLocalMode: config.localDetector === "cidr"
      ? "ClusterCIDR"
      : "BridgeInterface",
    masqueradeAll: config.masqueradeAll === true,
    localhostNodePorts: config.localhostNodePorts === true,
    nodePortAddresses: config.nodePortAddresses ?? [],
  });
  const cluster = clusterOf(services, endpointSlices, node);
  const { parts, always } = new GeneratedRules(cluster, options)
    .programmed(node, config.ipv6 === true ? 6 : 4)!;
  const rules = golden.rules.filter((line) => line.startsWith("-A "));
  const written = new Set(rules.map((line) => line.split(" ")[1]!));
  let count = always.rules ?? 0;
  for (const [key, part] of parts!) {
    const [, name, protocol] = /^port (\S+) (\S+)$/.exec(key)!;
    const names = new ChainNames(name!, protocol!.toLowerCase());
    const own = (["SVC", "SVL", "EXT", "FW"] as const)
      .map((kind) => names.ofService(kind));
    if (partialSync && !own.some((chain) => written.has(chain))) continue;
    count += part.written.rules ?? 0;
  }
  return count === rules.length ? undefined : {
    expected: `${rules.length} rules written`,
    actual: `${count}`,
  };
}

/** A partial sync jumps to chains that were written before. */
function withDeclaredTargets(lines: readonly string[]): readonly string[] {
  let declared = new Set<string>();
  return lines.flatMap((line) => {
    if (line.startsWith("*")) declared = new Set();
    if (line.startsWith(":")) declared.add(line.slice(1).split(" ")[0]!);
    const jump = / -j (KUBE-\S+)$/.exec(line)?.[1];
    if (jump === undefined || declared.has(jump)) return [line];
    declared.add(jump);
    return [`:${jump} - [0:0]`, line];
  });
}

function judgeFlows(set: FlowSet, cases: Cases): CaseResult {
  const tables = set.staticRules === null
    ? generated(set, cases, set.nodeIP)
    : parseIptablesSave(`${withQuotedComments(set.staticRules).join("\n")}\n`, {
      file: set.id,
    }).v4;
  for (const flow of set.flows) {
    const actual = runFlow(flow, set, tables);
    const expected = `${flow.name}: ${flow.output}${flow.masq ? " masq" : ""}`;
    if (actual !== expected) {
      return {
        id: set.id,
        status: actual.includes("unknown") ? "unknown" : "failed",
        expected,
        actual,
      };
    }
  }
  return { id: set.id, status: "passed" };
}

/** The static dump's base rules have bare comments of several words, which iptables-restore does not load either. */
function withQuotedComments(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line.replace(
      /^(-A [A-Z]+ .*)--comment ([^"]+?)(?= -[jm] )/,
      '$1--comment "$2"',
    )
  );
}

/** The outcome in the words of upstream's tracer. */
function runFlow(
  flow: Flow,
  { nodeIP, services }: FlowSet,
  tables: readonly RuleTable[],
): string {
  const hits: string[] = [];
  const host = new NetfilterHost({ v4: tables, v6: [] }, {
    links: [
      { name: "eth0", addresses: [`${nodeIP}/24`], routes: ["default"] },
      { name: "cni0", addresses: [], routes: ["10.0.0.0/8"] },
    ],
    onHit: (chain, rule) => {
      const target = rule < 0
        ? null
        : / -[jg] (\S+)/.exec(chain.rule(rule).cited.text ?? "");
      if (target !== null) hits.push(target[1]!);
    },
  });
  const source = Ip.of(flow.sourceIP);
  const local = flow.sourceIP === nodeIP || source.isLoopback;
  const sent = host.send(
    openingPacket({
      protocol: protocolOf(flow, services),
      source,
      sourcePort: 40_000,
      destination: Ip.of(flow.destIP),
      destinationPort: flow.destPort,
      mark: 0,
      payload: { kind: "opaque", lengthBytes: 0 },
    }),
    {
      link: local
        ? null
        : Cidr.of("10.0.0.0/8").contains(source)
        ? "cni0"
        : "eth0",
    },
  );
  const masq = hits.includes("MASQUERADE") ? " masq" : "";
  return `${flow.name}: ${outputOf(sent, host, hits)}${masq}`;
}

/**
 * The tables of v1.28 name no protocol, TCP stands there by default, and the
 * tracer compares none (iptablesTracer.ruleMatches). A flow to a port that
 * Services have of one other protocol only is a flow of that one.
 */
function protocolOf(
  { protocol, destPort }: Flow,
  services: readonly ApiService[],
): "tcp" | "udp" | "sctp" {
  const served = new Set(
    services.flatMap(({ spec }) =>
      (spec.ports ?? []).flatMap((port) =>
        port.port === destPort || port.nodePort === destPort
          ? [port.protocol ?? "TCP"]
          : []
      )
    ),
  );
  const [only] = served;
  const meant = served.size === 1 && only !== undefined ? only : protocol;
  return meant.toLowerCase() as "tcp";
}

function outputOf(
  sent: Sent,
  { picked }: NetfilterHost,
  hits: readonly string[],
): string {
  if (sent.kind === "stopped") {
    return sent.action.kind === "drop"
      ? "DROP"
      : sent.action.kind === "reject"
      ? "REJECT"
      : sent.action.kind;
  }
  if (picked.length > 0) {
    return picked.map(({ backend }) => backend).join(", ");
  }
  // Only the tracer tells being let in by a rule from being let in by a policy.
  return hits.includes("ACCEPT") ? "ACCEPT" : "";
}

import {
  type Backend,
  type HostLink,
  KernelHost,
} from "../../plugins/kernel/kernel_host.ts";
import {
  type RuleCounters,
  ruleKey,
} from "../../plugins/kernel/rule_counters.ts";
import {
  type CasePacket,
  casePacketBytes,
  type SeenCase,
  seenCase,
} from "./case_packet.ts";

/** One packet of a case: the link it arrives on, or `LOCAL` for a process of the host. */
export interface CaseStep {
  readonly iface: string;
  readonly packet: CasePacket;
}

/** What became of it: what left by which link, and `[table, chain, rule, packets]`, rule 0 being the policy. */
export interface StepResult {
  readonly out: readonly (readonly [link: string, packet: SeenCase | string])[];
  readonly hits: readonly RuleHits[];
}

export type RuleHits = readonly [
  table: string,
  chain: string,
  rule: number,
  packets: number,
];

/** The router that recorded cases went through. */
export const CASE_LINKS: readonly HostLink[] = [
  { name: "eth0", addresses: ["192.168.0.2/24"], routes: ["default"] },
  { name: "cni0", addresses: ["10.0.0.1/24"], routes: [] },
  { name: "cali1", addresses: [], routes: ["10.180.0.0/16"] },
];

/** Rules and packets in the order of sending. */
export interface KernelCase {
  readonly rules: string;
  /** Sets, as `ipset save` prints them. */
  readonly sets?: string;
  readonly settings?: Readonly<Record<string, number | string>>;
  /** The router of the recorded cases when left out. */
  readonly links?: readonly HostLink[];
  readonly steps: readonly CaseStep[];
}

/** A host for cases; its rules are replaced case by case. */
export function caseHost(
  backend: Backend,
  { settings = {}, links = CASE_LINKS }: Partial<
    Pick<KernelCase, "settings" | "links">
  > = {},
): KernelHost {
  return new KernelHost({
    backend,
    links,
    settings,
    delivery: "stack",
    traced: false,
  });
}

/** Sends the packets of a case through a kernel of its own. */
export function runCase(test: KernelCase, backend: Backend): StepResult[] {
  using host = caseHost(backend, test);
  return runSteps(host, test);
}

/** Loads the rules of a case and sends its packets. Connections of earlier cases are forgotten. */
export function runSteps(host: KernelHost, test: KernelCase): StepResult[] {
  host.load(test.rules, test.sets ?? "");
  host.forgetAll();
  let before = host.counters();
  return test.steps.map((step) => {
    const bytes = casePacketBytes(step.packet);
    const judged = step.iface === "LOCAL"
      ? host.send(bytes)
      : host.inject(step.iface, bytes);
    const after = host.counters();
    const hits = hitsBetween(before, after);
    before = after;
    return {
      out: [
        ...judged.sent ? [] : [["ERR", "EPERM"] as const],
        ...judged.out.map(({ link, packet }) =>
          [link, seenCase(packet)] as const
        ),
      ],
      hits,
    };
  });
}

function hitsBetween(before: RuleCounters, after: RuleCounters): RuleHits[] {
  const hits: RuleHits[] = [];
  for (const [key, packets] of after) {
    const more = packets - (before.get(key) ?? 0);
    if (more === 0) continue;
    const [table, chain, index] = key.split(" ");
    hits.push([table!, chain!, Number(index), more]);
  }
  return sortedHits(hits);
}

/** Hits in one order: by table, chain and rule. */
export function sortedHits(hits: readonly RuleHits[]): RuleHits[] {
  const key = ([table, chain, rule]: RuleHits) => ruleKey(table, chain, rule);
  return [...hits].sort((a, b) =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
  );
}

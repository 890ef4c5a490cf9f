import type { FoundDisagreement } from "./fuzz.ts";
import type { Fate } from "./fuzz_result.ts";
import { FUZZ_PODS, FUZZ_SETS } from "./fuzz_router.ts";
import { rulesText } from "./fuzz_rules.ts";
import type { CaseStep } from "./run_case.ts";

/** A file of a case, to be written where it can be run again. */
export interface CaseFile {
  readonly name: string;
  readonly text: string;
}

/** What to run again: rules and packets; and a scenario, where flows can say what the packets are. */
export function caseFiles(found: FoundDisagreement): CaseFile[] {
  const { tables, steps, router, tracks } = found;
  const packets = { links: router.links, sets: FUZZ_SETS, steps };
  return [
    { name: "rules.iptables", text: rulesText(tables, { tracks }) },
    { name: "sets.ipset", text: FUZZ_SETS },
    { name: "packets.json", text: `${JSON.stringify(packets, null, 2)}\n` },
    ...scenarioFiles(found),
  ];
}

/** The disagreement in words: rules, packets, and what each side says of the last. */
export function disagreementText(found: FoundDisagreement): string {
  const { disagreement: { step, kernel, model }, router, steps } = found;
  const rules = rulesText(found.tables).split("*security")[0]!.trimEnd();
  return [
    `case ${found.case}, ${router.name}: they part at packet ${step + 1}`,
    ...indented(rules),
    ...steps.map(({ iface, packet }, index) =>
      `  packet ${index + 1}  ${iface}  ${JSON.stringify(packet)}`
    ),
    `  kernel  ${fateText(kernel)}`,
    `  plugin  ${fateText(model)}`,
  ].join("\n");
}

function fateText({ kind, link, detail, hits, scanned }: Fate): string {
  const where = link === null ? "" : ` by ${link}`;
  const count = scanned === null ? "" : ` of ${scanned} looked at`;
  const met = hits.length === 0 ? "no rule" : hits.join(", ");
  return `${kind}${where}${detail === "" ? "" : `, ${detail}`}; ${met}${count}`;
}

function indented(text: string): string[] {
  return text.split("\n")
    .filter((line) => !line.endsWith(" ACCEPT [0:0]") && line !== "COMMIT")
    .map((line) => `  ${line}`);
}

/** Flows begin with a SYN, a datagram or an echo request of a pod, the node or an outsider. */
function scenarioFiles(
  { router, steps, case: number }: FoundDisagreement,
): CaseFile[] {
  const sends = steps.map(sendOf);
  if (router.name !== "node" || sends.includes(null)) return [];
  const scenario = `apiVersion: plumbline/v1
kind: Scenario
metadata:
  name: kernel-case-${number}
  description: The kernel and the iptables plugin disagree.
seed: 1
fixtures: [cluster.yaml]
stacks:
  iptables: { use: iptables }
  kernel: { use: kernel }
steps:
  - load: { ipset-save: sets.ipset }
  - load: { iptables-save: rules.iptables }
${sends.map((send) => `  - send: ${send}\n`).join("")}`;
  return [
    { name: "scenario.yaml", text: scenario },
    { name: "cluster.yaml", text: CLUSTER },
  ];
}

function sendOf({ packet, iface }: CaseStep): string | null {
  if (packet.p === "raw") return null;
  const opens = packet.p === "tcp"
    ? packet.flags === "S"
    : packet.p === "udp" || packet.type === 8;
  if (!opens || packet.inner !== undefined) return null;
  const pod = FUZZ_PODS.find(({ ip }) => ip === packet.src);
  const from = iface === "LOCAL"
    ? "node/n1"
    : pod === undefined
    ? `ip/${packet.src}, via: node/n1`
    : `pod/fuzz/${pod.name}`;
  const port = packet.p === "icmp" ? "" : `:${packet.dport}`;
  const sourcePort = packet.p === "icmp" ? "" : `, sourcePort: ${packet.sport}`;
  return `{ from: ${from}, to: "${packet.p}://${packet.dst}${port}"${sourcePort} }`;
}

const CLUSTER = `apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDRs: [10.0.0.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.168.0.2 }] }
${
  FUZZ_PODS.map(({ name, ip }) =>
    `---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: fuzz }
spec: { nodeName: n1, containers: [{ name: main, image: none }] }
status: { phase: Running, podIP: ${ip} }
`
  ).join("")
}`;

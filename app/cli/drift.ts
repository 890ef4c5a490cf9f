import { Cluster } from "../../core/cluster/cluster.ts";
import type { Node } from "../../core/cluster/model.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { visibleLines } from "../../core/report/visible_text.ts";
import { driftOf, type DriftReport } from "../../plugins/iptables/drift.ts";
import { nodeTables } from "../../plugins/iptables/node_tables.ts";
import { optionsSchema } from "../../plugins/iptables/options.ts";
import { readManifests } from "../input/manifests.ts";
import { misuse, readArguments } from "./_arguments.ts";
import { EXIT, print, runMain } from "./_exit.ts";

const USAGE =
  `Says where a node's live rules are not those of its cluster's manifests.

Usage:
  deno task drift DUMP --cluster DIR [options]

  DUMP               what iptables-save printed on the node (-c or not)
  --cluster PATH     manifests: files or directories; may be repeated
  --node NAME        the node (needed when the manifests have several)
  --cluster-cidr R   the range of all pods, where podCIDRs do not tell
  --json             JSON

Rules of kube-proxy that are missing, stale or in another order are drift. Rules
of others are listed by their owner; they are no drift, but those that stand
before kube-proxy's are named.

Exits with 0 when kube-proxy's rules are as they should be, 1 when they are
not, 2 on bad input, 3 on an error of our own.`;

const COMMAND = "drift";

/** Differences that are printed of one kind and chain. */
const MOST_SHOWN = 20;

/** The command `drift`. */
export function drift(args: readonly string[]): number {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      cluster: { type: "string", multiple: true, default: [] },
      node: { type: "string" },
      "cluster-cidr": { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return EXIT.ok;
  }
  const [dump] = positionals;
  if (dump === undefined || positionals.length > 1) {
    throw misuse(COMMAND, "it takes one DUMP");
  }
  if (values.cluster.length === 0) {
    throw misuse(COMMAND, "--cluster is missing");
  }
  const cluster = clusterFrom(values.cluster);
  const node = chosenNode(cluster, values.node);
  const options = optionsSchema.safeParse({
    // Whose rule masquerades what leaves the cluster is the network plugin's affair.
    egressMasquerade: false,
    ...(values["cluster-cidr"] === undefined
      ? {}
      : { clusterCIDR: values["cluster-cidr"] }),
  });
  if (!options.success) throw misuse(COMMAND, options.error.issues[0]!.message);
  const live = parseIptablesSave(Deno.readTextFileSync(dump), { file: dump });
  const generated = nodeTables(cluster, node, options.data);
  const reports = [
    ...(live.v4.length > 0 ? [driftOf(live.v4, generated.v4)] : []),
    ...(live.v6.length > 0 ? [driftOf(live.v6, generated.v6)] : []),
  ];
  print(
    values.json
      ? JSON.stringify({ node: node.name, reports }, null, 2)
      : reports.map((report) => reportText(report, node.name)).join("\n\n"),
  );
  return reports.some(({ drifts }) => drifts.length > 0)
    ? EXIT.differs
    : EXIT.ok;
}

function clusterFrom(paths: readonly string[]): Cluster {
  const cluster = new Cluster();
  const { events } = importManifests(readManifests(paths));
  for (const event of events) cluster.apply(event);
  return cluster;
}

function chosenNode(cluster: Cluster, name: string | undefined): Node {
  const nodes = [...cluster.nodes.values()];
  const found = name === undefined && nodes.length === 1
    ? nodes[0]
    : nodes.find((node) => node.name === name);
  if (found !== undefined) return found;
  const names = nodes.map((node) => node.name).slice(0, 10).join(", ");
  throw misuse(
    COMMAND,
    name === undefined
      ? `--node is missing: the manifests have ${names || "no nodes"}`
      : `there is no node ${name}: the manifests have ${names || "none"}`,
  );
}

const WORDS = {
  missing: "missing: would be generated, and is not there",
  stale: "stale: is there, and would not be generated",
  reordered: "reordered: the first rule that is not where it would be",
} as const;

function reportText(
  { drifts, foreign, same }: DriftReport,
  node: string,
): string {
  const lines = [
    `node ${node}: ${same} rules of kube-proxy as generated, ${drifts.length} not`,
  ];
  for (const kind of ["missing", "stale", "reordered"] as const) {
    const found = drifts.filter((one) => one.kind === kind);
    if (found.length === 0) continue;
    lines.push("", WORDS[kind]);
    for (const { table, chain, rule, at } of found.slice(0, MOST_SHOWN)) {
      const place = at === null ? "" : `  (${at.file}:${at.line})`;
      lines.push(`  ${table}  ${rule ?? `chain ${chain}`}${place}`);
    }
    if (found.length > MOST_SHOWN) {
      lines.push(`  and ${found.length - MOST_SHOWN} more`);
    }
  }
  if (foreign.length > 0) lines.push("", "rules of others");
  for (const { owner, table, chains, rules, before } of foreign) {
    const whose = owner ?? "unknown owner";
    lines.push(`  ${table}  ${whose}: ${rules} rules, ${chains} chains`);
    for (const rule of before.slice(0, MOST_SHOWN)) {
      lines.push(`    before kube-proxy's: ${rule}`);
    }
  }
  return lines.map(visibleLines).join("\n");
}

if (import.meta.main) await runMain(drift);

import { Cluster } from "../../core/cluster/cluster.ts";
import type { KubeObject, Node } from "../../core/cluster/model.ts";
import type { EventTypes } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { DRIFT_OPTIONS, mapDrift } from "../../plugins/ebpf/drift/map_drift.ts";
import { isMapDump } from "../../plugins/ebpf/dumps/loaded_dumps.ts";
import { driftOf, type DriftReport } from "../../plugins/iptables/drift.ts";
import { nodeTables } from "../../plugins/iptables/node_tables.ts";
import {
  type IptablesOptions,
  optionsSchema,
} from "../../plugins/iptables/options.ts";
import { readDumps } from "../input/dumps.ts";
import { readManifests } from "../input/manifests.ts";
import { misuse, readArguments } from "./_arguments.ts";
import { mapsText, rulesText } from "./_drift_text.ts";
import { EXIT, print, runMain } from "./_exit.ts";

const USAGE =
  `Says where a node's live rules or maps are not those of its cluster's manifests.

Usage:
  deno task drift DUMP... --cluster DIR [options]

  DUMP               what iptables-save printed on the node (-c or not); or
                     files, or a directory, of what cilium-dbg bpf lb list,
                     ipcache list, endpoint list, policy get and identity list
                     print with -o json, or bpftool map dump -j
  --cluster PATH     manifests: files or directories; may be repeated
  --node NAME        the node (needed when the manifests have several)
  --cluster-cidr R   the range of all pods, where podCIDRs do not tell
  --json             JSON

Rules of kube-proxy that are missing, stale or in another order are drift. Rules
of others are listed by their owner; they are no drift, but those that stand
before kube-proxy's are named.

Entries of Cilium's maps are compared by what they mean: ids that an agent
gives out in the order of events do not count. Its settings are those of the
ConfigMap cilium-config among the manifests, else Helm's defaults with
kubeProxyReplacement. Who has a policy map is told by an endpoint list or by
CiliumEndpoints, who has an identity by an ipcache, an identity list or
CiliumIdentities; what nothing tells is listed as not compared.

Exits with 0 when everything compared is as it should be, 1 when it is not, 2
on bad input, 3 on an error of our own.`;

const COMMAND = "drift";

/** The command `drift`. */
export function drift(
  args: readonly string[],
  { say = print }: { say?: (text: string) => void } = {},
): number {
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
    say(USAGE);
    return EXIT.ok;
  }
  if (positionals.length === 0) throw misuse(COMMAND, "DUMP is missing");
  if (values.cluster.length === 0) {
    throw misuse(COMMAND, "--cluster is missing");
  }
  const { cluster, objects } = clusterFrom(values.cluster);
  const node = chosenNode(cluster, values.node);
  const dumps = readDumps(positionals).map(({ data }) => data);
  const saves = dumps.filter(({ format }) => format === "iptables-save");
  const maps = dumps.filter(isMapDump);
  for (const { format, source } of dumps) {
    if (format === "iptables-save" || isMapDump({ format })) continue;
    throw misuse(
      COMMAND,
      `${source.file} is of ${format}, which is not compared`,
    );
  }
  const options = ruleOptions(values["cluster-cidr"]);
  const reports = saves.flatMap((dump) =>
    ruleReports(dump, { cluster, node, options })
  );
  const mapReport = maps.length === 0 ? null : mapDrift(maps, {
    cluster,
    objects,
    node,
    options: DRIFT_OPTIONS,
  });
  say(
    values.json
      ? JSON.stringify(
        {
          node: node.name,
          reports,
          ...(mapReport === null ? {} : { maps: mapReport }),
        },
        null,
        2,
      )
      : [
        ...reports.map((report) => rulesText(report, node.name)),
        ...(mapReport === null ? [] : [mapsText(mapReport, node.name)]),
      ].join("\n\n"),
  );
  const drifts = [...reports, ...(mapReport === null ? [] : [mapReport])]
    .some(({ drifts }) => drifts.length > 0);
  return drifts ? EXIT.differs : EXIT.ok;
}

function ruleOptions(clusterCidr: string | undefined): IptablesOptions {
  const options = optionsSchema.safeParse({
    // Whose rule masquerades what leaves the cluster is the network plugin's affair.
    egressMasquerade: false,
    ...(clusterCidr === undefined ? {} : { clusterCIDR: clusterCidr }),
  });
  if (!options.success) throw misuse(COMMAND, options.error.issues[0]!.message);
  return options.data;
}

function ruleReports(
  { text, source }: EventTypes["dump.loaded"],
  { cluster, node, options }: {
    readonly cluster: Cluster;
    readonly node: Node;
    readonly options: IptablesOptions;
  },
): DriftReport[] {
  const live = parseIptablesSave(text, { file: source.file });
  const generated = nodeTables(cluster, node, options);
  return [
    ...(live.v4.length > 0 ? [driftOf(live.v4, generated.v4)] : []),
    ...(live.v6.length > 0 ? [driftOf(live.v6, generated.v6)] : []),
  ];
}

function clusterFrom(
  paths: readonly string[],
): { readonly cluster: Cluster; readonly objects: readonly KubeObject[] } {
  const cluster = new Cluster();
  const { events } = importManifests(readManifests(paths));
  for (const event of events) cluster.apply(event);
  const objects = events.flatMap((event) =>
    event.type === "policy.applied" ? [event.data.object] : []
  );
  return { cluster, objects };
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

if (import.meta.main) await runMain((args) => drift(args));

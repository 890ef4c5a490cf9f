import { type Palette, PLAIN } from "../../core/report/palette.ts";
import { parseFlowFilter } from "../../core/scenario/flow_filter.ts";
import type { ComparedFlow } from "../compare_recording.ts";
import { readDumps } from "../input/dumps.ts";
import { readManifests } from "../input/manifests.ts";
import { recordingModel } from "../report_model.ts";
import { pluginFolders } from "../scenario_files.ts";
import {
  choice,
  misuse,
  readArguments,
  stackNames,
  wholeNumber,
} from "./_arguments.ts";
import { type CommandResult, EXIT, FAIL_ON, runMain } from "./_exit.ts";
import { isReportFormat, REPORT_FORMATS, reportIn } from "./_formats.ts";
import { recordingData, type RecordingResult } from "./_replay_formats.ts";
import { replayRecordings } from "./_replay_recording.ts";
import { recordingText } from "./_replay_text.ts";
import { safeText, stdoutPalette } from "./_terminal.ts";
import { runCommand } from "./_watch.ts";

const COMMAND = "replay";

const USAGE =
  `Replays recorded traffic through several stacks and says which flows
would change, grouped by cause, and where a stack disagrees with the recording.

Usage: deno task replay --cluster PATH --flows FILE [options]

  --cluster PATH     manifests of the cluster: a file or a directory;
                     may be repeated
  --dump [NODE=]PATH what a live node's own maps and rules are: the output of
                     iptables-save, ipset save, cilium-dbg bpf ... -o json,
                     bpftool map dump -j; a file or a directory of them, run in
                     place of what would be computed; may be repeated
  --flows FILE       flows as hubble observe -o jsonpb prints them, or a
                     capture: pcap, pcapng; gzipped or not; may be repeated
  --stack A,B        presets, plugins, the path of a plugin of your own, or
                     several joined by + (kube-proxy,cilium)
  --baseline NAME    the stack the others are compared with; the first
  --where FILTER     only such flows: 'dst.port in [80,443]'
  --limit N          at most so many flows
  --seed N           seed of all draws (0)
  -o FORMAT          text, json, ndjson, junit, sarif, github, md, html
                     (--json is -o json)
  --fail-on WHAT     unexpected or any: a flow that would change (the
                     default); unknown: also flows of which a stack does not
                     know what becomes of them
  --record DIR       keep the runs in DIR: a log for each stack, and a catalog;
                     a run that gives something else than it did before fails
  --watch            run again whenever a file that was read changes

Exits with 0 when no flow would change, 1 when some would, 2 on bad input,
3 on an error of our own, 4 with --fail-on unknown when only unknowns are left.

Examples:
  deno task replay --cluster cluster/ --flows flows.jsonl --stack kube-proxy,cilium
  deno task replay --cluster all.yaml --flows trace.pcap --stack kube-proxy,cilium \\
    --where 'protocol == tcp' --json
  deno task replay --cluster all.yaml --flows flows.jsonl --stack kube-proxy,cilium \\
    --dump n1=sysdump/n1/ --dump n2=n2-iptables-save.txt
  deno task replay --cluster all.yaml --flows flows.jsonl \\
    --stack cilium,cilium+./quarantine/mod.ts -o html > report.html`;

const FORMATS = ["text", "json", "ndjson", "junit", ...REPORT_FORMATS] as const;
const MAX_SEED = 0xffff_ffff;
const MAX_LIMIT = Number.MAX_SAFE_INTEGER;

/** What the command line may hold, for completion too. */
export const REPLAY_OPTIONS = {
  cluster: { type: "string", multiple: true },
  flows: { type: "string", multiple: true },
  dump: { type: "string", multiple: true },
  stack: { type: "string", multiple: true },
  baseline: { type: "string" },
  where: { type: "string" },
  limit: { type: "string" },
  seed: { type: "string" },
  output: { type: "string", short: "o", default: "text" },
  json: { type: "boolean", default: false },
  "fail-on": { type: "string", default: "unexpected" },
  record: { type: "string" },
  watch: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** The command `replay`. */
export async function replay(
  args: readonly string[],
  { palette = PLAIN }: { palette?: Palette } = {},
): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: REPLAY_OPTIONS,
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  if (positionals.length > 0) {
    throw misuse(COMMAND, `it takes no ${positionals[0]} without an option`);
  }
  const { cluster, flows } = values;
  if (cluster === undefined) throw misuse(COMMAND, "--cluster is missing");
  if (flows === undefined) throw misuse(COMMAND, "--flows is missing");
  const format = values.json ? "json" : choice(values.output, {
    name: "-o",
    words: FORMATS,
    command: COMMAND,
  });
  const failOn = choice(values["fail-on"], {
    name: "--fail-on",
    words: FAIL_ON,
    command: COMMAND,
  });
  const number = (name: "seed" | "limit", max: number) =>
    wholeNumber(values[name], { name: `--${name}`, max, command: COMMAND });
  const manifests = readManifests(cluster);
  const dumps = readDumps(values.dump ?? []);
  const stacks = baselineFirst(
    stackNames(values.stack, COMMAND) ?? ["kube-proxy", "cilium"],
    values.baseline,
  );
  const result = await replayRecordings({
    manifests,
    dumps,
    flows,
    stacks,
    where: filterOf(values.where),
    whereText: values.where ?? null,
    limit: number("limit", MAX_LIMIT) ?? MAX_LIMIT,
    seed: number("seed", MAX_SEED) ?? 0,
    record: values.record ?? null,
  });
  return {
    ...printed(result, { format, palette, file: flows[0]! }),
    exit: exitOf(result, failOn),
    files: [
      ...cluster,
      ...flows,
      ...manifests.map(({ file }) => file),
      ...dumps.map(({ data }) => data.source.file),
      ...pluginFolders(stacks),
    ],
  };
}

function exitOf(
  { nondeterministic, comparison }: RecordingResult,
  failOn: typeof FAIL_ON[number],
): number {
  const { comparisons, unknowns } = comparison;
  const differs = nondeterministic.length > 0 ||
    comparisons.some(({ changed }) => changed > 0);
  if (differs) return EXIT.differs;
  return failOn === "unknown" && unknowns.length > 0
    ? EXIT.onlyUnknowns
    : EXIT.ok;
}

/** The output, and what goes beside it to stderr. */
function printed(
  result: RecordingResult,
  { format, palette, file }: {
    readonly format: typeof FORMATS[number];
    readonly palette: Palette;
    readonly file: string;
  },
): { output: string; notes?: readonly string[] } {
  const { comparison, warnings, nondeterministic, notes } = result;
  if (format === "text") {
    const output = safeText(recordingText(result, palette));
    return { output, notes: notes.map((note) => `note: ${note}`) };
  }
  const said = [...warnings, ...notes, ...nondeterministic];
  const model = recordingModel(comparison, { file, warnings: said });
  return {
    output: isReportFormat(format)
      ? reportIn(format, model)
      : recordingData(result, { format, model }),
    notes: nondeterministic,
  };
}

function baselineFirst(
  stacks: readonly string[],
  baseline: string | undefined,
): readonly string[] {
  if (baseline === undefined) return stacks;
  return [baseline, ...stacks.filter((name) => name !== baseline)];
}

function filterOf(where: string | undefined): (flow: ComparedFlow) => boolean {
  if (where === undefined) return () => true;
  const filter = parseFlowFilter(where);
  if (typeof filter === "function") return ({ flow }) => filter(flow);
  const { reason, didYouMean } = filter;
  const hint = didYouMean === undefined ? "" : `; did you mean ${didYouMean}?`;
  throw misuse(COMMAND, `--where cannot be read: ${reason}${hint}`);
}

if (import.meta.main) {
  await runMain((args) =>
    runCommand(args, (args) => replay(args, { palette: stdoutPalette() }))
  );
}

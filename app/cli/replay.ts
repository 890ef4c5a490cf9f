import { InputError } from "../../core/errors.ts";
import type { CaptureFlow } from "../../core/import/capture_record.ts";
import type { HubbleFlowRecord } from "../../core/import/hubble_record.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Cluster } from "../../core/cluster/cluster.ts";
import type { NewEvent } from "../../core/event.ts";
import { divergenceText, flowText } from "../../core/report/divergence_text.ts";
import { type Palette, PLAIN } from "../../core/report/palette.ts";
import { parseFlowFilter } from "../../core/scenario/flow_filter.ts";
import {
  type ComparedFlow,
  RecordingComparer,
  type RecordingComparison,
} from "../compare_recording.ts";
import { readCapture } from "../input/capture.ts";
import { readHubble } from "../input/hubble.ts";
import { readManifests } from "../input/manifests.ts";
import { loadStack, stackNamed } from "../load_stack.ts";
import { placesOf } from "../read_recordings.ts";
import {
  choice,
  listed,
  misuse,
  readArguments,
  wholeNumber,
} from "./_arguments.ts";
import { EXIT, print, runMain } from "./_exit.ts";
import type { CommandResult } from "./scenario.ts";
import { counted, Progress, safeText, stdoutPalette } from "./_terminal.ts";

const COMMAND = "replay";

const USAGE =
  `Replays recorded traffic through several stacks and says which flows
would change, grouped by cause, and where a stack disagrees with the recording.

Usage: deno task replay --cluster PATH --flows FILE [options]

  --cluster PATH     manifests of the cluster: a file or a directory;
                     may be repeated
  --flows FILE       flows as hubble observe -o jsonpb prints them, or a
                     capture: pcap, pcapng; gzipped or not; may be repeated
  --stack A,B        presets or plugins (kube-proxy,cilium)
  --baseline NAME    the stack the others are compared with; the first
  --where FILTER     only such flows: 'dst.port in [80,443]'
  --limit N          at most so many flows
  --seed N           seed of all draws (0)
  -o FORMAT          text or json (--json is -o json)

Exits with 0 when no flow would change, 1 when some would, 2 on bad input,
3 on an error of our own.

Examples:
  deno task replay --cluster cluster/ --flows flows.jsonl --stack kube-proxy,cilium
  deno task replay --cluster all.yaml --flows trace.pcap --stack kube-proxy,cilium \\
    --where 'protocol == tcp' --json`;

const MAX_SEED = 0xffff_ffff;
const MAX_LIMIT = Number.MAX_SAFE_INTEGER;

/** The command `replay`. */
export async function replay(
  args: readonly string[],
  { palette = PLAIN }: { palette?: Palette } = {},
): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      cluster: { type: "string", multiple: true },
      flows: { type: "string", multiple: true },
      stack: { type: "string", multiple: true },
      baseline: { type: "string" },
      where: { type: "string" },
      limit: { type: "string" },
      seed: { type: "string" },
      output: { type: "string", short: "o", default: "text" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  if (positionals.length > 0) {
    throw misuse(COMMAND, `it takes no ${positionals[0]} without an option`);
  }
  const { cluster: manifests, flows: files } = values;
  if (manifests === undefined) throw misuse(COMMAND, "--cluster is missing");
  if (files === undefined) throw misuse(COMMAND, "--flows is missing");
  const format = values.json ? "json" : choice(values.output, {
    name: "-o",
    words: ["text", "json"] as const,
    command: COMMAND,
  });
  const number = (name: "seed" | "limit", max: number) =>
    wholeNumber(values[name], { name: `--${name}`, max, command: COMMAND });
  const stacks = baselineFirst(
    listed(values.stack) ?? ["kube-proxy", "cilium"],
    values.baseline,
  );
  const { events } = importManifests(readManifests(manifests));
  const comparer = new RecordingComparer(
    await Promise.all(stacks.map((name) => loadStack(stackNamed(name)))),
    { events, seed: number("seed", MAX_SEED) ?? 0 },
  );
  const warnings = await feed(comparer, {
    files,
    events,
    where: filterOf(values.where),
    limit: number("limit", MAX_LIMIT) ?? MAX_LIMIT,
  });
  const comparison = comparer.finish();
  const changed = comparison.comparisons.some((one) => one.changed > 0);
  const output = format === "json"
    ? JSON.stringify({ ...comparison, warnings }, null, 2)
    : safeText(comparisonText(comparison, { warnings, palette }));
  return { output, exit: changed ? EXIT.differs : EXIT.ok };
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

/** Streams the files into the comparer; gives what is to be said of the files. */
async function feed(
  comparer: RecordingComparer,
  { files, events, where, limit }: {
    files: readonly string[];
    events: readonly NewEvent[];
    where: (flow: ComparedFlow) => boolean;
    limit: number;
  },
): Promise<string[]> {
  const cluster = new Cluster();
  for (const event of events) cluster.apply(event);
  const placeOf = placesOf(cluster);
  const progress = new Progress();
  const warnings: string[] = [];
  for (const file of files) {
    const captured = await isCapture(file);
    const recording = captured
      ? readCapture(file, { placeOf, name: file })
      : readHubble(file, { placeOf, name: file });
    for await (const batch of recording) {
      const flows = batch.map(comparedFlow).filter(where);
      comparer.add(flows.slice(0, limit - comparer.flows));
      progress.show(`${file}: ${comparer.flows} flows`);
      if (comparer.flows >= limit) break;
    }
    const { stats } = recording;
    for (const [what, count] of Object.entries(stats.skipped)) {
      warnings.push(`${file}: left out ${count} x ${what}`);
    }
    warnings.push(...stats.incomplete.map((why) => `${file}: ${why}`));
    if ("malformed" in stats && stats.malformed > 0) {
      // Nothing in it made sense: it is no recording of this kind.
      if (stats.folded === 0) throw new InputError(stats.problems);
      const lines = stats.malformed === 1
        ? "1 line makes"
        : `${stats.malformed} lines make`;
      warnings.push(`${file}: ${lines} no sense`);
    }
  }
  progress.done();
  return warnings;
}

/** Magic numbers of pcap, in both byte orders and resolutions, of pcapng, and of gzip, within which a name decides. */
const CAPTURE_MAGIC: ReadonlySet<number> = new Set([
  0xa1b2c3d4,
  0xd4c3b2a1,
  0xa1b23c4d,
  0x4d3cb2a1,
  0xa1b2cd34,
  0x34cdb2a1,
  0x0a0d0d0a,
]);

async function isCapture(file: string): Promise<boolean> {
  if (/\.(?:pcap|pcapng|cap)(?:\.gz)?$/.test(file)) return true;
  let opened;
  try {
    opened = await Deno.open(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new InputError([{
      message: `Cannot read ${file}: it does not exist`,
      at: { file, line: 1, column: 1 },
      expected: "a flow recording or a capture",
    }]);
  }
  using start = opened;
  const bytes = new Uint8Array(4);
  const count = await start.read(bytes);
  return count === 4 &&
    CAPTURE_MAGIC.has(new DataView(bytes.buffer).getUint32(0));
}

function comparedFlow(recorded: HubbleFlowRecord | CaptureFlow): ComparedFlow {
  const { flow, timeNs, source } = recorded;
  const said = recorded.recorded;
  return {
    flow,
    timeNs,
    source,
    verdict: "verdict" in said ? said.verdict : null,
    reason: "verdict" in said ? said.dropReason : null,
  };
}

function comparisonText(
  comparison: RecordingComparison,
  { warnings, palette }: { warnings: readonly string[]; palette: Palette },
): string {
  const { flows, baseline, comparisons, disagreements, unknowns } = comparison;
  const lines: string[] = [];
  for (const { stack, changed, causes } of comparisons) {
    const change = `${changed} of ${counted(flows, "flow")} change`;
    const why = changed === 0 ? "" : `, ${counted(causes.length, "cause")}`;
    lines.push(palette.strong(`${baseline} -> ${stack}: ${change}${why}`));
    for (const { count, witness } of causes) {
      const [first = "", ...rest] = divergenceText(witness, palette)
        .split("\n");
      lines.push("", `  ${count} x ${first}`);
      lines.push(...rest.map((line) => `      ${line}`));
    }
    lines.push("");
  }
  if (disagreements.length > 0) {
    lines.push(palette.strong("Against the recording"));
    for (const { stack, recorded, simulated, count, first } of disagreements) {
      lines.push(
        `  ${count} x recorded ${recorded}, ${stack} says ${simulated}`,
        `      first: ${flowText(first.flow)}  ${first.at}`,
      );
    }
    lines.push("");
  }
  for (const { stack, reason, count } of unknowns) {
    lines.push(`unknown: ${counted(count, "flow")} in ${stack}: ${reason}`);
  }
  for (const warning of warnings) lines.push(`note: ${warning}`);
  if (lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}

if (import.meta.main) {
  await runMain(async (args) => {
    const { output, exit } = await replay(args, { palette: stdoutPalette() });
    print(output);
    return exit;
  });
}

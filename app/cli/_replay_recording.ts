import { InputError, type Problem } from "../../core/errors.ts";
import type { CaptureFlow } from "../../core/import/capture_record.ts";
import type { HubbleFlowRecord } from "../../core/import/hubble_record.ts";
import {
  importManifests,
  type ManifestFile,
} from "../../core/import/manifests.ts";
import { Cluster } from "../../core/cluster/cluster.ts";
import type { NewEvent } from "../../core/event.ts";
import {
  type ComparedFlow,
  RecordingComparer,
  type RecordingComparison,
} from "../compare_recording.ts";
import { readCapture } from "../input/capture.ts";
import { readHubble } from "../input/hubble.ts";
import { isCapture } from "../input/is_capture.ts";
import { stackNamed } from "../load_stack.ts";
import { type OpenStack, openStack } from "../open_stack.ts";
import { placesOf } from "../read_recordings.ts";
import { ReplayRecorder } from "../record_replay.ts";
import { warningsOf } from "../run.ts";
import { unreadKinds } from "../unread_kinds.ts";
import type { RecordingResult } from "./_replay_formats.ts";
import { Progress, Throughput } from "./_terminal.ts";

/** What a command line asks for. */
export interface Comparing {
  readonly manifests: readonly ManifestFile[];
  /** What takes the place of what stacks compute. */
  readonly dumps: readonly NewEvent<"dump.loaded">[];
  readonly flows: readonly string[];
  /** The baseline first. */
  readonly stacks: readonly string[];
  readonly where: (flow: ComparedFlow) => boolean;
  readonly whereText: string | null;
  readonly limit: number;
  readonly seed: number;
  readonly record: string | null;
}

/** Replays recordings through every stack at once, streaming them. */
export async function replayRecordings(
  asked: Comparing,
): Promise<RecordingResult> {
  const { manifests, flows, where, limit, seed } = asked;
  checkFiles(flows);
  const read = importManifests(manifests);
  const events = [...read.events, ...asked.dumps];
  const stacks: OpenStack[] = [];
  for (const name of asked.stacks) {
    stacks.push(await openStack(stackNamed(name)));
  }
  await using recorder = asked.record === null
    ? null
    : await ReplayRecorder.open(asked.record, asked);
  await using comparer = await RecordingComparer.open(stacks, {
    events,
    seed,
    onEvent: recorder?.listener,
  });
  recorder?.start(
    stacks.map(({ choice }, index) => ({
      choice,
      plugins: comparer.replays[index]!.plugins,
    })),
  );
  const warnings = await feed(comparer, { files: flows, events, where, limit });
  const comparison = await comparer.finish();
  const filtered = asked.whereText !== null || limit === 0;
  requireFlows(comparison, { files: flows, filtered });
  const kinds = comparer.replays.map(({ kinds }) => kinds);
  const failures = await recorder?.finish() ?? [];
  return {
    comparison,
    warnings,
    notes: warningsOf(stacks, read.warnings),
    unread: unreadKinds(events, { ignored: read.ignored, kinds }),
    nondeterministic: failures.map(({ stack, before, now, log }) =>
      `${stack} is not deterministic: the same run gave ${
        before.slice(0, 16)
      } before, and gives ${now.slice(0, 16)}, kept in ${log}`
    ),
  };
}

/** Says of every recording that cannot be read so, before any is. */
function checkFiles(files: readonly string[]): void {
  const problems = files.flatMap((file): Problem[] => {
    let reason: string | undefined;
    try {
      if (Deno.statSync(file).isDirectory) reason = "it is a directory";
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      reason = "it does not exist";
    }
    return reason === undefined ? [] : [{
      message: `Cannot read ${file}: ${reason}`,
      at: { file, line: 1, column: 1 },
      expected: RECORDINGS,
    }];
  });
  if (problems.length > 0) throw new InputError(problems);
}

const RECORDINGS =
  "flows as `hubble observe -o jsonpb` prints them, or a pcap or pcapng file";

/** Nothing to compare is no sign that nothing changes. */
function requireFlows(
  { flows }: RecordingComparison,
  { files, filtered }: { files: readonly string[]; filtered: boolean },
): void {
  if (flows > 0) return;
  throw new InputError(files.map((file) => ({
    message: filtered
      ? `Cannot compare ${file}: --where and --limit leave no flow of it`
      : `Cannot compare ${file}: it holds no flow`,
    at: { file, line: 1, column: 1 },
    expected: filtered ? "a filter that some flow passes" : RECORDINGS,
  })));
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
  const speed = new Throughput();
  const warnings: string[] = [];
  for (const file of files) {
    const captured = /\.(?:pcap|pcapng|cap)(?:\.gz)?$/.test(file) ||
      await isCapture(file);
    const recording = captured
      ? readCapture(file, { placeOf, name: file })
      : readHubble(file, { placeOf, name: file });
    for await (const batch of recording) {
      const flows = batch.map(comparedFlow).filter(where);
      await comparer.add(flows.slice(0, limit - comparer.flows));
      progress.show(`${file}: ${speed.text(comparer.flows, "flow")}`);
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

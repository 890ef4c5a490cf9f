import { join } from "node:path";
import { type RunHeader, tapeSha256 } from "../../record_runs.ts";
import { openFileLog } from "../../store/file_log.ts";
import { RunLogWriter } from "../../store/run_log_writer.ts";
import { SERVER_LIMITS } from "../limits.ts";
import {
  LimitError,
  type RunPlace,
  type RunProgress,
  type RunResult,
  type WorkerPlaces,
} from "../protocol.ts";
import type { RunRequest } from "../schemas.ts";
import type { LockstepFlow } from "./lockstep.ts";
import { type OpenRequest, openRequest } from "./open_scenario.ts";
import { replayRequest } from "./replay_request.ts";
import { logPath } from "./run_log.ts";
import { briefRow, RowWriter } from "./row_writer.ts";
import { runReport } from "./run_report.ts";
import { sourcesOf } from "./source_lines.ts";

/** Milliseconds of replay between two looks at the world. */
const SLICE_MS = 20;

/** Milliseconds between two words on how far it is. */
const PROGRESS_MS = 200;

/** Runs a request in slices and writes its files: a log a stack, the rows, what they come to. */
export async function run(
  request: RunRequest,
  { places, place, onProgress }: {
    readonly places: WorkerPlaces;
    readonly place: RunPlace;
    readonly onProgress: (progress: RunProgress) => void;
  },
): Promise<RunResult> {
  const open = await openRequest(request, places);
  const total = open.tape.filter(({ type }) => type === "flow.opened").length;
  if (total > SERVER_LIMITS.runFlows) {
    throw new LimitError(
      `Cannot run ${total} flows, more than ${SERVER_LIMITS.runFlows}`,
    );
  }
  const trace = request.trace ??
    (total > SERVER_LIMITS.tracedFlows ? "outcome" : "full");
  const logs = logsOf(open, { place, trace });
  using rows = new RowWriter(place, "whole");
  using briefs = new RowWriter(place, "brief");
  let [flows, changed] = [0, 0];
  const count = (flow: LockstepFlow) => {
    flows++;
    if (flow.row.differs.length > 0) changed++;
    const outcomes = flow.row.outcomes.map((one, index) => ({
      ...one,
      logPosition: logs[index]!.events,
    }));
    rows.add({ ...flow.row, outcomes });
    briefs.add(briefRow(flow.row));
  };
  const slices = new Slices(() => onProgress({ flows, total, changed }));
  const replayed = await replayRequest(open, {
    hops: false,
    onEvent: (event, flow) => {
      if (flow !== undefined) count(flow);
      for (const [index, log] of logs.entries()) {
        log.add(event, flow?.results[index]);
      }
      return slices.next();
    },
  });
  rows.end();
  briefs.end();
  for (const log of logs) log.close();
  const { summary, lockstep } = replayed;
  writeJson(place, { name: "summary", value: summary });
  writeJson(place, { name: "rules", value: lockstep.rules.list() });
  writeJson(place, { name: "edges", value: lockstep.edges.list() });
  writeJson(place, { name: "report", value: runReport(open, replayed) });
  writeJson(place, { name: "sources", value: sourcesOf(open) });
  return {
    name: open.scenario.name,
    baseline: summary.baseline,
    seed: open.seed,
    progress: { flows, total, changed },
    stacks: summary.stacks.map((stack, index) => ({
      ...stack,
      events: logs[index]!.events,
    })),
  };
}

function logsOf(
  { scenario, choices, stacks, seed, tape }: OpenRequest,
  { place, trace }: {
    readonly place: RunPlace;
    readonly trace: "full" | "outcome";
  },
): RunLogWriter[] {
  const scenarioSha256 = tapeSha256(tape);
  return choices.map((stack, index) => {
    const { plugins, nodes } = stacks[index]!;
    const used = [plugins, ...Object.values(nodes)].flat();
    const header: RunHeader = {
      format: 1,
      scenario: scenario.name,
      scenarioSha256,
      stack,
      plugins: used.map(({ plugin: { manifest: { name, version } } }) => ({
        name,
        version,
      })),
      seed,
      trace,
    };
    const log = openFileLog(logPath(place, index), { ...header });
    return new RunLogWriter(log, { hops: trace === "full" });
  });
}

/** Gives the event loop a turn now and then: without one nobody hears that the server is gone. */
class Slices {
  readonly #report: () => void;
  #sliceEnd = performance.now() + SLICE_MS;
  #reportAt = 0;

  constructor(report: () => void) {
    this.#report = report;
  }

  next(): Promise<void> | undefined {
    const now = performance.now();
    if (now < this.#sliceEnd) return undefined;
    if (now >= this.#reportAt) {
      this.#report();
      this.#reportAt = now + PROGRESS_MS;
    }
    return new Promise((resolve) =>
      setTimeout(() => {
        this.#sliceEnd = performance.now() + SLICE_MS;
        resolve();
      }, 0)
    );
  }
}

function writeJson(
  { directory }: RunPlace,
  { name, value }: { readonly name: string; readonly value: unknown },
): void {
  const path = join(directory, `${name}.json`);
  Deno.writeTextFileSync(path, JSON.stringify(value));
}

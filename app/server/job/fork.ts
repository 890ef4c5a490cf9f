import { Cluster } from "../../../core/cluster/cluster.ts";
import { type Event, type NewEvent, type Tape } from "../../../core/event.ts";
import {
  applyEvents,
  deleteEvents,
  type ManifestFile,
} from "../../../core/import/manifests.ts";
import type { Stack } from "../../../core/replay/plugin.ts";
import type { Scenario, StackChoice } from "../../../core/scenario/scenario.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { LimitError, MissingError, type RunPlace } from "../protocol.ts";
import type { CompareAnswer, FlowRow, ForkRequest } from "../schemas.ts";
import { Lockstep, plainJudge } from "./lockstep.ts";
import { choiceOf, loadStacks } from "./open_scenario.ts";
import type { RunHeader } from "../../record_runs.ts";
import { openRunLog, readRun } from "./run_log.ts";

/** Where the stacks of a run stand that no file holds. */
const NO_TEXT: Pick<Scenario, "source" | "text"> = {
  source: { file: "", line: 1, column: 1 },
  text: "",
};

/**
 * Replays a run once more as it was and once with other objects from an event
 * on, and compares the two in each stack.
 */
export async function fork(
  place: RunPlace,
  { stacks: count, request }: {
    readonly stacks: number;
    readonly request: ForkRequest;
  },
): Promise<CompareAnswer> {
  const { tape, headers } = readRun(place, count);
  const at = tapeLength(place, request.at);
  const { scenario, seed } = headers[0]!;
  const own = await loadStacks(choicesOf(request, headers), NO_TEXT);
  const stacks = own.flatMap((stack): Stack[] => [
    stack,
    { ...stack, name: `${stack.name} (forked)` },
  ]);
  const pairs = own.map((_, index) => [2 * index, 2 * index + 1] as const);
  const lockstep = new Lockstep(stacks, {
    seed,
    baseline: 0,
    pairs,
    judge: plainJudge(stacks, pairs),
    hops: request.trace === "full",
  });
  const flows = rowsOf(tape, {
    at,
    added: addedEvents(tape, at, request),
    lockstep,
  });
  const summary = {
    ...lockstep.summary(),
    judgement: null,
    ignored: {},
    notes: [],
    warnings: [],
  };
  return { scenario: null, name: scenario, seed, summary, flows };
}

/** Events of the tape up to an event of the log. */
function tapeLength(place: RunPlace, at: number): number {
  using log = openRunLog(place, 0);
  if (at >= log.head.position) {
    throw new MissingError(
      `there is no event ${at}: the log has ${log.head.position}`,
    );
  }
  let length = 0;
  for (const { position, type } of log.read()) {
    if (position > at) break;
    if (type !== "hop.taken" && type !== "flow.closed") length++;
  }
  return length;
}

function choicesOf(
  { stacks }: ForkRequest,
  headers: readonly RunHeader[],
): readonly StackChoice[] {
  const own = headers.map(({ stack }) => stack);
  return stacks?.map((request) => choiceOf(own, request)) ?? own;
}

/** What applying and deleting the manifests does to the cluster as it is there. */
function addedEvents(
  tape: Tape,
  at: number,
  { apply, remove }: ForkRequest,
): NewEvent[] {
  const cluster = new Cluster();
  for (const event of tape.slice(0, at)) cluster.apply(event);
  const added: NewEvent[] = [];
  const add = (events: readonly NewEvent[]) => {
    for (const event of events) {
      cluster.apply(event);
      added.push(event);
    }
  };
  if (remove !== undefined) {
    add(deleteEvents(filesOf(remove, "remove.yaml"), { cluster }));
  }
  if (apply !== undefined) {
    add(applyEvents(filesOf(apply, "apply.yaml"), { cluster }).events);
  }
  return added;
}

function filesOf(
  manifests: NonNullable<ForkRequest["apply"]>,
  file: string,
): readonly ManifestFile[] {
  return typeof manifests === "string"
    ? [{ file, text: manifests }]
    : manifests;
}

/** The flows after the fork. */
function rowsOf(
  tape: Tape,
  { at, added, lockstep }: {
    readonly at: number;
    readonly added: readonly NewEvent[];
    readonly lockstep: Lockstep;
  },
): FlowRow[] {
  const later = tape.slice(at)
    .filter(({ type }) => type === "flow.opened").length;
  if (later > SERVER_LIMITS.comparedFlows) {
    throw new LimitError(
      `Cannot fork before ${later} flows, more than ${SERVER_LIMITS.comparedFlows}: fork later`,
    );
  }
  const rows: FlowRow[] = [];
  const timeNs = tape[at - 1]?.timeNs ?? 0;
  for (const [index, event] of tape.entries()) {
    if (index === at) applyAdded(lockstep, { added, timeNs });
    const flow = lockstep.apply(event);
    if (flow !== undefined && index >= at) rows.push(flow.row);
  }
  return rows;
}

function applyAdded(
  lockstep: Lockstep,
  { added, timeNs }: {
    readonly added: readonly NewEvent[];
    readonly timeNs: number;
  },
): void {
  for (const event of added) {
    const placed = { ...event, position: 0, timeNs } as Event;
    lockstep.applyEach(
      lockstep.names.map((_, index) => index % 2 === 0 ? null : placed),
    );
  }
}

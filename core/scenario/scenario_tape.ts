import { problemsError, SourceText } from "../_yaml_text.ts";
import { Cluster } from "../cluster/cluster.ts";
import { InputError, nearest, type Problem } from "../errors.ts";
import { makeTape, type NewEvent, newEvent, type Tape } from "../event.ts";
import { loadedDump } from "../import/loaded_dump.ts";
import {
  applyEvents,
  deleteEvents,
  type ManifestFile,
} from "../import/manifests.ts";
import type { FlowIntent, Place } from "../replay/flow.ts";
import type { SourcePosition } from "../source.ts";
import { KindTable } from "./_kind_table.ts";
import { inlineManifest } from "./_inline_manifest.ts";
import type {
  FileReference,
  InlineObject,
  LoadedDump,
  ObjectName,
  Scenario,
  Send,
  Sender,
  Step,
} from "./scenario.ts";

/** A recorded flow and its time since the start of the recording. */
export interface TimedFlow {
  readonly flow: FlowIntent;
  readonly timeNs: number;
}

/** The control events of one step: positions on the tape, `end` not among them. */
export interface TapeChange {
  readonly step: Step;
  readonly start: number;
  readonly end: number;
}

/** A scenario as events. */
export interface ScenarioTape {
  readonly tape: Tape;
  /** What steps that apply, delete or load change, in tape order. */
  readonly changes: readonly TapeChange[];
  /** The step that each flow belongs to, by the flow's id. */
  readonly stepOf: ReadonlyMap<string, Step>;
  /** Objects that no one reads, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
  readonly warnings: readonly Problem[];
}

/**
 * Puts a scenario on a tape. Flows are named after their step, `step name`,
 * or `step name #2` where it sends several. Throws an `InputError` with what
 * is wrong with the manifests, and with names that nothing in the cluster has.
 *
 * @example
 * ```ts ignore
 * const { tape } = scenarioTape(scenario);
 * const { results, hash } = replay(tape, stack, { seed: scenario.seed, trace: "full" });
 * ```
 */
export function scenarioTape(
  scenario: Scenario,
  { recordings = new Map() }: {
    /** What steps that replay recordings send, by the name of the step. */
    recordings?: ReadonlyMap<string, readonly TimedFlow[]>;
  } = {},
): ScenarioTape {
  const builder = new TapeBuilder(scenario);
  for (const { name, addresses, alias } of scenario.records) {
    builder.add(0, newEvent("record.applied", { name, addresses, alias }));
  }
  builder.applyManifests(0, scenario.fixtures);
  for (const step of scenario.steps) {
    builder.addStep(step, recordings.get(step.name) ?? []);
  }
  return builder.build();
}

class TapeBuilder {
  readonly #source: SourceText;
  readonly #cluster = new Cluster();
  readonly #kinds = new KindTable();
  readonly #entries: { timeNs: number; event: NewEvent }[] = [];
  readonly #problems: Problem[] = [];
  readonly #warnings: Problem[] = [];
  readonly #ignored = new Map<string, number>();
  readonly #stepOf = new Map<string, Step>();
  readonly #changes: TapeChange[] = [];
  /** Some of its manifests cannot be read: what is not there may be in them. */
  #partial = false;

  constructor({ source, text }: Scenario) {
    this.#source = new SourceText(source.file, text);
  }

  build(): ScenarioTape {
    if (this.#problems.length > 0) throw problemsError(this.#problems);
    const ignored = [...this.#ignored].sort(([a], [b]) => a < b ? -1 : 1);
    return {
      tape: makeTape(this.#entries),
      changes: this.#changes.map((change) => this.#placed(change)),
      stepOf: this.#stepOf,
      ignored: Object.fromEntries(ignored),
      warnings: this.#warnings,
    };
  }

  add(timeNs: number, event: NewEvent): void {
    this.#entries.push({ timeNs, event });
    if (event.type === "flow.opened") return;
    this.#cluster.apply(event);
    this.#kinds.see(event);
  }

  addStep(step: Step, recorded: readonly TimedFlow[]): void {
    const start = this.#entries.length;
    this.#act(step, recorded);
    if (isChange(step)) {
      this.#changes.push({ step, start, end: this.#entries.length });
    }
  }

  /** Flows that go on for a while may come between: the tape is in the order of time. */
  #placed({ step, start, end }: TapeChange): TapeChange {
    const { timeNs } = step;
    const before =
      this.#entries.filter((entry, index) =>
        entry.timeNs < timeNs || (entry.timeNs === timeNs && index < start)
      ).length;
    return { step, start: before, end: before + end - start };
  }

  #act(step: Step, recorded: readonly TimedFlow[]): void {
    const { action, timeNs } = step;
    switch (action.kind) {
      case "apply":
        return this.applyManifests(timeNs, action.objects);
      case "delete":
        return this.#delete(timeNs, action.objects);
      case "send":
        return this.#send(step, action.send);
      case "replay":
        return this.#open(
          step,
          recorded.map(({ flow, timeNs: sinceStartNs }) => ({
            flow,
            timeNs: timeNs + sinceStartNs,
          })),
        );
      case "load":
        return this.#load(timeNs, action.load);
    }
  }

  #load(timeNs: number, { format, file, node }: LoadedDump): void {
    this.#collecting(() => {
      for (const read of file.files) {
        this.add(timeNs, loadedDump(read, { format, node }));
      }
    });
  }

  applyManifests(
    timeNs: number,
    objects: readonly (FileReference | InlineObject)[],
  ): void {
    const files = objects.flatMap((object): readonly ManifestFile[] =>
      "files" in object ? object.files : [{
        file: object.source.file,
        text: inlineManifest(object.value, object.source),
      }]
    );
    if (files.length === 0) return;
    this.#collecting(() => {
      const read = applyEvents(files, { cluster: this.#cluster });
      for (const event of read.events) this.add(timeNs, event);
      this.#warnings.push(...read.warnings);
      for (const [kind, count] of Object.entries(read.ignored)) {
        this.#ignored.set(kind, (this.#ignored.get(kind) ?? 0) + count);
      }
    });
  }

  #delete(
    timeNs: number,
    objects: readonly (FileReference | ObjectName)[],
  ): void {
    for (const object of objects) {
      const named = !("files" in object);
      const files = named ? this.#manifestOf(object) : object.files;
      this.#collecting(() => {
        const events = deleteEvents(files, { cluster: this.#cluster });
        for (const event of events) this.add(timeNs, event);
      }, named ? object.at : null);
    }
  }

  /** As much of a manifest as it takes to delete an object by its name. */
  #manifestOf({ objectKind, namespace, name, at }: ObjectName): ManifestFile[] {
    const known = this.#kinds.find(objectKind);
    if (known === undefined) {
      const written = this.#kinds.names();
      this.#fail(at, {
        message: `Cannot delete ${objectKind} ${name}: there is no such kind`,
        expected: `one of ${written.join(", ")}`,
        didYouMean: nearest(objectKind, written),
      });
      return [];
    }
    const metadata = { name, ...(namespace === null ? {} : { namespace }) };
    const text = inlineManifest({ ...known, metadata }, at);
    return [{ file: at.file, text }];
  }

  #send(step: Step, send: Send): void {
    const from = this.#placeOf(send);
    if (from === undefined) return;
    const { to, protocol, sourcePort, connection, application } = send;
    const flow = { from, to, protocol, sourcePort, connection, application };
    this.#open(
      step,
      Array.from({ length: send.count }, (_, index) => ({
        flow: { ...flow, id: "" },
        timeNs: step.timeNs + index * send.everyNs,
      })),
    );
  }

  #open(step: Step, flows: readonly TimedFlow[]): void {
    for (const [index, { flow, timeNs }] of flows.entries()) {
      const id = flows.length === 1 ? step.name : `${step.name} #${index + 1}`;
      this.#stepOf.set(id, step);
      this.add(timeNs, newEvent("flow.opened", { flow: { ...flow, id } }));
    }
  }

  #placeOf({ from, via, at }: Send): Place | undefined {
    if (via !== null) this.#requireNode(via, at);
    switch (from.kind) {
      case "outside":
        return { ...from, via };
      case "node":
        return this.#requireNode(from.name, at) ? from : undefined;
      case "pod":
        return this.#requirePod(from, at);
      case "workload":
        return this.#firstPodOf(from, at);
    }
  }

  #requireNode(name: string, at: SourcePosition): boolean {
    const nodes = [...this.#cluster.nodes.keys()];
    if (nodes.includes(name)) return true;
    this.#fail(at, {
      message: `Cannot send by node ${name}: there is no such node by then`,
      expected: nodes.length === 0 ? "a node" : `one of ${listed(nodes)}`,
      didYouMean: nearest(name, nodes),
    });
    return false;
  }

  #requirePod(
    pod: Extract<Sender, { kind: "pod" }>,
    at: SourcePosition,
  ): Place | undefined {
    const key = `${pod.namespace}/${pod.name}`;
    if (this.#cluster.pods.get(key) !== undefined) return pod;
    const pods = [...this.#cluster.pods.keys()];
    this.#fail(at, {
      message: `Cannot send from pod ${key}: there is no such pod by then`,
      expected: pods.length === 0
        ? "a pod; there is none"
        : `one of ${listed(pods)}`,
      didYouMean: nearest(key, pods),
    });
  }

  #firstPodOf(
    sender: Extract<Sender, { kind: "workload" }>,
    at: SourcePosition,
  ): Place | undefined {
    const { workload, namespace, name } = sender;
    const all = [...this.#cluster.pods.values()]
      .filter((pod) => pod.workload.kind === workload);
    const first = all.find((pod) =>
      pod.namespace === namespace && pod.workload.name === name && pod.running
    );
    if (first !== undefined) {
      return { kind: "pod", namespace, name: first.name };
    }
    const key = `${namespace}/${name}`;
    const keys = all.map((pod) => `${pod.namespace}/${pod.workload.name}`);
    const names = [...new Set(keys)];
    this.#fail(at, {
      message: `Cannot send from ${workload} ${key}: it has no pod by then`,
      expected: names.length === 0
        ? `a ${workload}; there is none`
        : `one of ${listed(names)}`,
      didYouMean: nearest(key, names),
    });
  }

  #fail(
    at: SourcePosition,
    { didYouMean, ...about }: {
      message: string;
      expected: string;
      didYouMean: string | undefined;
    },
  ): void {
    if (this.#partial) return;
    const near = didYouMean === undefined ? {} : { didYouMean };
    this.#problems.push(this.#source.problem(at, { ...about, ...near }));
  }

  /** Runs an import; its problems are kept for the end, all at one place when it is given. */
  #collecting(run: () => void, at: SourcePosition | null = null): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (at === null) this.#partial = true;
      // What was read of an inline object is not how its author wrote it.
      this.#problems.push(
        ...error.problems.map((problem) =>
          problem.at.file === this.#source.file
            ? this.#source.problem(at ?? problem.at, withoutExcerpt(problem))
            : problem
        ),
      );
    }
  }
}

function isChange({ action }: Step): boolean {
  return action.kind !== "send" && action.kind !== "replay";
}

function withoutExcerpt({ excerpt: _, at: __, ...about }: Problem) {
  return about;
}

/** The first few of many names. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

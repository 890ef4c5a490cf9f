import { join } from "node:path";
import { invariant } from "../../core/errors.ts";
import type { Catalog } from "../store/catalog.ts";
import { isRunId, newRunId } from "./ids.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem, problemJson } from "./problem.ts";
import type {
  RunPlace,
  RunProgress,
  RunResult,
  WorkerPlaces,
} from "./protocol.ts";
import type { Run, RunRequest } from "./schemas.ts";
import { WorkerProcess } from "./worker_process.ts";

/** What runs may use. */
export interface RunLimits {
  /** Runs at one time. */
  readonly running: number;
  readonly wallMs: number;
  readonly heapMegabytes: number;
}

/** Runs that are asked for with a key are started once. */
interface KeyRecord {
  readonly run: string;
  readonly request: string;
}

/** A run that waits or goes on. */
interface Live {
  run: Run;
  readonly request: RunRequest;
  readonly listeners: Set<(run: Run) => void>;
  worker: WorkerProcess | null;
  /** Asked for; what the run becomes once its process is gone. */
  stopAs: "cancelled" | "interrupted" | null;
}

const KIND = "run";
const KEY_KIND = "idempotency";

/**
 * The runs of a data directory: each in a process of its own that can be
 * killed, a few at a time, the others in a queue. The catalog has their
 * records, so that a server that is started again knows them all.
 */
export class Runs {
  readonly #catalog: Catalog;
  readonly #places: WorkerPlaces;
  readonly #limits: RunLimits;
  readonly #report: (error: unknown) => void;
  readonly #live = new Map<string, Live>();
  readonly #queue: Live[] = [];
  readonly #working = new Set<Promise<void>>();
  #stopping = false;

  constructor(
    catalog: Catalog,
    { places, limits, report }: {
      readonly places: WorkerPlaces;
      readonly limits: RunLimits;
      /** Told of errors of our own. */
      readonly report: (error: unknown) => void;
    },
  ) {
    this.#report = report;
    this.#catalog = catalog;
    this.#places = places;
    this.#limits = limits;
  }

  /** Takes up what an earlier server left: what it was running was interrupted, what waited still waits. */
  async resume(): Promise<void> {
    const runs = await this.#catalog.latest<Run>(KIND);
    for (const run of runs.reverse()) {
      if (run.status === "running") {
        await this.#save({ ...run, ...endedAs("interrupted") });
      } else if (run.status === "queued") {
        this.#enqueue(run, await this.#requestOf(run.id));
      }
    }
  }

  /** How many runs wait and how many go on, by what they themselves say. */
  get counts(): { readonly queued: number; readonly running: number } {
    let running = 0;
    for (const { run } of this.#live.values()) {
      if (run.status === "running") running++;
    }
    return { queued: this.#queue.length, running };
  }

  /** Starts a run; the one that was started before with the same key, if any. */
  async start(
    request: RunRequest,
    { key, name }: { readonly key: string | null; readonly name: string },
  ): Promise<Run> {
    this.#checkRoom();
    const id = newRunId(Date.now());
    const known = await this.#withKey(id, { key, request });
    if (known !== null) return known;
    const run: Run = {
      id,
      status: "queued",
      name,
      scenario: "scenario" in request ? request.scenario : null,
      stacks: [],
      baseline: null,
      seed: request.seed ?? null,
      attempt: 1,
      createdAt: new Date().toISOString(),
      startedAt: null,
      finishedAt: null,
      progress: { flows: 0, total: null, changed: 0 },
      failure: null,
    };
    await Deno.mkdir(this.#directory(id), { recursive: true });
    const text = JSON.stringify(request);
    await Deno.writeTextFile(join(this.#directory(id), "request.json"), text);
    await this.#save(run);
    this.#enqueue(run, request);
    return run;
  }

  /** Starts a run that is over once more, from the beginning. */
  async restart(id: string): Promise<Run> {
    const run = await this.get(id);
    if (this.#live.has(id) || run.status === "finished") {
      throw new HttpProblem("conflict", `The run is ${run.status}`);
    }
    this.#checkRoom();
    const again: Run = {
      ...run,
      status: "queued",
      attempt: run.attempt + 1,
      stacks: [],
      startedAt: null,
      finishedAt: null,
      progress: { flows: 0, total: null, changed: 0 },
      failure: null,
    };
    const request = await this.#requestOf(id);
    await this.#save(again);
    this.#enqueue(again, request);
    return again;
  }

  /** The run with an id. */
  async get(id: string): Promise<Run> {
    const run = !isRunId(id)
      ? null
      : this.#live.get(id)?.run ?? await this.#catalog.find<Run>(KIND, id);
    if (run === null) {
      throw new HttpProblem("not-found", "There is no such run");
    }
    return run;
  }

  /** Runs, the newest first. */
  async list(
    { before, limit }: {
      readonly before: string | undefined;
      readonly limit: number;
    },
  ): Promise<Run[]> {
    const runs = await this.#catalog.latest<Run>(KIND, { before, limit });
    return runs.map((run) => this.#live.get(run.id)?.run ?? run);
  }

  /** Where the files of a run are that is finished. */
  async placeOf(
    id: string,
  ): Promise<{ readonly run: Run; readonly place: RunPlace }> {
    const run = await this.get(id);
    if (run.status !== "finished") {
      throw new HttpProblem("conflict", `The run is ${run.status}`);
    }
    return { run, place: this.#place(run) };
  }

  /** Stops a run and its work; one that is over stays as it is. */
  async cancel(id: string): Promise<Run> {
    const run = await this.get(id);
    const live = this.#live.get(id);
    if (live === undefined) return run;
    await this.#stop(live, "cancelled");
    return await this.get(id);
  }

  /** Forgets a run and removes its files. */
  async purge(id: string): Promise<void> {
    await this.cancel(id);
    await this.#catalog.remove(KIND, id);
    await Deno.remove(this.#directory(id), { recursive: true });
  }

  /** Tells of every change of a run until it is over; gives a way to stop listening. */
  listen(id: string, listener: (run: Run) => void): () => void {
    const live = this.#live.get(id);
    live?.listeners.add(listener);
    return () => live?.listeners.delete(listener);
  }

  /** Lets running runs finish for a while, then stops them; those that wait are kept for the next server. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#queue.length = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    const done = Promise.all([...this.#working]);
    await Promise.race([done, grace]);
    clearTimeout(timer);
    for (const live of [...this.#live.values()]) {
      if (live.run.status === "running") await this.#stop(live, "interrupted");
    }
    await done;
    for (const { listeners, run } of this.#live.values()) {
      for (const listener of listeners) listener(run);
    }
  }

  async #withKey(
    id: string,
    { key, request }: {
      readonly key: string | null;
      readonly request: RunRequest;
    },
  ): Promise<Run | null> {
    if (key === null) return null;
    const text = JSON.stringify(request);
    const record: KeyRecord = { run: id, request: text };
    const kept = await this.#catalog.putNew(KEY_KIND, key, record);
    if (kept.run === id) return null;
    if (kept.request !== text) {
      throw new HttpProblem(
        "conflict",
        "The idempotency key was used for another request",
      );
    }
    const run = await this.#catalog.find<Run>(KIND, kept.run);
    if (run !== null) return await this.get(run.id);
    // The server stopped before it started the run, or the run was purged.
    await this.#catalog.put(KEY_KIND, key, record);
    return null;
  }

  #checkRoom(): void {
    if (this.#stopping) {
      throw new HttpProblem("unavailable", "The server is stopping");
    }
    if (this.#queue.length >= SERVER_LIMITS.waitingRuns) {
      throw new HttpProblem("unavailable", "Too many runs wait", {
        headers: { "retry-after": "30" },
      });
    }
  }

  #enqueue(run: Run, request: RunRequest): void {
    const live: Live = {
      run,
      request,
      listeners: new Set(),
      worker: null,
      stopAs: null,
    };
    this.#live.set(run.id, live);
    this.#queue.push(live);
    this.#startNext();
  }

  #startNext(): void {
    while (!this.#stopping && this.#working.size < this.#limits.running) {
      const live = this.#queue.shift();
      if (live === undefined) return;
      const work = this.#work(live).catch(this.#report).finally(() => {
        this.#working.delete(work);
        this.#live.delete(live.run.id);
        this.#startNext();
      });
      this.#working.add(work);
    }
  }

  async #work(live: Live): Promise<void> {
    await this.#update(live, {
      status: "running",
      startedAt: new Date().toISOString(),
    });
    let ending: Partial<Run>;
    try {
      ending = finishedWith(await this.#replay(live));
    } catch (error) {
      if (!(error instanceof HttpProblem)) this.#report(error);
      ending = live.stopAs === null ? failedWith(error) : endedAs(live.stopAs);
    }
    await live.worker?.close();
    await this.#update(live, ending);
  }

  async #replay(live: Live): Promise<RunResult> {
    const place = this.#place(live.run);
    await Deno.mkdir(place.directory, { recursive: true });
    live.worker = await WorkerProcess.start(this.#places, this.#limits);
    if (live.stopAs !== null) live.worker.kill();
    const answer = await live.worker.ask(
      { kind: "run", request: live.request, place },
      {
        timeoutMs: this.#limits.wallMs,
        onProgress: (progress) => this.#progress(live, progress),
      },
    );
    return JSON.parse(new TextDecoder().decode(answer)) as RunResult;
  }

  #progress(live: Live, progress: RunProgress): void {
    live.run = { ...live.run, progress };
    for (const listener of live.listeners) listener(live.run);
  }

  async #stop(
    live: Live,
    as: "cancelled" | "interrupted",
  ): Promise<void> {
    live.stopAs = as;
    const waiting = this.#queue.indexOf(live);
    if (waiting >= 0) {
      this.#queue.splice(waiting, 1);
      await this.#update(live, endedAs(as));
      this.#live.delete(live.run.id);
      return;
    }
    live.worker?.kill();
    while (this.#live.has(live.run.id)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #update(live: Live, change: Partial<Run>): Promise<void> {
    live.run = { ...live.run, ...change };
    await this.#save(live.run);
    for (const listener of live.listeners) listener(live.run);
  }

  async #save(run: Run): Promise<void> {
    await this.#catalog.put(KIND, run.id, run);
  }

  async #requestOf(id: string): Promise<RunRequest> {
    const path = join(this.#directory(id), "request.json");
    return JSON.parse(await Deno.readTextFile(path)) as RunRequest;
  }

  #directory(id: string): string {
    invariant(isRunId(id), "an id was not checked");
    return join(this.#places.data, "runs", id);
  }

  /** Each attempt has a directory of its own: what one left behind is in nobody's way. */
  #place({ id, attempt }: Run): RunPlace {
    return { directory: join(this.#directory(id), `${attempt}`) };
  }
}

function finishedWith(result: RunResult): Partial<Run> {
  const { name, baseline, seed, progress, stacks } = result;
  return {
    ...endedAs("finished"),
    name,
    baseline,
    seed,
    progress,
    stacks: stacks.map((stack) => ({ ...stack })),
  };
}

function failedWith(error: unknown): Partial<Run> {
  const known = error instanceof HttpProblem;
  return {
    ...endedAs("failed"),
    failure: {
      reason: known ? error.message : "An error of our own",
      problems: known ? error.problems.slice(0, 100).map(problemJson) : [],
    },
  };
}

function endedAs(status: Run["status"]): Partial<Run> {
  return { status, finishedAt: new Date().toISOString() };
}

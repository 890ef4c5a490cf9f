import { InputError, invariant } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { LogHeader } from "../../core/log/mod.ts";

/** Deno KV takes 65,536 bytes a value, its own wrapping included. */
const PART_BYTES = 60 * 1024;

/** What a run is a pure function of. */
export interface RunKey {
  /** Name of the scenario, or the hash of its content. */
  readonly scenario: string;
  readonly stack: string;
  readonly seed: number;
}

/** One run that was done. */
export interface RunRecord extends RunKey {
  readonly id: string;
  /** Digest of all its outcomes. */
  readonly digest: string;
  /** Events in its log. */
  readonly events: number;
  /** Path of its log; null when none was kept. */
  readonly log: string | null;
  readonly header: LogHeader;
}

/** What came out for a {@link RunKey}, and the run that found it. */
export interface OutcomeRecord {
  readonly runId: string;
  readonly digest: string;
}

/** A scenario as it was when it ran. */
export interface ScenarioRecord {
  readonly name: string;
  /** Hash of its content. */
  readonly hash: string;
  readonly path: string;
}

/** State after all events before a position. */
export interface Snapshot {
  readonly runId: string;
  readonly position: number;
  readonly bytes: Uint8Array;
}

/**
 * What is known about runs, in one Deno KV file: runs by id, outcomes by
 * scenario, stack and seed, scenarios, snapshots. The logs themselves are
 * files; all in here can be made again from them.
 *
 * @example
 * ```ts
 * using catalog = await Catalog.open(":memory:");
 * const shop = { name: "shop", hash: "a1b2", path: "scenarios/shop" };
 * await catalog.recordScenario(shop);
 * await catalog.scenarios("shop"); // [shop]
 * ```
 */
export class Catalog {
  readonly #path: string;
  readonly #kv: Deno.Kv;

  private constructor(path: string, kv: Deno.Kv) {
    this.#path = path;
    this.#kv = kv;
  }

  /** Opens the file, or makes it. `:memory:` keeps nothing. */
  static async open(path: string): Promise<Catalog> {
    const kv = await attempt(path, () => Deno.openKv(path));
    return new Catalog(path, kv);
  }

  /**
   * Records a run and what came out of it. Returns what the same scenario,
   * stack and seed gave before: another digest there means that a run is not
   * the pure function it should be.
   */
  async recordRun(run: RunRecord): Promise<OutcomeRecord | null> {
    const key = outcomeKey(run);
    const { id: runId, digest } = run;
    return await this.#attempt(async () => {
      const before = await this.#kv.get<OutcomeRecord>(key);
      const done = await this.#kv.atomic().check(before)
        .set(["run", run.id], run)
        .set(key, { runId, digest } satisfies OutcomeRecord)
        .commit();
      // Another process recorded the same outcome in between; as rare as a lock.
      if (!done.ok) throw new Error(LOCKED);
      return before.value;
    });
  }

  /** One run, null when it is unknown. */
  async run(id: string): Promise<RunRecord | null> {
    return await this.#get<RunRecord>(["run", id]);
  }

  /** Runs in the order of their ids. */
  async runs(): Promise<RunRecord[]> {
    return await this.#list<RunRecord>(["run"]);
  }

  /** What came out for a scenario, stack and seed; null when they never ran. */
  async outcome(key: RunKey): Promise<OutcomeRecord | null> {
    return await this.#get<OutcomeRecord>(outcomeKey(key));
  }

  /** What came out of a scenario, by stack, then seed. */
  async outcomes(scenario: string): Promise<(RunKey & OutcomeRecord)[]> {
    const found = await this.#entries<OutcomeRecord>(["outcome", scenario]);
    return found.map(({ key, value }) => {
      const [, , stack, seed] = key;
      invariant(
        typeof stack === "string" && typeof seed === "number",
        "Cannot read catalog: an outcome has another key than it was given",
      );
      return { scenario, stack, seed, ...value };
    });
  }

  /** Records a scenario by name and hash. */
  async recordScenario(scenario: ScenarioRecord): Promise<void> {
    const key = ["scenario", scenario.name, scenario.hash];
    await this.#attempt(() => this.#kv.set(key, scenario));
  }

  /** Every scenario that ran, or every content that one name had. */
  async scenarios(name?: string): Promise<ScenarioRecord[]> {
    const prefix = name === undefined ? ["scenario"] : ["scenario", name];
    return await this.#list<ScenarioRecord>(prefix);
  }

  /** Records a snapshot; a large one in parts, which count only once all are there. */
  async recordSnapshot({ runId, position, bytes }: Snapshot): Promise<void> {
    const length = bytes.length;
    if (length > LIMITS.snapshotBytes) {
      throw catalogError(
        this.#path,
        `snapshot at position ${position} is ${length} bytes long, more than ${LIMITS.snapshotBytes}`,
      );
    }
    for (let at = 0; at < length; at += PART_BYTES) {
      const part = bytes.slice(at, at + PART_BYTES);
      const key = ["snapshotPart", runId, position, at / PART_BYTES];
      await this.#attempt(() => this.#kv.set(key, part));
    }
    const key = ["snapshot", runId, position];
    await this.#attempt(() => this.#kv.set(key, length));
  }

  /** The last snapshot of a run at or before a position; null without one. */
  async snapshotBefore(
    runId: string,
    position: number,
  ): Promise<Snapshot | null> {
    const selector = {
      start: ["snapshot", runId],
      end: ["snapshot", runId, position + 1],
    };
    const options = { limit: 1, reverse: true };
    const [entry] = await this.#collect<number>(selector, options);
    const at = entry?.key[2];
    if (entry === undefined || typeof at !== "number") return null;
    const prefix = ["snapshotPart", runId, at];
    const parts = await this.#list<Uint8Array>(prefix);
    const bytes = new Uint8Array(entry.value);
    let filled = 0;
    for (const part of parts) {
      bytes.set(part, filled);
      filled += part.length;
    }
    invariant(
      filled === bytes.length,
      `Cannot read snapshot ${runId} at ${at}: a part of it is missing`,
    );
    return { runId, position: at, bytes };
  }

  /** Keeps a value of any kind under an id, over one that is there. */
  async put(kind: string, id: string, value: unknown): Promise<void> {
    await this.#attempt(() => this.#kv.set(["kept", kind, id], value));
  }

  /** Keeps a value unless there is one; returns the one that is kept. */
  async putNew<T>(kind: string, id: string, value: T): Promise<T> {
    const key = ["kept", kind, id];
    const done = await this.#attempt(() =>
      this.#kv.atomic().check({ key, versionstamp: null }).set(key, value)
        .commit()
    );
    return done.ok ? value : (await this.find<T>(kind, id)) ?? value;
  }

  /** The value of a kind with an id; null when there is none. */
  async find<T>(kind: string, id: string): Promise<T | null> {
    return await this.#get<T>(["kept", kind, id]);
  }

  /** Values of a kind, the greatest id first: those before an id, or from the last on. */
  async latest<T>(
    kind: string,
    { before, limit }: {
      readonly before?: string | undefined;
      readonly limit?: number;
    } = {},
  ): Promise<T[]> {
    const prefix = ["kept", kind];
    const selector = before === undefined
      ? { prefix }
      : { prefix, end: [...prefix, before] };
    const options = limit === undefined
      ? { reverse: true }
      : { reverse: true, limit };
    const entries = await this.#collect<T>(selector, options);
    return entries.map(({ value }) => value);
  }

  /** Forgets the value of a kind with an id. */
  async remove(kind: string, id: string): Promise<void> {
    await this.#attempt(() => this.#kv.delete(["kept", kind, id]));
  }

  close(): void {
    this.#kv.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #get<T>(key: Deno.KvKey): Promise<T | null> {
    return (await this.#attempt(() => this.#kv.get<T>(key))).value;
  }

  async #list<T>(prefix: Deno.KvKey): Promise<T[]> {
    return (await this.#entries<T>(prefix)).map((entry) => entry.value);
  }

  async #entries<T>(prefix: Deno.KvKey): Promise<Deno.KvEntry<T>[]> {
    return await this.#collect<T>({ prefix });
  }

  async #collect<T>(
    selector: Deno.KvListSelector,
    options?: Deno.KvListOptions,
  ): Promise<Deno.KvEntry<T>[]> {
    return await this.#attempt(() =>
      Array.fromAsync(this.#kv.list<T>(selector, options))
    );
  }

  async #attempt<T>(action: () => Promise<T>): Promise<T> {
    return await attempt(this.#path, action);
  }
}

function outcomeKey({ scenario, stack, seed }: RunKey): Deno.KvKey {
  return ["outcome", scenario, stack, seed];
}

const LOCKED = "database is locked";

/**
 * Does it again for a while when another process holds the file: Deno KV has
 * no busy timeout (denoland/deno#21249) and fails at once.
 */
async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  for (let count = 1;; count++) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!error.message.includes(LOCKED)) throw explain(path, error);
      if (count >= LIMITS.catalogTries) {
        throw catalogError(path, "another process keeps it locked", error);
      }
      const waitMs = Math.min(2 ** count, 256);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** Words for what SQLite and Deno KV say about a file or a value; other errors as they are. */
function explain(path: string, error: Error): Error {
  const known =
    /unable to open database file|file is not a database|(?:Key|Value) too large.*/;
  const reason = known.exec(error.message)?.[0];
  return reason === undefined ? error : catalogError(path, reason, error);
}

function catalogError(
  path: string,
  reason: string,
  cause?: unknown,
): InputError {
  return new InputError([{
    message: `Cannot use catalog ${path}: ${reason}`,
    at: { file: path, line: 1, column: 1 },
    expected: "a Deno KV file in a folder that exists, one writer at a time, " +
      "values of at most 65536 bytes",
  }], { cause });
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import { InputError } from "../core/errors.ts";
import type { Event, Tape } from "../core/event.ts";
import { canonicalJson, type LogHeader } from "../core/log/mod.ts";
import { JsonWriter } from "../core/log/canonical_json.ts";
import type { FlowResult } from "../core/replay/engine.ts";
import type { StackChoice, StackUse } from "../core/scenario/scenario.ts";
import type { UsedPlugin } from "./open_stack.ts";
import { Catalog, type RunKey } from "./store/catalog.ts";
import { openFileLog } from "./store/file_log.ts";
import { RunLogWriter } from "./store/run_log_writer.ts";

/** What the log of a run says of it: all that a replay of its tape needs. JSON-safe. */
export interface RunHeader {
  /** Version of this shape. */
  readonly format: 1;
  /** Name of the scenario, or of what was replayed. */
  readonly scenario: string;
  /** Over everything that went in, whatever file it came from. */
  readonly scenarioSha256: string;
  readonly stack: StackChoice;
  readonly plugins: readonly UsedPlugin[];
  readonly seed: number;
  readonly trace: "full" | "outcome";
}

/** A run that did not give what the same run gave before. */
export interface DeterminismFailure {
  readonly stack: string;
  /** Digests of the outcomes. */
  readonly before: string;
  readonly now: string;
  /** Log of this run. */
  readonly log: string;
}

/** Name of the catalog in a directory of runs. */
export const CATALOG_FILE = "catalog.kv";

/**
 * Keeps runs in a directory: a log each, named after its content, and a
 * catalog that knows what every scenario, stack and seed gave.
 *
 * @example
 * ```ts ignore
 * using recorder = await RunRecorder.open(".runs");
 * const log = recorder.start({ header, path: "shop.scenario.yaml" });
 * log.add(event, result);
 * const failure = await log.finish(hash); // null: as before, or the first time
 * ```
 */
export class RunRecorder {
  readonly #directory: string;
  readonly #catalog: Catalog;

  private constructor(directory: string, catalog: Catalog) {
    this.#directory = directory;
    this.#catalog = catalog;
  }

  /** Opens a directory of runs, or makes it. */
  static async open(directory: string): Promise<RunRecorder> {
    makeDirectory(directory);
    const catalog = await Catalog.open(join(directory, CATALOG_FILE));
    return new RunRecorder(directory, catalog);
  }

  /** Starts the log of a run. */
  start(
    { header, path }: { readonly header: RunHeader; readonly path: string },
  ): RunRecording {
    return new RunRecording({
      header: { ...header, stack: withoutParts(header.stack) },
      path,
      directory: this.#directory,
      catalog: this.#catalog,
    });
  }

  [Symbol.dispose](): void {
    this.#catalog.close();
  }
}

function makeDirectory(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    if (!(cause instanceof Error)) throw cause;
    throw new InputError([{
      message: `Cannot keep runs in ${path}: ${cause.message}`,
      at: { file: path, line: 1, column: 1 },
      expected: "a directory, or the path of one to make",
    }], { cause });
  }
}

/** A run while it is being recorded. */
export class RunRecording {
  readonly #run: {
    readonly header: RunHeader;
    readonly path: string;
    readonly directory: string;
    readonly catalog: Catalog;
  };
  readonly #temporary: string;
  readonly #log: RunLogWriter;

  constructor(
    run: {
      readonly header: RunHeader;
      readonly path: string;
      readonly directory: string;
      readonly catalog: Catalog;
    },
  ) {
    this.#run = run;
    this.#temporary = Deno.makeTempFileSync({
      dir: run.directory,
      prefix: ".run-",
    });
    this.#log = new RunLogWriter(
      openFileLog(this.#temporary, { ...run.header }),
    );
  }

  /** Takes an event, and what became of it when it is a flow. */
  add(event: Event, result: FlowResult | undefined): void {
    this.#log.add(event, result);
  }

  /** Closes the log and enters the run in the catalog. */
  async finish(digest: string): Promise<DeterminismFailure | null> {
    const { header, path, directory, catalog } = this.#run;
    const id = this.#log.runId;
    this.#log.close();
    const { scenario, scenarioSha256: hash, seed, stack } = header;
    const log = join(
      directory,
      `${slug(scenario)}.${slug(stack.name)}.${id.slice(0, 12)}.dplog`,
    );
    Deno.renameSync(this.#temporary, log);
    await catalog.recordScenario({ name: scenario, hash, path });
    const key: RunKey = { scenario: hash, stack: stackKey(header), seed };
    const before = await catalog.recordRun({
      ...key,
      id,
      digest,
      events: this.#log.events,
      log,
      header: header as unknown as LogHeader,
    });
    if (before === null || before.digest === digest) return null;
    return { stack: stack.name, before: before.digest, now: digest, log };
  }

  /** Forgets a run that came to no end. */
  abandon(): void {
    this.#log.abandon();
    Deno.removeSync(this.#temporary);
  }
}

/** sha256 over a tape: a scenario with all that it names. */
export function tapeSha256(tape: Tape): string {
  const hash = createHash("sha256");
  const writer = new JsonWriter();
  for (const event of tape) {
    writer.write(event);
    hash.update(writer.bytes());
    writer.truncate(0);
  }
  return hash.digest("hex");
}

/** A stack by its name and by what it is made of: one name may stand for many. */
function stackKey({ stack, plugins }: RunHeader): string {
  const bare = ({ use, options }: StackUse) => ({ use, options });
  const content = canonicalJson({
    uses: stack.uses.map(bare),
    nodes: stack.nodes.map(({ name, uses }) => ({
      name,
      uses: uses.map(bare),
    })),
    plugins,
  });
  const hash = createHash("sha256").update(content).digest("hex");
  return `${stack.name} ${hash.slice(0, 16)}`;
}

/** Positions of single options would fill the header. */
function withoutParts(stack: StackChoice): StackChoice {
  const bare = (uses: readonly StackUse[]) =>
    uses.map(({ use, options, source: { file, line, column } }) => ({
      use,
      options,
      source: { file, line, column },
    }));
  return {
    ...stack,
    uses: bare(stack.uses),
    nodes: stack.nodes.map(({ name, uses }) => ({ name, uses: bare(uses) })),
  };
}

/** A name as part of that of a file. */
function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);
}

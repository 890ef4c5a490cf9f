import { join, resolve } from "node:path";
import type { Hono } from "hono";
import { InputError } from "../../core/errors.ts";
import { Catalog } from "../store/catalog.ts";
import { fromFileUrl } from "./_paths.ts";
import { createApi } from "./api.ts";
import { Metrics } from "./metrics.ts";
import type { AppEnvironment } from "./route.ts";
import { type RunLimits, Runs } from "./runs.ts";
import type { Access } from "./security.ts";
import { type Assets, loadAssets, PAGE_FILE } from "./static_page.ts";
import { Uploads } from "./uploads.ts";
import { WorkerPool } from "./worker_pool.ts";

/** How a server is set up. */
export interface ServerOptions {
  /** Directory of everything it keeps. */
  readonly data: string;
  readonly access?: Access;
  /** Processes that answer questions. */
  readonly workers?: number;
  readonly runLimits?: RunLimits;
  /** Files of the page; those in the data directory when left out. */
  readonly assets?: Assets;
  readonly report?: (error: unknown) => void;
}

/** A server without its socket. */
export interface OpenServer {
  readonly app: Hono<AppEnvironment>;
  /** Stops taking work; runs may finish for so long, then they are marked as interrupted. */
  stop(graceMs: number): Promise<void>;
}

/** What runs may use, unless it is said otherwise. */
export const DEFAULT_RUN_LIMITS: RunLimits = {
  running: 2,
  wallMs: 15 * 60_000,
  heapMegabytes: 2_048,
};

const ANYONE: Access = { token: null, origins: [] };

/** Version of Plumbline, as deno.json has it. */
const VERSION = "0.1.0";

/**
 * Opens a data directory and everything that works with it. Throws an
 * `InputError` when another server has it.
 */
export async function openServer(
  {
    data,
    access = ANYONE,
    workers = 2,
    runLimits = DEFAULT_RUN_LIMITS,
    assets,
    report = () => {},
  }: ServerOptions,
): Promise<OpenServer> {
  const directory = resolve(data);
  await Deno.mkdir(directory, { recursive: true });
  const lock = await lockOf(directory);
  const library = fromFileUrl("../../scenarios");
  const places = { scenarios: library, data: directory };
  const catalog = await Catalog.open(join(directory, "catalog.kv"));
  const uploads = new Uploads(catalog, directory);
  await uploads.prepare();
  const pool = new WorkerPool(places, workers);
  const runs = new Runs(catalog, { places, limits: runLimits, report });
  await runs.resume();
  const stopping = new AbortController();
  const metrics = new Metrics(gaugesOf(runs, pool));
  const parts = {
    catalog,
    pool,
    runs,
    uploads,
    metrics,
    stopping: stopping.signal,
  };
  const page = assets ?? await loadAssets(join(directory, PAGE_FILE));
  const app = createApi(parts, {
    access,
    assets: page,
    version: VERSION,
    report,
  });
  await pool.warm();
  return {
    app,
    stop: async (graceMs) => {
      stopping.abort();
      await runs.stop(graceMs);
      await pool.close();
      catalog.close();
      lock.close();
    },
  };
}

/** Two servers in one directory would not know of each other's runs. */
async function lockOf(directory: string): Promise<Deno.FsFile> {
  const path = join(directory, "lock");
  const file = await Deno.open(path, { create: true, write: true });
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new InputError([{
    message: `Cannot serve ${directory}: another server does`,
    at: { file: path, line: 1, column: 1 },
    expected: "a data directory for each server: --data DIR",
  }]);
}

function gaugesOf(runs: Runs, pool: WorkerPool) {
  return [
    {
      name: "plumbline_runs_running",
      help: "Runs that go on.",
      read: () => runs.counts.running,
    },
    {
      name: "plumbline_runs_queued",
      help: "Runs that wait.",
      read: () => runs.counts.queued,
    },
    {
      name: "plumbline_questions_waiting",
      help: "Requests that wait for a worker.",
      read: () => pool.waiting,
    },
    {
      name: "plumbline_resident_bytes",
      help: "Memory of the server itself, without its workers.",
      read: () => Deno.memoryUsage().rss,
    },
  ];
}

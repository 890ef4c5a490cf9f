import type { Catalog } from "../store/catalog.ts";
import type { Metrics } from "./metrics.ts";
import type { Runs } from "./runs.ts";
import type { Uploads } from "./uploads.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** What routes work with. */
export interface ServerParts {
  readonly catalog: Catalog;
  readonly pool: WorkerPool;
  readonly runs: Runs;
  readonly uploads: Uploads;
  readonly metrics: Metrics;
  /** Set once the server is told to stop. */
  readonly stopping: AbortSignal;
}

import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";
import type { Question, WorkerPlaces } from "./protocol.ts";
import { WorkerProcess } from "./worker_process.ts";

/** How to ask a pool. */
export interface PoolAsking {
  /** Whoever asks no longer waits. */
  readonly signal?: AbortSignal;
}

/** A few warm processes that answer questions; those that find none free wait their turn. */
export class WorkerPool {
  readonly #places: WorkerPlaces;
  readonly #size: number;
  readonly #free: WorkerProcess[] = [];
  readonly #all = new Set<WorkerProcess>();
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #closed = false;

  constructor(places: WorkerPlaces, size: number) {
    this.#places = places;
    this.#size = size;
  }

  /** Questions that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Starts all processes ahead of the first question. */
  async warm(): Promise<void> {
    const count = this.#size - this.#all.size;
    const started = await Promise.all(
      Array.from({ length: count }, () => this.#start()),
    );
    this.#free.push(...started);
  }

  /** The answer as JSON bytes. */
  async ask(
    question: Question,
    { signal }: PoolAsking = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    await this.#turn();
    let worker: WorkerProcess | undefined;
    try {
      if (signal?.aborted) {
        throw new HttpProblem("unavailable", "Nobody waits any more");
      }
      worker = this.#free.pop() ?? await this.#start();
      const { questionMs: timeoutMs } = SERVER_LIMITS;
      return await worker.ask(question, { timeoutMs });
    } finally {
      if (worker !== undefined) await this.#release(worker);
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((worker) => worker.close()));
  }

  async #turn(): Promise<void> {
    if (this.#closed) {
      throw new HttpProblem("unavailable", "The server is stopping");
    }
    if (this.#waiting.length >= SERVER_LIMITS.waitingQuestions) {
      throw new HttpProblem("unavailable", "Too many requests wait", {
        headers: { "retry-after": "5" },
      });
    }
    if (this.#busy >= this.#size) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#busy++;
  }

  async #start(): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(this.#places, {
      heapMegabytes: SERVER_LIMITS.questionHeapMegabytes,
    });
    this.#all.add(worker);
    if (this.#closed) await worker.close();
    return worker;
  }

  async #release(worker: WorkerProcess): Promise<void> {
    if (!worker.killed && !this.#closed) {
      this.#free.push(worker);
      return;
    }
    this.#all.delete(worker);
    await worker.close();
  }
}

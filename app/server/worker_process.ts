import { fromFileUrl } from "./_paths.ts";
import { cacheEnvironment } from "../sandbox/sandboxed_replay.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";
import type {
  AnswerLine,
  Question,
  RunProgress,
  WorkerPlaces,
} from "./protocol.ts";

/** What a worker process may use. */
export interface WorkerLimits {
  readonly heapMegabytes: number;
}

/** How to ask. */
export interface Asking {
  /** The process is killed when it takes longer. */
  readonly timeoutMs: number;
  readonly onProgress?: (progress: RunProgress) => void;
}

/**
 * A process that answers one question at a time, and is killed when it takes
 * too long: a busy Worker of the runtime goes on after terminate(), a process
 * does not. It may read the library and the data directory, write runs, and
 * do nothing else.
 */
export class WorkerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #limits: WorkerLimits;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #killed = false;

  private constructor(places: WorkerPlaces, limits: WorkerLimits) {
    this.#limits = limits;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: workerArguments(places, limits),
      clearEnv: true,
      env: cacheEnvironment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.getReader();
  }

  /** Starts a process and waits until it is ready. */
  static async start(
    places: WorkerPlaces,
    limits: WorkerLimits,
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(places, limits);
    await worker.ask({ kind: "hello", places }, { timeoutMs: 60_000 });
    return worker;
  }

  get killed(): boolean {
    return this.#killed;
  }

  /** The answer as JSON. What went wrong is an {@link HttpProblem}. */
  async ask(
    question: Question,
    { timeoutMs, onProgress }: Asking,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill();
    }, timeoutMs);
    try {
      const line = new TextEncoder().encode(`${JSON.stringify(question)}\n`);
      // A process that died closes the pipe; the missing answer says more.
      await this.#writer.write(line).catch(() => {});
      for (;;) {
        const said = JSON.parse(await this.#line()) as AnswerLine;
        if (said.kind === "progress") onProgress?.(said.progress);
        else if (said.kind !== "answer") throw failureOf(said);
        else return await this.#bytes(said.lengthBytes);
      }
    } catch (error) {
      if (!late) throw error;
      throw new HttpProblem(
        "limit",
        `It takes longer than ${timeoutMs / 1_000} s`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  kill(): void {
    if (this.#killed) return;
    this.#killed = true;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Kills it and waits until it is gone. */
  async close(): Promise<void> {
    this.kill();
    await this.#writer.abort().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    await this.#child.status;
  }

  async #line(): Promise<string> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      if (end >= 0) {
        parts.push(this.#rest.subarray(0, end));
        this.#rest = this.#rest.subarray(end + 1);
        return new TextDecoder().decode(joined(parts));
      }
      parts.push(this.#rest);
      this.#rest = await this.#more();
    }
  }

  async #bytes(length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (length > SERVER_LIMITS.answerBytes) {
      this.kill();
      throw new HttpProblem("limit", `The answer has ${length} bytes`);
    }
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      if (this.#rest.length === 0) this.#rest = await this.#more();
      const part = this.#rest.subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }

  async #more(): Promise<Uint8Array> {
    const { value, done } = await this.#reader.read();
    if (!done) return value;
    const wasKilled = this.#killed;
    this.#killed = true;
    await this.#child.status;
    throw wasKilled
      ? new HttpProblem("unavailable", "The work was stopped")
      : new HttpProblem(
        "limit",
        `It takes more than ${this.#limits.heapMegabytes} MB of memory`,
      );
  }
}

function workerArguments(
  { scenarios, data }: WorkerPlaces,
  { heapMegabytes }: WorkerLimits,
): string[] {
  const list = (...paths: string[]) =>
    paths.map((path) => path.replaceAll(",", ",,")).join(",");
  return [
    "run",
    "--quiet",
    "--no-prompt",
    // As locked: what is in the lock file need not be looked up again.
    "--frozen",
    `--config=${fromFileUrl("../../deno.json")}`,
    `--v8-flags=--max-old-space-size=${heapMegabytes}`,
    `--allow-read=${list(scenarios, data)}`,
    `--allow-write=${list(`${data}/runs`)}`,
    // What npm:yaml asks for.
    "--allow-env=LOG_TOKENS,LOG_STREAM",
    fromFileUrl("./worker.ts"),
  ];
}

function failureOf(said: Exclude<AnswerLine, { kind: "answer" | "progress" }>) {
  switch (said.kind) {
    case "bad-input": {
      const [first, ...rest] = said.problems;
      const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
      return new HttpProblem("bad-input", `${first?.message}${more}`, {
        problems: said.problems,
      });
    }
    case "not-found":
    case "limit":
      return new HttpProblem(said.kind, sentence(said.message));
    case "internal":
      return new Error(said.message);
  }
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

import type { Event, Tape } from "../../core/event.ts";
import {
  type FlowResult,
  type ReplayResult,
} from "../../core/replay/engine.ts";
import { OutcomesHash } from "../../core/replay/outcomes_hash.ts";
import type { SyncOutcome } from "../../core/replay/sync.ts";
import type { PluginBundle } from "./bundle_plugin.ts";
import type {
  FromSandbox,
  LoadedPlugin,
  SandboxUse,
  ToSandbox,
} from "./protocol.ts";

/** What a sandbox may use before it is killed. */
export interface SandboxLimits {
  /** For one batch of events. */
  readonly batchMs: number;
  /** Heap of the whole process. */
  readonly heapMegabytes: number;
  /** Of one answer. */
  readonly answerBytes: number;
}

const LIMITS: SandboxLimits = {
  batchMs: 10_000,
  heapMegabytes: 512,
  answerBytes: 64 * 1024 * 1024,
};

/** Events in one message: one a message would be 20 to 50 times slower. */
const BATCH_EVENTS = 256;

/** Third-party code that did not keep to its limits, or threw. */
export class SandboxError extends Error {
  override readonly name = "SandboxError";
  readonly code: "timeout" | "memory" | "flood" | "failed";

  constructor(code: SandboxError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** A stack that holds third-party plugins. */
export interface SandboxedStack {
  readonly name: string;
  readonly plugins: readonly SandboxUse[];
  /** Nodes that run something else, by name. */
  readonly nodes?: Readonly<Record<string, readonly SandboxUse[]>>;
  readonly bundles: readonly PluginBundle[];
}

/** How a sandbox replays. */
export interface SandboxOptions {
  readonly seed: number;
  readonly trace: "full" | "outcome";
  readonly limits?: SandboxLimits;
}

/**
 * Replays a tape through a stack in a process of its own, which has no
 * permission and is killed when it exceeds a limit. One boundary round the
 * whole stack: the engine and all its plugins are inside, events go in and
 * results come out in batches.
 */
export async function sandboxedReplay(
  tape: Tape,
  stack: SandboxedStack,
  options: SandboxOptions,
): Promise<ReplayResult> {
  await using run = await SandboxedRun.start(stack, options);
  const results = await run.apply(tape);
  const hash = new OutcomesHash();
  for (const { outcome } of results) hash.add(outcome);
  return { results, hash: hash.digest() };
}

/** A replay in progress in a process of its own; see {@link sandboxedReplay}. */
export class SandboxedRun {
  /** What the plugins say of themselves. */
  readonly plugins: readonly LoadedPlugin[];
  readonly #process: SandboxProcess;

  private constructor(
    process: SandboxProcess,
    plugins: readonly LoadedPlugin[],
  ) {
    this.#process = process;
    this.plugins = plugins;
  }

  /** Starts the process and loads the stack there. */
  static async start(
    { name, plugins, nodes = {}, bundles }: SandboxedStack,
    { seed, trace, limits = LIMITS }: SandboxOptions,
  ): Promise<SandboxedRun> {
    const process = new SandboxProcess(limits);
    try {
      const answer = await process.ask({
        kind: "start",
        name,
        plugins,
        nodes,
        bundles: bundles.map((bundle) => bundle.code),
        seed,
        trace,
      });
      const ready = answer.kind === "ready" ? answer.plugins : [];
      return new SandboxedRun(process, ready);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Applies events, in tape order; gives what became of the flows among them. */
  async apply(events: readonly Event[]): Promise<FlowResult[]> {
    const results: FlowResult[] = [];
    for (let at = 0; at < events.length; at += BATCH_EVENTS) {
      const batch = events.slice(at, at + BATCH_EVENTS);
      const answer = await this.#process.ask({ kind: "events", events: batch });
      if (answer.kind === "results") results.push(...answer.results);
    }
    return results;
  }

  /** What the control events since the last call make the stack write. */
  async sync(): Promise<SyncOutcome | null> {
    const answer = await this.#process.ask({ kind: "sync" });
    return answer.kind === "synced" ? answer.outcome : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** The child process, one question and one answer at a time. */
class SandboxProcess {
  readonly #limits: SandboxLimits;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest = "";

  constructor(limits: SandboxLimits) {
    this.#limits = limits;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        // As locked: what is in the lock file need not be looked up again.
        "--frozen",
        `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
        `--v8-flags=--max-old-space-size=${limits.heapMegabytes},--disallow-code-generation-from-strings`,
        new URL("./child.ts", import.meta.url).href,
      ],
      clearEnv: true,
      env: cacheEnvironment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.getReader();
  }

  async ask(message: ToSandbox): Promise<FromSandbox> {
    const { batchMs } = this.#limits;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#kill();
        reject(
          new SandboxError(
            "timeout",
            `Cannot finish a batch in ${batchMs} ms: a plugin loops, or the limit is too low`,
          ),
        );
      }, batchMs);
    });
    try {
      const answer = await Promise.race([this.#exchange(message), timeout]);
      if (answer.kind === "failed") {
        throw new SandboxError("failed", `Plugin failed: ${answer.message}`);
      }
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#writer.abort().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    await this.#child.status;
  }

  async #exchange(message: ToSandbox): Promise<FromSandbox> {
    const line = new TextEncoder().encode(JSON.stringify(message) + "\n");
    // A child that died closes the pipe; the missing answer says more.
    await this.#writer.write(line).catch(() => {});
    return JSON.parse(await this.#line()) as FromSandbox;
  }

  async #line(): Promise<string> {
    const decoder = new TextDecoder();
    const parts = [this.#rest];
    let length = this.#rest.length;
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) {
        const { code } = await this.#child.status;
        throw new SandboxError(
          "memory",
          `Plugin process ended with ${code}: it used more than ${this.#limits.heapMegabytes} MB, or crashed`,
        );
      }
      const text = decoder.decode(value, { stream: true });
      const end = text.indexOf("\n");
      length += text.length;
      if (length > this.#limits.answerBytes) {
        this.#kill();
        throw new SandboxError(
          "flood",
          `Plugin process answers with more than ${this.#limits.answerBytes} bytes`,
        );
      }
      if (end < 0) {
        parts.push(text);
        continue;
      }
      parts.push(text.slice(0, end));
      this.#rest = text.slice(end + 1);
      return parts.join("");
    }
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

/** What a child process needs to find the packages where this process found them. */
export function cacheEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["DENO_DIR", "HOME", "XDG_CACHE_HOME"]) {
    const value = Deno.env.get(name);
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { canonicalJson } from "../core/log/mod.ts";
import { OutcomesHash } from "../core/replay/outcomes_hash.ts";
import type { ManifestFile } from "../core/import/manifests.ts";
import type { StackChoice } from "../core/scenario/scenario.ts";
import type { ReplayListener } from "./compare_recording.ts";
import type { UsedPlugin } from "./open_stack.ts";
import {
  type DeterminismFailure,
  RunRecorder,
  type RunRecording,
} from "./record_runs.ts";

/** What goes into a replay of recordings. */
export interface ReplayInputs {
  readonly manifests: readonly ManifestFile[];
  /** Files of recordings. */
  readonly flows: readonly string[];
  readonly whereText: string | null;
  readonly limit: number;
  readonly seed: number;
}

/** Keeps the runs of a replay, one for each stack, as they go on. */
export class ReplayRecorder {
  readonly #recorder: RunRecorder;
  readonly #inputs: ReplayInputs;
  readonly #sha256: string;
  #runs: { readonly log: RunRecording; readonly hash: OutcomesHash }[] = [];

  private constructor(
    recorder: RunRecorder,
    { inputs, sha256 }: {
      readonly inputs: ReplayInputs;
      readonly sha256: string;
    },
  ) {
    this.#recorder = recorder;
    this.#inputs = inputs;
    this.#sha256 = sha256;
  }

  /** Opens a directory of runs; reads the inputs once, for their hash. */
  static async open(
    directory: string,
    inputs: ReplayInputs,
  ): Promise<ReplayRecorder> {
    const sha256 = await inputsSha256(inputs);
    const recorder = await RunRecorder.open(directory);
    return new ReplayRecorder(recorder, { inputs, sha256 });
  }

  /** Takes what goes into the stacks. */
  readonly listener: ReplayListener = (stack, event, result) => {
    const { log, hash } = this.#runs[stack]!;
    log.add(event, result);
    if (result !== undefined) hash.add(result.outcome);
  };

  /** Starts a log for each stack. */
  start(
    stacks: readonly {
      readonly choice: StackChoice;
      readonly plugins: readonly UsedPlugin[];
    }[],
  ): void {
    const { flows, seed } = this.#inputs;
    for (const { choice, plugins } of stacks) {
      const log = this.#recorder.start({
        path: flows.join(" "),
        header: {
          format: 1,
          scenario: flows.map((file) => basename(file)).join(" "),
          scenarioSha256: this.#sha256,
          stack: choice,
          plugins,
          seed,
          trace: "outcome",
        },
      });
      this.#runs.push({ log, hash: new OutcomesHash() });
    }
  }

  /** Enters the runs in the catalog. */
  async finish(): Promise<DeterminismFailure[]> {
    const failures: DeterminismFailure[] = [];
    for (const { log, hash } of this.#runs) {
      const failure = await log.finish(hash.digest());
      if (failure !== null) failures.push(failure);
    }
    this.#runs = [];
    return failures;
  }

  /** Forgets what came to no end. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const { log } of this.#runs) log.abandon();
    this.#recorder[Symbol.dispose]();
    return Promise.resolve();
  }
}

/** sha256 over all that can change what comes out, but the stack and the seed. */
async function inputsSha256(
  { manifests, flows, whereText, limit }: ReplayInputs,
): Promise<string> {
  const recordings: string[] = [];
  for (const file of flows) recordings.push(await fileSha256(file));
  const content = canonicalJson({
    manifests: manifests.map(({ text }) => text),
    recordings,
    where: whereText,
    limit,
  });
  return createHash("sha256").update(content).digest("hex");
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const chunk = new Uint8Array(1 << 16);
  for (;;) {
    const count = await file.read(chunk);
    if (count === null) return hash.digest("hex");
    hash.update(chunk.subarray(0, count));
  }
}

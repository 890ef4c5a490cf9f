import { InputError } from "../core/errors.ts";
import { canonicalJson } from "../core/log/mod.ts";
import { OutcomesHash } from "../core/replay/outcomes_hash.ts";
import type { Outcome } from "../core/replay/outcome.ts";
import { tapeOf } from "../core/replay/run_record.ts";
import { openStack, replayTape } from "./open_stack.ts";
import type { RunHeader } from "./record_runs.ts";
import { readFileLog } from "./store/file_log.ts";

/** A run of a log, and the same run done again. */
export interface ReplayedLog {
  readonly stack: string;
  readonly seed: number;
  readonly flows: number;
  /** Digests of the outcomes. */
  readonly before: string;
  readonly now: string;
  /** Plugins are others, or of other versions, than in the log. */
  readonly otherPlugins: boolean;
}

/** Replays the tape of a logged run through the stack that its header names. */
export async function replayLog(path: string): Promise<ReplayedLog> {
  using log = readFileLog(path);
  const { stack: choice, seed, plugins } = headerOf(path, log.header);
  const hash = new OutcomesHash();
  const events = [...log.read()];
  for (const { type, data } of events) {
    if (type !== "flow.closed") continue;
    hash.add((data as { readonly outcome: Outcome }).outcome);
  }
  const stack = await openStack(choice);
  await using replay = await stack.start({ seed, trace: "outcome" });
  const { results, hash: now } = await replayTape(replay, tapeOf(events, path));
  return {
    stack: choice.name,
    seed,
    flows: results.length,
    before: hash.digest(),
    now,
    otherPlugins: canonicalJson(plugins) !== canonicalJson(replay.plugins),
  };
}

/** The parts of a header that a replay needs; anything may have written the log. */
function headerOf(
  path: string,
  header: Readonly<Record<string, unknown>>,
): Pick<RunHeader, "stack" | "seed" | "plugins"> {
  const { stack, seed, plugins } = header;
  const whole = typeof seed === "number" && Array.isArray(plugins) &&
    typeof stack === "object" &&
    stack !== null && "uses" in stack && "nodes" in stack &&
    Array.isArray(stack.uses) && Array.isArray(stack.nodes);
  if (whole) return header as unknown as RunHeader;
  throw new InputError([{
    message: `Cannot replay log ${path}: its header names no stack`,
    at: { file: path, line: 1, column: 1 },
    expected: "the log of a run, as --record keeps it",
  }]);
}

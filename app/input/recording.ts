import { InputError } from "../../core/errors.ts";

/**
 * A recording that is being read: its flows in batches, and what was read so
 * far. After the last batch the stats are those of the whole. Flows come in
 * the order in which they ended, not in that in which they began.
 *
 * @example
 * ```ts
 * const recording = readHubble("flows.jsonl");
 * for await (const flows of recording) store(flows);
 * recording.stats.incomplete;
 * ```
 */
export interface Recording<Flow, Stats> extends AsyncIterable<readonly Flow[]> {
  readonly stats: Stats;
}

/** Flows of one batch. */
const BATCH = 1000;

/** Something that flows come out of while input goes in. */
interface Fold<Flow> {
  take(): Flow[];
  finish(): Iterable<Flow>;
}

/**
 * Cuts what a fold gives into batches; `steps` feeds the fold, a bit at each
 * step. When the input makes no sense any more, the flows before that come
 * first, then the error.
 */
export async function* batchesOf<Flow>(
  fold: Fold<Flow>,
  steps: AsyncIterable<void>,
): AsyncGenerator<readonly Flow[]> {
  let waiting: Flow[] = [];
  let failure: InputError | undefined;
  try {
    for await (const _ of steps) {
      waiting.push(...fold.take());
      while (waiting.length >= BATCH) {
        yield waiting.slice(0, BATCH);
        waiting = waiting.slice(BATCH);
      }
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    failure = error;
  }
  for (const flow of fold.finish()) {
    waiting.push(flow);
    if (waiting.length < BATCH) continue;
    yield waiting;
    waiting = [];
  }
  if (waiting.length > 0) yield waiting;
  if (failure !== undefined) throw failure;
}

import { useEffect, useState } from "preact/hooks";
import type {
  FlowRow,
  Run,
  ScenarioInfo,
  Summary,
} from "../../server/schemas.ts";
import { api, isOver, isTooLarge, watchRun } from "./api.ts";
import type { Place } from "./place.ts";
import { asError } from "./use_async.ts";

/** One comparison that is looked at: a scenario, or a run. */
export interface Session {
  readonly key: string;
  readonly title: string;
  readonly catalogueId: string | null;
  readonly description: string | null;
  readonly seed: number | null;
  readonly stacks: readonly {
    readonly name: string;
    readonly hash: string | null;
  }[];
  readonly baseline: string;
  /** In the order of the tape; grows while pages come in. */
  readonly rows: readonly FlowRow[];
  /** Flows there will be. */
  readonly total: number;
  readonly complete: boolean;
  readonly facts: Facts | null;
  /** Null until its log can be asked for. */
  readonly run: Run | null;
  readonly error: Error | null;
}

/** What all flows together came to. */
export type Facts = Pick<
  Summary,
  | "changed"
  | "comparisons"
  | "unknowns"
  | "judgement"
  | "ignored"
  | "warnings"
  | "notes"
>;

/** Loads what a place is about; null at home. */
export function useSession(
  place: Place,
  scenarios: readonly ScenarioInfo[] | null,
): Session | null {
  const key = sessionKey(place);
  const [session, setSession] = useState<Session | null>(null);
  useEffect(() => {
    if (key === null) return;
    const opening = new Opening(key, setSession);
    const { scenario, stacks, run } = place;
    if (run !== null) opening.openRun(run);
    else opening.openScenario(scenario!, stacks);
    return () => opening.stop();
  }, [key]);
  if (key === null) return null;
  const opened = session?.key === key ? session : emptySession(key);
  const info = scenarios?.find(({ id }) => id === place.scenario);
  return info === undefined ? opened : {
    ...opened,
    title: info.name,
    catalogueId: info.catalogueId,
    description: info.description,
  };
}

function sessionKey({ run, scenario, stacks }: Place): string | null {
  if (run !== null) return `run ${run}`;
  return scenario === null ? null : `scenario ${scenario} ${stacks.join(",")}`;
}

function emptySession(key: string): Session {
  return {
    key,
    title: "",
    catalogueId: null,
    description: null,
    seed: null,
    stacks: [],
    baseline: "",
    rows: [],
    total: 0,
    complete: false,
    facts: null,
    run: null,
    error: null,
  };
}

/** Opens one comparison step by step, and says each step to the page. */
class Opening {
  #session: Session;
  readonly #tell: (session: Session) => void;
  #stopped = false;
  #stopWatching: () => void = () => {};

  constructor(key: string, tell: (session: Session) => void) {
    this.#session = emptySession(key);
    this.#tell = tell;
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatching();
  }

  /** Small scenarios are answered at once; their run, for its log, follows. */
  async openScenario(
    scenario: string,
    stacks: readonly string[],
  ): Promise<void> {
    try {
      const answer = await api.compare(scenario, stacks);
      const { summary, flows, name, seed } = answer;
      this.#change({
        title: name,
        seed,
        stacks: summary.stacks,
        baseline: summary.baseline,
        rows: flows,
        total: summary.flows,
        complete: true,
        facts: summary,
      });
      const hashes = summary.stacks.map(({ hash }) => hash.slice(0, 16));
      const key = ["page", scenario, ...hashes].join("-").slice(0, 200);
      const run = await api.startScenario(scenario, { stacks, key });
      this.#watch(run.id, (run) => this.#change({ run }));
    } catch (error) {
      if (isTooLarge(error)) await this.#startLarge(scenario, stacks);
      else this.#fail(error);
    }
  }

  openRun(id: string): void {
    this.#watch(id, (run) => {
      this.#change({
        title: run.name,
        seed: run.seed,
        stacks: run.stacks,
        baseline: run.baseline ?? run.stacks[0]?.name ?? "",
        total: run.progress.total ?? run.progress.flows,
        run,
      });
      if (run.status === "finished") this.#readRun(run);
    });
    // A run that is not there has nothing to watch.
    api.run(id).catch((error) => this.#fail(error));
  }

  async #startLarge(
    scenario: string,
    stacks: readonly string[],
  ): Promise<void> {
    try {
      const key = ["page", scenario, ...stacks].join("-").slice(0, 200);
      const run = await api.startScenario(scenario, { stacks, key });
      if (!this.#stopped) this.openRun(run.id);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #readRun(run: Run): Promise<void> {
    try {
      this.#change({ total: run.progress.flows });
      const facts = api.summary(run.id);
      let cursor: string | null = null;
      let rows: readonly FlowRow[] = [];
      do {
        const page: Awaited<ReturnType<typeof api.flows>> = await api.flows(
          run.id,
          cursor,
        );
        if (this.#stopped) return;
        rows = [...rows, ...page.items];
        cursor = page.next;
        this.#change({ rows, complete: cursor === null });
      } while (cursor !== null);
      this.#change({ facts: await facts });
    } catch (error) {
      this.#fail(error);
    }
  }

  #watch(id: string, onRun: (run: Run) => void): void {
    let over = false;
    this.#stopWatching = watchRun(id, (run) => {
      if (over) return;
      over = isOver(run);
      onRun(run);
    });
  }

  #fail(error: unknown): void {
    this.#change({ error: asError(error) });
  }

  #change(change: Partial<Session>): void {
    if (this.#stopped) return;
    this.#session = { ...this.#session, ...change };
    this.#tell(this.#session);
  }
}

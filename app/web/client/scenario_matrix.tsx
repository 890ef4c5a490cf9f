import { useEffect, useMemo, useState } from "preact/hooks";
import type { ScenarioInfo, StackInfo } from "../../server/schemas.ts";
import { api, isTooLarge } from "./api.ts";
import { Featured } from "./featured.tsx";
import { Icon } from "./icon.tsx";
import { Legend } from "./legend.tsx";
import { canRun, type Cell, type OpenScenario } from "./scenario_cell.ts";
import { ScenarioRow } from "./scenario_row.tsx";
import { StackPicker } from "./stack_picker.tsx";
import { mostSurprising, rank, rowSurprise, SURPRISES } from "./surprise.ts";
import { asError } from "./use_async.ts";

/** Shown first, and run without being asked for. */
const FEATURED = ["D13", "D06", "D05"];

/** Comparisons that are asked for at one time. */
const AT_ONCE = 2;

/**
 * Scenarios against stacks, the most surprising first. The first visit runs
 * three known divergences; the others run when they are asked for.
 */
export function ScenarioMatrix(
  { scenarios, stackInfos, stacks, onStacks, onOpen }: {
    readonly scenarios: readonly ScenarioInfo[];
    readonly stackInfos: readonly StackInfo[];
    /** Stacks for all scenarios; empty: each its own. */
    readonly stacks: readonly string[];
    readonly onStacks: (stacks: readonly string[]) => void;
    readonly onOpen: OpenScenario;
  },
) {
  const [filter, setFilter] = useState("");
  const [cells, run] = useCells(scenarios, stacks);
  const shown = useMemo(
    () => sorted(scenarios, cells).filter((one) => matches(one, filter)),
    [scenarios, cells, filter],
  );
  const columns = columnCount(shown, cells);
  const done = [...cells.values()].filter(({ kind }) => kind !== "running");
  return (
    <main class="matrix-page">
      <h1 class="sr-only">Scenarios by stack</h1>
      <Featured
        scenarios={featured(scenarios)}
        cells={cells}
        onOpen={onOpen}
      />
      <section aria-labelledby="matrix-title">
        <header class="section-head">
          <h2 id="matrix-title">Scenarios</h2>
          <div class="filter">
            <input
              id="filter"
              type="search"
              placeholder="Filter scenarios"
              aria-label="Filter scenarios"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
            <kbd aria-hidden="true">/</kbd>
          </div>
          <StackPicker infos={stackInfos} stacks={stacks} onStacks={onStacks} />
          <button type="button" onClick={() => run(shown)}>
            <Icon name="play" />Run all
          </button>
          <span class="note" role="status">
            {`${done.length} of ${scenarios.length} run`}
          </span>
          <Legend />
        </header>
        <div class="table-scroll">
          <table class="matrix" aria-labelledby="matrix-title">
            <thead>
              <tr>
                <th scope="col">Scenario</th>
                <th scope="col">Flows</th>
                <th scope="col">{stacks[0] ?? "Baseline"}</th>
                {Array.from(
                  { length: columns },
                  (_, index) => (
                    <th scope="col" key={index}>
                      {stacks[index + 1] ??
                        `Compared ${columns > 1 ? index + 1 : ""}`}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {shown.map((scenario) => (
                <ScenarioRow
                  key={scenario.id}
                  scenario={scenario}
                  cell={cells.get(scenario.id)}
                  columns={columns}
                  stacks={stacks}
                  onRun={() => run([scenario])}
                  onOpen={onOpen}
                />
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </main>
  );
}

/** What scenarios came to, and what runs some of them; those shown first run by themselves. */
function useCells(
  scenarios: readonly ScenarioInfo[],
  stacks: readonly string[],
) {
  const [cells, setCells] = useState<ReadonlyMap<string, Cell>>(new Map());
  const stacksKey = stacks.join(",");
  const compared = async (id: string): Promise<Cell> => {
    try {
      return { kind: "done", answer: await api.compare(id, stacks) };
    } catch (error) {
      return isTooLarge(error)
        ? { kind: "large" }
        : { kind: "failed", error: asError(error) };
    }
  };
  const run = async (wanted: readonly ScenarioInfo[]) => {
    const waiting = wanted.filter(canRun);
    const set = (id: string, cell: Cell) =>
      setCells((before) => new Map(before).set(id, cell));
    const worker = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        set(next.id, { kind: "running" });
        set(next.id, await compared(next.id));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  useEffect(() => {
    setCells(new Map());
    run(featured(scenarios));
  }, [stacksKey, scenarios]);
  return [cells, run] as const;
}

function featured(scenarios: readonly ScenarioInfo[]): readonly ScenarioInfo[] {
  return FEATURED
    .map((id) => scenarios.find((one) => one.catalogueId === id && canRun(one)))
    .filter((one) => one !== undefined);
}

function surpriseOfCell(cell: Cell | undefined): number {
  if (cell?.kind === "failed") return SURPRISES.length;
  if (cell?.kind !== "done") return -1;
  const most = mostSurprising(cell.answer.flows.map(rowSurprise));
  return rank(most);
}

function sorted(
  scenarios: readonly ScenarioInfo[],
  cells: ReadonlyMap<string, Cell>,
): readonly ScenarioInfo[] {
  const order = (one: ScenarioInfo) => one.catalogueId ?? "Z";
  return [...scenarios].sort((a, b) =>
    surpriseOfCell(cells.get(b.id)) - surpriseOfCell(cells.get(a.id)) ||
    (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0)
  );
}

function matches(scenario: ScenarioInfo, filter: string): boolean {
  const text = [
    scenario.catalogueId ?? "",
    scenario.name,
    ...scenario.stacks,
    ...Object.values(scenario.labels),
  ].join(" ").toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Stacks that are compared with the baseline, in the row that has most. */
function columnCount(
  scenarios: readonly ScenarioInfo[],
  cells: ReadonlyMap<string, Cell>,
): number {
  const counts = scenarios.map(({ id, stacks }) => {
    const cell = cells.get(id);
    return cell?.kind === "done"
      ? cell.answer.summary.stacks.length - 1
      : stacks.length - 1;
  });
  return Math.max(1, ...counts);
}

import { useMemo } from "preact/hooks";
import type { FlowRow } from "../../server/schemas.ts";
import { readFilter } from "./filter_rows.ts";
import { Glyph } from "./glyph.tsx";
import {
  mostSurprising,
  rank,
  rowSurprise,
  type Surprise,
  SURPRISE_TEXT,
  surpriseOf,
  SURPRISES,
} from "./surprise.ts";
import { VirtualList } from "./virtual_list.tsx";

/** What of a run's flows is shown. */
export interface FlowChoice {
  readonly filter: string;
  /** One surprise, or all. */
  readonly only: string | null;
}

const ROW_HEIGHT = 44;

/** All flows of a run, filtered; the one that is looked at is chosen. */
export function FlowList(
  { rows, total, complete, choice, chosen, onChoice, onChoose, onOpen }: {
    readonly rows: readonly FlowRow[];
    readonly total: number;
    readonly complete: boolean;
    readonly choice: FlowChoice;
    readonly chosen: number | null;
    readonly onChoice: (choice: FlowChoice) => void;
    readonly onChoose: (index: number) => void;
    readonly onOpen: () => void;
  },
) {
  const { filter, problem } = useMemo(() => readFilter(choice.filter), [
    choice.filter,
  ]);
  const counts = useMemo(() => surpriseCounts(rows), [rows]);
  const shown = useMemo(
    () =>
      rows.filter((row) =>
        (choice.only === null || rowSurprise(row) === choice.only) &&
        (filter === null || filter(row))
      ),
    [rows, choice.only, filter],
  );
  const active = useMemo(
    () => shown.findIndex(({ index }) => index === chosen),
    [shown, chosen],
  );
  const status = complete
    ? `${shown.length.toLocaleString("en")} of ${
      total.toLocaleString("en")
    } flows`
    : `${rows.length.toLocaleString("en")} of ${
      total.toLocaleString("en")
    } flows are there`;
  return (
    <section class="flow-list" aria-label="Flows">
      <div class="filter">
        <input
          id="filter"
          type="search"
          value={choice.filter}
          placeholder="Filter: words, or dst.port==53 && verdict!=same"
          aria-label="Filter flows"
          aria-invalid={problem !== null}
          aria-describedby="filter-status"
          spellcheck={false}
          onInput={(event) =>
            onChoice({ ...choice, filter: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown" && event.key !== "Enter") return;
            event.preventDefault();
            document.getElementById("flow-rows")?.focus();
          }}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <div class="chips" role="group" aria-label="Which flows">
        <Chip
          text="all"
          count={rows.length}
          pressed={choice.only === null}
          onClick={() => onChoice({ ...choice, only: null })}
        />
        {SURPRISES.toReversed().filter((one) => counts[one] > 0).map((one) => (
          <Chip
            key={one}
            text={SURPRISE_TEXT[one]}
            surprise={one}
            count={counts[one]}
            pressed={choice.only === one}
            onClick={() =>
              onChoice({ ...choice, only: choice.only === one ? null : one })}
          />
        ))}
      </div>
      <p id="filter-status" class="note status" role="status">
        {problem === null ? status : `Cannot read filter: ${problem}`}
      </p>
      <VirtualList
        id="flow-rows"
        label="Flows"
        count={shown.length}
        rowHeight={ROW_HEIGHT}
        active={active}
        onActive={(index) => onChoose(shown[index]!.index)}
        onOpen={onOpen}
      >
        {(index) => <Row row={shown[index]!} />}
      </VirtualList>
    </section>
  );
}

function Chip(
  { text, surprise, count, pressed, onClick }: {
    readonly text: string;
    readonly surprise?: Surprise;
    readonly count: number;
    readonly pressed: boolean;
    readonly onClick: () => void;
  },
) {
  return (
    <button type="button" class="chip" aria-pressed={pressed} onClick={onClick}>
      {surprise && <Glyph surprise={surprise} />}
      {text}
      <b>{count.toLocaleString("en")}</b>
    </button>
  );
}

function Row({ row }: { readonly row: FlowRow }) {
  const { text, step, outcomes, differs } = row;
  const id = knownId(differs);
  return (
    <>
      <Glyph surprise={rowSurprise(row)} />
      <span class="row-text">
        <span class="row-flow">{text}</span>
        <span class="row-about note">
          {id && <b class="id">{id}</b>}
          {step}
        </span>
      </span>
      <span class="row-verdicts">
        {outcomes.map(({ stack, outcome }) => (
          <span
            key={stack}
            class={`verdict verdict-${outcome.verdict}`}
            title={`${stack}: ${outcome.verdict}`}
          >
            <span class="sr-only">
              {` ${stack} ${outcome.verdict} ${outcome.http?.status ?? ""}`}
            </span>
            <span aria-hidden="true">
              {outcome.http && outcome.verdict !== "dropped"
                ? outcome.http.status
                : SHORT_VERDICTS[outcome.verdict]}
            </span>
          </span>
        ))}
      </span>
    </>
  );
}

/** Of several, the one that the catalogue has: `D05`. */
export function knownId(differs: FlowRow["differs"]): string | null {
  const ids = differs.map(({ id }) => id).filter((id) => id !== null);
  return ids.find((id) => /^D\d+$/.test(id)) ?? ids[0] ?? null;
}

const SHORT_VERDICTS = {
  forwarded: "fwd",
  dropped: "drop",
  rejected: "rej",
  refused: "refu",
  error: "err",
  unknown: "?",
} as const;

function surpriseCounts(
  rows: readonly FlowRow[],
): Readonly<Record<Surprise, number>> {
  const counts: Record<Surprise, number> = {
    same: 0,
    legal: 0,
    expected: 0,
    unknown: 0,
    unexpected: 0,
  };
  for (const row of rows) counts[rowSurprise(row)]++;
  return counts;
}

/**
 * The flow to look at first: the most surprising; of equals, the first that
 * shows what the scenario is about.
 */
export function firstToLookAt(
  rows: readonly FlowRow[],
  catalogueId: string | null,
): number | null {
  const weight = (row: FlowRow) =>
    2 * rank(rowSurprise(row)) +
    (row.differs.some(({ id }) => id !== null && id === catalogueId) ? 1 : 0);
  let best: FlowRow | undefined;
  let most = -1;
  for (const row of rows) {
    const own = weight(row);
    if (own > most) [best, most] = [row, own];
  }
  return best?.index ?? null;
}

/** How many flows a stack has of each surprise, and the most surprising. */
export function tallyOf(
  rows: readonly FlowRow[],
  stack: string,
): { readonly most: Surprise; readonly different: number } {
  const surprises = rows.map((row) => surpriseOf(row, stack));
  return {
    most: mostSurprising(surprises),
    different: surprises.filter((one) => one !== "same").length,
  };
}

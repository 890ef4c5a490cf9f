import { useMemo } from "preact/hooks";
import type { ComparedField } from "../../../core/diff/divergence.ts";
import { compareResults } from "../../../core/diff/compare_results.ts";
import type { Divergence } from "../../../core/diff/divergence.ts";
import type { Hop } from "../../../core/replay/hop.ts";
import type { FlowIntent } from "../../../core/replay/flow.ts";
import type { Outcome } from "../../../core/replay/outcome.ts";
import type { FlowRow, ScenarioSource } from "../../server/schemas.ts";
import { api } from "./api.ts";
import { Glyph } from "./glyph.tsx";
import { lanesOf } from "./lanes.ts";
import { OutcomeStrip } from "./outcome_strip.tsx";
import { RuleCards, rulesOf, whySentences } from "./rule_cards.tsx";
import { SwimLanes } from "./swim_lanes.tsx";
import { rowSurprise, SURPRISE_TEXT } from "./surprise.ts";
import { useAsync } from "./use_async.ts";
import { useSettled } from "./use_settled.ts";

/** What one stack made of a flow, in full. */
interface Told {
  readonly stack: string;
  readonly outcome: Outcome;
  readonly hops: readonly Hop[];
}

/** One flow: outcomes, why they differ, journeys side by side, the rules. */
export function FlowDetail(
  { row, run, source, baseline, stack }: {
    readonly row: FlowRow;
    /** The stack that the baseline is held against. */
    readonly stack: string | null;
    readonly run: string | null;
    readonly source: ScenarioSource | null;
    readonly baseline: string;
  },
) {
  const here = row.outcomes.every(({ hops }) => hops !== undefined);
  const settled = useSettled(row.index, 80);
  const key = here || run === null ? null : `${run} ${settled}`;
  const fetched = useAsync(key, () => api.journeys(run!, settled));
  // Journeys of the flow before may still be here.
  const found = fetched.value?.index === row.index ? fetched.value : null;
  const told = useMemo(
    (): readonly Told[] =>
      row.outcomes.map(({ stack, outcome, hops }) => ({
        stack,
        outcome: outcome as Outcome,
        hops: (hops ??
          found?.journeys.find((one) => one.stack === stack)?.hops ??
          []) as readonly Hop[],
      })),
    [row, found],
  );
  const divergences = useMemo(
    () => divergencesOf(row, { told, baseline }),
    [row, told, baseline],
  );
  const differing = new Set<ComparedField>(
    row.differs.flatMap(({ fields }) => fields.map(({ field }) => field)),
  );
  const surprise = rowSurprise(row);
  const traced = told.some(({ hops }) => hops.length > 0);
  return (
    <article class="flow-detail" aria-labelledby="flow-title">
      <header>
        <h2 id="flow-title" tabIndex={-1}>
          <Glyph surprise={surprise} />
          <code>{row.text}</code>
        </h2>
        <p class="note">
          {[
            SURPRISE_TEXT[surprise],
            row.step,
            `flow ${row.index + 1}`,
            row.timeNs === 0 ? null : `at ${timeText(row.timeNs)}`,
          ].filter((part) => part).join(" · ")}
        </p>
      </header>
      <OutcomeStrip outcomes={told} baseline={baseline} differing={differing} />
      <Why row={row} divergences={divergences} />
      {fetched.error && (
        <p class="problem" role="alert">{fetched.error.message}</p>
      )}
      {fetched.loading && <p class="note" role="status">Reading journeys…</p>}
      {traced && (
        <>
          <SwimLanes
            key={row.index}
            agree={surprise === "same"}
            lanes={lanesOf(told, { baseline, stack })}
            baseline={baseline}
          />
          <RuleCards
            rules={rulesOf(divergences, told)}
            source={source}
            baseline={baseline}
          />
        </>
      )}
    </article>
  );
}

function Why(
  { row, divergences }: {
    readonly row: FlowRow;
    readonly divergences: readonly Divergence[];
  },
) {
  if (row.differs.length === 0) return null;
  // Several stacks may differ for one and the same reason.
  const reasons = new Map<string, { id: string | null; why: string }>();
  for (const { id, why } of row.differs) {
    if (why !== null) reasons.set(why, { id, why });
  }
  return (
    <section class="why" aria-label="Why">
      {divergences.map((divergence) => (
        <p key={divergence.right.stack}>
          {whySentences(divergence).join(" ")}
        </p>
      ))}
      {[...reasons.values()].map(({ id, why }) => (
        <p key={why} class="known">
          {id !== null && <b class="id">{id}</b>}
          {why}
        </p>
      ))}
    </section>
  );
}

/** The divergences of a row, made anew with its journeys: rows hold no deciding hops. */
function divergencesOf(
  row: FlowRow,
  { told, baseline }: {
    readonly told: readonly Told[];
    readonly baseline: string;
  },
): readonly Divergence[] {
  const base = told.find(({ stack }) => stack === baseline);
  if (base === undefined) return [];
  const result = ({ stack, outcome, hops }: Told) => ({
    stack,
    result: {
      flow: row.flow as FlowIntent,
      position: row.position,
      timeNs: row.timeNs,
      outcome,
      journey: hops,
    },
  });
  return row.differs.filter(({ left }) => left === baseline)
    .map(({ right }) => told.find(({ stack }) => stack === right))
    .filter((one) => one !== undefined)
    .map((other) => compareResults(result(base), result(other)))
    .filter((one) => one !== null);
}

/** Virtual time since the start of the tape. */
export function timeText(timeNs: number): string {
  if (timeNs < 1_000) return `${timeNs} ns`;
  if (timeNs < 1_000_000) return `${timeNs / 1_000} µs`;
  if (timeNs < 1_000_000_000) return `${timeNs / 1_000_000} ms`;
  return `${Math.round(timeNs / 1_000_000) / 1_000} s`;
}

import { useEffect, useState } from "preact/hooks";
import type { FlowRow } from "../../server/schemas.ts";
import { Icon } from "./icon.tsx";
import { eventText, type LoggedEvent } from "./log_state.ts";
import { StatePane } from "./state_pane.tsx";
import { useDifferingPositions, useEvents } from "./use_events.ts";
import { VirtualList } from "./virtual_list.tsx";

const ROW_HEIGHT = 26;

/** Milliseconds between two steps while playing. */
const PLAY_MS = 400;

/**
 * The log of one stack, event by event, with a scrubber: what exists and
 * governs at any event, and what that event changed.
 */
export function EventLog(
  { run, stacks, stack, at, rows, onFlow, onStack, onMove }: {
    readonly run: string;
    readonly stacks: readonly string[];
    readonly stack: string;
    readonly at: number;
    readonly rows: readonly FlowRow[];
    /** Shows the journeys of a flow. */
    readonly onFlow: (index: number) => void;
    readonly onStack: (stack: string) => void;
    readonly onMove: (at: number) => void;
  },
) {
  const { events, length, error, want } = useEvents(run, stack);
  const differing = useDifferingPositions({ run, stack, rows });
  const last = Math.max(0, length - 1);
  const position = Math.min(at, last);
  useEffect(() => want(position), [position, stack]);
  return (
    <section class="events" aria-label="Events">
      <Scrubber
        stacks={stacks}
        stack={stack}
        position={position}
        last={last}
        differing={differing ?? []}
        onStack={onStack}
        onMove={onMove}
      />
      {error && <p class="problem" role="alert">{error.message}</p>}
      <div class="events-panes">
        <VirtualList
          id="event-rows"
          label={`Events of ${stack}`}
          count={length}
          rowHeight={ROW_HEIGHT}
          active={position}
          onActive={onMove}
          onVisible={(first, end) => {
            want(first);
            want(end);
          }}
        >
          {(index) => (
            <EventRow
              index={index}
              event={events.get(index)}
              differs={differing?.includes(index) ?? false}
            />
          )}
        </VirtualList>
        <StatePane
          run={run}
          stack={stack}
          at={position}
          ready={length > 0}
          rows={rows}
          onFlow={onFlow}
        />
      </div>
    </section>
  );
}

/** Steps, plays and jumps along a log. */
function Scrubber(
  { stacks, stack, position, last, differing, onStack, onMove }: {
    readonly stacks: readonly string[];
    readonly stack: string;
    readonly position: number;
    readonly last: number;
    /** Positions at which flows that differ begin. */
    readonly differing: readonly number[];
    readonly onStack: (stack: string) => void;
    readonly onMove: (at: number) => void;
  },
) {
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return;
    if (position >= last) return setPlaying(false);
    const timer = setTimeout(() => onMove(position + 1), PLAY_MS);
    return () => clearTimeout(timer);
  }, [playing, position, last]);
  const next = differing.find((one) => one > position);
  const previous = differing.findLast((one) => one < position);
  return (
    <header class="scrubber">
      <label>
        <span class="sr-only">Log of</span>
        <select
          value={stack}
          onChange={(event) => onStack(event.currentTarget.value)}
        >
          {stacks.map((one) => <option key={one}>{one}</option>)}
        </select>
      </label>
      <button
        type="button"
        aria-label="Previous event"
        disabled={position === 0}
        onClick={() => onMove(position - 1)}
      >
        <Icon name="back" />
      </button>
      <button
        type="button"
        aria-pressed={playing}
        onClick={() => setPlaying(!playing)}
      >
        <Icon name="play" />
        {playing ? "Pause" : "Play"}
      </button>
      <button
        type="button"
        aria-label="Next event"
        disabled={position >= last}
        onClick={() => onMove(position + 1)}
      >
        <Icon name="next" />
      </button>
      <span class="track">
        <input
          type="range"
          min={0}
          max={last}
          value={position}
          aria-label="Event"
          aria-valuetext={`event ${position} of ${last}`}
          onInput={(event) => onMove(Number(event.currentTarget.value))}
        />
        <Ticks positions={differing} last={last} />
      </span>
      <output>
        {`${position.toLocaleString("en")} / ${last.toLocaleString("en")}`}
      </output>
      <button
        type="button"
        disabled={previous === undefined}
        onClick={() => onMove(previous!)}
      >
        Previous divergence
      </button>
      <button
        type="button"
        disabled={next === undefined}
        onClick={() => onMove(next!)}
      >
        <Icon name="skip" />Next divergence
      </button>
    </header>
  );
}

function EventRow(
  { index, event, differs }: {
    readonly index: number;
    readonly event: LoggedEvent | undefined;
    readonly differs: boolean;
  },
) {
  return (
    <>
      <span class="event-at">{index}</span>
      <span class={`event-type type-${event?.type.split(".")[0] ?? "none"}`}>
        {event?.type ?? "…"}
      </span>
      <span class="event-text">
        {differs && <b class="tag">differs</b>}
        {event && eventText(event)}
      </span>
    </>
  );
}

function Ticks(
  { positions, last }: {
    readonly positions: readonly number[];
    readonly last: number;
  },
) {
  if (last === 0 || positions.length > 400) return null;
  return (
    <svg
      class="ticks"
      viewBox="0 0 1000 4"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {positions.map((at) => {
        const x = 1_000 * at / last;
        return <path key={at} d={`M${x} 0v4`} />;
      })}
    </svg>
  );
}

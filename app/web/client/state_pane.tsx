import type { FlowRow, StateAnswer } from "../../server/schemas.ts";
import { api } from "./api.ts";
import { timeText } from "./flow_detail.tsx";
import { Icon } from "./icon.tsx";
import { changesOf, flowOf, type LoggedEvent, objectsOf } from "./log_state.ts";
import { useAsync } from "./use_async.ts";
import { useSettled } from "./use_settled.ts";

/** What exists and governs after an event, and what it changed. */
export function StatePane(
  { run, stack, at, ready, rows, onFlow }: {
    readonly rows: readonly FlowRow[];
    readonly onFlow: (index: number) => void;
    readonly run: string;
    readonly stack: string;
    readonly at: number;
    readonly ready: boolean;
  },
) {
  // A scrubber that is dragged passes by more states than are worth asking for.
  const settled = useSettled(at, 120);
  const { value, error } = useAsync(
    ready && settled === at ? `${run} ${stack} ${at}` : null,
    async () => {
      const [now, before] = await Promise.all([
        api.state(run, { stack, at: settled }),
        settled === 0 ? null : api.state(run, { stack, at: settled - 1 }),
      ]);
      return { now, before };
    },
    { keep: true },
  );
  return (
    <div class="state" aria-live="polite">
      {error && <p class="problem">{error.message}</p>}
      {value && (
        <State
          now={value.now}
          before={value.before}
          rows={rows}
          onFlow={onFlow}
        />
      )}
    </div>
  );
}

function State(
  { now, before, rows, onFlow }: {
    readonly rows: readonly FlowRow[];
    readonly onFlow: (index: number) => void;
    readonly now: StateAnswer;
    readonly before: StateAnswer | null;
  },
) {
  const changes = changesOf(before, now);
  const event = now.event as LoggedEvent;
  const id = flowOf(event);
  const row = id === null ? undefined : rows.find(({ flow }) => flow.id === id);
  return (
    <>
      <h2>{`After event ${now.at}`}</h2>
      <p class="note">{`${event.type} at ${timeText(now.timeNs)}`}</p>
      {row && (
        <p>
          <button type="button" onClick={() => onFlow(row.index)}>
            Journeys of this flow<Icon name="next" />
          </button>
        </p>
      )}
      <ul class="counts plain">
        {Object.entries(now.counts).map(([kind, count]) => (
          <li key={kind}>
            <b>{count.toLocaleString("en")}</b>
            <span>{KINDS[kind] ?? kind}</span>
          </li>
        ))}
      </ul>
      {changes.length > 0 && (
        <section aria-label="Changed by this event">
          <h3>Changed by this event</h3>
          <ul class="changes plain">
            {changes.map(({ change, name }) => (
              <li key={`${change} ${name}`} class={`change-${change}`}>
                <b>{CHANGE_SIGNS[change]}</b>
                <span class="sr-only">{change}</span>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      <details open={changes.length === 0}>
        <summary>Event</summary>
        <pre
          tabIndex={0}
        >{JSON.stringify(event.data, null, 2).slice(0, 20_000)}</pre>
      </details>
      {objectsOf(now).map(({ kind, names }) => (
        <details key={kind}>
          <summary>
            {kind}
            <span class="note">{names.length.toLocaleString("en")}</span>
          </summary>
          <ul class="plain names">
            {names.map((name) => (
              <li key={name}>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        </details>
      ))}
      {now.truncated && (
        <p class="note">Lists hold only the first of each kind.</p>
      )}
    </>
  );
}

const CHANGE_SIGNS = { added: "+", removed: "−", changed: "~" } as const;

const KINDS: Readonly<Record<string, string>> = {
  endpointSlices: "endpoint slices",
};

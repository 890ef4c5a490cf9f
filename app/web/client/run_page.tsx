import { useEffect } from "preact/hooks";
import type { Run, StateAnswer } from "../../server/schemas.ts";
import { api, ApiError, isOver } from "./api.ts";
import { CostCurves } from "./cost_curves.tsx";
import { EventLog } from "./event_log.tsx";
import { FlowDetail } from "./flow_detail.tsx";
import { firstToLookAt, FlowList } from "./flow_list.tsx";
import { type Go, type Place, type View, VIEWS } from "./place.ts";
import { Failed } from "./problems.tsx";
import { RuleHeat } from "./rule_heat.tsx";
import { RunHeader } from "./run_header.tsx";
import { ServiceMap } from "./service_map.tsx";
import type { Session } from "./session.ts";
import { useAsync } from "./use_async.ts";

const VIEW_TEXT: Readonly<Record<View, string>> = {
  flows: "Flows",
  events: "Events",
  map: "Map",
  rules: "Rules",
  cost: "Cost",
};

/** One comparison, in one of its views. */
export function RunPage(
  { session, place, go }: {
    readonly session: Session;
    readonly place: Place;
    readonly go: Go;
  },
) {
  const scenario = place.scenario ?? session.run?.scenario ?? null;
  const source = useAsync(scenario, () => api.scenarioSource(scenario!)).value;
  const others = session.stacks.map(({ name }) => name)
    .filter((name) => name !== session.baseline);
  const error = session.error ?? failureOf(session.run);
  const stack = others.includes(place.stack ?? "")
    ? place.stack
    : tellingStack(session, place) ?? others[0] ?? null;
  return (
    <>
      <RunHeader
        session={session}
        source={source}
        stack={stack}
        place={place}
        go={go}
      />
      <nav class="tabs" aria-label="Views">
        {VIEWS.map((view) => (
          <button
            key={view}
            type="button"
            aria-current={place.view === view ? "page" : undefined}
            onClick={() => go({ view })}
          >
            {VIEW_TEXT[view]}
          </button>
        ))}
        <Progress session={session} />
      </nav>
      <main class={`view view-${place.view}`}>
        {error && <Failed error={error} />}
        {(error === null || session.rows.length > 0) && (
          <RunView
            session={session}
            place={place}
            go={go}
            source={source}
            stack={stack}
          />
        )}
      </main>
    </>
  );
}

/** The stack in which the flow that is looked at shows what the scenario is about. */
function tellingStack(
  { rows, complete, catalogueId }: Session,
  { flow }: Place,
): string | null {
  const index = flow ?? (complete ? firstToLookAt(rows, catalogueId) : null);
  const differs = index === null ? [] : rows[index]?.differs ?? [];
  const telling = differs.find(({ id }) => id === catalogueId) ?? differs[0];
  return telling?.right ?? null;
}

function RunView(
  { session, place, go, source, stack }: {
    readonly session: Session;
    readonly place: Place;
    readonly go: Go;
    readonly source: Awaited<ReturnType<typeof api.scenarioSource>> | null;
    readonly stack: string | null;
  },
) {
  switch (place.view) {
    case "flows":
      return (
        <FlowsView
          session={session}
          place={place}
          go={go}
          source={source}
          stack={stack}
        />
      );
    case "cost":
      return <CostView session={session} />;
    default: {
      const run = session.run?.status === "finished" ? session.run.id : null;
      if (run === null) return <Waiting session={session} />;
      if (place.view === "events") {
        return <EventsView session={session} place={place} go={go} run={run} />;
      }
      return place.view === "map"
        ? <MapView session={session} run={run} stack={stack} go={go} />
        : <RulesView session={session} run={run} go={go} />;
    }
  }
}

function FlowsView(
  { session, place, go, source, stack }: {
    readonly stack: string | null;
    readonly session: Session;
    readonly place: Place;
    readonly go: Go;
    readonly source: Awaited<ReturnType<typeof api.scenarioSource>> | null;
  },
) {
  const { rows, total, complete, baseline, run } = session;
  // The first look falls on what is most surprising.
  const chosen = place.flow ??
    (complete ? firstToLookAt(rows, session.catalogueId) : null);
  const row = chosen === null ? undefined : rows[chosen];
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      document.getElementById("flow-rows")?.focus();
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, []);
  return (
    <>
      <FlowList
        rows={rows}
        total={total}
        complete={complete}
        choice={{ filter: place.filter, only: place.only }}
        chosen={chosen}
        onChoice={(choice) => go(choice, { replace: true })}
        onChoose={(flow) => go({ flow }, { replace: true })}
        onOpen={() => document.getElementById("flow-title")?.focus()}
      />
      {row === undefined
        ? (
          <p class="flow-detail note">
            {complete
              ? "Choose a flow."
              : run !== null && isOver(run) && run.status !== "finished"
              ? `The run was ${run.status}.`
              : "Replaying…"}
          </p>
        )
        : (
          <FlowDetail
            row={row}
            run={run?.status === "finished" ? run.id : null}
            source={source}
            baseline={baseline}
            stack={stack}
          />
        )}
    </>
  );
}

function EventsView(
  { session, place, go, run }: {
    readonly session: Session;
    readonly place: Place;
    readonly go: Go;
    readonly run: string;
  },
) {
  const stacks = session.stacks.map(({ name }) => name);
  const stack = stacks.includes(place.stack ?? "")
    ? place.stack!
    : session.baseline;
  return (
    <EventLog
      run={run}
      stacks={stacks}
      stack={stack}
      at={place.event ?? 0}
      rows={session.rows}
      onFlow={(flow) => go({ view: "flows", flow, event: null })}
      onStack={(stack) => go({ stack, event: 0 })}
      onMove={(event) => go({ event, view: "events" }, { replace: true })}
    />
  );
}

function MapView(
  { session, run, stack, go }: {
    readonly session: Session;
    readonly run: string;
    readonly stack: string | null;
    readonly go: Go;
  },
) {
  const { value, error } = useAsync(run, () => api.edges(run));
  if (error) return <Failed error={error} />;
  if (value === null) return <p class="note">Reading the map…</p>;
  return (
    <ServiceMap
      edges={value.edges}
      more={value.more}
      baseline={session.baseline}
      stack={stack ?? session.baseline}
      onFilter={(filter) =>
        go({ view: "flows", filter, only: null, flow: null })}
    />
  );
}

function RulesView(
  { session, run, go }: {
    readonly session: Session;
    readonly run: string;
    readonly go: Go;
  },
) {
  const { baseline } = session;
  const { value, error } = useAsync(run, () => api.rules(run));
  const state = useEndState(run, baseline);
  if (error) return <Failed error={error} />;
  if (value === null) return <p class="note">Reading rules…</p>;
  return (
    <RuleHeat
      rules={value.rules}
      more={value.more}
      stacks={session.stacks.map(({ name }) => name)}
      state={state}
      onFilter={(filter) =>
        go({ view: "flows", filter, only: null, flow: null })}
    />
  );
}

function CostView({ session: { run, baseline } }: {
  readonly session: Session;
}) {
  const finished = run?.status === "finished" ? run.id : null;
  const state = useEndState(finished, baseline);
  return <CostCurves services={state?.counts.services ?? null} />;
}

/** What exists and governs at the end of a run; null until it is known. */
function useEndState(run: string | null, stack: string): StateAnswer | null {
  const key = run === null ? null : `${run} end`;
  return useAsync(key, async () => {
    const page = await api.events(run!, { stack, from: 0, limit: 1 });
    return await api.state(run!, { stack, at: page.length - 1 });
  }).value;
}

function Waiting({ session: { run, error } }: { readonly session: Session }) {
  if (error || run?.failure) return null;
  return run !== null && isOver(run)
    ? <p class="note">{`The run was ${run.status}: it has no log to read.`}</p>
    : <p class="note busy" role="status">The log is being written…</p>;
}

/** Why a run came to nothing, as an error with its places. */
function failureOf(run: Run | null): Error | null {
  const failure = run?.failure ?? null;
  return failure === null
    ? null
    : new ApiError(failure.reason, { problems: failure.problems });
}

function Progress({ session }: { readonly session: Session }) {
  const { run, complete } = session;
  if (run === null || (isOver(run) && complete)) return null;
  const { flows, total } = run.progress;
  const over = isOver(run);
  return (
    <span class="progress" role="status" aria-live="polite">
      {over
        ? `run ${run.status}`
        : `${run.status}: ${flows.toLocaleString("en")} flows`}
      {!over && total !== null && (
        <progress value={flows} max={total} aria-label="Flows replayed" />
      )}
      {!over && (
        <button
          type="button"
          class="quiet"
          onClick={() => api.cancel(run.id)}
        >
          Stop
        </button>
      )}
    </span>
  );
}

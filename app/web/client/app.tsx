import { useEffect, useState } from "preact/hooks";
import { api, ApiError, keepToken } from "./api.ts";
import { counted } from "./counted.ts";
import { Icon } from "./icon.tsx";
import { ImportDrawer } from "./import_drawer.tsx";
import { Menu } from "./menu.tsx";
import { linkTo, usePlace } from "./place.ts";
import { Failed } from "./problems.tsx";
import { RunPage } from "./run_page.tsx";
import { ScenarioMatrix } from "./scenario_matrix.tsx";
import { useSession } from "./session.ts";
import { useAsync } from "./use_async.ts";

/** The whole page. */
export function App() {
  const [place, go] = usePlace();
  const [importing, setImporting] = useState(false);
  const [version, setVersion] = useState(0);
  const library = useAsync(
    `library ${version}`,
    async () => {
      const [scenarios, stacks] = await Promise.all([
        api.scenarios(),
        api.stacks(),
      ]);
      return { scenarios, stacks };
    },
    { keep: true },
  );
  const session = useSession(place, library.value?.scenarios ?? null);
  useFilterKey();
  const title = session?.title;
  useEffect(() => {
    document.title = title ? `${title} · Plumbline` : "Plumbline";
  }, [title]);
  return (
    <>
      <header class="top">
        <a href={linkTo({ stacks: place.stacks })} class="brand">
          <img src="/assets/icon.svg" alt="" width="18" height="18" />
          Plumbline
        </a>
        <span class="top-about note">
          one tape, several datapaths, the two rules that disagree
        </span>
        <RecentRuns />
        <button type="button" onClick={() => setImporting(true)}>
          <Icon name="upload" />Import
        </button>
      </header>
      {library.error && (
        <LibraryError
          error={library.error}
          onRetry={() => setVersion(version + 1)}
        />
      )}
      {session !== null
        ? <RunPage key={session.key} session={session} place={place} go={go} />
        : library.value && (
          <ScenarioMatrix
            scenarios={library.value.scenarios}
            stackInfos={library.value.stacks}
            stacks={place.stacks}
            onStacks={(stacks) => go({ stacks })}
            onOpen={(scenario, { flow, stack }) =>
              go({ scenario, flow, stack, run: null, view: "flows" })}
          />
        )}
      {importing && (
        <ImportDrawer
          stackInfos={library.value?.stacks ?? []}
          onClose={() => setImporting(false)}
          onImported={() => setVersion((before) => before + 1)}
          onScenario={(scenario) => {
            setImporting(false);
            go({ scenario, run: null, flow: null, view: "flows" });
          }}
          onRun={(run) => {
            setImporting(false);
            go({ run, scenario: null, flow: null, view: "flows" });
          }}
        />
      )}
    </>
  );
}

/** Runs of this server, fetched when one asks for them. */
function RecentRuns() {
  const [open, setOpen] = useState(0);
  const { value, error } = useAsync(
    open === 0 ? null : `runs ${open}`,
    api.runs,
    { keep: true },
  );
  return (
    <Menu
      label="Runs"
      align="right"
      onOpen={() => setOpen((before) => before + 1)}
    >
      <ul class="plain">
        {error && <li class="problem">{error.message}</li>}
        {value?.length === 0 && <li class="note">None yet.</li>}
        {value?.map((run) => (
          <li key={run.id}>
            <a href={linkTo({ run: run.id })}>
              <span>{run.name}</span>
              <span class="note">
                {`${run.status}, ${counted(run.progress.flows, "flow")}, ${
                  run.stacks.map(({ name }) => name).join(", ")
                }`}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Menu>
  );
}

function LibraryError(
  { error, onRetry }: {
    readonly error: Error;
    readonly onRetry: () => void;
  },
) {
  const wantsToken = error instanceof ApiError && error.status === 401;
  if (!wantsToken) return <Failed error={error} />;
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        const value = new FormData(event.currentTarget).get("token");
        keepToken(String(value ?? "").trim());
        onRetry();
      }}
    >
      <label>
        This server wants its token
        <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit" class="primary">Go on</button>
    </form>
  );
}

/** A slash leads to the filter from everywhere but a field. */
function useFilterKey(): void {
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const { target } = event;
      const typing = target instanceof HTMLElement &&
        /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) &&
        target.getAttribute("type") !== "range";
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      const field = document.getElementById("filter");
      if (field === null) return;
      event.preventDefault();
      field.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
}

import { useMemo, useRef, useState } from "preact/hooks";
import type { FlowRow, LogPage } from "../../server/schemas.ts";
import { api } from "./api.ts";
import type { LoggedEvent } from "./log_state.ts";
import { asError, useAsync } from "./use_async.ts";

/** Events fetched at one time. */
const PAGE = 500;

/** Events of a log by position, fetched page by page as they are wanted. */
export function useEvents(run: string, stack: string) {
  const [events, setEvents] = useState<ReadonlyMap<number, LoggedEvent>>(
    new Map(),
  );
  const [length, setLength] = useState(0);
  const [error, setError] = useState<Error | null>(null);
  const asked = useRef<{ key: string; pages: Set<number> }>({
    key: "",
    pages: new Set(),
  });
  const key = `${run} ${stack}`;
  const want = (position: number) => {
    if (asked.current.key !== key) {
      asked.current = { key, pages: new Set() };
      setEvents(new Map());
    }
    const page = Math.floor(position / PAGE);
    if (asked.current.pages.has(page)) return;
    asked.current.pages.add(page);
    api.events(run, { stack, from: page * PAGE, limit: PAGE }).then(
      (answer: LogPage) => {
        if (asked.current.key !== key) return;
        setLength(answer.length);
        setEvents((before) => {
          const entries = answer.events.map((event) =>
            [event.position, event as LoggedEvent] as const
          );
          return new Map([...before, ...entries]);
        });
      },
      (error) => setError(asError(error)),
    );
  };
  return { events, length, error, want };
}

/** Positions in the log at which flows that differ are opened. */
export function useDifferingPositions(
  { run, stack, rows }: {
    readonly run: string;
    readonly stack: string;
    readonly rows: readonly FlowRow[];
  },
): readonly number[] | null {
  const opened = useAsync(`${run} ${stack}`, () => openedFlows(run, stack));
  return useMemo(() => {
    if (opened.value === null) return null;
    const ids = new Set(
      rows.filter(({ differs }) => differs.length > 0)
        .map(({ flow }) => flow.id),
    );
    return opened.value.filter(({ flow }) => ids.has(flow))
      .map(({ position }) => position);
  }, [opened.value, rows]);
}

async function openedFlows(run: string, stack: string) {
  const found: { readonly flow: string; readonly position: number }[] = [];
  let from: number | null = 0;
  while (from !== null) {
    const page: LogPage = await api.events(run, {
      stack,
      from,
      limit: 1_000,
      type: "flow.opened",
    });
    for (const { position, data } of page.events as LoggedEvent[]) {
      const { flow } = data as { flow: { id: string } };
      found.push({ flow: flow.id, position });
    }
    from = page.next;
  }
  return found;
}

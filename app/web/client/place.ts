/// <reference lib="dom" />
import { useEffect, useRef, useState } from "preact/hooks";

/** Views of one comparison. */
export const VIEWS = ["flows", "events", "map", "rules", "cost"] as const;

/** One of {@link VIEWS}. */
export type View = typeof VIEWS[number];

/** Where in the page one is: all of it is in the URL's fragment, so that a link leads back. */
export interface Place {
  /** Id of a scenario. */
  readonly scenario: string | null;
  /** Stacks in place of a scenario's own. */
  readonly stacks: readonly string[];
  /** Id of a run. */
  readonly run: string | null;
  readonly view: View;
  /** Index of the flow that is looked at. */
  readonly flow: number | null;
  /** The stack that is compared with the baseline, by name. */
  readonly stack: string | null;
  /** Position in the event log. */
  readonly event: number | null;
  readonly filter: string;
  readonly only: string | null;
}

const HOME: Place = {
  scenario: null,
  stacks: [],
  run: null,
  view: "flows",
  flow: null,
  stack: null,
  event: null,
  filter: "",
  only: null,
};

/** Reads a fragment: `#scenario=D05-…&flow=2&e=412`. */
export function placeOf(fragment: string): Place {
  const values = new URLSearchParams(fragment.replace(/^#/, ""));
  const view = VIEWS.find((one) => one === values.get("view"));
  const event = numberOf(values.get("e"));
  return {
    scenario: values.get("scenario"),
    stacks: values.get("stacks")?.split(",").filter((one) => one) ?? [],
    run: values.get("run"),
    view: view ?? (event === null ? "flows" : "events"),
    flow: numberOf(values.get("flow")),
    stack: values.get("stack"),
    event,
    filter: values.get("q") ?? "",
    only: values.get("only"),
  };
}

/** Writes a place as a fragment; what is as usual is left out. */
export function fragmentOf(place: Place): string {
  const entries: [string, string | null][] = [
    ["scenario", place.scenario],
    ["stacks", place.stacks.join(",") || null],
    ["run", place.run],
    ["view", place.view === "flows" ? null : place.view],
    ["flow", place.flow === null ? null : String(place.flow)],
    ["stack", place.stack],
    ["q", place.filter || null],
    ["only", place.only],
    ["e", place.event === null ? null : String(place.event)],
  ];
  const values = new URLSearchParams();
  for (const [name, value] of entries) {
    if (value !== null) values.set(name, value);
  }
  return `#${values}`;
}

/** The fragment of a place on its own, for links. */
export function linkTo(place: Partial<Place>): string {
  return fragmentOf({ ...HOME, ...place });
}

/** Changes the place; steps that one would not want to go back to replace the last one. */
export type Go = (
  change: Partial<Place>,
  options?: { readonly replace?: boolean },
) => void;

/** Browsers ignore changes of the URL that come too fast: those that replace wait for the last. */
const WRITE_MS = 200;

/** The place in the URL, and what changes it. */
export function usePlace(): [Place, Go] {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  const current = useRef(place);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    const read = () => {
      clearTimeout(timer.current);
      current.current = placeOf(location.hash);
      setPlace(current.current);
    };
    addEventListener("popstate", read);
    return () => removeEventListener("popstate", read);
  }, []);
  const go: Go = (change, { replace = false } = {}) => {
    const next = { ...current.current, ...change };
    const write = () => {
      const fragment = fragmentOf(next);
      if (replace) history.replaceState(null, "", fragment);
      else if (fragment !== location.hash) {
        history.pushState(null, "", fragment);
      }
    };
    clearTimeout(timer.current);
    if (replace) timer.current = setTimeout(write, WRITE_MS);
    else write();
    current.current = next;
    setPlace(next);
  };
  return [place, go];
}

function numberOf(value: string | null): number | null {
  if (value === null || !/^\d{1,9}$/.test(value)) return null;
  return Number(value);
}

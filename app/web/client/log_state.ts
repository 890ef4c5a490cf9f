import type { Hop } from "../../../core/replay/hop.ts";
import type { FlowIntent } from "../../../core/replay/flow.ts";
import type { Outcome } from "../../../core/replay/outcome.ts";
import { flowText } from "../../../core/report/divergence_text.ts";
import { outcomeCell } from "../../../core/report/outcome_text.ts";
import type { StateAnswer } from "../../server/schemas.ts";

/** An event as a log has it. */
export interface LoggedEvent {
  readonly type: string;
  readonly position: number;
  readonly timeNs: number;
  readonly data: unknown;
}

/** An event in a few words. */
export function eventText({ type, data }: LoggedEvent): string {
  const of = data as Readonly<Record<string, unknown>>;
  switch (type) {
    case "flow.opened":
      return flowText(of["flow"] as FlowIntent);
    case "hop.taken": {
      const { node, hook, action, detail, rule } = of["hop"] as Hop;
      const about = detail || (rule?.name ?? "");
      const what = about === "" ? action : `${action}: ${about}`;
      return `${node ?? "outside"} ${hook}  ${what}`;
    }
    case "flow.closed":
      return outcomeCell(of["outcome"] as Outcome);
    default: {
      const [object] = Object.values(of);
      return typeof object === "object" && object !== null
        ? nameOf(object)
        : nameOf(of);
    }
  }
}

/** Id of the flow that an event is about; null when it is about none. */
export function flowOf({ data }: LoggedEvent): string | null {
  const { flow, outcome } = data as {
    readonly flow?: string | FlowIntent;
    readonly outcome?: Outcome;
  };
  if (typeof flow === "object") return flow.id;
  return flow ?? outcome?.flow ?? null;
}

/** Objects of one kind by name. */
export interface KindNames {
  readonly kind: string;
  readonly names: readonly string[];
}

/** All that exists and governs, by name. */
export function objectsOf(state: StateAnswer): readonly KindNames[] {
  const kinds: readonly [string, readonly unknown[]][] = [
    ["Policies", state.policies],
    ["Services", state.services],
    ["Pods", state.pods],
    ["Endpoint slices", state.endpointSlices],
    ["Nodes", state.nodes],
    ["Namespaces", state.namespaces],
    ["Dumps", state.dumps],
  ];
  return kinds.filter(([, objects]) => objects.length > 0)
    .map(([kind, objects]) => ({ kind, names: objects.map(nameOf) }));
}

/** One object that an event made, changed or took away. */
export interface StateChange {
  readonly change: "added" | "removed" | "changed";
  readonly name: string;
}

/** What came, went and changed from one state to the next. */
export function changesOf(
  before: StateAnswer | null,
  now: StateAnswer,
): readonly StateChange[] {
  const old = before === null ? new Map<string, string>() : byName(before);
  const current = byName(now);
  const changes: StateChange[] = [];
  for (const [name, text] of current) {
    const earlier = old.get(name);
    if (earlier === undefined) changes.push({ change: "added", name });
    else if (earlier !== text) changes.push({ change: "changed", name });
  }
  for (const name of old.keys()) {
    if (!current.has(name)) changes.push({ change: "removed", name });
  }
  return changes;
}

function byName(state: StateAnswer): Map<string, string> {
  const entries: readonly [string, readonly unknown[]][] = [
    ["Namespace", state.namespaces],
    ["Node", state.nodes],
    ["Pod", state.pods],
    ["Service", state.services],
    ["EndpointSlice", state.endpointSlices],
    ["", state.policies],
    ["dump", state.dumps],
  ];
  return new Map(
    entries.flatMap(([kind, objects]) =>
      objects.map((object) => [
        `${kind} ${nameOf(object)}`.trim(),
        JSON.stringify(object),
      ])
    ),
  );
}

function nameOf(object: unknown): string {
  if (typeof object !== "object" || object === null) return String(object);
  const of = object as Readonly<Record<string, unknown>>;
  const metadata = (of["metadata"] ?? of) as Readonly<Record<string, unknown>>;
  const name = String(metadata["name"] ?? of["format"] ?? "");
  const namespace = metadata["namespace"];
  const kind = typeof of["kind"] === "string" ? `${of["kind"]} ` : "";
  return typeof namespace === "string"
    ? `${kind}${namespace}/${name}`
    : `${kind}${name}`;
}

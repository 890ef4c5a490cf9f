import { nearest, type Problem } from "../errors.ts";
import type { SourcePosition } from "../source.ts";
import { REDACTED } from "../packet/redact.ts";
import type { HubbleFlow } from "./hubble_flow.ts";
import { readHubbleFlow, verdictOf } from "./_hubble_fields.ts";
import { HUBBLE_VERDICTS } from "./hubble_flow.ts";
import { findJsonError } from "./_json_error.ts";
import {
  asObject,
  field,
  type JsonObject,
  numberField,
  objectField,
  textField,
  textsField,
} from "./_json_fields.ts";

/** What a line of a flow recording is. */
export type HubbleLine =
  | { readonly kind: "flow"; readonly flow: HubbleFlow }
  /** A line of another kind, for the counts. */
  | { readonly kind: "skipped"; readonly what: string }
  /** Events that were lost before they were written. */
  | { readonly kind: "lost"; readonly count: number; readonly where: string }
  /** Nodes that the recording has nothing of. */
  | {
    readonly kind: "absent";
    readonly state: string;
    readonly nodes: readonly string[];
  }
  | { readonly kind: "malformed"; readonly problem: Problem };

/** Lines that are no flow and lose nothing (observer.proto, ExportEvent). */
const OTHER_KINDS = ["node_status", "agent_event", "debug_event"] as const;

/** Longest line that is shown whole in a problem. */
const EXCERPT_LENGTH = 160;

/**
 * Reads one line: `{"flow":{...}}` of jsonpb output and of exporter files, or
 * the bare flow of older output.
 */
export function parseHubbleLine(
  text: string,
  at: SourcePosition,
): HubbleLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformedJson(text, at);
  }
  const line = asObject(value);
  if (line === undefined) {
    return malformed(at, {
      text,
      message: "Cannot read flow: it is no JSON object",
      expected: '{"flow":{...}} or a bare flow object',
    });
  }
  const flow = objectField(line, "flow");
  if (flow !== undefined) return flowLine(flow, { line, text, at });
  const other = readOther(line);
  if (other !== undefined) return other;
  const bare = ["verdict", "IP", "l4", "event_type", "Type"]
    .some((name) => field(line, name) !== undefined);
  if (bare) return flowLine(line, { line, text, at });
  return malformed(at, {
    text,
    message: "Cannot read flow: the object is no flow",
    expected: `an object with one of: flow, lost_events, ${
      OTHER_KINDS.join(", ")
    }; or a bare flow with verdict, IP, l4`,
  });
}

function readOther(line: JsonObject): HubbleLine | undefined {
  const lost = objectField(line, "lost_events");
  if (lost !== undefined) {
    return {
      kind: "lost",
      count: Math.max(1, numberField(lost, "num_events_lost")),
      where: textField(lost, "source") || "an unknown place",
    };
  }
  const what = OTHER_KINDS.find((kind) => field(line, kind) !== undefined);
  if (what === undefined) return undefined;
  const status = objectField(line, "node_status");
  const state = textField(status, "state_change");
  if (state === "NODE_UNAVAILABLE" || state === "NODE_ERROR") {
    return { kind: "absent", state, nodes: textsField(status, "node_names") };
  }
  return { kind: "skipped", what };
}

function flowLine(
  flow: JsonObject,
  context: { line: JsonObject; text: string; at: SourcePosition },
): HubbleLine {
  const { line, text, at } = context;
  if (verdictOf(flow) === undefined) {
    return unknownVerdict(`${field(flow, "verdict")}`, { text, at });
  }
  return {
    kind: "flow",
    flow: readHubbleFlow(flow, { envelope: line, line: at.line }),
  };
}

/** Hand-made samples in the wild say ALLOWED, which no recorder ever wrote. */
function unknownVerdict(
  verdict: string,
  context: { text: string; at: SourcePosition },
): HubbleLine {
  const { text, at } = context;
  const index = Math.max(0, text.indexOf(`"${verdict}"`));
  const near = verdict === "ALLOWED"
    ? "FORWARDED"
    : nearest(verdict, HUBBLE_VERDICTS);
  return malformed({ ...at, column: at.column + index }, {
    text,
    message: `Cannot read flow: verdict ${
      JSON.stringify(verdict.slice(0, 40))
    } does not exist`,
    expected: HUBBLE_VERDICTS.slice(1).join(", "),
    ...near === undefined ? {} : { didYouMean: near },
  });
}

function malformedJson(text: string, at: SourcePosition): HubbleLine {
  const { index, expected } = findJsonError(text);
  const found = text[index] === undefined
    ? "the line ends too soon"
    : `unexpected ${JSON.stringify(text[index])}`;
  return malformed({ ...at, column: at.column + index }, {
    text,
    message: `Cannot read flow: the line is no JSON, ${found}`,
    expected,
  });
}

function malformed(
  at: SourcePosition,
  problem: {
    text: string;
    message: string;
    expected: string;
    didYouMean?: string;
  },
): HubbleLine {
  const { text, ...rest } = problem;
  // A caret under a cut line would point at the wrong character.
  const shown = text.length <= EXCERPT_LENGTH && at.column <= text.length + 1;
  return {
    kind: "malformed",
    problem: { ...rest, at, ...shown ? { excerpt: withoutSecrets(text) } : {} },
  };
}

/** Blanks secret header values, keeping every column. */
function withoutSecrets(text: string): string {
  return text.replace(
    /("key":"(?:[a-z-]*auth[a-z-]*|[a-z-]*cookie|[a-z-]*key|[a-z-]*token)","value":")([^"]*)/gi,
    (_, start: string, value: string) =>
      start + REDACTED.slice(0, value.length).padEnd(value.length, "*"),
  );
}

import { LIMITS } from "../limits.ts";
import { WRITES } from "../replay/sync.ts";
import type {
  Expectations,
  ExpectedCount,
  ExpectedOutcome,
  ExpectedParity,
  ExpectedWrites,
  Share,
} from "./scenario.ts";
import { type Cursor, keysOf } from "./_cursor.ts";
import { mapping, may, must } from "./_mapping.ts";
import {
  integer,
  isNamed,
  list,
  nameOf,
  type ReadAs,
  type Shape,
  text,
  textAs,
  truth,
  word,
} from "./_shape.ts";
import { FIELD_WORDS, VERDICT_WORDS } from "./words.ts";

/** Fields in which stacks are compared. */
export const fieldList = list(word(FIELD_WORDS), {
  orOne: true,
  max: LIMITS.scenarioEntries,
});

/** Ids of divergences that the scenario knows. */
export const idList = list(nameOf("divergence"), {
  orOne: true,
  max: LIMITS.scenarioEntries,
});

const glob = text({ expected: "text; * stands for anything" });

const expectedCount = textAs(
  parseCount,
  "a count, or the most there may be: <=12",
);

const writes = mapping(
  Object.fromEntries(
    WRITES.map((kind) => [
      kind,
      may(expectedCount, `Writes of this kind: 12, or <=12.`),
    ]),
  ),
);

const outcome = mapping({
  verdict: may(word(VERDICT_WORDS), "What becomes of the flow."),
  reason: may(glob, "Why, in the words of the system that decides."),
  rule: may(glob, "The rule that decides; CHAIN/* is any rule of a chain."),
  backend: may(glob, "Who receives it: address:port."),
  receiver: may(glob, "The pod, namespace/name, or the node that receives it."),
  source: may(glob, "Source address as the receiver sees it."),
  identity: may(glob, "Identity of the source as the last policy saw it."),
  encrypted: may(truth, "Whether every wire crossing is encrypted."),
  encryption: may(
    list(text(), { orOne: true, max: LIMITS.scenarioEntries }),
    "What each wire crossing is encrypted by: none, wireguard, mtls, …",
  ),
  status: may(integer({ min: 100, max: 599 }), "HTTP status the client gets."),
  route: may(glob, "Name of the route that matches."),
  request: may(glob, "METHOD authority path as the backend gets it."),
  location: may(glob, "Location of a redirect."),
  reply: may(truth, "Whether a reply comes back."),
  written: may(
    writes,
    "In a step that changes something: what the sync of a node writes.",
  ),
  full: may(writes, "The same of a full sync."),
  diverges: may(fieldList, "Fields that may differ from the baseline here."),
});

const parity = mapping({
  with: may(nameOf("stack", { or: ["baseline"] }), "A stack, or baseline."),
  on: may(fieldList, "Fields to agree on; every field when left out."),
  except: may(idList, "Known divergences that are allowed for."),
});

const unknown = mapping({
  max: must(
    textAs(parseShare, "a count, or a share: 1%"),
    "How many flows of the step may be unknown.",
  ),
});

/** Keys beside the names of stacks. */
const WORDS = ["all", "parity", "unknown"];

/** What is to come of a step. */
export const expectShape: Shape<Expectations> = {
  read: readExpectations,
  schema: () => ({
    type: "object",
    properties: {
      all: { description: "Every stack.", ...outcome.schema() },
      parity: { description: "Stacks are to agree.", ...parity.schema() },
      unknown: {
        description: "A bound on unknown flows.",
        ...unknown.schema(),
      },
    },
    additionalProperties: outcome.schema(),
  }),
};

function readExpectations(cursor: Cursor): Expectations | undefined {
  const keys = keysOf(cursor);
  if (keys === undefined) return undefined;
  const outcomes: ExpectedOutcome[] = [];
  let agreed: ExpectedParity | null = null;
  let share: Share | null = null;
  for (const key of keys) {
    const below = cursor.below(key);
    if (key === "parity") agreed = readParity(below);
    else if (key === "unknown") share = unknown.read(below)?.max ?? null;
    else {
      isNamed(key, { kind: "stack", or: WORDS, cursor: below });
      const read = outcome.read(below);
      if (read !== undefined) outcomes.push(toOutcome(key, read));
    }
  }
  return { outcomes, parity: agreed, unknown: share };
}

function toOutcome(
  stack: string,
  read: ReadAs<typeof outcome>,
): ExpectedOutcome {
  const { diverges, position, written, full, ...expected } = read;
  return {
    ...expected,
    written: toWrites(written),
    full: toWrites(full),
    at: position,
    stack: stack === "all" ? null : stack,
    diverges: diverges ?? [],
  };
}

function toWrites(
  read: ReadAs<typeof writes> | undefined,
): ExpectedWrites | undefined {
  if (read === undefined) return undefined;
  const { position: _, ...counts } = read;
  return counts as ExpectedWrites;
}

function parseCount(written: string): ExpectedCount | undefined {
  const [, most, digits] = /^(<= ?)?(\d{1,9})$/.exec(written) ?? [];
  return digits === undefined
    ? undefined
    : { count: Number(digits), exact: most === undefined };
}

function readParity(cursor: Cursor): ExpectedParity | null {
  const read = parity.read(cursor);
  if (read === undefined) return null;
  const { with: name = "baseline", on = [], except = [], position } = read;
  return { at: position, with: name === "baseline" ? null : name, on, except };
}

function parseShare(written: string): Share | undefined {
  const [, digits, percent] = /^(\d{1,9}(?:\.\d{1,6})?)(%?)$/.exec(written) ??
    [];
  if (digits === undefined) return undefined;
  const number = Number(digits);
  if (percent === "%") {
    return number <= 100 ? { kind: "percent", percent: number } : undefined;
  }
  return Number.isInteger(number)
    ? { kind: "count", count: number }
    : undefined;
}
